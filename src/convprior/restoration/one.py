"""One file to restore: read, understand, restore each page, write. The unit of all work.

`restore_one` depends on its job alone and writes its result whole or not at all, so that any
engine may run jobs anywhere, in any order, and again.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.pictures.picture import ImageError, Picture
from convprior.pictures.pillow_writing import QUALITY
from convprior.prior.iterates import DivergedError, Iterate
from convprior.prior.patches.work import Work
from convprior.prior.restore import Follower
from convprior.prior.stopping import Stopper, typical_steps
from convprior.problem.operators import IDENTITY, Operator, blur, downsampling, gaussian_kernel
from convprior.restoration import levels, masks
from convprior.restoration.job import Job, Watcher
from convprior.restoration.levels import Look
from convprior.restoration.report import Page, Report
from convprior.restoration.settings import Settings, Task
from convprior.restoration.task import choose, in_words
from convprior.restoration.within_memory import restore_within_memory

ENDING = 2.0  # times as long as the rehearsal of writing: what comes after the work
Before = Callable[[Path], None]


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

    _check_paths(job)
    pages = files.read_pages(
        job.source, most_pixels=settings.most_pixels, accept_truncated=settings.accept_truncated
    )
    repairs = _repairs(job, pages, before, say)
    understood = [_understand(job, *page) for page in zip(pages, repairs, strict=True)]
    rehearsal = time.monotonic()
    _rehearse(job, pages, [look.observation.size for _, _, look in understood], say)
    writing = time.monotonic() - rehearsal
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
        if job.spread is not None:
            spreads.append(restored.spread * (look.high - look.low))  # in the file's own unit
        report.pages.append(
            Page(task, reason, len(restored.runs), last.steps, last.best_step, last.ended)
        )
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

    def see_patches(self, done: float, work: Work) -> None:
        self.watcher.patches(self.run, done)
        self._preview(work.picture)

    def see(self, iterate: Iterate, stopper: Stopper) -> None:
        self.watcher.step(self.run, iterate, max(stopper.stops_at, self.typical))
        self._preview(lambda: iterate.average)

    def _preview(self, picture: Callable[[], Tensor]) -> None:
        if self.job.previews:
            self.watcher.preview(
                lambda: _preview(self.job, self.put_together(picture().cpu()), self.say)
            )


def _check_paths(job: Job) -> None:
    """Raise InputError if a file that the job writes is one that somebody needs."""
    named = (job.source, job.settings.mask, job.settings.kernel)
    given = [Path(name) for name in named if name and Path(name).is_file()]
    written = job.written()
    for number, path in enumerate(written):
        if not path.exists():
            clash = path in written[:number]
        elif any(path.samefile(file) for file in given):
            raise ImageError(f"{path}: is the input itself, which is never replaced")
        elif not job.may_replace(path):
            raise ImageError(f"{path}: exists already: choose another name, or --overwrite")
        else:
            clash = any(other.exists() and path.samefile(other) for other in written[:number])
        if clash:
            raise ImageError(f"{path}: would be written twice: choose another name")


def _repairs(
    job: Job, pages: list[Picture], before: Before, say: Callable[[str], None]
) -> list[Tensor | None]:
    """Return what is to be repaired of each page; what was found broken is shown first."""
    settings = job.settings
    if settings.mask is None:
        return [None] * len(pages)
    repairs: list[Tensor | None] = []
    for page in pages:
        repair, said = masks.read(
            settings.mask, page, job.source, settings.invert_mask, settings.most_pixels,
            settings.sensitivity,
        )  # fmt: skip
        repairs.append(repair)
        for line in said:
            say(line)
    if settings.mask == "auto" and any(repair is not None for repair in repairs):
        shown = [
            Picture(torch.zeros_like(page.pixels[:1]) if repair is None else repair[None].float())
            for page, repair in zip(pages, repairs, strict=True)
        ]
        files.write_pages(job.found, shown, before=before)
        count = sum(int(repair.sum()) for repair in repairs if repair is not None)
        say(f"{job.found}: what will be repaired ({count:,} pixels)")
    return repairs


def _rehearse(
    job: Job, pages: list[Picture], sizes: list[tuple[int, int]], say: Callable[[str], None]
) -> None:
    """Write what came where the result will go, and remove it: before hours of work.

    What will be enlarged is as large as it will be. Raises InputError if the target cannot take it.
    """
    if job.spread is not None and len(pages) > 1:
        raise InputError(f"{job.source}: --spread takes one picture, this file has {len(pages)}")
    written = [_as_written(job.settings, *page) for page in zip(pages, sizes, strict=True)]
    files.write_pages(job.target, written, job.settings.quality, try_only=True)
    for note in dict.fromkeys(
        note for page in written for note in (*page.notes, *files.lost(job.target, page))
    ):
        say(f"{job.source}: {note}")


def _as_written(settings: Settings, page: Picture, size: tuple[int, int]) -> Picture:
    """Return a picture like the one to be written of a page: of its size, with what is kept."""
    if settings.strip_metadata:
        page = files.without_metadata(page)
    if page.pixels.shape[1:] == size:
        return page
    scale = size[0] // page.pixels.shape[1]
    grown = page.pixels.new_zeros(1).expand(len(page.pixels), *size)
    alpha = None if page.alpha is None else page.alpha.new_ones(1).expand(*size)
    metadata = page.metadata.enlarged(scale)
    return replace(page, pixels=grown, alpha=alpha, known=None, absent=None, metadata=metadata)


def _understand(job: Job, page: Picture, repair: Tensor | None) -> tuple[Task, str, Look]:
    """Return task, why, and what the method is given."""
    settings = job.settings
    operator = operator_of(settings)
    try:
        look = levels.look(page, repair, same_size=operator is IDENTITY)
    except InputError as error:
        raise InputError(f"{job.source}: {error}") from None
    if settings.told:
        look = look.with_noise(settings.noise and settings.noise / 255, settings.strength)
    if settings.task == "auto":
        task, reason = choose(look, page.metadata)
        if settings.told and task == "inpaint":
            task, reason = "denoise", f"what is missing, and {in_words(look.observation.noise)}"
        asked = settings.runs > 1 or settings.max_steps is not None or settings.told
        if task == "denoise" and look.observation.noise.hardly_any and not asked:
            return task, reason, look.as_it_is()
    else:
        task, reason = settings.task, "as asked"
    look = look.under(task, operator)
    if task == "inpaint" and not look.masked:
        transparent = ": --mask alpha repairs what is transparent" if page.alpha is not None else ""
        raise InputError(
            f"{job.source}: nothing is missing, and --task inpaint fills in what is: give --mask, "
            f"in which white marks what to repair{transparent}"
        )
    height, width = look.observation.size
    if height * width > settings.most_pixels:
        raise ImageError(
            f"{job.source}: would have {width}×{height} pixels, more than "
            f"{settings.most_pixels:,}: enlarge it less, or allow more with --max-pixels"
        )
    return task, reason, look


def operator_of(settings: Settings) -> Operator:
    """Return how the picture that is looked for became what was observed. Raises InputError.

    The identity for `auto`, which chooses no task that has another.
    """
    if settings.task == "superresolve":
        return downsampling(settings.scale)
    if settings.task != "deblur":
        return IDENTITY
    assert settings.kernel is not None  # a rule of Settings
    kind, _, value = settings.kernel.partition(":")
    try:
        if kind == "gaussian":
            return blur(gaussian_kernel(float(value)))
        kernel = files.read(Path(settings.kernel), most_pixels=settings.most_pixels)
        return blur(kernel.pixels.mean(0))
    except ValueError as error:
        raise InputError(f"--kernel {settings.kernel}: {error}") from None


def _put_together(
    settings: Settings, look: Look, page: Picture, opaque: Tensor | None, pixels: Tensor
) -> Picture:
    """Return the page to be written."""
    if settings.strip_metadata:
        page = files.without_metadata(page)
    return levels.finish(look, page, pixels, opaque)


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
