"""Share independent jobs out over the machines of a Ray cluster that runs already.

What `sharing.each` does on one machine: a job's result depends on the job alone, and one whose
worker dies is tried once more. It only ever connects: who starts a cluster, and what it costs, is
not decided here. Ray's own retries are off, because a job that kills its worker would do it again
beside the others.
"""

import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

from convprior.ground import extras, journal, resume, sharing, tracking
from convprior.ground.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")
Reference = Any  # ray.ObjectRef: ray comes with an extra alone

GPU = 0.25  # of one for each job: a picture seldom fills a GPU
PAUSE = 2.0  # seconds until a lost job is tried again: a lock of its worker's may have to go first
PATIENCE = 5.0  # seconds until a cluster answers, and until interrupted jobs have tidied up
CHECK = 5.0  # seconds between looks at how large the cluster is: it may grow and shrink


class ClusterError(InputError):
    """No cluster answers, or its machines lack what the jobs need."""


def each(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    address: str,
    *,
    seen: Sequence[Path] = (),
    died: Callable[[Job], Result] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yield the number and ``function(job)`` of every job, as they end; the first error ends all.

    ``address`` is that of the cluster's head as ``host:port``, or `auto` for the one that runs on
    this machine, which must be one of the cluster. ``function`` is of a module's top level: it is
    sent by its name, from ``__main__`` whole. Each machine must see the paths ``seen`` and the
    folder that this process works in: files are not sent. A job whose worker or machine dies is
    tried again when all others have ended, one at a time on a machine; ``died`` makes the result of
    one that dies twice, which without it is an error. Raises ClusterError, MissingExtraError.
    """
    with _connected(address), _tidied() as running:
        import ray
        from ray import exceptions as errors

        deaths = (  # the last: of a result that was too large to travel with the word of its end
            errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError,
            errors.ObjectLostError,
        )  # fmt: skip
        gpu = GPU if ray.cluster_resources().get("GPU", 0) else 0
        paths, origin = tuple(path.absolute() for path in seen), tuple(journal.origin().items())
        setting = (Path.cwd(), paths, _code(), origin)

        def sender(where: Literal["DEFAULT", "SPREAD"]) -> Callable[[int], Reference]:
            options = ray.remote(
                max_retries=0, num_cpus=1, num_gpus=gpu, scheduling_strategy=where
            )  # fmt: skip
            work: Any = options(_work)
            return lambda number: work.remote(function, jobs[number], setting)

        lost: list[int] = []
        for number, ended in _ended(
            sender("DEFAULT"), range(len(jobs)), lambda: 2 * _slots(gpu), running
        ):
            try:
                yield number, _result(ended)
            except deaths:
                lost.append(number)
        if lost:
            time.sleep(PAUSE)
        for number, ended in _ended(sender("SPREAD"), lost, _machines, running):
            try:
                yield number, _result(ended)
            except deaths:
                if died is None:
                    raise ClusterError(
                        f"job {number + 1} of {len(jobs)}: its worker died twice, perhaps for want "
                        "of memory"
                    ) from None
                yield number, died(jobs[number])


def check(address: str) -> None:
    """Raise ClusterError where nothing listens, MissingExtraError without Ray.

    Ray itself would try for minutes.
    """
    extras.need("cluster", "ray")
    if address == "auto":
        # Ray would believe the note of a cluster that was killed.
        if not any("raylet" in str(one.info["name"]) for one in psutil.process_iter(["name"])):
            raise ClusterError(
                "no Ray cluster on this machine: `ray start --head` starts one, and "
                "`ray start --address HOST:PORT` makes this machine one of another's"
            )
        return
    if re.fullmatch(r"[\w.-]+:\d+", address) is None:
        raise ClusterError(f"'{address}' is no address of a cluster: write auto or HOST:PORT")
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"no Ray cluster at {address} ({error}): `ray start --head` starts one there"
        ) from None


def _ended(
    send: Callable[[int], Reference],
    numbers: Sequence[int],
    most: Callable[[], int],
    running: dict[Reference, int],
) -> Iterator[tuple[int, Reference]]:
    """Send jobs, so many at once, and yield the number of each with its result, as they end."""
    import ray

    left = iter(numbers)
    room, looked = most(), time.monotonic()
    while True:
        if time.monotonic() - looked > CHECK:
            room, looked = most(), time.monotonic()
        while len(running) < max(room, 1) and (number := next(left, None)) is not None:
            running[send(number)] = number
        if not running:
            return
        for ended in ray.wait(list(running), timeout=CHECK)[0]:
            yield running.pop(ended), ended


@contextmanager
def _tidied() -> Iterator[dict[Reference, int]]:
    """Yield a dict of the jobs that run; what ends the block by an error ends them too."""
    import ray

    running: dict[Reference, int] = {}
    try:
        yield running
    except BaseException:
        for unfinished in running:  # a worker takes it as Ctrl-C, and leaves nothing half done
            ray.cancel(unfinished)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=PATIENCE)
        raise


def _result(ended: Reference) -> Any:
    """Return what a job has returned, or raise what it has raised without Ray's wrapping."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(ended)
    except RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise


def _work(function: Callable[[Job], Result], job: Job, setting: tuple[Any, ...]) -> Result:
    """Do a job in a worker."""
    _prepare(*setting)
    return function(job)


@cache
def _prepare(
    folder: Path, seen: tuple[Path, ...], wanted: str, origin: tuple[tuple[str, str], ...]
) -> None:
    """Make a worker ready, once: the folder, the device. Raises ClusterError."""
    import ray

    where, here = socket.gethostname(), _code()
    if here != wanted:
        raise ClusterError(f"{where}: has convprior {here}, not {wanted}: install the same on all")
    for path in (folder, *seen):
        if not path.exists():
            raise ClusterError(
                f"{where}: does not see {path}: files are not sent, all machines of the cluster "
                "need the same folder under the same path (NFS, for one)"
            )
    os.chdir(folder)
    tracking.keep_journals_only(dict(origin))
    sharing.work_on("cuda:0" if ray.get_gpu_ids() else "cpu", threads=1)


def _code() -> str:
    """Return the version of this code, with a digest: clones of one version may differ."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return f"{version('convprior')} ({resume.fingerprint(files)[:8]})"


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Be a driver of a cluster that runs already. Raises ClusterError, MissingExtraError."""
    check(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = next(iter(str(error).splitlines()), repr(error))
        raise ClusterError(
            f"no Ray cluster at '{address}' ({first}): this machine must be one of it, "
            "`ray start --address HOST:PORT` makes it one"
        ) from None
    # Ray's own answer is a trace of its C++, and SIGABRT: nothing would be tidied up. While it
    # waits, it makes a code of 1 of any.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)


def _slots(gpu: float) -> int:
    """Return how many jobs the cluster can do at once."""
    import ray

    there = ray.cluster_resources()
    return int(there.get("GPU", 0) / gpu if gpu else there.get("CPU", 0))


def _machines() -> int:
    """Return how many machines of the cluster live and compute."""
    import ray

    return sum(node["Alive"] and node["Resources"].get("CPU", 0) > 0 for node in ray.nodes())
