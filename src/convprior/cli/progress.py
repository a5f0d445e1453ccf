"""What the terminal shows while pictures are restored."""

import math
import time
from collections.abc import Callable
from typing import Any

from convprior.ground.progress import Meter
from convprior.restoration.job import Watcher


class Progress(Watcher):
    """Steps, held-out error and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self, meter: Meter, *, verbose: bool, max_steps: int | None, runs: int, preview_every: float
    ) -> None:
        self.meter, self.verbose = meter, verbose
        self.max_steps, self.runs, self.preview_every = max_steps or math.inf, runs, preview_every
        self.files, self.finished, self.name = 1, 0, ""
        self.pages_done, self.pages = 0, 1
        self.begun = self.start = self.previewed = time.monotonic()
        self.run = 0

    def file(self, number: int, name: str) -> "Progress":
        """Take the name of the next file, counted from 0, and watch it."""
        self.finished, self.name = number, name
        return self

    def say(self, text: str) -> None:
        """Print a line, also above a bar; nothing if quiet."""
        self.meter.say(text)

    def begin(self, page: int, pages: int, task: Any, reason: str, size: tuple[int, int]) -> None:
        """Say what is about to be done, and why."""
        self.pages_done, self.pages = page, pages
        self.run, self.start = 0, time.monotonic()
        if self.files == 1 or self.verbose:
            height, width = size
            which = f" page {page + 1} of {pages}" if pages > 1 else ""
            self.say(f"{self.name}{which}: {task}, {width}×{height} ({reason})")

    def step(self, run: int, iterate: Any, stopper: Any) -> None:
        """Show an iterate and when the stop is due if nothing improves from here."""
        now = time.monotonic()
        if run > self.run:
            self.run, self.start = run, now
        due = max(min(stopper.stops_at, self.max_steps), iterate.step)
        left = (now - self.start) / iterate.step * (due - iterate.step)
        said = f"run {run + 1}/{self.runs} · " if self.runs > 1 else ""
        said += f"step {iterate.step}"
        if not math.isnan(iterate.held_out):
            said += f" · held-out error {math.sqrt(iterate.held_out) * 255:.1f}/255"
        said += f" · ≥ {left:.0f} s left"
        of_file = (self.pages_done + (run + iterate.step / due) / self.runs) / self.pages
        if self.files > 1:
            share = (self.finished + of_file) / self.files
            rest = (now - self.begun) / share * (1 - share)
            said = f"{self.name} ({self.finished + 1} of {self.files}) · {said}, all {rest:.0f} s"
        self.meter.show((self.finished + of_file) / self.files, said, at_once=self.verbose)

    def preview(self, make: Callable[[], None]) -> None:
        """Write the best picture so far, every so often."""
        if time.monotonic() - self.previewed >= self.preview_every:
            make()
            self.previewed = time.monotonic()
