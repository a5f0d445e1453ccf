"""Kill a piece of work at each of its calls of the system, in turn."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

Found = TypeVar("Found")

# What changes something on the disk, or makes it last.
CALLS = {
    "open", "close", "write", "flush", "fsync", "replace", "rename", "unlink", "remove", "mkdir",
    "rmdir", "chmod", "utime", "truncate",
}  # fmt: skip
FILES = (io.FileIO, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)


def every_kill(
    work: Callable[[], object], look: Callable[[], Found], every: int = 1
) -> Iterator[Found]:
    """Yield what ``look`` finds after ``work`` was killed before its first, second, … call.

    The calls are those of Python's functions in C that ask the system to change something: to open,
    to write, to move, to flush. Each time a forked process does the work, until it gets through.
    """
    number = 0
    while _killed(work, number):
        yield look()
        number += every


def _killed(work: Callable[[], object], number: int) -> bool:
    """Do the work in a process that is killed before its call of that number; return if it was."""
    process = os.fork()
    if not process:
        left = number

        def count(_: object, event: str, called: object) -> None:
            nonlocal left
            if event == "c_call" and _asks_the_system(called):
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        code = 1
        try:
            sys.setprofile(count)
            work()
            code = 0
        finally:
            sys.setprofile(None)
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


def _asks_the_system(called: object) -> bool:
    name = getattr(called, "__name__", "")
    if getattr(called, "__module__", "") in ("posix", "_io", "io"):
        return name in CALLS
    return isinstance(getattr(called, "__self__", None), FILES) and name in CALLS
