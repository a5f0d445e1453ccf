"""How far long work is: a bar on a terminal, a line every ten seconds elsewhere."""

import os
import sys
import time

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

SHORT, LONG = 6, 40  # characters of a bar
WORDS = 56  # characters that are said, mostly
NARROW = 79  # characters, below which they are needed for words
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
        self.room = 0  # characters, for what is said beside a bar
        drawn = sys.stderr.isatty() if terminal is None else terminal
        if drawn and not quiet and not self.console.is_dumb_terminal:
            self.bar = Progress(*self._columns(), console=self.console, transient=True)
            self.task = self.bar.add_task(self.label, total=1.0, said="starting")

    def _columns(self) -> list[ProgressColumn]:
        """Return what a line is made of; on a narrow terminal, a short bar and the words alone."""
        room = self.console.width - 1
        words = TextColumn("{task.fields[said]}", markup=False)
        if room < NARROW:
            self.room = room - SHORT - 1
            return [BarColumn(SHORT), words]
        beside = len(self.label) + len("0:00:00") + 3
        bar = min(max(room - beside - WORDS, SHORT), LONG)
        self.room = room - beside - bar
        label = TextColumn("{task.description}", markup=False)
        return [label, BarColumn(bar), words, TimeElapsedColumn()]

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
            self.bar.update(self.task, completed=share, said=_ending(said, self.room))
            return
        now = time.monotonic()
        if now - self.shown >= self.every or at_once:
            self.shown = now
            self.say(f"{self.label}: {said}")

    def seconds(self) -> float:
        """Return how long the work lasts by now."""
        return time.monotonic() - self.begun

    def count(self, done: float, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` are done, and how long the rest takes at this pace."""
        left = ""
        if done > 0:
            rest = self.seconds() * (total - done) / done
            left = f", {rest:.0f} s left" if rest < 120 else f", {rest / 60:.0f} min left"
        self.show(done / total, f"{int(done)} of {total} {what}{left}")


def _ending(text: str, room: int) -> str:
    """Return a text, of which only the end is left where there is less room: how long still."""
    if cell_len(text) <= room:
        return text
    while text and cell_len(text) >= room:
        text = text[1:]
    return f"…{text}"
