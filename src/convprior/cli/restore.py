"""`convprior restore`: a picture or a folder of pictures."""

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convprior.cli import sizes

if TYPE_CHECKING:
    from convprior.cli.progress import Progress
    from convprior.job import Report, Settings

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
    task: Annotated[
        str, typer.Option(metavar="TASK", help=f"{', '.join(TASKS)}: see below.")
    ] = "auto",
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

    from convprior.cli.progress import Progress
    from convprior.job import Settings

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
        code = _folder(picture, output, settings, device, progress, as_json, recursive, overwrite)
    else:
        code = _file(picture, output, spread, settings, device, progress, as_json, overwrite)
    if code:
        sys.exit(code)


def _file(
    source: Path,
    output: Path | None,
    spread: Path | None,
    settings: "Settings",
    device: str,
    progress: "Progress",
    as_json: bool,
    overwrite: bool,
) -> int:
    from convprior.job import Job
    from convprior.restoring import restore_one

    target = output or source.with_suffix(f".restored{source.suffix}")
    previews = math.isfinite(progress.preview_every)
    job = Job(source, target, settings, spread, overwrite, previews)
    using = _checked(device, progress)[0]  # an impossible device is said before the work starts
    with progress:
        try:
            report = restore_one(job, using, progress.file(0, source.name))
        except KeyboardInterrupt:
            print(
                "interrupted before there was a picture of each page: nothing written",
                file=sys.stderr,
            )
            return 130
    _tell(report, settings.runs, progress, as_json)
    if report.error:
        print(f"error: {report.error}", file=sys.stderr)
        return 1
    return 130 if report.interrupted else 0


def _folder(
    source: Path,
    target: Path,
    settings: "Settings",
    device: str,
    progress: "Progress",
    as_json: bool,
    recursive: bool,
    overwrite: bool,
) -> int:
    from convprior import batch

    tasks = batch.plan(source, target, settings, recursive=recursive, overwrite=overwrite)
    using = _checked(device, progress)
    failed: list[str] = []
    skipped = sum(task.done for task in tasks)
    progress.files = len(tasks)
    with progress:
        try:
            for task, report in batch.run(
                tasks, using, lambda n: progress.file(n, tasks[n].job.source.name)
            ):
                if report.error:
                    failed.append(report.error)
                    progress.say(f"failed: {report.error}")
                else:
                    progress.say(f"{task.job.target}: done in {report.seconds:.0f} s")
                for note in report.notes if len(using) > 1 else []:  # one device says them itself
                    progress.say(note)
                if as_json:
                    print(json.dumps(report.as_json()), flush=True)
        except KeyboardInterrupt:
            print("interrupted: the same command goes on from here", file=sys.stderr)
            return 130
    if skipped:
        progress.say(f"{skipped} of {len(tasks)} were done before")
    if failed:
        print(f"{len(failed)} of {len(tasks)} pictures failed:", file=sys.stderr)
        print("\n".join(f"  {error}" for error in failed), file=sys.stderr)
    return 1 if failed else 0


def _checked(names: str, progress: "Progress") -> list[str]:
    """Return the devices to work on; one that computes wrong is replaced by the CPU."""
    import torch

    from convprior import devices, selftest

    using = []
    for name in devices.every(names):
        if not selftest.computes_right(torch.device(name)):
            progress.say(f"warning: {name} computes wrong on a known case: the CPU is used instead")
            name = "cpu"
        using.append(name)
    return using


def _tell(report: "Report", runs: int, progress: "Progress", as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json()), flush=True)
    page = report.pages[-1]
    reason = {
        "stopped": "the held-out pixels said stop",
        "max steps": "the last step was reached: --max-steps can go on further",
        "time limit": "the time was over: a longer --time-limit may do better",
        "interrupted": "interrupted: this is the best picture so far",
        "diverged": "the fit diverged",
    }[page.ended]
    averaged = f"{runs} runs averaged, the last: " if runs > 1 else ""
    pages = f"{len(report.pages)} pages, the last: " if len(report.pages) > 1 else ""
    progress.say(
        f"{report.target}: {pages}{averaged}step {page.best_step} of {page.steps}; {reason}"
    )
