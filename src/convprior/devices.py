"""Which device to compute on."""

import torch

from convprior.errors import InputError


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
    if not there.get(name.partition(":")[0], False):
        found = ", ".join(device for device, is_there in there.items() if is_there)
        raise DeviceError(f"no device '{name}' here; there are: {found}")
    return torch.device(name)
