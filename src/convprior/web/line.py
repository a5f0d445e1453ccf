"""One errand at a time, the others wait in a line that everybody sees."""

import multiprocessing
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from convprior.restoration.job import Job
from convprior.web.worker import Errand, What, work

State = Literal["waiting", "working", "done", "stopped", "failed"]

GONE = "the process that worked on it was ended from outside; perhaps memory was short"


@dataclass
class Entry:
    """An errand and how it stands.

    ``share`` of it is done, ``left`` are seconds. ``picture`` is the number of what lies on the
    desk, ``mask`` that of the mask painted on it, ``start`` the number of the errand from whose
    result it goes on, None for the picture as it came; ``wishes`` are those of the page.
    """

    number: int
    what: What
    picture: str
    name: str
    job: Job
    page: int = 0
    mask: str | None = None
    start: int | None = None
    wishes: Mapping[str, Any] = field(default_factory=dict)
    state: State = "waiting"
    stopping: bool = False
    share: float = 0.0
    said: str = ""
    left: float | None = None
    task: str | None = None
    reason: str = ""
    previews: int = 0
    notes: list[str] = field(default_factory=list)
    report: dict[str, Any] | None = None
    advice: dict[str, Any] | None = None
    found: bool = False
    error: str | None = None

    def shown(self, plain: Callable[[str], str]) -> dict[str, Any]:
        """Return what the page is told; ``plain`` makes a message one of the page."""
        told = {key: value for key, value in vars(self).items() if key != "job"}
        told["notes"] = [plain(note) for note in self.notes]
        told["error"] = self.error and plain(self.error)
        told["advice"] = self.advice and {
            when: (task, plain(reason)) for when, (task, reason) in self.advice.items()
        }
        told["report"] = self.report and {
            "seconds": self.report["seconds"],
            "pages": [page | {"reason": plain(page["reason"])} for page in self.report["pages"]],
        }
        return told


class Line:
    """Who waits and who is served. The worker is a process, so that the page answers meanwhile."""

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._entries: list[Entry] = []
        self._changed = threading.Condition()
        self._closed = False
        self._process: BaseProcess
        self._pipe: Connection
        self._start()  # at once: to load torch takes as long as to paint a stroke
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, what: What, picture: str, name: str, job: Job, **more: Any) -> int:
        """Put an errand at the end of the line, and return its number."""
        with self._changed:
            number = len(self._entries)
            self._entries.append(Entry(number, what, picture, name, job, **more))
            self._changed.notify_all()
        return number

    def entry(self, number: int) -> Entry:
        """Return an errand. Raises KeyError."""
        with self._changed:
            if not 0 <= number < len(self._entries):
                raise KeyError(number)
            return self._entries[number]

    def shown(self, plain: Callable[[str], str]) -> list[dict[str, Any]]:
        """Return what the page is told of all errands, the oldest first; see `Entry.shown`."""
        with self._changed:
            return [entry.shown(plain) for entry in self._entries]

    def stop(self, number: int) -> None:
        """Take an errand out of the line, or end its work with the best so far."""
        entry = self.entry(number)
        with self._changed:
            if entry.state == "waiting":
                entry.state = "stopped"
            elif entry.state == "working":
                entry.stopping = True
                self._pipe.send(number)

    def close(self) -> None:
        """End the work; what is not done is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._process.terminate()
        self._thread.join()

    def _serve(self) -> None:
        while (entry := self._next()) is not None:
            try:
                self._follow(entry)
            except (EOFError, OSError):
                with self._changed:
                    entry.state, entry.error = "failed", GONE
                    if not self._closed:
                        self._start()

    def _start(self) -> None:
        """Start a worker: a new process that shares nothing with this one."""
        fresh = multiprocessing.get_context("spawn")
        self._pipe, its_end = fresh.Pipe()
        self._process = fresh.Process(target=work, args=(its_end, self.device), daemon=True)
        self._process.start()
        its_end.close()  # or the pipe would stay open when the process is gone

    def _next(self) -> Entry | None:
        """Wait for the next errand, None at the end: looks, which are short, come first."""
        with self._changed:
            while not self._closed:
                waiting = [entry for entry in self._entries if entry.state == "waiting"]
                if waiting:
                    entry = min(waiting, key=lambda entry: entry.what == "restore")
                    entry.state = "working"
                    return entry
                self._changed.wait()
        return None

    def _follow(self, entry: Entry) -> None:
        """Hand an errand to the worker, and take what it tells until it has ended."""
        with self._changed:
            self._pipe.send(Errand(entry.number, entry.what, entry.job, entry.page))
        while entry.state == "working":
            number, changes = self._pipe.recv()
            assert number == entry.number
            with self._changed:
                for name, value in changes.items():
                    setattr(entry, name, value)
