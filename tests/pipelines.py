"""A copy of the project with tiny numbers, and what DVC does in it."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.conftest import REPOSITORY, clean_environment, tiny_params


def make_copy(folder: Path, database: Path, *, git: bool = False) -> Path:
    """Return ``folder`` as a project of DVC's that can run; with ``git`` it is a repository too."""
    shutil.copytree(
        REPOSITORY / "src", folder / "src", symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (folder / "study").mkdir()
    for name in ("dvc.yaml", "study/dvc.yaml", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / "data/garments").mkdir(parents=True)
    for split in ("train", "val"):
        shutil.copytree(REPOSITORY / f"data/garments/{split}", folder / f"data/garments/{split}")
    shutil.copy(REPOSITORY / "data/photographs.txt", folder / "data")
    shutil.copytree(REPOSITORY / "data/masks", folder / "data/masks")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    shutil.copy(database, folder / "mlflow.db")
    if git:
        call(folder, "git", "init", "-q")
    call(folder, "dvc", "init", "-q", *([] if git else ["--no-scm"]))
    shutil.copy(REPOSITORY / ".dvcignore", folder)  # in place of the empty one that DVC wrote
    return folder


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
