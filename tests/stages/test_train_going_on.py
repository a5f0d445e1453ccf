"""Training as a cluster does it: on two nodes, and on from the middle of an epoch after a kill."""

import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from convprior.stages import train
from convprior.training.classifier import Classifier
from tests.conftest import clean_environment, tiny_params
from tests.stages.test_train import command, curve_without_seconds, results

STEPS = 7  # of an epoch: 120 pictures in batches of 16
EPOCHS = 6
LIMIT = 120  # seconds

# Everything that has a state of its own, and draws at random.
PUBLISHED = {
    "epochs": EPOCHS,
    "learning_rate": 0.05,
    "method": {"optimiser": "sgd", "momentum": 0.9, "warm_up": 0.2, "label_smoothing": 0.1,
               "clip": 1.0, "average": 0.9},
    "crop": {"side": 24, "area": 0.5},
    "augmentation": {"shift": 0.1, "rotation": 10.0, "scale": 1.1, "flip": True},
}  # fmt: skip


def write(project: Path, **settings: object) -> None:
    content = tiny_params()
    content["train"] |= settings
    content["train"]["networks"]["cnn_pool"]["arguments"] |= {"dropout": 0.3, "batch_norm": True}
    (project / "params.yaml").write_text(yaml.safe_dump(content))


def make(folder: Path, prepared_once: Path, **settings: object) -> Path:
    """Return a folder in which a training can be run."""
    (folder / "data").mkdir(parents=True)
    (folder / "data/prepared").symlink_to(prepared_once / "data/prepared")
    shutil.copy(prepared_once / "mlflow.db", folder)
    write(folder, **settings)
    return folder


def checkpoints(project: Path) -> list[int]:
    """Return after how many steps each checkpoint was made."""
    found = (project / ".convprior/state/train").glob("*/*/*.ckpt")
    return [int(re.findall(r"step=(\d+)", path.name)[0]) for path in found]


def fit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    train.main([*command(), "--params", "params.yaml"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_in_the_middle_of_an_epoch_it_goes_on_to_the_same_bits(
    workers: str, tmp_path: Path, prepared_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = make(tmp_path / "undisturbed", prepared_once, **PUBLISHED)
    disturbed = make(tmp_path / "disturbed", prepared_once, **PUBLISHED)
    monkeypatch.setenv("CONVPRIOR_WORKERS", workers)
    monkeypatch.setenv("CONVPRIOR_CHECKPOINT_SECONDS", "0")
    fit(undisturbed, monkeypatch)

    taken: list[tuple[int, int]] = []
    step = Classifier.training_step

    def until(self: Classifier, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        if (self.current_epoch, index) == (2, 4) and not broken:
            broken.append(True)
            raise RuntimeError("the power is gone")
        taken.append((self.current_epoch, index))
        return step(self, batch, index)

    broken: list[bool] = []
    monkeypatch.setattr(Classifier, "training_step", until)
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(disturbed, monkeypatch)
    assert sorted(checkpoints(disturbed)) == [2 * STEPS, 2 * STEPS + 4]
    taken.clear()
    fit(disturbed, monkeypatch)
    assert taken[0] == (2, 4)
    assert len(taken) == EPOCHS * STEPS - (2 * STEPS + 4)

    metrics, weights = results(undisturbed)
    found, same_weights = results(disturbed)
    assert found == metrics
    assert curve_without_seconds(disturbed) == curve_without_seconds(undisturbed)
    assert all(torch.equal(weights[name], value) for name, value in same_weights.items())


def test_what_is_kept_is_the_average_of_the_weights(
    tmp_path: Path, prepared_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {}
    for average in (0.0, 0.9):
        changed = PUBLISHED["method"] | {"average": average}  # type: ignore[operator]
        project = make(tmp_path / str(average), prepared_once, **PUBLISHED | {"method": changed})
        fit(project, monkeypatch)
        kept[average] = results(project)
    (last, weights), (averaged, others) = kept[0.0], kept[0.9]
    # The same training, judged by other weights.
    assert averaged["train_loss"] == last["train_loss"]
    assert averaged["val_loss"] != last["val_loss"]
    assert not any(torch.equal(weights[name], others[name]) for name in weights if "bias" in name)


def curve(project: Path) -> Tensor:
    """Return the rows of the curve, without seconds."""
    rows = curve_without_seconds(project)[1:]
    return torch.tensor([[float(value) for value in row.split(",")] for row in rows])


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def start(project: Path, launcher: list[str], **variables: str) -> subprocess.Popen[str]:
    inherited = {k: v for k, v in clean_environment().items() if k != "CONVPRIOR_DEVICES"}
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, "convprior.stages.train", *command(),
         "--params", "params.yaml"],
        cwd=project, env=inherited | variables, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip


def under_torchrun(project: Path) -> list[subprocess.Popen[str]]:
    """Start two nodes of one process each, as two machines would."""
    port = free_port()
    return [
        start(project, ["torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
                        "--node-rank", str(node), "--master-addr", "127.0.0.1",
                        "--master-port", port, "-m"])
        for node in range(2)
    ]  # fmt: skip


def under_slurm(project: Path) -> list[subprocess.Popen[str]]:
    """Start the same with the variables that srun sets."""
    port = free_port()
    return [
        start(project, [], SLURM_JOB_ID="4711", SLURM_JOB_NAME="train", SLURM_NTASKS="2",
              SLURM_NNODES="2", SLURM_NTASKS_PER_NODE="1", SLURM_NODELIST="127.0.0.1",
              SLURM_PROCID=str(node), SLURM_NODEID=str(node), SLURM_LOCALID="0",
              MASTER_PORT=port, CONVPRIOR_NODES="2", CONVPRIOR_DEVICES="1",
              CONVPRIOR_CHECKPOINT_SECONDS="0")
        for node in range(2)
    ]  # fmt: skip


def end(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, said


@pytest.mark.fitted
@pytest.mark.parametrize("launch", [under_torchrun, under_slurm])
def test_two_nodes_give_the_metrics_of_one_process(
    launch: type, tmp_path: Path, prepared_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"epochs": 2, "batch_size": 14, "learning_rate": 0.01}
    project = make(tmp_path / "nodes", prepared_once)
    content = tiny_params()
    content["train"] |= plain
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    fit(project, monkeypatch)
    one, weights_of_one = results(project)
    shutil.rmtree(project / "models")
    end(launch(project))
    two, weights_of_two = results(project)
    assert two["val_accuracy"] == one["val_accuracy"]
    assert two["val_top5"] == one["val_top5"]
    # Gradients are averaged in another order: equal up to the rounding of float32.
    assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-4)
    assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
    for name, value in weights_of_one.items():
        torch.testing.assert_close(weights_of_two[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_node_that_is_killed_costs_what_came_after_the_last_checkpoint(
    tmp_path: Path, prepared_once: Path
) -> None:
    undisturbed = make(tmp_path / "undisturbed", prepared_once, **PUBLISHED)
    disturbed = make(tmp_path / "disturbed", prepared_once, **PUBLISHED)
    end(under_slurm(undisturbed))

    first, second = under_slurm(disturbed)
    until = time.monotonic() + LIMIT
    while not any(step > STEPS and step % STEPS for step in checkpoints(disturbed)):
        assert time.monotonic() < until
        assert first.poll() is None
        time.sleep(0.01)
    second.kill()
    second.communicate()
    first.communicate(timeout=LIMIT)
    assert first.returncode != 0
    assert not (disturbed / "models").exists()
    assert max(checkpoints(disturbed)) > STEPS

    end(under_slurm(disturbed))
    metrics, weights = results(undisturbed)
    found, same_weights = results(disturbed)
    assert found == pytest.approx(metrics, rel=1e-6)
    # The sums of a broken epoch are added up in another order.
    torch.testing.assert_close(curve(disturbed), curve(undisturbed), rtol=1e-6, atol=0)
    assert all(torch.equal(weights[name], value) for name, value in same_weights.items())
