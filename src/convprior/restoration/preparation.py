"""What is looked at before the work on a file: its paths, what is to be repaired, what it needs.

What cannot be is said here, before hours of work. Raises InputError.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.pictures.picture import ImageError, Picture
from convprior.problem.operators import IDENTITY, Operator, blur, downsampling, gaussian_kernel
from convprior.restoration import gaps, levels, masks
from convprior.restoration.job import Job
from convprior.restoration.levels import Look
from convprior.restoration.settings import Settings, Task
from convprior.restoration.task import choose, in_words, with_regular

Before = Callable[[Path], None]


def check_paths(job: Job) -> None:
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


def check_sizes(job: Job, pages: list[Picture]) -> None:
    """Raise ImageError if what is to be enlarged would be too large."""
    most = job.settings.most_pixels
    for page in pages:
        height, width = _written_size(job.settings, page)
        if height * width > most:
            raise ImageError(
                f"{job.source}: would have {width}×{height} pixels, more than {most:,}: enlarge it "
                "less, or allow more with --max-pixels"
            )


def _written_size(settings: Settings, page: Picture) -> tuple[int, int]:
    scale = settings.scale if settings.task == "superresolve" else 1
    height, width = page.pixels.shape[1:]
    return scale * height, scale * width


def repairs_of(
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


def understand(job: Job, page: Picture, repair: Tensor | None) -> tuple[Task, str, Look]:
    """Return task, why, and what the method is given."""
    settings = job.settings
    operator = operator_of(settings)
    try:
        look = levels.look(page, repair, same_size=operator.is_identity)
    except InputError as error:
        raise InputError(f"{job.source}: {error}") from None
    if settings.told:
        look = look.with_noise(settings.noise and settings.noise / 255, settings.strength)
    if settings.task == "auto":
        task, reason = choose(look, page.metadata)
        if settings.told and task == "inpaint":
            told = f"what is missing, and {in_words(look.observation.noise)}"
            task, reason = "denoise", with_regular(look, told)
        asked = settings.runs > 1 or settings.max_steps is not None or settings.told
        if task == "denoise" and look.observation.noise.hardly_any and not asked:
            return task, reason, look.as_it_is()
    else:
        task, reason = settings.task, with_regular(look, "as asked")
    look = look.under(task, operator)
    if operator.is_identity and (holes := gaps.hollow(look.observation.known, settings.fill)):
        wide = max(hole.width for hole in holes)
        which = "a hole" if len(holes) == 1 else f"{len(holes)} holes, up to"
        reason = f"{reason}; {which} {wide} pixels wide: filled with pieces of the picture"
    if task == "inpaint" and not look.masked:
        transparent = ": --mask alpha repairs what is transparent" if page.alpha is not None else ""
        raise InputError(
            f"{job.source}: nothing is missing, and --task inpaint fills in what is: give --mask, "
            f"in which white marks what to repair{transparent}"
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


def rehearse(job: Job, pages: list[Picture]) -> tuple[list[str], float]:
    """Write what came where the result will go, and remove it: before hours of work.

    What will be enlarged is as large as it will be. Returns what is to be said, and the seconds
    that it took. Raises InputError if the target cannot take it.
    """
    if job.spread is not None and len(pages) > 1:
        raise InputError(f"{job.source}: --spread takes one picture, this file has {len(pages)}")
    begun = time.monotonic()
    written = [_as_written(job.settings, page) for page in pages]
    files.write_pages(job.target, written, job.settings.quality, try_only=True)
    notes = [note for page in written for note in (*page.notes, *files.lost(job.target, page))]
    return list(dict.fromkeys(notes)), time.monotonic() - begun


def _as_written(settings: Settings, page: Picture) -> Picture:
    """Return a picture like the one to be written of a page: of its size, with what is kept."""
    if settings.strip_metadata:
        page = files.without_metadata(page)
    size = _written_size(settings, page)
    if page.pixels.shape[1:] == size:
        return page
    grown = page.pixels.new_zeros(1).expand(len(page.pixels), *size)
    alpha = None if page.alpha is None else page.alpha.new_ones(1).expand(*size)
    metadata = page.metadata.enlarged(settings.scale)
    return replace(page, pixels=grown, alpha=alpha, known=None, absent=None, metadata=metadata)
