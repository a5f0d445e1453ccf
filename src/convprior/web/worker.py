"""The process that works: it takes one errand after another through a pipe, and tells of each.

What it tells are dictionaries of what has changed of an errand. It ends when nobody listens.
"""

import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from typing import Literal

from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.pictures.picture import Picture
from convprior.restoration import levels, masks, selftest, task
from convprior.restoration.job import Job
from convprior.restoration.one import restore_one
from convprior.restoration.pace import Pace
from convprior.restoration.settings import Task

What = Literal["look", "find", "restore"]

TELL_EVERY = 0.2  # seconds
PREVIEW_AFTER = 2.0  # seconds at least from one preview to the next,
PREVIEW_SHARE = 10.0  # and so many times as long as one takes: the work is what matters


@dataclass(frozen=True)
class Errand:
    """What is asked of the worker: ``find`` writes what `auto` finds broken of ``page``."""

    number: int
    what: What
    job: Job
    page: int = 0


def work(pipe: Connection, device: str) -> None:
    """Do what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    using: str | None = None
    try:
        while True:
            errand = pipe.recv()
            if isinstance(errand, int):  # to stop one that has ended already
                continue
            teller = _Teller(pipe, errand)
            try:
                if errand.what == "restore" and using is None:
                    using = selftest.working(device, teller.say)[0]
                teller.tell(**_done(errand, using or "cpu", teller))
            except KeyboardInterrupt:
                teller.tell(state="stopped")
            except (EOFError, BrokenPipeError):
                raise
            except (InputError, OSError) as error:
                teller.tell(state="failed", error=str(error))
            except Exception as error:  # a bug, or no memory: the next errand is to find a worker
                teller.tell(state="failed", error=f"{type(error).__name__}: {error}")
    except (EOFError, BrokenPipeError):
        return


def _done(errand: Errand, device: str, teller: "_Teller") -> dict[str, object]:
    """Do an errand, and return what has come of it."""
    job = errand.job
    if errand.what == "restore":
        report = restore_one(job, device, teller)
        return {"state": "done", "share": 1.0, "report": asdict(report), "error": report.error}
    picture = files.read_pages(job.source, most_pixels=job.settings.most_pixels)[errand.page]
    if errand.what == "find":
        repair, said = masks.read(
            "auto", picture, job.source, False, sensitivity=job.settings.sensitivity
        )
        for line in said:
            teller.say(line)
        if repair is not None:
            files.write(job.target, Picture(repair[None].float()))
        return {"state": "done", "found": repair is not None}
    look = levels.look(picture, None)
    of_all = task.choose(look, picture.metadata)
    of_gaps = task.choose(replace(look, masked=True, impulses=0, regular=()), picture.metadata)
    return {"state": "done", "advice": {"plain": of_all, "painted": of_gaps}}


class _Teller(Pace):
    """Tells through the pipe how far an errand is, and ends it when told to."""

    def __init__(self, pipe: Connection, errand: Errand) -> None:
        settings = errand.job.settings
        super().__init__(max_steps=settings.max_steps, runs=settings.runs)
        self.pipe, self.number = pipe, errand.number
        self.ends = time.monotonic() + settings.time_limit
        self.told = -math.inf
        self.previews, self.next_preview = 0, time.monotonic() + PREVIEW_AFTER
        self.notes: list[str] = []
        self.tell(state="working")

    def tell(self, **changes: object) -> None:
        self.pipe.send((self.number, changes))

    def _heed(self) -> None:
        """Raise KeyboardInterrupt if the errand is to be stopped: the best so far is kept."""
        while self.pipe.poll():
            if self.pipe.recv() == self.number:
                raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.notes.append(text)
        self.tell(notes=self.notes)

    def begin(self, page: int, pages: int, task: Task, reason: str, _size: tuple[int, int]) -> None:
        self.turn(page, pages)
        self.tell(task=task, reason=reason)
        self._heed()

    def show(self, share: float, said: str, left: float | None, *, stepping: bool) -> None:  # noqa: ARG002
        now = time.monotonic()
        if now >= self.told + TELL_EVERY:
            self.told = now
            if left is not None:
                left = max(min(left, self.ends - now), 0.0)
            self.tell(share=share, said=said, left=left)
        self._heed()

    def preview(self, make: Callable[[], None]) -> None:
        begun = time.monotonic()
        if begun < self.next_preview:
            return
        make()
        self.previews += 1
        took = time.monotonic() - begun
        self.next_preview = begun + took + max(PREVIEW_AFTER, PREVIEW_SHARE * took)
        self.tell(previews=self.previews)
