"""`convprior restore`: a picture or a folder of pictures."""

import math
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from convprior.cli import sizes

EXAMPLE = "Example:  convprior restore scan.png -o restored.png --mask scratches.png"

GAUSSIAN = r"gaussian:\d*\.?\d+"
TASKS = ("auto", "denoise", "inpaint", "dejpeg", "superresolve", "deblur")


def restore(
    picture: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", show_default=False, help="PNG, JPEG, TIFF or WebP; or a folder."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: INPUT with '.restored'."),
    ] = None,
    task: Annotated[str, typer.Option(metavar="TASK", help=f"{', '.join(TASKS)}.")] = "auto",
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="MASK",
            help="What to repair: white in a file (or in a folder's file of the same name), alpha, "
            "a colour as '#ff00ff', or auto: dead pixels and scratches.",
        ),
    ] = None,
    invert_mask: Annotated[
        bool, typer.Option("--invert-mask", help="Repair what the mask does not mark.")
    ] = False,
    scale: Annotated[
        int | None,
        typer.Option(min=2, max=4, metavar="N", help="superresolve: so many times the sides, 2."),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(metavar="KERNEL", help="deblur: a picture of the blur, or gaussian:σ."),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Average so many runs: better, and slower.")
    ] = 1,
    spread: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the runs disagree: a grey float TIFF."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Another seed, a slightly other picture.")
    ] = 0,
    max_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop at this step at the latest.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after 90s, 2m, 1h30m a picture.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="As 2GB; what needs more is fitted in tiles."),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps; cuda:0,cuda:1.")
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(metavar="TYPE", help="float32, or bfloat16 where the device is fast at it."),
    ] = "float32",
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, metavar="N", help="Of a JPEG or WebP output.")
    ] = None,
    strip_metadata: Annotated[
        bool, typer.Option("--strip-metadata", help="Drop EXIF, XMP, tags; keep the profile.")
    ] = False,
    accept_truncated: Annotated[
        bool, typer.Option("--accept-truncated", help="Fill in the rows that a file has lost.")
    ] = False,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Refuse larger pictures.")
    ] = 100_000_000,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also the folders of a folder.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist, redo what is done.")
    ] = False,
    preview: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="So often, write the best so far beside the output."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each picture, on stdout.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say every step.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Restore INPUT: remove noise, fill in what a mask marks, sharpen, enlarge.

    An untrained network is fitted to the picture and stopped before it learns the damage: some
    minutes for a small picture, hours for 12 megapixels, on a laptop. Format, bit depth and
    metadata stay. Ctrl-C writes the best picture so far, if the file holds only one.

    denoise: noise, also with holes. inpaint: holes in a picture without noise, whose other pixels
    stay as they are. dejpeg: the traces of JPEG. superresolve: enlarge. deblur: undo a known blur.
    auto looks at the picture and says what it chose.

    A folder: the same tree under -o; what is done is skipped. Exit code 0: all done, 1: some
    failed, 2: wrong usage, 130: interrupted.
    """
    if task not in TASKS:
        raise typer.BadParameter(f"'{task}' is no task: choose {', '.join(TASKS)}")
    if precision not in ("float32", "bfloat16"):
        raise typer.BadParameter(f"'{precision}' is no precision: choose float32 or bfloat16")
    if spread is not None and runs < 2:
        raise typer.BadParameter("--spread needs --runs 2 or more: one run disagrees with nobody")
    if spread is not None and spread.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"--spread {spread}: is written as a TIFF: end its name in .tiff")
    if task == "inpaint" and mask is None and not accept_truncated:
        raise typer.BadParameter("inpaint needs --mask: white marks what to repair")
    if invert_mask and mask is None:
        raise typer.BadParameter("--invert-mask needs --mask")
    if task == "deblur" and kernel is None:
        raise typer.BadParameter("deblur needs --kernel: a file, or gaussian:σ with σ in pixels")
    if scale is not None and task != "superresolve":
        raise typer.BadParameter("--scale needs --task superresolve")
    if kernel is not None and task != "deblur":
        raise typer.BadParameter("--kernel needs --task deblur")
    if kernel and kernel.startswith("gaussian") and not re.fullmatch(GAUSSIAN, kernel):
        raise typer.BadParameter(f"--kernel {kernel}: write gaussian:1.5, with σ in pixels")
    limit = math.inf if time_limit is None else sizes.seconds(time_limit)
    every = math.inf if preview is None else sizes.seconds(preview)
    budget = None if memory is None else sizes.number_of_bytes(memory)

    from convprior.cli import running
    from convprior.cli.progress import Progress
    from convprior.restoration import folder
    from convprior.restoration.job import Job, Settings

    chosen: Any = {"task": task, "precision": precision}  # checked above
    settings = Settings(
        **chosen,
        mask=mask,
        invert_mask=invert_mask,
        scale=scale or 2,
        kernel=kernel,
        seed=seed,
        runs=runs,
        max_steps=max_steps,
        time_limit=limit,
        memory=budget,
        quality=quality,
        strip_metadata=strip_metadata,
        accept_truncated=accept_truncated,
        most_pixels=max_pixels,
    )
    progress = Progress(
        terminal=sys.stderr.isatty(),
        quiet=quiet,
        verbose=verbose,
        max_steps=max_steps,
        runs=runs,
        preview_every=every,
    )
    if picture.is_dir():
        if output is None:
            raise typer.BadParameter("a folder needs -o: where the restored pictures go")
        if spread is not None or preview is not None:
            raise typer.BadParameter("--spread and --preview take one picture, not a folder")
        tasks = folder.plan(picture, output, settings, recursive=recursive, overwrite=overwrite)
        code = running.restore_folder(tasks, device, progress, as_json=as_json)
    else:
        target = output or picture.with_suffix(f".restored{picture.suffix}")
        job = Job(picture, target, settings, spread, overwrite, previews=preview is not None)
        code = running.restore_file(job, device, progress, as_json=as_json)
    if code:
        sys.exit(code)
