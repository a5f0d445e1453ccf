"""`convprior restore`: a picture, several, or a folder of them."""

import math
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from convprior.cli import pipes, places
from convprior.ground.errors import InputError
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
        typer.Option(
            metavar="TASK",
            help="What is wrong with the picture, of those above.",
            rich_help_panel="What to repair",
        ),
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
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Restore each Nth picture alone, from the Ith on."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Work on a running Ray cluster: auto, or HOST:PORT."),
    ] = None,
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
    Small ones, and those given time, get an untrained network too. Format, depth, metadata stay.

    denoise: noise, and with it holes. inpaint: holes alone, all else stays. dejpeg: the traces of
    JPEG. superresolve: enlarge. deblur: undo a known blur. auto looks and says what it chose.

    Of a folder, and of several files, comes the same tree under -o; what is done is skipped. Exit
    code 0: all done, 1: some failed, 2: wrong usage, 130: Ctrl-C (one picture: the best is kept).
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

    several, target = places.resolve(
        pictures, output, alone=spread is not None or preview is not None
    )
    if shard is not None and not several:
        raise typer.BadParameter("--shard takes a folder, or several pictures")
    part, parts = places.shard(shard or "1/1")
    if cluster is not None and not several:
        raise typer.BadParameter("--cluster takes a folder, or several pictures")
    if cluster is not None and device != "auto":
        raise typer.BadParameter(
            "--cluster and --device: a cluster says itself what it computes on"
        )
    if target in pipes.OUTPUTS and (as_json or preview is not None or mask == "auto"):
        raise typer.BadParameter(
            "--json, --preview and --mask auto need -o FILE: stdout has the picture alone"
        )
    try:
        for path in pictures:
            places.check_there(path)

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
                recursive=recursive, overwrite=overwrite, shard=(part, parts), say=progress.say,
            )  # fmt: skip
            code = running.restore_folder(tasks, device, cluster, progress, as_json=as_json)
            if shard is not None and code != 130:
                what = "picture" if len(tasks) == 1 else "pictures"
                progress.say(f"shard {part}/{parts}: {len(tasks)} {what}, no others")
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
