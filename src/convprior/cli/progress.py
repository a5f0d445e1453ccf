"""What the terminal shows while pictures are restored."""

import math
import time
from collections.abc import Callable
from typing import Any

from convprior.restoration.job import Watcher

EVERY = 10.0  # seconds between two lines where there is no terminal


class Progress(Watcher):
    """Steps, held-out error and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self,
        *,
        terminal: bool,
        quiet: bool,
        verbose: bool,
        max_steps: int | None,
        runs: int,
        preview_every: float,
        every: float = EVERY,
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet, self.verbose, self.every = quiet, verbose, every
        self.max_steps, self.runs, self.preview_every = max_steps or math.inf, runs, preview_every
        self.files, self.finished, self.name = 1, 0, ""
        self.pages_done, self.pages = 0, 1
        self.begun = self.start = self.last = self.previewed = time.monotonic()
        self.run = 0
        self.bar = None
        if terminal and not quiet:
            self.bar = Bar(
                TextColumn("restoring"), BarColumn(), TextColumn("{task.fields[said]}"),
                TimeElapsedColumn(), console=self.console, transient=True,
            )  # fmt: skip
            self.task = self.bar.add_task("restoring", total=1.0, said="starting")

    def __enter__(self) -> "Progress":
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def file(self, number: int, name: str) -> "Progress":
        """Take the name of the next file, counted from 0, and watch it."""
        self.finished, self.name = number, name
        return self

    def say(self, text: str) -> None:
        """Print a line, also above a bar; nothing if quiet."""
        if not self.quiet:
            self.console.print(text, markup=False)

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
        if self.bar:
            self.bar.update(self.task, completed=(self.finished + of_file) / self.files, said=said)
        elif now - self.last >= self.every or self.verbose:
            self.last = now
            self.say(said)

    def preview(self, make: Callable[[], None]) -> None:
        """Write the best picture so far, every so often."""
        if time.monotonic() - self.previewed >= self.preview_every:
            make()
            self.previewed = time.monotonic()
