"""The wheel, with the base dependencies alone, restores a picture: also where POSIX is unknown."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, clean_environment, colourful

# Windows has none of them.
OF_POSIX = ("fcntl", "grp", "pwd", "syslog", "termios")  # and resource, which psutil needs here


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, REPOSITORY],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def base_distributions() -> set[str]:
    """Return the distributions that a plain installation brings, those of the base with theirs."""
    from importlib.metadata import requires

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    left, found = list(project["dependencies"]), set()
    while left:
        requirement, _, condition = left.pop().partition(";")
        name = re.split(r"[^\w.-]", requirement.strip())[0].lower().replace("_", "-")
        if name not in found and "extra ==" not in condition:
            found.add(name)
            try:
                left += requires(name) or []
            except ImportError:  # of another system, or of other versions of Python
                found.discard(name)
    return found


def blocked() -> list[str]:
    """Return the modules that a plain installation on Windows does not have."""
    base = base_distributions()
    extra = [
        module
        for module, owners in packages_distributions().items()
        if not any(owner.lower().replace("_", "-") in base for owner in owners)
    ]
    return sorted({*extra, *OF_POSIX} - {"convprior", "pip", "setuptools"})


def run(wheel: Path, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the wheel has it, where nothing but the base can be imported."""
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked()!r}))\n"
        f"sys.argv = {['convprior', *argv]!r}\n"
        "from convprior.cli import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=240,
        env=clean_environment() | {"PYTHONPATH": str(wheel)}, check=False,
    )  # fmt: skip


def test_the_wheel_holds_the_repositorys_parameters_and_all_files(wheel: Path) -> None:
    packaged = wheel / "convprior/ground/params.yaml"
    assert packaged.read_bytes() == (REPOSITORY / "params.yaml").read_bytes()
    there = {p.relative_to(wheel).as_posix() for p in wheel.rglob("*") if p.is_file()}
    source = REPOSITORY / "src"
    ours = {
        path.relative_to(source).as_posix()
        for path in (source / "convprior").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= there


def test_the_base_alone_restores_compares_and_explains(wheel: Path, tmp_path: Path) -> None:
    assert "mlflow" in blocked()
    assert "torch" not in blocked()
    colourful(24, 20).save(tmp_path / "photo.png")
    done = run(wheel, tmp_path, "restore", "photo.png", "--max-steps", "10", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "photo.restored.png").exists()
    done = run(wheel, tmp_path, "compare", "photo.png", "photo.restored.png", "-o", "page.html")
    assert done.returncode == 0, done.stderr
    done = run(wheel, tmp_path, "explain", "conv", "0 1; 2 3", "--kernel", "1")
    assert done.returncode == 0, done.stderr


def test_an_extra_that_is_missing_is_named_in_one_line(wheel: Path, tmp_path: Path) -> None:
    done = run(wheel, tmp_path, "explain", "conv", "0 1; 2 3", "--kernel", "1", "-o", "a.gif")
    assert done.returncode != 0
    assert re.search(r"Error: .*pip install 'convprior\[explain\]'", done.stderr)
    assert "Traceback" not in done.stderr
