"""What this machine has, from environment variables: never what comes out.

======================  ===========  ==============================================================
variable                default      meaning
======================  ===========  ==============================================================
CONVPRIOR_ACCELERATOR   auto         cpu, gpu, mps, …
CONVPRIOR_DEVICES       auto         how many on each node; `auto`: all GPUs, else one CPU process
                                     (`restore`: one a core)
CONVPRIOR_NODES         1            how many nodes
CONVPRIOR_STRATEGY      auto         ddp, fsdp, …
CONVPRIOR_PRECISION     32-true      16-mixed, bf16-mixed, …
CONVPRIOR_WORKERS       0            loader processes of each device
CONVPRIOR_PROCESSES     auto         runs of the study at once: one a GPU, or one a core of the CPU
======================  ===========  ==============================================================
"""

import os

from convprior.ground import machine
from convprior.ground.errors import InputError


class EnvironmentVariableError(InputError):
    """An environment variable has a value that cannot be used."""


def number(name: str, default: int, least: int) -> int:
    """Return a variable's whole number. Raises EnvironmentVariableError."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise EnvironmentVariableError(f"{name} is '{text}': expected a whole number from {least}")
    return int(text)


def workers() -> int:
    """Return the number of loader processes (CONVPRIOR_WORKERS)."""
    return number("CONVPRIOR_WORKERS", 0, least=0)


def processes(default: int) -> int:
    """Return how many runs of the study work at once (CONVPRIOR_PROCESSES)."""
    if os.environ.get("CONVPRIOR_PROCESSES", "auto") == "auto":
        return default
    return number("CONVPRIOR_PROCESSES", 1, least=1)


def device_names() -> list[str]:
    """Return the devices to share runs out to (CONVPRIOR_ACCELERATOR, CONVPRIOR_DEVICES)."""
    accelerator = os.environ.get("CONVPRIOR_ACCELERATOR", "auto")
    names = machine.every({"gpu": "auto"}.get(accelerator, accelerator))
    if os.environ.get("CONVPRIOR_DEVICES", "auto") == "auto":
        return names
    return names[: number("CONVPRIOR_DEVICES", 1, least=1)]
