"""`convprior compare`: a page with a slider between two pictures."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:  convprior compare photo.png photo.restored.png -o page.html"


def command(
    observed: Annotated[Path, typer.Argument(metavar="OBSERVED", help="The picture that came.")],
    restored: Annotated[Path, typer.Argument(metavar="RESTORED", help="What was made of it.")],
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show what it marks in red, as photo.restored.mask.png."),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The page, one HTML file.")
    ] = Path("compare.html"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a page that exists.")
    ] = False,
) -> None:
    """Write one self-contained page with a slider between OBSERVED and RESTORED."""
    from convprior.ground import atomic
    from convprior.ground.errors import InputError
    from convprior.report import slider

    if output.exists() and any(
        p.exists() and output.samefile(p) for p in (observed, restored, mask) if p
    ):
        raise InputError(f"{output}: is one of the pictures, which are never replaced")
    if output.exists() and not overwrite:
        raise InputError(f"{output}: exists already: choose another -o, or --overwrite")
    if not output.parent.is_dir():
        raise InputError(f"{output}: the folder {output.parent} does not exist: create it first")
    atomic.write_text(output, slider.page(observed, restored, mask))
    print(f"{output}: open it in a browser")
