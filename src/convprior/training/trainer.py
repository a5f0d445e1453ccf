"""A Lightning Trainer on what this machine has: the variables are in ``machine``.

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

from convprior.ground import machine
from convprior.ground.machine import MachineError, number
from convprior.ground.progress import Meter

# Lightning warns of what is done here on purpose, and of what is upstream's to mend.
HUSHED = (
    ".*does not have many workers.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*predict returned None.*",
    ".*your dataloader is not resumable.*",  # prepared.Order is
    ".*LeafSpec.*",
)


def make(cpu_processes: int = 1, **options: Any) -> pl.Trainer:
    """Return a Trainer on this machine's devices; ``options`` say what the stage wants of it.

    ``cpu_processes`` is how many to start on a machine without a GPU that was asked for `auto`.
    Batch norm is computed over all devices of a GPU run; CPU processes normalise their own share.
    """
    accelerator = os.environ.get("CONVPRIOR_ACCELERATOR", "auto")
    found: int | str = os.environ.get("CONVPRIOR_DEVICES", "auto")
    if found != "auto":
        found = number("CONVPRIOR_DEVICES", 1, least=1)
    elif "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun has started the processes
        found = number("LOCAL_WORLD_SIZE", 1, least=1)
    elif accelerator == "cpu" or (accelerator == "auto" and machine.choose().type == "cpu"):
        found = cpu_processes
    nodes = number("CONVPRIOR_NODES", int(os.environ.get("GROUP_WORLD_SIZE", "1")), least=1)
    for message in HUSHED:
        warnings.filterwarnings("ignore", message=message)
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=found,
            num_nodes=nodes,
            strategy=os.environ.get("CONVPRIOR_STRATEGY", "auto"),
            precision=machine.precision(),
            use_distributed_sampler=False,  # each stage shares out its own work
            sync_batchnorm=accelerator != "cpu" and torch.cuda.is_available(),
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
    except (ValueError, MisconfigurationException) as error:
        raise MachineError(f"Lightning refuses the CONVPRIOR_… settings: {error}") from None


class Told(pl.Callback):
    """Says how far the epochs are, and how long they still take."""

    def __init__(self) -> None:
        self.begun, self.batches, self.epochs = 0, 1, 1
        self.meter = Meter(quiet=True)

    def on_train_start(self, trainer: pl.Trainer, _: pl.LightningModule) -> None:
        """Begin to count; only the first of several processes says anything."""
        self.begun = trainer.global_step
        self.batches = int(trainer.estimated_stepping_batches) - self.begun
        self.epochs = (trainer.max_epochs or 1) - trainer.current_epoch
        self.meter = Meter(quiet=not trainer.is_global_zero)
        self.meter.__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Count a batch."""
        done = (trainer.global_step - self.begun) / self.batches
        self.meter.count(done * self.epochs, self.epochs, "epochs")

    def teardown(self, *_: Any, **__: Any) -> None:
        """End the bar, however the training ended."""
        self.meter.__exit__()


@contextmanager
def honest_exit() -> Iterator[None]:
    """End with 143 when the block is ended by SIGTERM: Lightning would report success, and DVC
    would record a half-done stage as done.
    """
    try:
        yield
    except SIGTERMException:
        sys.exit(128 + signal.SIGTERM)
