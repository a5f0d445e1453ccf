"""Work on a file or a folder, show how far it is and what comes of it, return the exit code."""

import sys
import time
from collections.abc import Callable

from convprior.ground.progress import Meter
from convprior.restoration import folder, selftest
from convprior.restoration.folder import Planned
from convprior.restoration.job import Job
from convprior.restoration.one import restore_one
from convprior.restoration.pace import Pace
from convprior.restoration.report import Page, Report
from convprior.restoration.settings import Task

HARDLY = 0.5  # of 255, root mean square: less than what rounding to eight bits can show


class Progress(Pace):
    """Steps, held-out error and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(
        self, meter: Meter, *, verbose: bool, max_steps: int | None, runs: int, preview_every: float
    ) -> None:
        super().__init__(max_steps=max_steps, runs=runs)
        self.meter, self.verbose, self.preview_every = meter, verbose, preview_every
        self.files, self.finished, self.name = 1, 0, ""
        self.begun = self.previewed = time.monotonic()
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
        self.turn(page, pages)
        if self.files == 1 or self.verbose:
            height, width = size
            which = f" page {page + 1} of {pages}" if pages > 1 else ""
            self.say(f"{self.name}{which}: {task}, {width}×{height} ({reason})")

    def show(self, share: float, said: str, left: float | None, *, stepping: bool) -> None:
        """Show the share of the file that is done, and with it that of all files."""
        if left is not None:
            said += f" · {left:.0f} s left"
        share = (self.finished + share) / self.files
        if self.files > 1:
            rest = (time.monotonic() - self.begun) / share * (1 - share)
            said = f"{self.name} ({self.finished + 1} of {self.files}) · {said}, all {rest:.0f} s"
        self.meter.show(share, said, at_once=stepping and self.verbose)

    def ended(self, done: int, total: int) -> None:
        """Show how many files are done, where nobody sees how far each is, and how many an hour."""
        pace = done / self.meter.seconds() * 3600
        self.meter.count(done, total, f"pictures, {pace:.0f} an hour")

    def preview(self, make: Callable[[], None]) -> None:
        """Write the best picture so far, every so often."""
        if time.monotonic() - self.previewed >= self.preview_every:
            make()
            self.previewed = time.monotonic()


def restore_file(job: Job, device: str, progress: Progress, *, as_json: bool, begun: float) -> int:
    """Restore one file and return the exit code; its time limit counts from ``begun``."""
    # An impossible device is said before the work starts.
    using = selftest.working(device, progress.say)[0]
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


def restore_folder(
    tasks: list[Planned], device: str, cluster: str | None, progress: Progress, *, as_json: bool
) -> int:
    """Restore what a folder holds, on this machine's devices or a cluster; return the exit code."""
    if cluster is None:
        using = selftest.working(device, progress.say)
        results = folder.run(tasks, using, lambda n: progress.file(n, tasks[n].job.source.name))
        watched = len(using) == 1
    else:
        results, watched = folder.run_on_cluster(tasks, cluster), False
    failed: list[str] = []
    skipped = sum(task.done for task in tasks)
    progress.files = len(tasks)
    with progress.meter:
        try:
            for ended, (_, report) in enumerate(results, 1):
                if report.error:
                    failed.append(report.error)
                    progress.say(f"failed: {report.error}")
                elif not report.pages:  # left to another process
                    progress.say(report.notes[-1])
                else:
                    progress.say(f"{report.target}: done in {report.seconds:.0f} s")
                if not watched:  # one device says all itself
                    for note in report.notes:
                        progress.say(note)
                    progress.ended(ended, len(tasks) - skipped)
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


def _tell(report: Report, progress: Progress, as_json: bool) -> None:
    if as_json:
        print(progress.plain(report.line()), flush=True)
    page = report.pages[-1]
    reason = {
        "nothing to do": "is what came, as nothing is to be done: --noise N insists",
        "regular": "without what was regular; nothing else is to be done: --noise N insists",
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
    progress.say(f"{report.target}: {pages}{averaged}{steps}{reason}{_changed(page)}")


def _changed(page: Page) -> str:
    """Return what the last line says of how much is different now."""
    if page.changed is None or page.ended == "nothing to do":
        return ""
    if page.changed >= HARDLY:
        return f"; changed by {page.changed:.1f}/255 (rms)"
    return (
        f"; hardly changed ({page.changed:.1f}/255 rms): if you see what is wrong, try --noise N, "
        "--strength 2 or another --task"
    )
