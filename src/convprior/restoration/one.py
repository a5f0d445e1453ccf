"""One file to restore: read, understand, restore each page, write. The unit of all work.

`restore_one` depends on its job alone and writes its result whole or not at all, so that any
engine may run jobs anywhere, in any order, and again.
"""

import itertools
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.pictures.picture import ImageError, Picture
from convprior.pictures.pillow_writing import QUALITY
from convprior.prior.follower import Follower
from convprior.prior.iterates import DivergedError, Iterate
from convprior.prior.patches.work import Work
from convprior.prior.stopping import Stopper, typical_steps
from convprior.restoration import levels
from convprior.restoration.job import Job, Watcher
from convprior.restoration.levels import Look
from convprior.restoration.preparation import (
    Before,
    check_paths,
    check_sizes,
    rehearse,
    repairs_of,
    understand,
)
from convprior.restoration.report import Page, Report
from convprior.restoration.settings import Settings, Task
from convprior.restoration.within_memory import restore_within_memory

ENDING = 2.0  # times as long as the rehearsal of writing: what comes after the work


def restore_one(
    job: Job,
    device: str,
    watcher: Watcher,
    *,
    half: bool = True,
    before: Before = lambda _: None,
    begun: float | None = None,
) -> Report:
    """Restore a file and write the result. Raises InputError; writes nothing then.

    A fit that diverged is written as far as it came, and its report says so; so is one that Ctrl-C
    ended, unless not ``half``: then KeyboardInterrupt is raised. ``before`` is called with each
    file that is whole, under a temporary name, before it is moved to its place. ``begun`` is the
    moment of `time.monotonic` from which the time limit counts, by default now.
    """
    start = time.monotonic() if begun is None else begun
    settings = job.settings
    report = Report(str(job.source), str(job.target))

    def say(text: str) -> None:
        report.notes.append(text)
        watcher.say(text)

    check_paths(job)
    pages = files.read_pages(
        job.source, most_pixels=settings.most_pixels, accept_truncated=settings.accept_truncated
    )
    check_sizes(job, pages)
    repairs = repairs_of(job, pages, before, say)
    with ThreadPoolExecutor(1) as beside:  # to pack a picture and to measure one take seconds
        rehearsal = beside.submit(rehearse, job, pages)
        understood = [understand(job, *page) for page in zip(pages, repairs, strict=True)]
        notes, writing = rehearsal.result()
    for note in notes:
        say(f"{job.source}: {note}")
    if settings.time_limit < (least := 2 * (time.monotonic() - start)):  # to set out and to write
        say(f"{job.source}: takes about {least:.0f} s at the least, read, looked at and written")
    quality = _quality(job, understood[0][0], pages[0], say)
    done, spreads = [], []
    for number, (page, repair) in enumerate(zip(pages, repairs, strict=True)):
        task, reason, look = understood[number]
        watcher.begin(number, len(pages), task, reason, look.observation.size)
        opaque = repair if settings.mask == "alpha" else None
        put_together = partial(_put_together, settings, look, page, opaque)
        typical = typical_steps(look.observation.noise, look.observation.exact)
        followed = _Followed(job, watcher, typical, put_together, say)
        # The time is the file's: each page has its share of what is left, without the writing.
        end = start + settings.time_limit - ENDING * writing
        left = max(end - time.monotonic(), 0.0) / (len(pages) - number)
        limited = settings.model_copy(update={"time_limit": left})
        try:
            restored = restore_within_memory(look.observation, task, limited, device, followed, say)
        except DivergedError as error:
            raise InputError(f"{job.source}: {error}") from None
        last = restored.runs[-1]
        if last.ended == "interrupted" and not (half and number == len(pages) - 1):
            raise KeyboardInterrupt
        if last.ended == "diverged" and len(restored.runs) == 1:
            report.error = (
                f"{job.source}: the fit diverged at step {last.steps}. The best picture so far is "
                f"in {job.target}"
            )
        done.append(put_together(restored.picture))
        changed = _changed(page, done[-1], look)
        if job.spread is not None:
            spreads.append(restored.spread * (look.high - look.low))  # in the file's own unit
        ended = "regular" if look.regular and last.ended == "nothing to do" else last.ended
        report.pages.append(
            Page(
                task, reason, len(restored.runs), last.steps, last.best_step, ended, changed,
                followed.held_out,
            )
        )  # fmt: skip
        del restored, last  # large: what is written needs the room
    target = job.target
    # It was not there, or ours, when the work began.
    if not job.may_replace(target):
        target = _free(target)
        say(f"{job.target}: has appeared meanwhile and is left alone: the result is {target}")
        report.target = str(target)
    files.write_pages(target, done, quality, before=before)
    if job.spread is not None:
        files.write_float(job.spread, spreads[0].mean(0, keepdim=True))
    if job.previews:
        job.preview.unlink(missing_ok=True)
    report.seconds = round(time.monotonic() - start, 1)
    return report


class _Followed(Follower):
    """Tells a job's watcher of a fit, and writes previews when the watcher asks for them."""

    def __init__(
        self,
        job: Job,
        watcher: Watcher,
        typical: float,
        put_together: Callable[[Tensor], Picture],
        say: Callable[[str], None],
    ) -> None:
        self.job, self.watcher, self.typical = job, watcher, typical
        self.put_together, self.say = put_together, say
        self.held_out: float | None = None  # as a `Page` says it

    def see_patches(self, done: float, work: Work) -> None:
        self.watcher.patches(self.run, done)
        self._preview(work.picture)

    def see(self, iterate: Iterate, stopper: Stopper) -> None:
        if stopper.kept_step == iterate.step and math.isfinite(iterate.held_out):
            self.held_out = round(255 * math.sqrt(iterate.held_out), 2)
        self.watcher.step(self.run, iterate, max(stopper.stops_at, self.typical))
        self._preview(lambda: iterate.average)

    def _preview(self, picture: Callable[[], Tensor]) -> None:
        if self.job.previews:
            self.watcher.preview(
                lambda: _preview(self.job, self.put_together(picture().cpu()), self.say)
            )


def _put_together(
    settings: Settings, look: Look, page: Picture, opaque: Tensor | None, pixels: Tensor
) -> Picture:
    """Return the page to be written."""
    if settings.strip_metadata:
        page = files.without_metadata(page)
    return levels.finish(look, page, pixels, opaque)


def _changed(before: Picture, after: Picture, look: Look) -> float | None:
    """Return the root mean square of what has changed of the known pixels, of 255."""
    stays = look.observation.exact and not look.regular
    if before.pixels.shape != after.pixels.shape or stays:
        return None
    known = look.observation.known  # what others hold may be no number
    squares = sum(
        float(torch.where(known, new - old, 0.0).square().sum())
        for old, new in zip(before.pixels, after.pixels, strict=True)  # planes: less memory at once
    )
    count = max(int(known.sum()) * len(before.pixels), 1)
    return round(255 * math.sqrt(squares / count) / (look.high - look.low), 2)


def _quality(job: Job, task: Task, page: Picture, say: Callable[[str], None]) -> int | None:
    """Return the quality to write at, None for that of the file that came; another one is said."""
    asked, kind = job.settings.quality, files.SUFFIXES.get(job.target.suffix.lower())
    if asked is not None or task != "dejpeg" or page.metadata.format != "JPEG" or kind != "JPEG":
        return asked
    say(
        f"{job.source}: is written at quality {QUALITY}, and larger than it came: its own tables "
        "would damage it again; --quality N sets another"
    )
    return QUALITY


def _preview(job: Job, picture: Picture, say: Callable[[str], None]) -> None:
    """Write the best so far; a disk that is full for a while does not end the work."""
    try:
        files.write(job.preview, picture)
    except ImageError as error:
        say(f"no preview: {error}")


def _free(path: Path) -> Path:
    """Return a name like ``path`` that is not taken."""
    numbers = itertools.count(2)
    stem = path.with_name(path.stem)
    return next(
        other for n in numbers if not (other := atomic.beside(stem, f".{n}{path.suffix}")).exists()
    )
