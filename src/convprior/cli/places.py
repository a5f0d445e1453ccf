"""Which files and folders are meant by the names that were typed."""

import re
from pathlib import Path

import typer

from convprior.cli import pipes
from convprior.ground.errors import InputError
from convprior.pictures import kinds
from convprior.restoration import finding


def resolve(pictures: list[Path], output: Path | None, *, alone: bool) -> tuple[bool, Path]:
    """Return whether there are several pictures, and the file or folder that the result goes to.

    ``alone``: options were given that take one picture. Raises typer.BadParameter.
    """
    if len(pictures) == 1 and not is_folder(pictures[0]):
        if output is not None and is_folder(output) and pipes.is_input(pictures[0]):
            raise typer.BadParameter(
                f"{output}: is a folder, and standard input has no name: -o FILE"
            )
        return False, _target(pictures[0], output)
    if output is None:
        which = "a folder needs" if len(pictures) == 1 else "several pictures need"
        raise typer.BadParameter(f"{which} -o: where the restored pictures go")
    if output in pipes.OUTPUTS or any(pipes.is_input(path) for path in pictures):
        raise typer.BadParameter("standard input and output are one picture: give it alone")
    if alone:
        raise typer.BadParameter("--spread and --preview take one picture, not a folder")
    return True, output


def _target(picture: Path, output: Path | None) -> Path:
    """Return where the result of one picture goes."""
    if output is None and pipes.is_input(picture):
        return pipes.STREAM
    if output is None:
        return finding.beside(picture)
    return output / kinds.written_name(picture).name if is_folder(output) else output


def shard(text: str) -> tuple[int, int]:
    """Return (i, n) of ``i/n``: which part of how many, from 1. Raises typer.BadParameter."""
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    part, parts = (int(number) for number in match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise typer.BadParameter(f"--shard {text}: is no part: write 1/8 to 8/8 for eighths")
    return part, parts


def is_folder(path: Path) -> bool:
    """Return whether a folder is there."""
    try:
        return path.is_dir()
    except OSError:  # a name too long, for one: it is said where the file is read or written
        return False


def check_there(path: Path) -> None:
    """Raise InputError for a file that is not there: torch, which takes seconds, is not loaded."""
    if pipes.is_input(path):
        return
    try:
        path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
