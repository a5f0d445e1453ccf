"""What `--help` shows is read by people: it is kept in files, and it is there at once."""

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from convprior import cli

HELP = Path(__file__).with_name("help")
COMMANDS = {path.stem: path.stem.split("-", 1) for path in sorted(HELP.glob("*.txt"))}
COMMANDS["convprior"] = []
SCREEN = 60  # lines


Shown = Callable[..., str]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A function that returns what a command prints on a terminal of so many columns."""

    def run(*arguments: str, columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["convprior", *arguments])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
        lines = capsys.readouterr().out.strip("\n").splitlines()
        return "\n".join(line.rstrip() for line in lines) + "\n"

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_one_screen_and_is_as_it_was_read(name: str, shown: Shown) -> None:
    """A change of the help is a change of tests/cli/help/<command>.txt: read it there."""
    text = shown(*COMMANDS[name], "--help", columns=100)
    assert text == (HELP / f"{name}.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= SCREEN
    assert re.search("(Examples?|Start here):", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_can_be_read_on_a_narrow_terminal(name: str, shown: Shown) -> None:
    text = shown(*COMMANDS[name], "-h", columns=80)
    assert max(map(len, text.splitlines())) <= 80
    example = shown(*COMMANDS[name], "-h", columns=100).rpartition(":")[2]
    assert text.endswith(example), "an example is broken over two lines"


def test_every_command_has_its_help_in_a_file() -> None:
    command = get_command(cli.app)
    names = {"convprior"}
    for name, part in command.commands.items():  # type: ignore[attr-defined]
        names |= {name, *(f"{name}-{deeper}" for deeper in getattr(part, "commands", []))}
    assert names == set(COMMANDS)


def test_help_and_wrong_usage_do_not_wait_for_torch() -> None:
    for arguments in (["--help"], ["restore", "-h"], ["restore", "p.png", "--runs", "0"],
                      ["restore", "no-such-file.png"]):  # fmt: skip
        script = (
            f"import sys; sys.argv = ['convprior', *{arguments}]\n"
            "from convprior import cli\n"
            "try: cli.main()\n"
            "except SystemExit: pass\n"
            "assert 'torch' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True)


def test_the_version_is_the_packages(shown: Shown) -> None:
    assert shown("--version", columns=80) == f"convprior {version('convprior')}\n"
