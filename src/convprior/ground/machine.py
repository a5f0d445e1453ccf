"""Which device to compute on."""

import os

import torch

from convprior.ground.errors import InputError


class DeviceError(InputError):
    """A device was asked for that this machine does not have."""


def choose(name: str = "auto") -> torch.device:
    """Return the device called ``name``: cpu, cuda, mps, or `auto` for the best there is.

    Raises DeviceError for one that is not there.
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
        raise DeviceError(f"no device '{name}' here; there are: {found}")
    return torch.device(name)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def every(names: str) -> list[str]:
    """Return the names of the devices to work on at once: all GPUs for `auto`, where there are any.

    ``names`` may be a list with commas, as ``cuda:0,cuda:2``. Raises DeviceError.
    """
    if names == "auto" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose(name.strip())) for name in names.split(",")]
