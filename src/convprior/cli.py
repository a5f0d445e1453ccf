"""The command `convprior`: restore one picture; replay what MLflow has not got."""

import math
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Restore a damaged picture with nothing but an untrained network: no data, no download.",
)

# Everything heavier than this file's imports is imported when it is needed: `--help` is instant.


def main() -> None:
    """Run the command; what the user can mend ends in one line and a non-zero code."""
    from convprior.errors import InputError

    try:
        app()
    except InputError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def parse_duration(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``2m`` or ``1h30m``. Raises typer.BadParameter."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not text.strip() or match is None:
        raise typer.BadParameter(f"'{text}' is no duration: write 90, 90s, 2m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


@app.callback()
def _several_commands() -> None:
    """Make typer keep the commands' names."""


@app.command(epilog="Example:  convprior restore scan.png -o restored.png --mask scratches.png")
def restore(
    picture: Annotated[
        Path, typer.Argument(metavar="INPUT", show_default=False, help="PNG, JPEG, TIFF or WebP.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: INPUT with '.restored'."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A picture of the same size: white means repair."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="denoise or inpaint; default: inpaint with a mask."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Another seed, a slightly other picture.")
    ] = 0,
    max_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop at this step at the latest.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after 90s, 2m, 1h30m.")
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Average so many runs: better, and slower.")
    ] = 1,
    spread: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the runs disagree: their deviation, a float TIFF."
        ),
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str,
        typer.Option(metavar="TYPE", help="float32, or bfloat16 where the device is fast at it."),
    ] = "float32",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that exists.")
    ] = False,
) -> None:
    """Restore INPUT: remove noise, or fill in what a mask marks as missing.

    An untrained network is fitted to the picture and stopped before it learns the damage. Takes
    some minutes on a laptop. Ctrl-C writes the best picture so far.
    """
    seconds = math.inf if time_limit is None else parse_duration(time_limit)
    if task not in (None, "denoise", "inpaint"):
        raise typer.BadParameter(f"'{task}' is no task: choose denoise or inpaint")
    if precision not in ("float32", "bfloat16"):
        raise typer.BadParameter(f"'{precision}' is no precision: choose float32 or bfloat16")
    if spread is not None and runs < 2:
        raise typer.BadParameter("--spread needs --runs 2 or more: one run disagrees with nobody")
    if spread is not None and spread.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"--spread {spread}: is written as a TIFF: end its name in .tiff")
    if task == "inpaint" and mask is None:
        raise typer.BadParameter("inpaint needs --mask: white marks what to repair")

    from convprior import devices, images, tool
    from convprior.prior import DivergedError

    target = output or picture.with_suffix(f".restored{picture.suffix}")
    loaded = images.read(picture)
    images.check_target(target, loaded)
    if target.exists() and not overwrite:
        raise images.ImageError(f"{target}: exists already: choose another -o, or --overwrite")
    if spread is not None and spread.exists() and not overwrite:
        raise images.ImageError(f"{spread}: exists already: choose another, or --overwrite")
    if target.exists() and target.samefile(picture):
        raise images.ImageError(f"{target}: is the input itself, which is never replaced")
    known = None if mask is None else _known(mask, loaded)
    precise: Any = precision  # checked above
    chosen: Any = task or ("denoise" if mask is None else "inpaint")
    observation = tool.observe(loaded.pixels, known, chosen)
    devices.choose(device)  # an impossible device is said before the progress starts

    with Progress(sys.stderr.isatty(), max_steps, runs) as progress:
        try:
            restored = tool.restore(
                observation, chosen, runs=runs, seed=seed, device=device, precision=precise,
                time_limit=seconds, max_steps=max_steps, watch=progress.show,
            )  # fmt: skip
        except DivergedError as error:
            if error.best is None:
                _fail(f"{picture}: {error}")
            images.write(target, replace(loaded, pixels=error.best.picture))
            _fail(f"{picture}: {error}. The best picture so far is in {target}")
        except KeyboardInterrupt:
            print("interrupted before there was a picture: nothing written", file=sys.stderr)
            sys.exit(130)
    images.write(target, replace(loaded, pixels=restored.picture))
    if spread is not None:
        images.write_float(spread, restored.spread)
    last = restored.runs[-1]
    reason = {
        "stopped": "the held-out pixels said stop",
        "max steps": "the last step was reached: --max-steps can go on further",
        "time limit": "the time was over: a longer --time-limit may do better",
        "interrupted": "interrupted: this is the best picture so far",
    }[last.ended]
    averaged = f"{len(restored.runs)} runs averaged, the last: " if runs > 1 else ""
    said = f"{averaged}step {last.best_step} of {last.steps}; {reason}"
    print(f"{target}: {said}", file=sys.stderr)


def _known(mask: Path, picture: Any) -> Any:
    """Return the known pixels (h, w) for a mask file; refuse one that cannot be meant."""
    from convprior import images

    repair = images.read_mask(mask)
    size = tuple(picture.pixels.shape[1:])
    if tuple(repair.shape) != size:
        raise images.ImageError(
            f"{mask}: is {repair.shape[1]}×{repair.shape[0]} pixels, the picture "
            f"{size[1]}×{size[0]}: make a mask of the picture's size"
        )
    if repair.all():
        raise images.ImageError(f"{mask}: all white: nothing would be known; white means repair")
    if not repair.any():
        raise images.ImageError(
            f"{mask}: all black: there is nothing to repair; white means repair"
        )
    return ~repair


class Progress:
    """Steps, held-out error and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self, terminal: bool, max_steps: int | None, runs: int = 1, every: float = 10.0
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.every, self.start, self.last = every, time.monotonic(), time.monotonic()
        self.max_steps, self.runs, self.run = max_steps or math.inf, runs, 0
        self.bar = None
        if terminal:
            self.bar = Progress(
                TextColumn("restoring"), BarColumn(), TextColumn("{task.fields[said]}"),
                TimeElapsedColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self.task = self.bar.add_task("restoring", total=1.0, said="starting")

    def __enter__(self) -> "Progress":
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def show(self, run: int, iterate: Any, stopper: Any) -> None:
        """Show an iterate and when the stop is due if nothing improves from here."""
        now = time.monotonic()
        if run > self.run:
            self.run, self.start = run, now
        due = max(min(stopper.stops_at, self.max_steps), iterate.step)
        left = (now - self.start) / iterate.step * (due - iterate.step)
        said = f"run {run + 1} of {self.runs} · " if self.runs > 1 else ""
        said += f"step {iterate.step}"
        if not math.isnan(iterate.held_out):
            said += f" · held-out error {math.sqrt(iterate.held_out) * 255:.2f}/255"
        said += f" · at least {left:.0f} s left"
        if self.bar:
            self.bar.update(self.task, completed=(run + iterate.step / due) / self.runs, said=said)
        elif now - self.last >= self.every:
            self.last = now
            print(said, file=sys.stderr, flush=True)


@app.command()
def sync() -> None:
    """Replay to MLflow the runs that it has not got: after a server was away."""
    from convprior import tracking

    through, left = tracking.sync()
    print(f"{through} runs replayed to {tracking.uri()}, {left} left")
    if left:
        sys.exit(1)


if __name__ == "__main__":
    main()
