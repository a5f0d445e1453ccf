"""What an interrupted training goes on from: its last whole epoch, or a place in the middle of one.

In the middle of an epoch Lightning keeps weights, optimiser and its own counts; the classifier the
sums of the epoch's metrics, and `prepared.Order` goes on with the pictures that are left.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from convprior.ground import machine, resume

NUMBER = re.compile(r"\d+")


class InTheMiddle(ModelCheckpoint):
    """A checkpoint every so many seconds, but after the last batch of an epoch, not yet judged."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Keep the state if it is time to."""
        if index + 1 < trainer.num_training_batches:
            super().on_train_batch_end(trainer, module, outputs, batch, index)


def checkpoints(folder: Path) -> list[pl.Callback]:
    """Return what keeps the state in ``folder``: two files, the last of each kind."""
    seconds = timedelta(seconds=machine.checkpoint_seconds())
    return [
        ModelCheckpoint(folder, save_top_k=1, save_on_train_epoch_end=True),
        InTheMiddle(folder, save_top_k=1, train_time_interval=seconds),
    ]


def latest(folder: Path) -> tuple[Path | None, int]:
    """Return the last checkpoint that can be read, and after how many steps it was made."""
    # By the epoch and the step in their names: clocks are set back.
    found = sorted(folder.glob("*.ckpt"), key=lambda path: [*map(int, NUMBER.findall(path.stem))])
    for path in reversed(found):
        state = resume.load(path)
        if state is not None:
            return path, state["global_step"]
    return None, 0
