"""Work on a file or a folder, say what comes of it, and return the exit code."""

import json
import sys

import torch

from convprior.cli.progress import Progress
from convprior.ground import machine
from convprior.restoration import folder, selftest
from convprior.restoration.folder import Planned
from convprior.restoration.job import Job, Report
from convprior.restoration.one import restore_one


def restore_file(job: Job, device: str, progress: Progress, *, as_json: bool) -> int:
    """Restore one file and return the exit code."""
    using = _checked(device, progress)[0]  # an impossible device is said before the work starts
    with progress.meter:
        try:
            report = restore_one(job, using, progress.file(0, job.source.name))
        except KeyboardInterrupt:
            print(
                "interrupted before there was a picture of each page: nothing written",
                file=sys.stderr,
            )
            return 130
    _tell(report, job.settings.runs, progress, as_json)
    if report.error:
        print(f"error: {report.error}", file=sys.stderr)
        return 1
    return 130 if report.interrupted else 0


def restore_folder(tasks: list[Planned], device: str, progress: Progress, *, as_json: bool) -> int:
    """Restore what a folder holds and return the exit code."""
    using = _checked(device, progress)
    failed: list[str] = []
    skipped = sum(task.done for task in tasks)
    progress.files = len(tasks)
    with progress.meter:
        try:
            for task, report in folder.run(
                tasks, using, lambda n: progress.file(n, tasks[n].job.source.name)
            ):
                if report.error:
                    failed.append(report.error)
                    progress.say(f"failed: {report.error}")
                else:
                    progress.say(f"{task.job.target}: done in {report.seconds:.0f} s")
                for note in report.notes if len(using) > 1 else []:  # one device says them itself
                    progress.say(note)
                if as_json:
                    print(json.dumps(report.as_json()), flush=True)
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
        if not selftest.computes_right(torch.device(name)):
            progress.say(f"warning: {name} computes wrong on a known case: the CPU is used instead")
            name = "cpu"
        using.append(name)
    return using


def _tell(report: Report, runs: int, progress: Progress, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json()), flush=True)
    page = report.pages[-1]
    reason = {
        "stopped": "the held-out pixels said stop",
        "max steps": "the last step was reached: --max-steps can go on further",
        "time limit": "the time was over: a longer --time-limit may do better",
        "interrupted": "interrupted: this is the best picture so far",
        "diverged": "the fit diverged",
    }[page.ended]
    averaged = f"{runs} runs averaged, the last: " if runs > 1 else ""
    pages = f"{len(report.pages)} pages, the last: " if len(report.pages) > 1 else ""
    progress.say(
        f"{report.target}: {pages}{averaged}step {page.best_step} of {page.steps}; {reason}"
    )
