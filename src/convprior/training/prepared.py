"""The prepared photographs, as Lightning trains on them.

``data/prepared`` holds Arrow tables, mapped into memory: an epoch over ImageNet does not need its
size in memory, nor, where pixels are stored, a decoder. Of pictures that are stored whole a batch
has the central squares. Batch sizes are global: each process takes its share, and no picture is
counted twice.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler

from convprior.ground.errors import InputError
from convprior.training.data import storing
from convprior.training.data.card import Card
from convprior.training.data.storing import Form

Batch = tuple[Tensor, Tensor]

UNCOUNTED = -1  # the label of a picture that only fills up a process's share


class Pictures(Dataset[Batch]):
    """One split: batches of uint8 pictures (n, c, h, w) and their labels (n,)."""

    def __init__(self, prepared: Path, split: str, form: Form) -> None:
        self.table = datasets.load_from_disk(str(prepared / split)).with_format("arrow")
        self.form = form

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return a whole batch: one look-up in the table, one copy, no collation.

        Channels are last in memory, as they are stored and as a CPU convolves fastest.
        """
        rows = self.table[list(indices)]
        pixels = torch.from_numpy(np.stack(storing.squares(rows, self.form)))
        return pixels.permute(0, 3, 1, 2), torch.tensor(rows["label"].to_pylist())


class Share(Dataset[Batch]):
    """Every ``processes``-th item from ``rank`` on, filled up to the same length on each rank.

    Ranks must take equally many steps, or those that wait for each other never meet; the items
    that fill up carry the label `UNCOUNTED`.
    """

    def __init__(self, items: Pictures, rank: int, processes: int) -> None:
        self.items, self.rank, self.processes = items, rank, processes

    def __len__(self) -> int:
        return -(-len(self.items) // self.processes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return a whole batch."""
        wanted = torch.tensor(indices) * self.processes + self.rank
        pictures, labels = self.items.__getitems__(wanted.clamp(max=len(self.items) - 1).tolist())
        return pictures, torch.where(wanted < len(self.items), labels, UNCOUNTED)


class Order(DistributedSampler[Batch]):
    """A process's share of each epoch, in an order that ``seed`` names, in whole batches.

    A run that goes on after ``done`` batches of this process begins where it was. Told from the
    outside: loader processes ask for their first batches before Lightning says which epoch it is.
    """

    def __init__(
        self, pictures: Pictures, processes: int, rank: int, seed: int, batch_size: int, done: int
    ) -> None:
        super().__init__(pictures, processes, rank, seed=seed, drop_last=True)
        self.epoch, batches = divmod(done, max(len(self) // batch_size, 1))
        self.begin = batches * batch_size

    def set_epoch(self, epoch: int) -> None:
        """Take the order of another epoch, from its beginning."""
        if epoch != self.epoch:
            self.begin = 0
        super().set_epoch(epoch)

    def __iter__(self) -> Iterator[Any]:  # of indices; torch says of pictures
        return islice(super().__iter__(), self.begin, None)


def as_it_is(batch: Any) -> Any:
    """Collate nothing: the datasets above return whole batches."""
    return batch


class Photographs(pl.LightningDataModule):
    """Training and validation batches of data/prepared; ``batch_size`` is over all processes.

    ``done``: so many batches has the training seen before that is gone on with.
    """

    def __init__(
        self, prepared: Path, batch_size: int, workers: int, seed: int, done: int = 0
    ) -> None:
        super().__init__()
        self.prepared, self.batch_size, self.workers, self.seed = (
            prepared,
            batch_size,
            workers,
            seed,
        )
        self.done = done
        self.card = Card.read(prepared)

    def _place(self) -> tuple[int, int, int]:
        """Return (rank, processes, this process's batch size)."""
        assert self.trainer is not None
        processes = self.trainer.world_size
        if self.batch_size % processes:
            raise InputError(
                f"train.batch_size is {self.batch_size}, to be shared by {processes} processes: "
                "choose a multiple, or other CONVPRIOR_DEVICES and CONVPRIOR_NODES"
            )
        return self.trainer.global_rank, processes, self.batch_size // processes

    def train_dataloader(self) -> DataLoader:
        """Return this process's share of each global batch, in an order that the seed names."""
        rank, processes, batch_size = self._place()
        pictures = Pictures(self.prepared, "train", self.card.form)
        # The same sampler also for one process, so that any number of them sees the same batches.
        sampler = Order(pictures, processes, rank, self.seed, batch_size, self.done)
        return DataLoader(
            pictures,
            batch_size,
            sampler=sampler,
            collate_fn=as_it_is,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            drop_last=len(sampler) >= batch_size,
        )

    def val_dataloader(self) -> DataLoader:
        """Return this process's share of the validation pictures, each exactly once."""
        rank, processes, batch_size = self._place()
        pictures = Pictures(self.prepared, "val", self.card.form)
        return DataLoader(
            Share(pictures, rank, processes),
            batch_size,
            collate_fn=as_it_is,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )
