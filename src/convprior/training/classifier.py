"""Train a baseline: any network from pictures to class scores, given as an argument.

Normalisation and augmentation run on the device, on whole batches. Sums, not means, are gathered
over processes, so that the metrics are exact whatever the number of processes.
"""

import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from convprior.ground import seeds
from convprior.training.augmentation import Normalise, central
from convprior.training.data.card import Card
from convprior.training.method import Method
from convprior.training.prepared import UNCOUNTED

Row = dict[str, float]  # epoch, the METRICS, and the seconds of training up to here
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_top5")
TOP = 5  # so many classes may come first for a picture to count as right in val_top5


class Classifier(pl.LightningModule):
    """Fit ``network`` by cross-entropy, by a ``method``.

    ``augment`` changes training batches to pictures of ``side`` pixels; else their central squares
    are seen, by the average of the weights if the method has one. ``seed`` names the random
    streams of dropout and augmentation, anew for every batch, so that a resumed run equals one
    that never stopped.
    ``curve`` holds a row of metrics per epoch, over all processes; ``watch`` sees each new row.
    """

    def __init__(
        self,
        network: nn.Module,
        data: Card,
        *,
        method: Method,
        side: int,
        learning_rate: float,
        weight_decay: float,
        augment: nn.Module,
        seed: int,
        watch: Callable[[Row], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.network = network
        self.method, self.side = method, side
        self.average = method.averaged(network)
        self.learning_rate, self.weight_decay, self.seed = learning_rate, weight_decay, seed
        self.normalise = Normalise(data)
        self.augment = augment
        self.curve: list[Row] = []
        self.watch = watch
        self.before = 0.0  # seconds of this epoch in an earlier process
        self.meters = nn.ModuleDict({name: MeanMetric() for name in METRICS})

    @property
    def fitted(self) -> nn.Module:
        """The network that is judged and kept: with the average of the weights, or the last."""
        return self.network if self.average is None else self.average.module

    def forward(self, pictures: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores of 8-bit pictures."""
        scores: Tensor = self.fitted(self.normalise(central(pictures, self.side)))
        return scores

    def _meter(self, name: str) -> Any:
        return self.meters[name]  # torch types what is in a ModuleDict as Module

    def _measure(self, split: str, scores: Tensor, labels: Int[Tensor, "n"]) -> Tensor:
        """Return the mean loss of the batch, and count what counts into the split's metrics."""
        counts = (labels != UNCOUNTED).float()
        smoothing = self.method.label_smoothing if split == "train" else 0.0
        losses = F.cross_entropy(
            scores, labels, ignore_index=UNCOUNTED, reduction="none", label_smoothing=smoothing
        )
        right = (scores.argmax(1) == labels).float()
        self._meter(f"{split}_loss").update(losses.detach(), counts)
        self._meter(f"{split}_accuracy").update(right, counts)
        return losses.mean()

    def on_train_start(self) -> None:
        """Go on with the clock of an epoch that is gone on with."""
        self._epoch_began = time.monotonic() - self.before

    def on_train_epoch_start(self) -> None:
        """Start the epoch's clock."""
        self._epoch_began = time.monotonic()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return the loss of a training batch."""
        # Lightning draws from the same stream too, and otherwise in a resumed run.
        place = (self.current_epoch, index, self.global_rank)
        torch.manual_seed(seeds.seed("batch", self.seed, *place))
        pictures, labels = batch
        scores = self.network(self.augment(self.normalise(pictures)))
        return self._measure("train", scores, labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count a validation batch."""
        pictures, labels = batch
        scores = self(pictures)
        self._measure("val", scores, labels)
        first = scores.topk(min(TOP, scores.shape[1])).indices
        among = (first == labels[:, None]).any(1)
        self._meter("val_top5").update(among.float(), (labels != UNCOUNTED).float())

    def on_train_epoch_end(self) -> None:
        """Add the epoch's row to the curve (validation has run by now)."""
        before = self.curve[-1]["seconds"] if self.curve else 0.0
        row: Row = {"epoch": self.current_epoch + 1}
        for name in METRICS:
            row[name] = float(self._meter(name).compute())  # compute() sums over processes
            self._meter(name).reset()
        row["seconds"] = round(before + time.monotonic() - self._epoch_began, 2)
        self.curve.append(row)
        self.watch(row)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the curve with the weights, and of an unfinished epoch its sums and seconds."""
        checkpoint["curve"] = self.curve
        checkpoint["seconds"] = time.monotonic() - self._epoch_began
        # Of all processes: each calls this, the first one writes.
        checkpoint["sums"] = {
            name: self.trainer.strategy.reduce(self._sums(name), reduce_op="sum").tolist()
            for name in METRICS
        }

    def _sums(self, name: str) -> Tensor:
        meter = self._meter(name)
        return torch.stack([meter.mean_value, meter.weight])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the curve, and with the epoch."""
        self.curve = list(checkpoint["curve"])
        self.before = checkpoint["seconds"]
        if self.global_rank == 0:  # compute() adds up what the processes have
            for name, (total, weight) in checkpoint["sums"].items():
                meter = self._meter(name)
                meter.mean_value.fill_(total)
                meter.weight.fill_(weight)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, and let the average follow."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Return the method's optimiser, and its rate over all steps."""
        optimiser = self.method.optimise(
            self.network.parameters(), self.learning_rate, self.weight_decay
        )
        schedule = self.method.schedule(optimiser, int(self.trainer.estimated_stepping_batches))
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
