"""The options of `convprior restore`: what each is called, what is written for it, what it says."""

import re
from pathlib import Path
from typing import Annotated

import typer

from convprior.restoration import settings

DEFAULT = settings.Settings()


def seconds(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``2m`` or ``1h30m``. Raises typer.BadParameter."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not text.strip() or match is None:
        raise typer.BadParameter(f"'{text}' is no duration: write 90, 90s, 2m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


Pictures = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT",
        help="PNG, JPEG, TIFF, WebP and other files, a folder; - is stdin.",
    ),
]
Task = Annotated[
    settings.Asked,
    typer.Option(
        metavar="TASK",
        help="What is wrong with the picture, of those above.",
        rich_help_panel="What to repair",
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        metavar="MASK",
        help="What to repair: white in a file (or in a folder's file of the same name), alpha, "
        "a colour as '#ff00ff', or auto for dead pixels, scratches and dust.",
    ),
]
InvertMask = Annotated[
    bool, typer.Option("--invert-mask", help="Repair what the mask does not mark.")
]
Sensitivity = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="With --mask auto: find fainter scratches, or fewer (0.25 to 4; default "
        f"{DEFAULT.sensitivity:g}).",
    ),
]
Fill = Annotated[
    settings.Fill,
    typer.Option(metavar="HOW", help="Fill wide holes by network, or by patches copied whole."),
]
Scale = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="With --task superresolve: enlarge each side N times (2 to 4; default "
        f"{DEFAULT.scale}).",
    ),
]
Kernel = Annotated[
    str | None,
    typer.Option(
        metavar="KERNEL",
        help="With --task deblur: a picture of the blur, or gaussian:1.5 (σ in pixels).",
    ),
]
Noise = Annotated[
    float | None,
    typer.Option(metavar="N", help="Noise of N/255: do not measure it."),
]
Strength = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Take away X times the noise that there is (0.25 to 4; default 1).",
    ),
]
Runs = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Average N runs: better, and N times as long.",
        rich_help_panel="How well, how long",
    ),
]
Spread = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write where the runs disagree, as a grey float TIFF."),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", help="Random seed; another one gives a slightly different picture."),
]
MaxSteps = Annotated[int | None, typer.Option(metavar="N", help="Stop at step N at the latest.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=seconds,
        help="End each picture after TIME (90s, 2m, 1h30m) with the best so far.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Use at most SIZE, as 2GB; tiles make large pictures fit."),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Compute on cpu, cuda, mps, or several: cuda:0,cuda:1.",
    ),
]
Precision = Annotated[
    settings.Precision,
    typer.Option(metavar="TYPE", help="float32, or bfloat16: faster on devices made for it."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="A file or folder; - is stdout. Default: photo.restored.png beside it.",
        rich_help_panel="Files",
    ),
]
Quality = Annotated[
    int | None, typer.Option(metavar="N", help="Quality of a JPEG or WebP output (1 to 100).")
]
StripMetadata = Annotated[
    bool,
    typer.Option("--strip-metadata", help="Drop EXIF, XMP and tags; keep the colour profile."),
]
AcceptTruncated = Annotated[
    bool, typer.Option("--accept-truncated", help="Fill in the rows that a file has lost.")
]
MostPixels = Annotated[
    int,
    typer.Option("--max-pixels", metavar="N", help="Refuse pictures of more than N pixels."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace outputs that exist, and do again what is done."),
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive", help="Restore the pictures in the folder's folders too."),
]
Shard = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Restore each Nth picture alone, from the Ith on."),
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Work on a running Ray cluster: auto, or HOST:PORT."),
]
Preview = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=seconds,
        help="Write the best picture so far every TIME.",
        rich_help_panel="What is said",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a line of JSON for each picture on stdout.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Say every step.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
