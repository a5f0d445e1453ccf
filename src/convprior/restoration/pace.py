"""How far a job is and how long it still takes, told from what a watcher sees."""

import math
import time

from convprior.prior.iterates import Iterate
from convprior.restoration.job import Watcher

TOO_SOON = 0.02  # share of the patches' work, before which nothing tells how long the rest takes


class Pace(Watcher):
    """Makes of patches and steps the share of a file that is done, and the time that is left.

    ``max_steps`` and ``runs`` are those of the settings. A subclass shows it, and calls `turn`
    when a page is begun.
    """

    def __init__(self, *, max_steps: int | None, runs: int) -> None:
        self.max_steps, self.runs = max_steps or math.inf, runs
        self.pages_done, self.pages, self.run = 0, 1, 0
        self.start = self.stepping = time.monotonic()

    def show(self, share: float, said: str, left: float | None, *, stepping: bool) -> None:
        """Show the share of the file that is done, in words what is, and the seconds left.

        ``left`` is of this run, None where nothing tells yet; ``stepping`` is the network.
        """

    def turn(self, page: int, pages: int) -> None:
        """Take which page is begun now, counted from 0, of how many."""
        self.pages_done, self.pages, self.run = page, pages, 0
        self.start = self.stepping = time.monotonic()

    def patches(self, run: int, done: float) -> None:
        """Show how much of the patches' work is done."""
        now = time.monotonic()
        self.stepping = now  # the network, if it is fitted, begins here
        left = (now - self.start) / done * (1 - done) if done > TOO_SOON else None
        self._show(run, done, f"alike patches {done:.0%}", left, stepping=False)

    def step(self, run: int, iterate: Iterate, due: float) -> None:
        """Show an iterate of the network and how long it takes if it ends at the step ``due``."""
        due = max(min(due, self.max_steps), iterate.step)
        left = (time.monotonic() - self.stepping) / iterate.step * (due - iterate.step)
        said = f"step {iterate.step}"
        if not math.isnan(iterate.held_out):
            said += f" · held-out error {math.sqrt(iterate.held_out) * 255:.1f}/255"
        self._show(run, iterate.step / due, said, left, stepping=True)

    def _show(
        self, run: int, done: float, said: str, left: float | None, *, stepping: bool
    ) -> None:
        """Show the share of a run that is done, and with it that of the file."""
        if run > self.run:
            self.run, self.start = run, time.monotonic()
        said = f"run {run + 1}/{self.runs} · {said}" if self.runs > 1 else said
        of_file = (self.pages_done + (run + done) / self.runs) / self.pages
        self.show(of_file, said, left, stepping=stepping)
