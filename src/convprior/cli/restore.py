"""`convprior restore`: a picture, several, or a folder of them."""

import math
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from convprior.cli import pipes
from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import kinds
from convprior.restoration.report import Report
from convprior.restoration.settings import Asked, Fill, Precision, Settings

EXAMPLES = """\b
Examples:
  convprior restore photo.png
  convprior restore scan.tif -o whole.tif --mask scratches.png --time-limit 5m
  convprior restore photos -o restored --recursive
"""

DEFAULT = Settings()


def seconds(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``2m`` or ``1h30m``. Raises typer.BadParameter."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not text.strip() or match is None:
        raise typer.BadParameter(f"'{text}' is no duration: write 90, 90s, 2m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def command(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="PNG, JPEG, TIFF, WebP and other files, a folder; - is stdin.",
        ),
    ],
    task: Annotated[
        Asked,
        typer.Option(help="What is wrong with the picture.", rich_help_panel="What to repair"),
    ] = DEFAULT.task,
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="MASK",
            help="What to repair: white in a file (or in a folder's file of the same name), alpha, "
            "a colour as '#ff00ff', or auto for dead pixels, scratches and dust.",
        ),
    ] = None,
    invert_mask: Annotated[
        bool, typer.Option("--invert-mask", help="Repair what the mask does not mark.")
    ] = False,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="With --mask auto: find fainter scratches, or fewer (0.25 to 4; default "
            f"{DEFAULT.sensitivity:g}).",
        ),
    ] = None,
    fill: Annotated[
        Fill,
        typer.Option(metavar="HOW", help="Fill wide holes by network, or by patches copied whole."),
    ] = DEFAULT.fill,
    scale: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="With --task superresolve: enlarge each side N times (2 to 4; default "
            f"{DEFAULT.scale}).",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="KERNEL",
            help="With --task deblur: a picture of the blur, or gaussian:1.5 (σ in pixels).",
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(metavar="N", help="Noise of N/255: do not measure it."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Take away X times the noise that there is (0.25 to 4; default 1).",
        ),
    ] = None,
    runs: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Average N runs: better, and N times as long.",
            rich_help_panel="How well, how long",
        ),
    ] = DEFAULT.runs,
    spread: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write where the runs disagree, as a grey float TIFF."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", help="Random seed; another one gives a slightly different picture."
        ),
    ] = DEFAULT.seed,
    max_steps: Annotated[
        int | None, typer.Option(metavar="N", help="Stop at step N at the latest.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=seconds,
            help="End each picture after TIME (90s, 2m, 1h30m) with the best so far.",
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Use at most SIZE, as 2GB; tiles make large pictures fit."
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Compute on cpu, cuda, mps, or several: cuda:0,cuda:1.",
        ),
    ] = "auto",
    precision: Annotated[
        Precision,
        typer.Option(metavar="TYPE", help="float32, or bfloat16: faster on devices made for it."),
    ] = DEFAULT.precision,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A file or folder; - is stdout. Default: photo.restored.png beside it.",
            rich_help_panel="Files",
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(metavar="N", help="Quality of a JPEG or WebP output (1 to 100).")
    ] = None,
    strip_metadata: Annotated[
        bool,
        typer.Option("--strip-metadata", help="Drop EXIF, XMP and tags; keep the colour profile."),
    ] = False,
    accept_truncated: Annotated[
        bool, typer.Option("--accept-truncated", help="Fill in the rows that a file has lost.")
    ] = False,
    most_pixels: Annotated[
        int,
        typer.Option("--max-pixels", metavar="N", help="Refuse pictures of more than N pixels."),
    ] = DEFAULT.most_pixels,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace outputs that exist, and do again what is done."),
    ] = False,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", help="Restore the pictures in the folder's folders too."),
    ] = False,
    preview: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=seconds,
            help="Write the best picture so far every TIME.",
            rich_help_panel="What is said",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each picture on stdout.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say every step.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Restore INPUT: remove noise, fill in what a mask marks, sharpen, enlarge.

    Patches that look alike mend each other: 12 megapixels in two to five minutes on two cores.
    Small pictures, and those given time, also get an untrained network, stopped before it learns
    the damage. Format, depth and metadata stay. Ctrl-C writes the best so far of a picture.

    denoise: noise, and with it holes. inpaint: holes alone, all else stays. dejpeg: the traces of
    JPEG. superresolve: enlarge. deblur: undo a known blur. auto looks and says what it chose.

    Of a folder, and of several files, comes the same tree under -o; what is done is skipped. The
    exit code is 0 if all is done, 1 if some failed, 2 for wrong usage, 130 after Ctrl-C.
    """
    begun = time.monotonic()  # before torch is loaded, which takes seconds
    typed = {
        "task": task,
        "mask": mask,
        "invert_mask": invert_mask,
        "sensitivity": sensitivity,
        "fill": fill,
        "scale": scale,
        "kernel": kernel,
        "noise": noise,
        "strength": strength,
        "seed": seed,
        "runs": runs,
        "max_steps": max_steps,
        "time_limit": time_limit,
        "precision": precision,
        "memory": memory,
        "quality": quality,
        "strip_metadata": strip_metadata,
        "accept_truncated": accept_truncated,
        "most_pixels": most_pixels,
    }
    settings = Settings.model_validate({k: v for k, v in typed.items() if v is not None})
    if spread is not None and runs < 2:
        raise typer.BadParameter("--spread needs --runs 2 or more: one run disagrees with nobody")
    if spread is not None and spread.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"--spread {spread}: is written as a TIFF: end its name in .tiff")

    several = len(pictures) > 1 or _is_folder(pictures[0])
    if several:
        if output is None:
            which = "a folder needs" if len(pictures) == 1 else "several pictures need"
            raise typer.BadParameter(f"{which} -o: where the restored pictures go")
        if output in pipes.OUTPUTS or any(pipes.is_input(path) for path in pictures):
            raise typer.BadParameter("standard input and output are one picture: give it alone")
        if spread is not None or preview is not None:
            raise typer.BadParameter("--spread and --preview take one picture, not a folder")
    if output is not None and _is_folder(output) and pipes.is_input(pictures[0]):
        raise typer.BadParameter(f"{output}: is a folder, and standard input has no name: -o FILE")
    target = _target(pictures[0], output) if output is None or not several else output
    if target in pipes.OUTPUTS and (as_json or preview is not None or mask == "auto"):
        raise typer.BadParameter(
            "--json, --preview and --mask auto need -o FILE: stdout has the picture alone"
        )
    try:
        for path in pictures:
            _check_there(path)

        from convprior.cli import running
        from convprior.ground.progress import Meter
        from convprior.restoration import folder
        from convprior.restoration.job import Job

        progress = running.Progress(
            Meter("restoring", quiet=quiet),
            verbose=verbose,
            max_steps=max_steps,
            runs=runs,
            preview_every=math.inf if preview is None else preview,
        )
        if several:
            tasks = folder.plan(
                pictures[0] if len(pictures) == 1 else pictures, target, settings,
                recursive=recursive, overwrite=overwrite, say=progress.say,
            )  # fmt: skip
            code = running.restore_folder(tasks, device, progress, as_json=as_json)
        else:
            with pipes.opened(pictures[0], target) as ends:
                progress.plain = ends.plain
                job = Job(
                    ends.source, ends.target, settings, spread, overwrite,
                    previews=preview is not None,
                )  # fmt: skip
                code = running.restore_file(job, device, progress, as_json=as_json, begun=begun)
    except (InputError, OSError) as error:
        if as_json:  # whatever comes of it, there is a line
            source = ", ".join(str(path) for path in pictures)
            print(Report(source, str(target), error=str(error)).line(), flush=True)
        raise
    if code:
        sys.exit(code)


def _target(picture: Path, output: Path | None) -> Path:
    """Return where the result of one picture goes."""
    if output is None and pipes.is_input(picture):
        return pipes.STREAM
    written = kinds.written_name(picture)
    if output is None:
        return atomic.beside(picture.with_name(picture.stem), f".restored{written.suffix}")
    return output / written.name if _is_folder(output) else output


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, for one: it is said where the file is read or written
        return False


def _check_there(path: Path) -> None:
    """Raise InputError for a file that is not there: torch, which takes seconds, is not loaded."""
    if pipes.is_input(path):
        return
    try:
        path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
