"""`convprior paint`: a page in the browser, to paint what is broken and have it restored."""

from pathlib import Path
from typing import Annotated

import typer

from convprior.ground import extras
from convprior.ground.errors import InputError
from convprior.pictures import kinds
from convprior.restoration import finding

EXAMPLE = """\b
Examples:
  convprior paint photo.tif
  convprior paint scans --no-browser
"""


def command(
    picture: Annotated[
        Path | None,
        typer.Argument(
            metavar="[INPUT]",
            help="A picture, or a folder of them; without one, drop pictures into the page.",
        ),
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the browser, or print the address only."),
    ] = True,
    port: Annotated[
        int, typer.Option(metavar="N", help="Listen on this port; 0 takes one that is free.")
    ] = 0,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Compute on cpu, cuda or mps.")
    ] = "auto",
) -> None:
    """Paint what is broken in INPUT, in the browser, and have it restored.

    Brush, masks, what the tool would do and why, before and after under a slider: all on this
    machine, nothing is sent or loaded. What is saved lies beside INPUT as photo.restored.tif, and
    is what `convprior restore` makes with the same mask; no original is ever replaced.
    """
    extras.need("web", "starlette", "uvicorn")
    folder, shown = _opened(picture)
    from convprior.web import serving

    serving.serve(folder, shown, device=device, port=port, browser=browser, say=_say)


def _say(line: str) -> None:
    print(line, flush=True)  # whoever reads the address from a pipe waits for it


def _opened(picture: Path | None) -> tuple[Path, list[Path]]:
    """Return the folder to save in, and the pictures to show. Raises InputError."""
    if picture is None:
        return Path.cwd(), []
    try:
        picture.stat()
        if not picture.is_dir():
            return picture.resolve().parent, [picture.absolute()]
        found = finding.pictures_of(picture.absolute())
    except OSError as error:
        raise InputError(f"{picture}: cannot be read ({error.strerror})") from None
    if not found:
        raise InputError(f"{picture}: has no pictures of {', '.join(kinds.SUFFIXES)}")
    return picture, found
