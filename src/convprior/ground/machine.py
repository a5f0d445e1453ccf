"""What this machine has, as it says and as environment variables say: never what comes out.

======================  ===========  ==============================================================
variable                default      meaning
======================  ===========  ==============================================================
CONVPRIOR_ACCELERATOR   auto         cpu, gpu, mps, …
CONVPRIOR_DEVICES       auto         how many on each node; `auto`: all GPUs, else one CPU process
                                     (`restore`: one a core)
CONVPRIOR_NODES         1            how many nodes
CONVPRIOR_STRATEGY      auto         ddp, fsdp, …
CONVPRIOR_PRECISION     32-true      16-mixed, bf16-mixed, 16-true, bf16-true or 64-true; `restore`
                                     computes in bfloat16 with the two of it, else in float32
CONVPRIOR_COMPILE       0            1: `train` compiles the network (torch.compile), which takes
                                     minutes and rounds otherwise
CONVPRIOR_WORKERS       0            loader processes of each device
CONVPRIOR_CHECKPOINT_SECONDS  600    so often `train` keeps its state in the middle of an epoch
CONVPRIOR_PROCESSES     auto         runs of the study at once: one a GPU, or one a core of the CPU;
                                     processes that prepare pictures: one a core
CONVPRIOR_CLUSTER                    address of a Ray cluster, whose machines do the study's runs
                                     and restore the pictures of `restore`: auto, or HOST:PORT
======================  ===========  ==============================================================

A stage computes on one thread in each of its processes, whatever OMP_NUM_THREADS says.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Literal, cast, get_args

import psutil
import torch

from convprior.ground.errors import InputError

# Where Linux says how much memory a container may use, how much it uses, and which number of
# memory.stat can be taken back: version 2 and version 1.
CGROUP = Path("/sys/fs/cgroup")
CONTAINER = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"]


class MachineError(InputError):
    """This machine does not have what was asked for, or a variable about it cannot be used."""


def choose(name: str = "auto") -> torch.device:
    """Return the device called ``name``: cpu, cuda, mps, or `auto` for the best there is.

    Raises MachineError for one that is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, found in there.items() if found))
    kind, _, index = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not there.get(kind, False) or (index and not (index.isdigit() and int(index) < count)):
        found = ", ".join(device for device, is_there in there.items() if is_there)
        raise MachineError(f"no device '{name}' here; there are: {found}")
    return torch.device(name)


def every(names: str) -> list[str]:
    """Return the names of the devices to work on at once: all GPUs for `auto`, where there are any.

    ``names`` may be a list with commas, as ``cuda:0,cuda:2``. Raises MachineError.
    """
    if names == "auto" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose(name.strip())) for name in names.split(",")]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a device, and may be used: a container has a limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(int(psutil.virtual_memory().available), _free_in_container())


def _free_in_container() -> int:
    """Return the bytes below the limit that Linux sets to a container; many without one."""
    for limit, used, cache in CONTAINER:
        with contextlib.suppress(OSError, ValueError, KeyError):  # no such limit, or "max"
            said = (CGROUP / limit).with_name("memory.stat").read_text()
            stat = dict(line.split() for line in said.splitlines())
            most, now = (int((CGROUP / name).read_text()) for name in (limit, used))
            return max(most - now + int(stat[cache]), 0)  # a cache makes room when it must
    return sys.maxsize


def number(name: str, default: int, least: int) -> int:
    """Return a variable's whole number. Raises MachineError."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise MachineError(f"{name} is '{text}': expected a whole number from {least}")
    return int(text)


def cluster() -> str | None:
    """Return the address of the cluster that does the work (CONVPRIOR_CLUSTER); None for none."""
    return os.environ.get("CONVPRIOR_CLUSTER") or None


def precision() -> Precision:
    """Return Lightning's name of the precision (CONVPRIOR_PRECISION). Raises MachineError."""
    asked_for = os.environ.get("CONVPRIOR_PRECISION", "32-true")
    if asked_for not in (known := get_args(Precision)):
        raise MachineError(f"CONVPRIOR_PRECISION is '{asked_for}': expected {', '.join(known)}")
    return cast("Precision", asked_for)


def dtype() -> torch.dtype:
    """Return bfloat16 where `precision` is one of those with it, float32 elsewhere."""
    return torch.bfloat16 if "bf16" in precision() else torch.float32


def loader_workers() -> int:
    """Return the number of loader processes (CONVPRIOR_WORKERS)."""
    return number("CONVPRIOR_WORKERS", 0, least=0)


def checkpoint_seconds() -> int:
    """Return how often a training keeps its state in an epoch (CONVPRIOR_CHECKPOINT_SECONDS)."""
    return number("CONVPRIOR_CHECKPOINT_SECONDS", 600, least=0)


def compiles() -> bool:
    """Return whether networks are compiled before they are trained (CONVPRIOR_COMPILE)."""
    return number("CONVPRIOR_COMPILE", 0, least=0) > 0


def processes(most: int) -> int:
    """Return how many processes share work of the CPU alone: CONVPRIOR_PROCESSES, or one a core.

    By itself no more than ``most``. Raises MachineError.
    """
    return _processes() or min(cores(), most)


def _processes() -> int | None:
    """Return CONVPRIOR_PROCESSES, None where it is not set. Raises MachineError."""
    if os.environ.get("CONVPRIOR_PROCESSES", "auto") == "auto":
        return None
    return number("CONVPRIOR_PROCESSES", 1, least=1)


def devices_of_runs() -> list[str]:
    """Return the device of each process that shares out runs: a GPU each, or a core of the CPU.

    CONVPRIOR_ACCELERATOR and CONVPRIOR_DEVICES say which there are, CONVPRIOR_PROCESSES how many
    work at once. Raises MachineError.
    """
    accelerator = os.environ.get("CONVPRIOR_ACCELERATOR", "auto")
    names = every({"gpu": "auto"}.get(accelerator, accelerator))
    if accelerator == "gpu" and names == ["cpu"]:
        raise MachineError("CONVPRIOR_ACCELERATOR is 'gpu', and there is none here")
    if os.environ.get("CONVPRIOR_DEVICES", "auto") != "auto":
        names = names[: number("CONVPRIOR_DEVICES", 1, least=1)]
    if names == ["cpu"]:
        names *= cores()
    count = _processes() or len(names)
    return [names[process % len(names)] for process in range(count)]
