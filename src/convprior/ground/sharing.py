"""Share out independent runs: a process for each GPU, or for each core of a CPU.

A run computes on one thread of a CPU, so that it ends in the same bits however many run at once.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing.queues import Queue
from typing import TypeVar

import torch

from convprior.ground import environment, machine

Job = TypeVar("Job")
Result = TypeVar("Result")

_device = torch.device("cpu")


def device() -> torch.device:
    """Return the device of the process that asks."""
    return _device


def each(function: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Return ``function(job)`` for every job, in order; the first error ends all.

    CONVPRIOR_PROCESSES sets how many run at once; 1 starts no process.
    """
    names = tuple(_devices())
    processes = environment.processes(len(names))
    if processes == 1:
        threads = torch.get_num_threads()
        _start_on(names[0])
        try:
            return [function(job) for job in jobs]
        finally:
            torch.set_num_threads(threads)
    pool = _pool(names, processes)
    try:
        return list(pool.map(function, jobs))
    except BaseException:
        # What still runs may write into the folder that the caller is about to remove.
        pool.shutdown(wait=True, cancel_futures=True)
        _pool.cache_clear()
        raise


@cache
def _pool(names: tuple[str, ...], processes: int) -> ProcessPoolExecutor:
    """Return the processes; they stay, because each takes seconds to start."""
    context = multiprocessing.get_context("spawn")
    mine: Queue[str] = context.Queue()
    for number in range(processes):
        mine.put(names[number % len(names)])
    return ProcessPoolExecutor(processes, context, _start, (mine,))


def _devices() -> list[str]:
    names = environment.device_names()
    return names * machine.cores() if names == ["cpu"] else names


def _start(mine: "Queue[str]") -> None:
    _start_on(mine.get())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that has been killed cannot end those that it started."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _start_on(name: str) -> None:
    global _device  # a process has one device
    _device = torch.device(name)
    torch.set_num_threads(1)
