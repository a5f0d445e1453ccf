"""What there is to do with one file, what came of it, and what is told meanwhile."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from convprior.pictures import files
from convprior.prior.restore import Iterate
from convprior.prior.stopping import Stopper
from convprior.restoration import within_memory
from convprior.restoration.recipes import Task


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
    precision: within_memory.Precision = "float32"
    memory: int | None = None  # bytes
    quality: int | None = None
    strip_metadata: bool = False
    accept_truncated: bool = False
    most_pixels: int = files.MOST_PIXELS


@dataclass(frozen=True)
class Job:
    """A file to restore, where the result goes, and where the runs' spread goes, if asked.

    ``overwrite`` replaces what is there, but never the source or a mask. ``previews``: its watcher
    may ask for them.
    """

    source: Path
    target: Path
    settings: Settings
    spread: Path | None = None
    overwrite: bool = False
    previews: bool = False

    @property
    def found(self) -> Path:
        """Where what `auto` finds broken is shown."""
        pages = self.target.suffix.lower() in (".tif", ".tiff")  # there can be several
        return self.target.with_name(f"{self.target.stem}.mask{'.tif' if pages else '.png'}")

    @property
    def preview(self) -> Path:
        """Where the best picture so far lies while the job works."""
        return self.target.with_name(f"{self.target.stem}.preview{self.target.suffix}")

    def written(self) -> list[Path]:
        """Return all files that the job writes."""
        extra = [self.spread] if self.spread else []
        extra += [self.found] if self.settings.mask == "auto" else []
        return [self.target, *extra, *([self.preview] if self.previews else [])]


@dataclass(frozen=True)
class Page:
    """What came of one page."""

    task: Task
    reason: str
    steps: int
    best_step: int
    ended: str


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

    def preview(self, make: Callable[[], None]) -> None:
        """Take a function that writes the best picture so far."""
