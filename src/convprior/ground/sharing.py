"""Share independent jobs out over devices: a folder's pictures, the study's runs.

One device works in this process; several have a process each. What a job's function returns depends
on its job alone, so that the results are the same wherever and in whatever order they are made.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.queues import Queue
from typing import TypeVar

import torch

from convprior.ground import machine
from convprior.ground.progress import Meter

Job = TypeVar("Job")
Result = TypeVar("Result")

_device = torch.device("cpu")  # of this process, which works on one


def device() -> torch.device:
    """Return the device of the process that asks: that on which a job's function computes."""
    return _device


def each(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    devices: Sequence[str],
    *,
    threads: int | None = None,
    died: Callable[[Job], Result] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yield the number and ``function(job)`` of every job, as they end; the first error ends all.

    ``devices`` names the device of each process; one starts none. ``threads`` are those of the CPU
    in each process, by default torch's own choice. A job whose process dies, perhaps for want of
    memory, is tried again with nothing beside it; ``died`` makes the result of one that dies twice,
    which without it is an error.
    """
    if len(devices) == 1:
        with _working_on(devices[0], threads):
            for number, job in enumerate(jobs):
                yield number, function(job)
        return
    names, left = tuple(devices), deque(enumerate(jobs))
    running: dict[Future[Result], int] = {}
    try:
        while left or running:
            while left and len(running) < len(names):
                number, job = left.popleft()
                running[_pool(names, threads).submit(function, job)] = number
            ended = next(as_completed(running))
            number = running.pop(ended)
            try:
                yield number, ended.result()
            except BrokenProcessPool:
                # Which of those that ran has died nobody can tell: each is tried once more, alone.
                _pool.cache_clear()
                suspects, running = [number, *running.values()], {}
                for number in sorted(suspects):
                    yield number, _alone(function, jobs[number], names[0], threads, died)
    except BaseException:
        # What still runs may write into a folder that the caller is about to remove.
        _pool(names, threads).shutdown(wait=True, cancel_futures=True)
        _pool.cache_clear()
        raise


def _alone(
    function: Callable[[Job], Result],
    job: Job,
    device: str,
    threads: int | None,
    died: Callable[[Job], Result] | None,
) -> Result:
    """Return ``function(job)`` of a process of its own, or what ``died`` makes of its death."""
    with _new_pool((device,), threads) as pool:
        try:
            return pool.submit(function, job).result()
        except BrokenProcessPool:
            if died is None:
                raise
            return died(job)


def in_order(function: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Return ``function(job)`` for every job, in order, on the devices of `devices_of_runs`.

    CONVPRIOR_CLUSTER, the address of a Ray cluster, has them done by its machines. A process
    computes on one thread of a CPU: so a run ends in the same bits however many run at once.
    """
    from convprior.ground import cluster  # its workers work as this module's do

    if address := machine.cluster():
        ended = cluster.each(function, jobs, address)
    else:
        ended = each(function, jobs, machine.devices_of_runs(), threads=1)
    found: dict[int, Result] = {}
    with Meter() as meter:
        for number, result in ended:
            found[number] = result
            meter.count(len(found), len(jobs), "runs")
    return [found[number] for number in range(len(jobs))]


@contextmanager
def _working_on(name: str, threads: int | None) -> Iterator[None]:
    """Let this process itself work on a device, with so many threads."""
    before = _device, torch.get_num_threads()
    work_on(name, threads)
    try:
        yield
    finally:
        work_on(str(before[0]), before[1])


@cache
def _pool(names: tuple[str, ...], threads: int | None) -> ProcessPoolExecutor:
    """Return a process for each device; they stay, because each takes seconds to start."""
    return _new_pool(names, threads)


def _new_pool(names: tuple[str, ...], threads: int | None) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    free: Queue[str] = context.Queue()
    for name in names:
        free.put(name)
    return ProcessPoolExecutor(len(names), context, _start, (free, threads))


def _start(free: "Queue[str]", threads: int | None) -> None:
    work_on(free.get(), threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that has been killed cannot end those that it started."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def work_on(name: str, threads: int | None) -> None:
    """Let this process work on a device from now on, with so many threads of the CPU."""
    global _device
    _device = torch.device(name)
    if threads is not None:
        torch.set_num_threads(threads)
