"""Work on a file or a folder, show how far it is and what comes of it, return the exit code."""

import math
import sys
import time
from collections.abc import Callable

import torch

from convprior.ground import machine
from convprior.ground.progress import Meter
from convprior.prior.iterates import Iterate
from convprior.restoration import folder, selftest
from convprior.restoration.folder import Planned
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.report import Report
from convprior.restoration.settings import Task

TOO_SOON = 0.02  # share of the patches' work, before which nothing tells how long the rest takes


class Progress(Watcher):
    """Steps, held-out error and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self, meter: Meter, *, verbose: bool, max_steps: int | None, runs: int, preview_every: float
    ) -> None:
        self.meter, self.verbose = meter, verbose
        self.max_steps, self.runs, self.preview_every = max_steps or math.inf, runs, preview_every
        self.files, self.finished, self.name = 1, 0, ""
        self.pages_done, self.pages = 0, 1
        self.begun = self.start = self.stepping = self.previewed = time.monotonic()
        self.run = 0
        self.plain: Callable[[str], str] = str  # makes of a message what is to be said

    def file(self, number: int, name: str) -> "Progress":
        """Take the name of the next file, counted from 0, and watch it."""
        self.finished, self.name = number, name
        return self

    def say(self, text: str) -> None:
        """Print a line, also above a bar; nothing if quiet."""
        self.meter.say(self.plain(text))

    def begin(self, page: int, pages: int, task: Task, reason: str, size: tuple[int, int]) -> None:
        """Say what is about to be done, and why."""
        self.pages_done, self.pages = page, pages
        self.run = 0
        self.start = self.stepping = time.monotonic()
        if self.files == 1 or self.verbose:
            height, width = size
            which = f" page {page + 1} of {pages}" if pages > 1 else ""
            self.say(f"{self.name}{which}: {task}, {width}×{height} ({reason})")

    def patches(self, run: int, done: float) -> None:
        """Show how much of the patches' work is done."""
        now = time.monotonic()
        self.stepping = now  # the network, if it is fitted, begins here
        said = f"alike patches {done:.0%}"
        if done > TOO_SOON:
            said += f" · {(now - self.start) / done * (1 - done):.0f} s left"
        self._show(run, done, said, at_once=False)

    def step(self, run: int, iterate: Iterate, due: float) -> None:
        """Show an iterate of the network and how long it takes if it ends at the step ``due``."""
        due = max(min(due, self.max_steps), iterate.step)
        left = (time.monotonic() - self.stepping) / iterate.step * (due - iterate.step)
        said = f"step {iterate.step}"
        if not math.isnan(iterate.held_out):
            said += f" · held-out error {math.sqrt(iterate.held_out) * 255:.1f}/255"
        said += f" · {left:.0f} s left"
        self._show(run, iterate.step / due, said, at_once=self.verbose)

    def _show(self, run: int, done: float, said: str, *, at_once: bool) -> None:
        """Show the share of a run that is done, and with it that of the file and of all files."""
        now = time.monotonic()
        if run > self.run:
            self.run, self.start = run, now
        said = f"run {run + 1}/{self.runs} · {said}" if self.runs > 1 else said
        of_file = (self.pages_done + (run + done) / self.runs) / self.pages
        if self.files > 1:
            share = (self.finished + of_file) / self.files
            rest = (now - self.begun) / share * (1 - share)
            said = f"{self.name} ({self.finished + 1} of {self.files}) · {said}, all {rest:.0f} s"
        self.meter.show((self.finished + of_file) / self.files, said, at_once=at_once)

    def preview(self, make: Callable[[], None]) -> None:
        """Write the best picture so far, every so often."""
        if time.monotonic() - self.previewed >= self.preview_every:
            make()
            self.previewed = time.monotonic()


def restore_file(job: Job, device: str, progress: Progress, *, as_json: bool, begun: float) -> int:
    """Restore one file and return the exit code; its time limit counts from ``begun``."""
    using = _checked(device, progress)[0]  # an impossible device is said before the work starts
    with progress.meter:
        try:
            report = restore_one(job, using, progress.file(0, job.source.name), begun=begun)
        except KeyboardInterrupt:
            said = "interrupted before there was a picture of each page: nothing written"
            print(said, file=sys.stderr)
            if as_json:
                print(Report(str(job.source), str(job.target), error=said).line(), flush=True)
            return 130
    _tell(report, progress, as_json)
    if report.error:
        print(progress.plain(f"error: {report.error}"), file=sys.stderr)
        return 1
    return 130 if report.pages[-1].ended == "interrupted" else 0


def restore_folder(tasks: list[Planned], device: str, progress: Progress, *, as_json: bool) -> int:
    """Restore what a folder holds and return the exit code."""
    using = _checked(device, progress)
    failed: list[str] = []
    skipped = sum(task.done for task in tasks)
    progress.files = len(tasks)
    with progress.meter:
        try:
            for _, report in folder.run(
                tasks, using, lambda n: progress.file(n, tasks[n].job.source.name)
            ):
                if report.error:
                    failed.append(report.error)
                    progress.say(f"failed: {report.error}")
                elif not report.pages:  # left to another process
                    progress.say(report.notes[-1])
                else:
                    progress.say(f"{report.target}: done in {report.seconds:.0f} s")
                for note in report.notes if len(using) > 1 else []:  # one device says them itself
                    progress.say(note)
                if as_json:
                    print(report.line(), flush=True)
        except KeyboardInterrupt:
            print("interrupted: the same command goes on from here", file=sys.stderr)
            return 130
    if skipped:
        progress.say(f"{skipped} of {len(tasks)} were done before")
    if failed:
        print(f"{len(failed)} of {len(tasks)} pictures failed:", file=sys.stderr)
        print("\n".join(f"  {error}" for error in failed), file=sys.stderr)
    return 1 if failed else 0


def _checked(names: str, progress: Progress) -> list[str]:
    """Return the devices to work on; one that computes wrong is replaced by the CPU."""
    using = []
    for name in machine.every(names):
        # The CPU is what the others are compared with.
        if name != "cpu" and not selftest.computes_right(torch.device(name)):
            progress.say(f"warning: {name} computes wrong on a known case: the CPU is used instead")
            name = "cpu"
        using.append(name)
    return using


def _tell(report: Report, progress: Progress, as_json: bool) -> None:
    if as_json:
        print(progress.plain(report.line()), flush=True)
    page = report.pages[-1]
    reason = {
        "nothing to do": "is what came, as nothing is to be done: --task denoise insists",
        "patches": "by alike patches",
        "stopped": "the held-out pixels said stop",
        "max steps": "the last step was reached: --max-steps can go on further",
        "time limit": "the time was over: a longer --time-limit may do better",
        "interrupted": "interrupted: this is the best picture so far",
        "diverged": "a fit diverged",
        "failed": "the next run failed: those before it count",
    }[page.ended]
    averaged = f"{page.runs} runs averaged, the last: " if page.runs > 1 else ""
    pages = f"{len(report.pages)} pages, the last: " if len(report.pages) > 1 else ""
    steps = f"step {page.best_step} of {page.steps}; " if page.steps else ""
    progress.say(f"{report.target}: {pages}{averaged}{steps}{reason}")
