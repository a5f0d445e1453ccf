"""A folder of pictures: the same tree out; what is done is skipped, what fails stops no other.

Beside each result lies a small JSON with a fingerprint of its input, settings and version, and the
SHA-256 of the files that the command has written. Theirs are there before they are moved to their
places: so a result of ours is never taken for somebody's file, nor somebody's for ours, wherever
the power went out. Several processes may work on one folder: each picture has a lock.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from convprior.ground import atomic, cluster, resume, sharing
from convprior.ground.errors import InputError
from convprior.restoration import finding, masks
from convprior.restoration.finding import OURS as SIDECAR
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.report import Report
from convprior.restoration.settings import Settings


@dataclass(frozen=True)
class Planned:
    """A job of a folder, the fingerprint of its result, and whether that is there already."""

    job: Job
    identity: str
    done: bool


def plan(
    source: Path | Sequence[Path],
    target: Path,
    settings: Settings,
    *,
    recursive: bool,
    overwrite: bool,
    shard: tuple[int, int] = (1, 1),
    say: Callable[[str], None] = lambda _: None,
) -> list[Planned]:
    """Return a job for each picture: of a folder, in order of their names, or as they are given.

    A file in the way that is not a result of ours is refused unless ``overwrite``. ``shard`` (i, n)
    leaves all but each n-th picture, from the i-th on, to others. ``say`` is told what is left out.
    Raises InputError.
    """
    folders = [source] if isinstance(source, Path) else [path.parent for path in source]
    if target.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"{target}: is the folder of the originals: choose another -o")
    if target.is_file():
        raise InputError(f"{target}: is a file: name the folder where the restored pictures go")
    found = finding.find(source, target, recursive=recursive)
    for line in found.left_out:
        say(line)
    jobs = [
        Job(path, target / to, _of_folder(settings, to.parent), overwrite=overwrite)
        for path, to in found.pictures
    ]
    _check_clashes(jobs, ignores_case=_ignores_case(target))  # another shard's are met there too
    tasks = []
    part, parts = shard
    if parts > 1:
        say(f"shard {part}/{parts}: {len(jobs[part - 1 :: parts])} of {len(jobs)} pictures")
    for job in jobs[part - 1 :: parts]:
        state = noted(job.target)
        job = replace(job, ours=frozenset(state["files"]))
        for written in job.written():
            if not job.may_replace(written):
                raise InputError(
                    f"{written}: is in the way and no result of this command, or was changed "
                    "since: move it, or --overwrite"
                )
        try:
            identity = _identity(job)
        except (OSError, InputError):
            identity = "unreadable"  # the job itself will say so
        tasks.append(Planned(job, identity, not overwrite and _done(job, identity, state)))
    return tasks


def _of_folder(settings: Settings, inside: Path) -> Settings:
    """Return the settings for a picture in a folder of the tree: its masks have the same tree."""
    if settings.mask is None or not (Path(settings.mask) / inside).is_dir():
        return settings
    return settings.model_copy(update={"mask": str(Path(settings.mask) / inside)})


def _check_clashes(jobs: list[Job], *, ignores_case: bool) -> None:
    """Raise InputError if two jobs would write one file."""
    owner: dict[str, Job] = {}
    for job in jobs:
        for path in job.written():
            name = str(path).casefold() if ignores_case else str(path)
            other = owner.setdefault(name, job)
            if other is not job:
                raise InputError(
                    f"{other.source} and {job.source}: both would write {path}: rename one"
                )


def _ignores_case(folder: Path) -> bool:
    """Return whether A.png and a.png are one file in a folder, as on most disks of PCs and Macs."""
    for path in (folder, *folder.absolute().parents):
        if path.exists() and path.name.swapcase() != path.name:
            other = path.with_name(path.name.swapcase())
            return other.exists() and other.samefile(path)
    return False


def _identity(job: Job) -> str:
    settings: dict[str, Any] = job.settings.model_dump()
    if math.isinf(job.settings.time_limit):
        settings["time_limit"] = None
    given = [Path(name) for name in (job.settings.mask, job.settings.kernel) if name is not None]
    files = [masks.file_of(path, job.source) for path in given if path.exists()]
    return resume.fingerprint([settings, version("convprior"), job.source, files])


def noted(target: Path) -> dict[str, Any]:
    """Return what the JSON beside a result says; that no file is ours if none can be read."""
    try:
        state: dict[str, Any] = json.loads(note_of(target).read_text(encoding="utf-8"))
        return {**state, "files": [str(digest) for digest in state["files"]]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"files": []}


def _done(job: Job, identity: str, state: dict[str, Any]) -> bool:
    """Return whether the result of this very job is there, as it was written."""
    said = state.get("result") is not None and state.get("identity") == identity
    return said and job.target.exists() and resume.digest_of(job.target) in state["files"]


def note_of(target: Path) -> Path:
    """Return where the JSON beside a result lies."""
    return atomic.beside(target, SIDECAR)


def run(
    tasks: list[Planned], devices: list[str], watcher_of: Callable[[int], Watcher]
) -> Iterator[tuple[Planned, Report]]:
    """Do the tasks that are not done and yield each with its report, as they are finished.

    One device works in this process, and its watcher is told all; several have a worker each.
    """
    left = _left_to_do(tasks)

    def watched(numbered: tuple[int, Planned]) -> Report:
        number, task = numbered
        return _do(task, watcher_of(number))

    function = watched if len(devices) == 1 else _unwatched
    for number, report in sharing.each(function, left, devices, died=_died):
        yield left[number][1], report


def run_on_cluster(tasks: list[Planned], address: str) -> Iterator[tuple[Planned, Report]]:
    """Do what `run` does on the machines of a Ray cluster; ``address`` as `cluster.each` takes it.

    All must see the same folders. Raises ClusterError, MissingExtraError.
    """
    left = _left_to_do(tasks)
    if not left:
        return
    cluster.check(address)  # before there is a folder of results
    first = left[0][1].job
    # Another machine may have another folder of this name: it would not see the mark.
    with atomic.scratch(first.target.parent) as mark:
        seen = [first.source.parent, mark]
        for number, report in cluster.each(_unwatched, left, address, seen=seen, died=_died):
            yield left[number][1], report


def _left_to_do(tasks: list[Planned]) -> list[tuple[int, Planned]]:
    """Return the tasks that are not done, each with its number."""
    return [(number, task) for number, task in enumerate(tasks) if not task.done]


def _unwatched(numbered: tuple[int, Planned]) -> Report:
    return _do(numbered[1], Watcher())


def _died(numbered: tuple[int, Planned]) -> Report:
    job = numbered[1].job
    error = f"{job.source}: a worker died, perhaps for want of memory"
    return Report(str(job.source), str(job.target), error=error)


def _do(task: Planned, watcher: Watcher) -> Report:
    """Do a task unless another process is at it; what fails is in its report."""
    job = task.job
    lock = FileLock(atomic.beside(job.target.with_name(f".{job.target.name}"), ".lock"))
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        with lock.acquire(timeout=0):
            try:
                state = noted(job.target)  # as it is now: planning may have been hours ago
                if not job.overwrite and _done(job, task.identity, state):
                    return _left(job, "another process has restored it")
                job = replace(job, ours=frozenset(state["files"]))
                return _do_alone(job, task.identity, watcher)
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        return _left(job, "another process is at work on it")
    except Exception as error:  # one picture of a thousand does not stop the rest
        said = str(error) if isinstance(error, InputError) else f"{job.source}: {error!r}"
        return Report(str(job.source), str(job.target), error=said)


def _left(job: Job, why: str) -> Report:
    return Report(str(job.source), str(job.target), notes=[f"{job.source}: {why}"])


def _do_alone(job: Job, identity: str, watcher: Watcher) -> Report:
    """Do a job, with what it writes in the JSON beside it. Ctrl-C writes nothing."""
    begun = {"identity": identity, "source": job.source.name}
    before = sorted(job.ours)
    written: list[str] = []

    def note(temporary: Path) -> None:
        written.append(resume.digest_of(temporary))
        atomic.write_json(note_of(job.target), begun | {"files": before + written})

    try:
        atomic.write_json(note_of(job.target), begun | {"files": before})
        report = restore_one(job, str(sharing.device()), watcher, half=False, before=note)
        if report.error is None and report.target == str(job.target):
            there = {resume.digest_of(path) for path in job.written() if path.exists()}
            ours = sorted(there & {*before, *written})
            ended = {"result": [asdict(page) for page in report.pages], "files": ours}
            atomic.write_json(note_of(job.target), begun | ended)
        return report
    finally:
        if not any(path.exists() for path in job.written()):
            note_of(job.target).unlink(missing_ok=True)
