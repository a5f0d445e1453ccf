"""How far long work is: a bar on a terminal, a line every ten seconds elsewhere."""

import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

EVERY = 10.0  # seconds between two lines where there is no terminal


class Meter:
    """What one piece of work shows on stderr while it lasts.

    ``label`` names it, by default the stage that DVC runs. ``terminal`` says whether a bar can be
    drawn, by default whether stderr is a terminal. ``quiet`` shows nothing.
    """

    def __init__(
        self,
        label: str | None = None,
        *,
        terminal: bool | None = None,
        quiet: bool = False,
        every: float = EVERY,
    ) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        stage = os.environ.get("DVC_STAGE", "working").rpartition(":")[2]  # after its dvc.yaml
        self.label = label or stage
        self.quiet, self.every = quiet, every
        self.begun = self.shown = time.monotonic()
        self.bar: Progress | None = None
        if (sys.stderr.isatty() if terminal is None else terminal) and not quiet:
            self.bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(),
                TextColumn("{task.fields[said]}", markup=False),
                TimeElapsedColumn(), console=self.console, transient=True,
            )  # fmt: skip
            self.task = self.bar.add_task(self.label, total=1.0, said="starting")

    def __enter__(self) -> "Meter":
        self.begun = self.shown = time.monotonic()
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, text: str) -> None:
        """Print a line, also above a bar."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def show(self, share: float, said: str, *, at_once: bool = False) -> None:
        """Show the share that is done and what is ``said`` of it; ``at_once`` waits for no turn."""
        if self.bar:
            self.bar.update(self.task, completed=share, said=said)
            return
        now = time.monotonic()
        if now - self.shown >= self.every or at_once:
            self.shown = now
            self.say(f"{self.label}: {said}")

    def count(self, done: float, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` are done, and how long the rest takes at this pace."""
        left = ""
        if done > 0:
            rest = (time.monotonic() - self.begun) * (total - done) / done
            left = f", {rest:.0f} s left" if rest < 120 else f", {rest / 60:.0f} min left"
        self.show(done / total, f"{int(done)} of {total} {what}{left}")
