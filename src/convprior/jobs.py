"""One file to restore: read, understand, restore each page, write. The unit of all work.

`restore_one` depends on its job alone and writes its result whole or not at all, so that any
engine may run jobs anywhere, in any order, and again.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from convprior import images, masks, observing, tool
from convprior.errors import InputError
from convprior.operators import IDENTITY, Operator, blur, downsampling, gaussian_kernel
from convprior.picture import ImageError, Picture
from convprior.prior import DivergedError, Iterate
from convprior.recipes import Task
from convprior.runs import Averaged
from convprior.stopping import Stopper

CLEAN_QUALITY = 95  # of a JPEG whose damage was its compression: its old tables would damage again


@dataclass(frozen=True)
class Settings:
    """How to restore: everything but the files and the device; it decides the result."""

    task: Task | Literal["auto"] = "auto"
    mask: str | None = None
    invert_mask: bool = False
    scale: int = 2
    kernel: str | None = None
    seed: int = 0
    runs: int = 1
    max_steps: int | None = None
    time_limit: float = math.inf
    precision: tool.Precision = "float32"
    memory: int | None = None  # bytes
    quality: int | None = None
    strip_metadata: bool = False
    accept_truncated: bool = False
    most_pixels: int = images.MOST_PIXELS


@dataclass(frozen=True)
class Job:
    """A file to restore, where the result goes, and where it disagrees with itself, if asked."""

    source: Path
    target: Path
    settings: Settings
    spread: Path | None = None


@dataclass(frozen=True)
class Page:
    """What came of one page."""

    task: Task
    reason: str
    steps: int
    best_step: int
    ended: str
    notes: tuple[str, ...] = ()


@dataclass
class Report:
    """What came of a job. ``error`` is None if all went well."""

    source: str
    target: str
    pages: list[Page] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the user broke it off."""
        return any(page.ended == "interrupted" for page in self.pages)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Watcher:
    """What a job tells while it works; the functions of this one do nothing."""

    def say(self, text: str) -> None:
        """Take something that the user should know."""

    def begin(self, page: int, pages: int, task: Task, reason: str, size: tuple[int, int]) -> None:
        """Take what is about to be done with a page, counted from 0."""

    def step(self, run: int, iterate: Iterate, stopper: Stopper) -> None:
        """Take an iterate."""

    def preview(self, make: Callable[[], Path]) -> None:
        """Take a function that writes the best picture so far and returns where."""


def restore_one(job: Job, device: str, watcher: Watcher, *, half: bool = True) -> Report:
    """Restore a file and write the result. Raises InputError; writes nothing then.

    A fit that diverged is written as far as it came, and its report says so; so is one that Ctrl-C
    ended, unless not ``half``: then KeyboardInterrupt is raised.
    """
    start = time.monotonic()
    settings = job.settings
    report = Report(str(job.source), str(job.target))
    pages = images.read_pages(
        job.source, most_pixels=settings.most_pixels, accept_truncated=settings.accept_truncated
    )
    check(job, pages)
    done, spreads = [], []
    for number, page in enumerate(pages):
        task, reason, work, repair = _understand(job, page, watcher)
        watcher.begin(number, len(pages), task, reason, work.observation.size)
        opaque = repair if settings.mask == "alpha" else None

        put_together = partial(_put_together, settings, work, page, opaque)

        def watch(run: int, iterate: Iterate, stopper: Stopper, finish: Any = put_together) -> None:
            watcher.step(run, iterate, stopper)
            watcher.preview(lambda: _preview(job, finish(iterate.average.cpu())))

        try:
            restored = tool.restore(
                work.observation,
                task,
                runs=settings.runs,
                seed=settings.seed,
                device=device,
                precision=settings.precision,
                budget=settings.memory,
                time_limit=settings.time_limit,
                max_steps=settings.max_steps,
                watch=watch,
                say=watcher.say,
            )
        except DivergedError as error:
            if error.best is None:
                raise InputError(f"{job.source}: {error}") from None
            report.error = f"{job.source}: {error}. The best picture so far is in {job.target}"
            best = error.best
            restored = Averaged(best.picture, torch.zeros_like(best.picture), (best,))
        last = restored.runs[-1]
        if last.ended == "interrupted" and not (half and number == len(pages) - 1):
            raise KeyboardInterrupt
        done.append(put_together(restored.picture))
        spreads.append(restored.spread)
        report.pages.append(Page(task, reason, last.steps, last.best_step, last.ended, page.notes))
    images.write_pages(job.target, done, _quality(settings, report.pages[0].task, pages[0]))
    if job.spread is not None:
        images.write_float(job.spread, spreads[0].mean(0, keepdim=True))
    _preview_path(job).unlink(missing_ok=True)
    report.seconds = round(time.monotonic() - start, 1)
    return report


def check(job: Job, pages: list[Picture]) -> None:
    """Raise InputError if the target could not take the result: before hours of work."""
    for page in pages:
        images.check_target(job.target, page)
    if len(pages) > 1 and job.target.suffix.lower() not in (".tif", ".tiff"):
        raise ImageError(f"{job.target}: only TIFF can keep {len(pages)} pages: write TIFF")
    if job.spread is not None and len(pages) > 1:
        raise InputError(f"{job.source}: --spread takes one picture, this file has {len(pages)}")
    if job.target.exists() and job.target.samefile(job.source):
        raise ImageError(f"{job.target}: is the input itself, which is never replaced")


def _understand(
    job: Job, page: Picture, watcher: Watcher
) -> tuple[Task, str, observing.Work, Tensor | None]:
    """Return task, why, what the method is given, and which pixels are to be repaired."""
    settings, repair = job.settings, None
    for note in page.notes:
        watcher.say(f"{job.source}: {note}")
    if settings.mask is not None:
        repair, said = masks.read(settings.mask, page, job.source, settings.invert_mask)
        for line in said:
            watcher.say(line)
        if settings.mask == "auto" and repair is not None:
            file = job.target.with_name(f"{job.target.stem}.mask.png")
            images.write(file, Picture(repair[None].float()))
            watcher.say(f"{file}: what will be repaired ({int(repair.sum()):,} pixels)")
    if settings.task == "auto":
        task, reason = observing.choose(page, repair)
    else:
        task, reason = settings.task, "as asked"
    operator = operator_of(settings, task)
    if operator.scale > 1:
        page.metadata.enlarged(operator.scale)  # refused before the work, not after
    work = observing.observe(page, task, repair, operator)
    height, width = work.observation.size
    if height * width > settings.most_pixels:
        raise ImageError(
            f"{job.source}: would have {width}×{height} pixels, more than "
            f"{settings.most_pixels:,}: enlarge it less, or allow more with --max-pixels"
        )
    return task, reason, work, repair


def operator_of(settings: Settings, task: Task) -> Operator:
    """Return how the picture that a task looks for became what was observed. Raises InputError."""
    if task == "superresolve":
        return downsampling(settings.scale)
    if task != "deblur":
        return IDENTITY
    if settings.kernel is None:
        raise InputError("deblur needs --kernel: a file, or gaussian:σ with σ in pixels")
    kind, _, value = settings.kernel.partition(":")
    try:
        if kind == "gaussian":
            return blur(gaussian_kernel(float(value)))
        return blur(images.read(Path(settings.kernel)).pixels.mean(0))
    except ValueError as error:
        raise InputError(f"--kernel {settings.kernel}: {error}") from None


def _put_together(
    settings: Settings, work: observing.Work, page: Picture, opaque: Tensor | None, pixels: Tensor
) -> Picture:
    """Return the page to be written."""
    finished = observing.finish(work, page, pixels, opaque)
    return images.without_metadata(finished) if settings.strip_metadata else finished


def _quality(settings: Settings, task: Task, page: Picture) -> int | None:
    if settings.quality is None and task == "dejpeg" and page.metadata.format == "JPEG":
        return CLEAN_QUALITY
    return settings.quality


def _preview_path(job: Job) -> Path:
    return job.target.with_name(f"{job.target.stem}.preview{job.target.suffix}")


def _preview(job: Job, picture: Picture) -> Path:
    images.write(_preview_path(job), replace(picture, known=None))
    return _preview_path(job)
