"""`dvc repro` with tiny numbers: everything runs, then nothing, then what a change touches."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY, clean_environment, tiny_params

QUESTIONS = tuple(tiny_params()["study"])
NETWORKS = ("mlp", "cnn_flatten", "cnn_pool")
STAGES = {
    "prepare", "degrade@denoise", "degrade@inpaint", "restore@denoise", "restore@inpaint", "report",
    *(f"{stage}@{name}" for stage in ("train", "evaluate") for name in NETWORKS),
}  # fmt: skip
OF_THE_STUDY = {
    "compose", "learn@mlp", "learn@cnn_pool", "chapters",
    *(f"study@{question}" for question in QUESTIONS),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_project(folder)
    shutil.copy(empty_database, folder / "mlflow.db")
    call(folder, "dvc", "init", "-q", "--no-scm")
    shutil.copy(REPOSITORY / ".dvcignore", folder)
    return folder


def copy_project(folder: Path) -> None:
    shutil.copytree(
        REPOSITORY / "src", folder / "src", symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (folder / "study").mkdir()
    for name in ("dvc.yaml", "study/dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / "data/garments").mkdir(parents=True)
    for split in ("train", "val"):
        shutil.copytree(REPOSITORY / f"data/garments/{split}", folder / f"data/garments/{split}")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params()))


def call(folder: Path, *command: str) -> str:
    # The copy's own code runs, not the installed one's: `stages.start` sees to it.
    done = subprocess.run(
        command, cwd=folder, env=clean_environment() | {"CONVPRIOR_PROCESSES": "1"},
        capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def would_run(folder: Path, *pipeline: str) -> set[str]:
    said = call(folder, "dvc", "repro", "--dry", "--force-downstream", *pipeline)
    running = [line for line in said.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1].rpartition(":")[2] for line in running}


def is_self_contained(page: str) -> bool:
    written = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    return not re.search(r"""(src|href)=["']https?:|url\((?!#)|@import""", written)


@pytest.mark.timeout(1200)  # stages take seconds to start
def test_the_experiment_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    call(copy, "dvc", "repro")
    page = (copy / "reports/index.html").read_text()
    assert page.count('<div class="strip">') == 2 * 4
    for name in (*NETWORKS, "astronaut", "rocket"):
        assert name in page
    assert is_self_contained(page)
    assert would_run(copy) == set()

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    assert would_run(copy) == {"train@mlp", "evaluate@mlp", "report"}
    call(copy, "dvc", "commit", "--force", "-q", "dvc.yaml")

    content = tiny_params()
    content["degrade"]["denoise"]["sigma"] = 50
    (copy / "params.yaml").write_text(yaml.safe_dump(content))
    assert would_run(copy) == {"degrade@denoise", "restore@denoise", "report"}


@pytest.mark.timeout(1200)
def test_the_study_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    pipeline = "study/dvc.yaml"
    call(copy, "dvc", "repro", pipeline)
    page = (copy / "reports/study.html").read_text()
    for name in ("mlp", "cnn_pool", *QUESTIONS):
        assert name in page
    assert is_self_contained(page)
    assert would_run(copy, pipeline) == set()
    plotted = json.loads(call(copy, "dvc", "plots", "show", "--json"))
    assert not plotted.get("errors")
    drawn = {name: content[0]["content"] for name, content in plotted["data"].items()}
    content = yaml.safe_load((copy / pipeline).read_text())
    plots = {next(iter(plot)) for plot in content["plots"]}
    assert len(plots) == len(QUESTIONS)
    assert all(drawn[name]["data"]["values"] for name in plots)

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    studied = {f"study@{question}" for question in QUESTIONS}
    assert would_run(copy, pipeline) == {"learn@mlp", "chapters"} | studied
    call(copy, "dvc", "commit", "--force", "-q", pipeline)

    asked = copy / "src/convprior/study/dense.py"
    asked.write_text(asked.read_text() + "# one more line\n")
    drawn_by = copy / "src/convprior/report/chapters/position.py"
    drawn_by.write_text(drawn_by.read_text() + "# one more line\n")
    assert would_run(copy, pipeline) == {"study@dense", "chapters"}


def test_the_stages_of_the_two_pipelines(copy: Path) -> None:
    assert set(call(copy, "dvc", "stage", "list", "--name-only").split()) == STAGES
    listed = call(copy, "dvc", "stage", "list", "--name-only", "study/dvc.yaml").split()
    assert {name.rpartition(":")[2] for name in listed} == OF_THE_STUDY


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project under git, in which DVC can run experiments elsewhere."""
    folder = tmp_path_factory.mktemp("repository")
    copy_project(folder)
    shutil.copy(empty_database, folder / "mlflow.db")
    call(folder, "git", "init", "-q")
    call(folder, "dvc", "init", "-q")
    shutil.copy(REPOSITORY / ".dvcignore", folder)
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
    run = ("dvc", "exp", "run", "-S", "degrade.denoise.sigma=60")
    call(repository, *run, "--temp", "--name", "apart", "degrade@denoise")
    call(repository, *run, "--queue", "--name", "queued", "degrade@denoise")
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
    assert {run.data.params["denoise.sigma"] for run in runs} == {"60.0"}
    assert {run.data.tags["dvc.exp"] for run in runs} == {"apart", "queued"}


def test_a_second_clone_runs_its_own_code(repository: Path, tmp_path: Path) -> None:
    call(tmp_path, "git", "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    stage = clone / "src/convprior/stages/degrade.py"
    stage.write_text("from pathlib import Path\nfrom convprior.stages import start\n"
                     "start(lambda _: Path('ran').touch())\n")  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-m", "convprior.stages.degrade"], cwd=clone, env=environment, check=True
    )
    assert (clone / "ran").exists()
