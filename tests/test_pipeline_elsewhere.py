"""Experiments that DVC runs elsewhere, and a second clone: their own parameters, their own code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines import call, make_copy


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project under git, in which DVC can run experiments elsewhere."""
    folder = make_copy(tmp_path_factory.mktemp("repository"), empty_database, git=True)
    call(folder, "git", "add", "-A")
    name = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    call(folder, "git", *name, "commit", "-q", "-m", "a project")
    return folder


def observed_psnr(folder: Path, experiment: str) -> float:
    """Return what an experiment recorded of the first noisy photograph, in dB."""
    file = f"{experiment}:reports/degrade/denoise/metrics.json"
    found = json.loads(call(folder, "git", "show", file))
    return float(found["astronaut"]["psnr_observed"])


def experiments(folder: Path) -> list[str]:
    return call(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split()


@pytest.mark.timeout(600)
def test_an_experiment_elsewhere_computes_with_its_own_parameters_and_code(
    repository: Path,
) -> None:
    run = ("dvc", "exp", "run", "degrade@denoise", "-S")
    call(repository, *run, "degrade.denoise.sigma=60", "--temp", "--name", "apart")
    # Another number: DVC would take the same one from what has been computed.
    call(repository, *run, "degrade.denoise.sigma=61", "--queue", "--name", "queued")
    # What is edited while an experiment waits is not the experiment's.
    stage = repository / "src/convprior/stages/degrade.py"
    written = stage.read_text()
    stage.write_text("raise SystemExit('the workspace ran')\n")
    call(repository, "dvc", "exp", "run", "--run-all")
    stage.write_text(written)
    done = [ref for ref in experiments(repository) if ref.endswith(("/apart", "/queued"))]
    assert len(done) == 2
    for experiment in done:
        assert observed_psnr(repository, experiment) < 15  # 20 with σ 25
    # Its runs are recorded where the others are, not in the folder that DVC deletes.
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{repository / 'mlflow.db'}")
    of_stage = client.get_experiment_by_name("degrade")
    assert of_stage is not None
    runs = client.search_runs([of_stage.experiment_id])
    assert {run.data.params["denoise.sigma"] for run in runs} == {"60.0", "61.0"}
    assert {run.data.tags["dvc.exp"] for run in runs} == {"apart", "queued"}


@pytest.mark.parametrize("name", ["degrade", "only_here"])
def test_a_second_clone_runs_its_own_code(name: str, repository: Path, tmp_path: Path) -> None:
    call(tmp_path, "git", "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    stage = clone / f"src/convprior/stages/{name}.py"
    stage.write_text("from pathlib import Path\nfrom convprior.stages import start\n"
                     "start(lambda _: Path('ran').touch())\n")  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-m", f"convprior.stages.{name}"], cwd=clone, env=environment, check=True
    )
    assert (clone / "ran").exists()
