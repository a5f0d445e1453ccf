"""Training: exact over processes, resumed after every kind of end, honest about it."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from convprior.ground import resume
from convprior.ground.machine import MachineError
from convprior.stages import StageError, train
from convprior.stages import start as start_stage
from convprior.training import blueprint, trainer
from convprior.training.data.storing import Form
from convprior.training.prepared import UNCOUNTED, Pictures, Share
from tests.conftest import clean_environment, run_stage, tiny_params

Outcome = tuple[dict, dict, list[str]]


@pytest.fixture
def trainable(project: Path, prepared_once: Path) -> Path:
    (project / "data/prepared").symlink_to(prepared_once / "data/prepared")
    return project


def change(project: Path, **settings: object) -> None:
    content = tiny_params()
    content["train"] |= settings
    (project / "params.yaml").write_text(yaml.safe_dump(content))


def command(network: str = "cnn_pool") -> list[str]:
    return [network, "data/prepared", f"models/{network}", f"reports/train/{network}"]


def results(project: Path, network: str = "cnn_pool") -> tuple[dict, dict]:
    metrics = json.loads((project / f"reports/train/{network}/metrics.json").read_text())
    metrics.pop("seconds")
    return metrics, load_file(project / f"models/{network}/weights.safetensors")


def curve_without_seconds(project: Path) -> list[str]:
    rows = (project / "reports/train/cnn_pool/curve.csv").read_text().splitlines()
    return [row.rpartition(",")[0] for row in rows]


@pytest.mark.fitted
def test_two_processes_give_the_metrics_of_one(trainable: Path) -> None:
    # 120 validation pictures and batches of 14: the last share is uneven and must not count twice.
    change(trainable, batch_size=14, learning_rate=0.01)
    train.main([*command(), "--params", "params.yaml"])
    one, weights_of_one = results(trainable)
    run_stage(trainable, "train", *command(), CONVPRIOR_DEVICES="2", CONVPRIOR_STRATEGY="ddp")
    two, weights_of_two = results(trainable)
    assert two["val_accuracy"] == one["val_accuracy"]
    # Gradients are averaged in another order: equal up to the rounding of float32.
    assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-4)
    assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
    for name, value in weights_of_one.items():
        torch.testing.assert_close(weights_of_two[name], value, rtol=1e-3, atol=1e-4)


def test_shares_hold_every_picture_exactly_once(prepared_once: Path) -> None:
    pictures = Pictures(prepared_once / "data/prepared", "val", Form(32))
    shares = [Share(pictures, rank, 7) for rank in range(7)]
    assert {len(share) for share in shares} == {18}
    labels = torch.cat([share.__getitems__(range(18))[1] for share in shares])
    counted = labels[labels != UNCOUNTED]
    assert len(labels) == 126
    assert counted.sort().values.tolist() == sorted(pictures.table["label"].to_pylist())


def start(project: Path, network: str = "cnn_pool") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "convprior.stages.train", *command(network),
         "--params", "params.yaml"],
        # However many threads there may be, a stage's process uses one.
        cwd=project, env=clean_environment() | {"OMP_NUM_THREADS": "2"}, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_checkpoint(project: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(3600):
        if list((project / ".convprior/state/train").glob("*/*/*.ckpt")):
            return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    raise AssertionError("no checkpoint in three minutes")


def draw_at_random(project: Path) -> None:
    """Let dropout and augmentation draw random numbers: a resumed run must draw the same ones."""
    augmented = {"shift": 0.1, "rotation": 10.0, "scale": 1.1, "flip": True}
    content = tiny_params()
    content["train"] |= {"epochs": 12, "augmentation": augmented}
    content["train"]["networks"]["cnn_pool"]["arguments"] |= {"dropout": 0.3, "batch_norm": True}
    (project / "params.yaml").write_text(yaml.safe_dump(content))


@pytest.fixture(scope="module")
def undisturbed(prepared_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a training that nothing interrupts ends with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "data").mkdir()
    (folder / "data/prepared").symlink_to(prepared_once / "data/prepared")
    shutil.copy(prepared_once / "mlflow.db", folder)
    draw_at_random(folder)
    torch.set_num_threads(1)
    with contextlib.chdir(folder):
        train.main([*command(), "--params", "params.yaml"])
    return *results(folder), curve_without_seconds(folder)


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1), (signal.SIGKILL, -9)]
)
def test_interrupted_training_resumes_to_the_same_bits(
    trainable: Path, undisturbed: Outcome, caplog: pytest.LogCaptureFixture,
    ending: signal.Signals, code: int,
) -> None:  # fmt: skip
    draw_at_random(trainable)
    process = start(trainable)
    wait_for_checkpoint(trainable, process)
    process.send_signal(ending)
    _, said = process.communicate(timeout=60)
    (checkpoint,) = (trainable / ".convprior/state/train").glob("*/*/*.ckpt")
    half = checkpoint.with_name("epoch=99-step=9999.ckpt")  # of a disk that was full
    half.write_bytes(checkpoint.read_bytes()[:1000])
    assert process.returncode == code, said
    assert not (trainable / "models").exists()  # nothing that DVC could take for done

    train.main([*command(), "--params", "params.yaml"])
    assert "starting afresh" not in caplog.text
    assert "epoch=99-step=9999.ckpt.broken: cannot be gone on with" in caplog.text
    assert list((trainable / ".convprior/state/train/cnn_pool").iterdir()) == []
    metrics, weights, rows = undisturbed
    found, same_weights = results(trainable)
    assert found == metrics
    assert len(rows) == 13
    assert curve_without_seconds(trainable) == rows
    assert all(torch.equal(weights[name], value) for name, value in same_weights.items())


def test_other_settings_start_afresh_and_say_so(
    trainable: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stale = trainable / ".convprior/state/train/mlp/0123456789abcdef"
    stale.mkdir(parents=True)
    (stale / "epoch=0.ckpt").write_bytes(b"of another run")
    train.main([*command("mlp"), "--params", "params.yaml"])
    assert "settings or inputs have changed: starting afresh" in caplog.text
    assert not stale.exists()


def test_a_saved_network_is_rebuilt_with_its_weights(trainable: Path) -> None:
    train.main([*command("cnn_flatten"), "--params", "params.yaml"])
    plan, network = blueprint.load(trainable / "models/cnn_flatten")
    assert plan.picture_shape == (3, 32, 32)
    assert not network.training
    metrics, weights = results(trainable, "cnn_flatten")
    assert metrics["parameters"] == sum(p.numel() for p in network.parameters())
    assert all(torch.equal(network.state_dict()[name], v) for name, v in weights.items())
    pictures, labels = Pictures(trainable / "data/prepared", "val", Form(32)).__getitems__(
        range(120)
    )
    data = json.loads((trainable / "data/prepared/description.json").read_text())
    mean, deviation = (torch.tensor(data[k]).view(3, 1, 1) for k in ("mean", "deviation"))
    right = network((pictures / 255 - mean) / deviation).argmax(1) == labels
    assert float(right.float().mean()) == pytest.approx(metrics["val_accuracy"])


def test_a_fully_connected_neuron_on_256_x_256_x_3_has_196608_weights() -> None:
    plan = blueprint.Blueprint(
        "mlp", "MLP", {"hidden": [1], "batch_norm": False, "dropout": 0.0}, (3, 256, 256), ["a"]
    )
    assert plan.build().layers[1].weight.numel() == 196_608  # type: ignore[union-attr,operator,index]


def test_permuting_all_pixels_alike_changes_nothing_for_the_mlp() -> None:
    arguments = {"hidden": [16], "batch_norm": False, "dropout": 0.0}
    network = blueprint.Blueprint("mlp", "MLP", arguments, (3, 8, 8), ["a", "b"]).build()
    pictures = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    order = torch.from_numpy(np.random.default_rng(0).permutation(192))
    shuffled = pictures.flatten(1)[:, order].view_as(pictures)
    before = network(pictures)
    with torch.no_grad():
        network.layers[1].weight.copy_(network.layers[1].weight[:, order])  # type: ignore[union-attr,operator,index]
    torch.testing.assert_close(network(shuffled), before)


def test_pooling_over_position_forgets_the_place_and_flattening_does_not() -> None:
    pictures = torch.zeros(1, 3, 32, 32)
    pictures[..., 10:14, 10:14] = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    moved = pictures.roll((4, 4), (2, 3))  # a multiple of the stride, away from the border
    changes = {}
    for head in ("pool", "flatten"):
        arguments = {"channels": [8, 8], "head": head, "hidden": 16,
                     "batch_norm": False, "dropout": 0.0}  # fmt: skip
        torch.manual_seed(0)
        network = blueprint.Blueprint("cnn", "CNN", arguments, (3, 32, 32), ["a", "b"]).build()
        changes[head] = float((network(pictures) - network(moved)).abs().max().detach())
    assert changes["pool"] < 1e-6 < 1e-3 < changes["flatten"]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (("gnn", "GNN", {}), "no network convprior.networks.gnn.GNN"),
        (("mlp", "MPL", {}), "no network convprior.networks.mlp.MPL"),
        (("mlp", "MLP", {"hiden": [1]}), "missing a required argument: 'hidden'"),
        (("mlp", "MLP", {"hidden": [10**9], "batch_norm": True, "dropout": 0.0}),
         r"its weights take \d+ GB, of \d+ free"),
        (("cnn", "CNN", {"channels": [1] * 6, "head": "pool", "hidden": 2, "batch_norm": False,
                         "dropout": 0.0}), "6 poolings need pictures of at least 64"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_built_say_why(plan: tuple, message: str) -> None:
    with pytest.raises(blueprint.NetworkError, match=message):
        blueprint.Blueprint(*plan, (3, 32, 32), ["a", "b"]).build()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DEVICES", "two", "CONVPRIOR_DEVICES is 'two': expected a whole number"),
        ("STRATEGY", "teleport", "Lightning refuses the CONVPRIOR_"),
        ("PRECISION", "half", "CONVPRIOR_PRECISION is 'half': expected 32-true, "),
    ],
)
def test_what_lightning_does_not_know_is_said(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CONVPRIOR_{variable}", value)
    with pytest.raises(MachineError, match=message):
        trainer.make()


def test_wrong_settings_are_said_in_one_line(trainable: Path) -> None:
    with pytest.raises(
        blueprint.NetworkError,
        match=r"no network 'nope' in train.networks; there are: cnn_flatten, cnn_pool, mlp",
    ):
        train.main([*command("nope"), "--params", "params.yaml"])
    ended = run_stage(trainable, "train", *command(), check=False, CONVPRIOR_STRATEGY="teleport")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: Lightning refuses the CONVPRIOR_")
    assert "Traceback" not in ended.stderr


def test_two_at_one_training_are_one_too_many(trainable: Path) -> None:
    with resume.alone(train.STATE / "mlp"):
        script = ("from convprior.ground import resume\n"
                  "from pathlib import Path\n"
                  "with resume.alone(Path('.convprior/state/train/mlp')): pass\n")  # fmt: skip
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "StateError: .convprior/state/train/mlp: another process is at this very" in other.stderr


@pytest.mark.usefixtures("unchecked")
def test_torchrun_s_processes_are_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVPRIOR_DEVICES")
    made: dict[str, object] = {}
    monkeypatch.setattr(trainer.pl, "Trainer", lambda **given: made.update(given))
    trainer.make()
    assert (made["devices"], made["num_nodes"]) == (1, 1)
    for name, value in (("TORCHELASTIC_RUN_ID", "x"), ("LOCAL_WORLD_SIZE", "4"),
                        ("GROUP_WORLD_SIZE", "2")):  # fmt: skip
        monkeypatch.setenv(name, value)
    trainer.make()
    assert (made["devices"], made["num_nodes"]) == (4, 2)


def test_a_batch_of_one_cannot_be_normalised_and_that_is_said(trainable: Path) -> None:
    content = tiny_params()
    content["train"]["batch_size"] = 1
    content["train"]["networks"]["mlp"]["arguments"] |= {"batch_norm": True}
    (trainable / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(StageError, match="mlp: a batch of one picture cannot be normalised"):
        train.main([*command("mlp"), "--params", "params.yaml"])


def test_a_full_disk_is_one_line(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device", "models/mlp")

    with pytest.raises(SystemExit, match=r"error: .*No space left on device: 'models/mlp'"):
        start_stage(full)
