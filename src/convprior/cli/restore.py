"""`convprior restore`: a picture, several, or a folder of them."""

import math
import sys
import time

import typer

from convprior.cli import options, pipes, places
from convprior.cli.options import DEFAULT
from convprior.ground.errors import InputError
from convprior.restoration.report import Report
from convprior.restoration.settings import Settings

EXAMPLES = """\b
Examples:
  convprior restore photo.png
  convprior restore scan.tif -o whole.tif --mask scratches.png --time-limit 5m
  convprior restore photos -o restored --recursive
"""


def command(
    pictures: options.Pictures,
    task: options.Task = DEFAULT.task,
    mask: options.Mask = None,
    invert_mask: options.InvertMask = False,
    sensitivity: options.Sensitivity = None,
    fill: options.Fill = DEFAULT.fill,
    scale: options.Scale = None,
    kernel: options.Kernel = None,
    noise: options.Noise = None,
    strength: options.Strength = None,
    runs: options.Runs = DEFAULT.runs,
    spread: options.Spread = None,
    seed: options.Seed = DEFAULT.seed,
    max_steps: options.MaxSteps = None,
    time_limit: options.TimeLimit = None,
    memory: options.Memory = None,
    device: options.Device = "auto",
    precision: options.Precision = DEFAULT.precision,
    output: options.Output = None,
    quality: options.Quality = None,
    strip_metadata: options.StripMetadata = False,
    accept_truncated: options.AcceptTruncated = False,
    most_pixels: options.MostPixels = DEFAULT.most_pixels,
    overwrite: options.Overwrite = False,
    recursive: options.Recursive = False,
    shard: options.Shard = None,
    cluster: options.Cluster = None,
    preview: options.Preview = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
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
