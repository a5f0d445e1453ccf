"""A folder of pictures: the same tree out; what is done is skipped, what fails stops no other.

Beside each result lies a small JSON with a fingerprint of its input, settings and version. It is
written before the result as well, so that a result of ours is never taken for somebody's file,
wherever the power went out.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from convprior.ground import atomic, resume, sharing
from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.restoration import masks
from convprior.restoration.job import Job, Report, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.settings import Settings

SIDECAR = ".convprior.json"


@dataclass(frozen=True)
class Planned:
    """A job of a folder, the fingerprint of its result, and whether that is there already."""

    job: Job
    identity: str
    done: bool


def plan(
    source: Path, target: Path, settings: Settings, *, recursive: bool, overwrite: bool
) -> list[Planned]:
    """Return a job for each picture in a folder, in order of their names. Raises InputError.

    A file in the way that is not a result of ours is refused unless ``overwrite``.
    """
    if target.resolve() == source.resolve():
        raise InputError(f"{target}: is the folder of the originals: choose another -o")
    found = sorted(source.rglob("*") if recursive else source.glob("*"))
    pictures = [
        path
        for path in found
        if path.is_file()
        and path.suffix.lower() in files.SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
        and not path.resolve().is_relative_to(target.resolve())
    ]
    if not pictures:
        deeper = "" if recursive else ", or --recursive for those in its folders"
        raise InputError(
            f"{source}: no pictures ({', '.join(files.SUFFIXES)}): give another folder{deeper}"
        )
    tasks = []
    for path in pictures:
        relative = path.relative_to(source)
        job = Job(path, target / relative, _of_folder(settings, relative.parent), overwrite=True)
        state = _state(job.target)
        if job.target.exists() and not overwrite and not _ours(job.target, state):
            raise InputError(
                f"{job.target}: is in the way and no result of this command, or was changed "
                "since: move it, or --overwrite"
            )
        try:
            identity = _identity(job)
        except (OSError, InputError):
            identity = "unreadable"  # the job itself will say so
        done = not overwrite and state.get("result") is not None and job.target.exists()
        tasks.append(Planned(job, identity, done and state.get("identity") == identity))
    _check_clashes([task.job for task in tasks])
    return tasks


def _of_folder(settings: Settings, inside: Path) -> Settings:
    """Return the settings for a picture in a folder of the tree: its masks have the same tree."""
    if settings.mask is None or not (Path(settings.mask) / inside).is_dir():
        return settings
    return settings.model_copy(update={"mask": str(Path(settings.mask) / inside)})


def _check_clashes(jobs: list[Job]) -> None:
    """Raise InputError if one job would write what another one reads or writes."""
    owner = {job.target: job for job in jobs}
    for job in jobs:
        for path in job.written()[1:]:
            if path in owner:
                raise InputError(
                    f"{job.source} and {owner[path].source}: both would write {path}: rename one"
                )


def _identity(job: Job) -> str:
    settings: dict[str, Any] = job.settings.model_dump()
    if math.isinf(job.settings.time_limit):
        settings["time_limit"] = None
    given = [Path(name) for name in (job.settings.mask, job.settings.kernel) if name is not None]
    files = [masks.file_of(path, job.source) for path in given if path.exists()]
    return resume.fingerprint([settings, version("convprior"), job.source, files])


def _state(target: Path) -> dict[str, Any]:
    """Return what the JSON beside a result says, nothing if there is none that can be read."""
    try:
        state: dict[str, Any] = json.loads(_sidecar(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _ours(target: Path, state: dict[str, Any]) -> bool:
    # Begun and not ended: the result may have been moved into place just before the power went.
    return bool(state) and state.get("sha256") in (None, _digest(target))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sidecar(target: Path) -> Path:
    return target.with_name(target.name + SIDECAR)


def run(
    tasks: list[Planned], devices: list[str], watcher_of: Callable[[int], Watcher]
) -> Iterator[tuple[Planned, Report]]:
    """Do the tasks that are not done and yield each with its report, as they are finished.

    One device works in this process, and its watcher is told all; several have a worker each.
    """
    left = [(number, task) for number, task in enumerate(tasks) if not task.done]

    def watched(numbered: tuple[int, Planned]) -> Report:
        number, task = numbered
        return _do(task, watcher_of(number))

    function = watched if len(devices) == 1 else _unwatched
    for number, report in sharing.each(function, left, devices, died=_died):
        yield left[number][1], report


def _unwatched(numbered: tuple[int, Planned]) -> Report:
    return _do(numbered[1], Watcher())


def _died(numbered: tuple[int, Planned]) -> Report:
    job = numbered[1].job
    error = f"{job.source}: a worker died, perhaps for want of memory"
    return Report(str(job.source), str(job.target), error=error)


def _do(task: Planned, watcher: Watcher) -> Report:
    """Do a task; what fails is in its report. Ctrl-C writes nothing."""
    job = task.job
    begun = {"identity": task.identity, "source": job.source.name}
    try:
        atomic.write_json(_sidecar(job.target), begun)
        report = restore_one(job, str(sharing.device()), watcher, half=False)
        if report.error is None:
            ended = {"result": report.as_json()["pages"], "sha256": _digest(job.target)}
            atomic.write_json(_sidecar(job.target), begun | ended)
    except Exception as error:  # one picture of a thousand does not stop the rest
        if not job.target.exists():
            _sidecar(job.target).unlink(missing_ok=True)
        said = str(error) if isinstance(error, InputError) else f"{job.source}: {error!r}"
        return Report(str(job.source), str(job.target), error=said)
    return report
