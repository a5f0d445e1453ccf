"""A Lightning Trainer from environment variables: what this machine has, never what comes out.

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

One command starts all local processes; under torchrun and SLURM Lightning takes the ranks it finds.
"""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.exceptions import SIGTERMException

from convprior import devices
from convprior.errors import InputError

# Lightning warns of what is done here on purpose, and of what is upstream's to mend.
HUSHED = (
    ".*does not have many workers.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*predict returned None.*",
    ".*LeafSpec.*",
)


class EnvironmentVariableError(InputError):
    """An environment variable has a value that cannot be used."""


def _number(name: str, default: int, least: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise EnvironmentVariableError(f"{name} is '{text}': expected a whole number from {least}")
    return int(text)


def workers() -> int:
    """Return the number of loader processes (CONVPRIOR_WORKERS)."""
    return _number("CONVPRIOR_WORKERS", 0, least=0)


def processes(default: int) -> int:
    """Return how many runs of the study work at once (CONVPRIOR_PROCESSES)."""
    if os.environ.get("CONVPRIOR_PROCESSES", "auto") == "auto":
        return default
    return _number("CONVPRIOR_PROCESSES", 1, least=1)


def device_names() -> list[str]:
    """Return the devices to share runs out to (CONVPRIOR_ACCELERATOR, CONVPRIOR_DEVICES)."""
    accelerator = os.environ.get("CONVPRIOR_ACCELERATOR", "auto")
    names = devices.every({"gpu": "auto"}.get(accelerator, accelerator))
    if os.environ.get("CONVPRIOR_DEVICES", "auto") == "auto":
        return names
    return names[: _number("CONVPRIOR_DEVICES", 1, least=1)]


def alone(device: torch.device, **options: Any) -> pl.Trainer:
    """Make a Trainer for a small run on one device, which keeps nothing."""
    return _trainer(
        accelerator=device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        enable_checkpointing=False,
        **options,
    )


def make(cpu_processes: int = 1, **options: Any) -> pl.Trainer:
    """Return a Trainer on this machine's devices; ``options`` say what the stage wants of it.

    ``cpu_processes`` is how many to start on a machine without a GPU that was asked for `auto`.
    Batch norm is computed over all devices of a GPU run; CPU processes normalise their own share.
    """
    accelerator = os.environ.get("CONVPRIOR_ACCELERATOR", "auto")
    found: int | str = os.environ.get("CONVPRIOR_DEVICES", "auto")
    if found != "auto":
        found = _number("CONVPRIOR_DEVICES", 1, least=1)
    elif accelerator == "cpu" or (accelerator == "auto" and devices.choose().type == "cpu"):
        found = cpu_processes
    return _trainer(
        accelerator=accelerator,
        devices=found,
        num_nodes=_number("CONVPRIOR_NODES", 1, least=1),
        strategy=os.environ.get("CONVPRIOR_STRATEGY", "auto"),
        use_distributed_sampler=False,  # each stage shares out its own work
        sync_batchnorm=accelerator != "cpu" and torch.cuda.is_available(),
        **options,
    )


def _trainer(**options: Any) -> pl.Trainer:
    for message in HUSHED:
        warnings.filterwarnings("ignore", message=message)
    try:
        return pl.Trainer(
            precision=os.environ.get("CONVPRIOR_PRECISION", "32-true"),  # type: ignore[arg-type]
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
    except (ValueError, MisconfigurationException) as error:
        raise EnvironmentVariableError(
            f"Lightning refuses the CONVPRIOR_… settings: {error}"
        ) from None


@contextmanager
def honest_exit() -> Iterator[None]:
    """End with 143 when the block is ended by SIGTERM: Lightning would report success, and DVC
    would record a half-done stage as done.
    """
    try:
        yield
    except SIGTERMException:
        sys.exit(128 + signal.SIGTERM)
