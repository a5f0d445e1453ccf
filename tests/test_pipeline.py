"""`dvc repro` with tiny numbers: everything runs, then nothing, then what a change touches."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from convprior.report.chapters import QUESTIONS
from tests.conftest import REPOSITORY, clean_environment, tiny_params

STAGES = {
    "prepare", "train@mlp", "train@cnn_flatten", "train@cnn_pool", "evaluate@mlp",
    "evaluate@cnn_flatten", "evaluate@cnn_pool", "degrade@denoise", "degrade@inpaint",
    "restore@denoise", "restore@inpaint", "report", "compose", "learn@mlp", "learn@cnn_pool",
    *(f"study@{question}" for question in QUESTIONS),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        REPOSITORY / "src", folder / "src", symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    shutil.copy(REPOSITORY / "dvc.yaml", folder)
    (folder / "data/garments").mkdir(parents=True)
    for split in ("train", "val"):
        shutil.copytree(REPOSITORY / f"data/garments/{split}", folder / f"data/garments/{split}")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    shutil.copy(empty_database, folder / "mlflow.db")
    call(folder, "dvc", "init", "-q", "--no-scm")
    shutil.copy(REPOSITORY / ".dvcignore", folder)
    return folder


def call(folder: Path, *command: str) -> str:
    # The copy's own code runs, not the installed one's: a changed line must count.
    own = {"PYTHONPATH": str(folder / "src"), "CONVPRIOR_PROCESSES": "1"}
    environment = clean_environment() | own
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def would_run(folder: Path) -> set[str]:
    said = call(folder, "dvc", "repro", "--dry", "--force-downstream")
    return {line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")}


@pytest.mark.timeout(1200)  # 24 stages, each of which takes seconds to start
def test_everything_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    call(copy, "dvc", "repro")
    page = (copy / "reports/index.html").read_text()
    assert page.count('<div class="strip">') == 2 * 4
    for name in ("mlp", "cnn_flatten", "cnn_pool", "astronaut", "rocket", *QUESTIONS):
        assert name in page
    written = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(
        r"""(src|href)=["']https?:|url\((?!#)|@import""", written
    )  # self-contained
    assert would_run(copy) == set()
    plotted = json.loads(call(copy, "dvc", "plots", "show", "--json"))
    assert not plotted.get("errors")
    drawn = {name: content[0]["content"] for name, content in plotted["data"].items()}
    assert len(drawn) == 1 + len(QUESTIONS)
    assert all(content["data"]["values"] for content in drawn.values())

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    studied = {f"study@{question}" for question in QUESTIONS}
    assert would_run(copy) == {"train@mlp", "evaluate@mlp", "learn@mlp", "report"} | studied
    call(copy, "dvc", "commit", "--force", "-q")

    asked = copy / "src/convprior/study/dense.py"
    asked.write_text(asked.read_text() + "# one more line\n")
    drawn = copy / "src/convprior/chapters/position.py"
    drawn.write_text(drawn.read_text() + "# one more line\n")
    assert would_run(copy) == {"study@dense", "report"}
    call(copy, "dvc", "commit", "--force", "-q")

    content = tiny_params()
    content["degrade"]["denoise"]["sigma"] = 50
    (copy / "params.yaml").write_text(yaml.safe_dump(content))
    assert would_run(copy) == {"degrade@denoise", "restore@denoise", "report"}


def test_the_stages_are_those_of_the_readme(copy: Path) -> None:
    listed = call(copy, "dvc", "stage", "list", "--name-only").split()
    assert set(listed) == STAGES
