"""What there is to do with one file, and what is told meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convprior.ground import atomic, resume
from convprior.prior.iterates import Iterate
from convprior.restoration.settings import Settings, Task


@dataclass(frozen=True)
class Job:
    """A file to restore, where the result goes, and where the runs' spread goes, if asked.

    ``overwrite`` replaces what is there, but never the source or a mask; without it a file is
    replaced only if its SHA-256 is among ``ours``, those of results of before. ``previews``: its
    watcher may ask for them.
    """

    source: Path
    target: Path
    settings: Settings
    spread: Path | None = None
    overwrite: bool = False
    previews: bool = False
    ours: frozenset[str] = frozenset()

    def may_replace(self, path: Path) -> bool:
        """Return whether the job may write to a path: nothing is there that is somebody's."""
        return self.overwrite or not path.exists() or resume.digest_of(path) in self.ours

    @property
    def found(self) -> Path:
        """Where what `auto` finds broken is shown."""
        pages = self.target.suffix.lower() in (".tif", ".tiff")  # there can be several
        return atomic.beside(
            self.target.with_name(self.target.stem), f".mask{'.tif' if pages else '.png'}"
        )

    @property
    def preview(self) -> Path:
        """Where the best picture so far lies while the job works."""
        return atomic.beside(
            self.target.with_name(self.target.stem), f".preview{self.target.suffix}"
        )

    def written(self) -> list[Path]:
        """Return all files that the job writes."""
        extra = [self.spread] if self.spread else []
        extra += [self.found] if self.settings.mask == "auto" else []
        return [self.target, *extra, *([self.preview] if self.previews else [])]


class Watcher:
    """What a job tells while it works; the functions of this one do nothing."""

    def say(self, text: str) -> None:
        """Take something that the user should know."""

    def begin(self, page: int, pages: int, task: Task, reason: str, size: tuple[int, int]) -> None:
        """Take what is about to be done with a page, counted from 0."""

    def patches(self, run: int, done: float) -> None:
        """Take the share of the patches' work that is done, from 0 to 1."""

    def step(self, run: int, iterate: Iterate, due: float) -> None:
        """Take an iterate of the network, and the step that is thought to be its last."""

    def preview(self, make: Callable[[], None]) -> None:
        """Take a function that writes the best picture so far."""
