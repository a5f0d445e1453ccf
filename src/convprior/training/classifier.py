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
from convprior.training.augmentation import Normalise
from convprior.training.data.card import Card
from convprior.training.prepared import UNCOUNTED

Row = dict[str, float]  # epoch, the METRICS, and the seconds of training up to here
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Classifier(pl.LightningModule):
    """Fit ``network`` by cross-entropy with AdamW and a cosine schedule.

    ``augment`` changes training batches. ``seed`` names the random streams of dropout and
    augmentation, anew for every batch, so that a resumed run equals one that never stopped.
    ``curve`` holds a row of metrics per epoch, over all processes; ``watch`` sees each new row.
    """

    def __init__(
        self,
        network: nn.Module,
        data: Card,
        *,
        learning_rate: float,
        weight_decay: float,
        augment: nn.Module,
        seed: int,
        watch: Callable[[Row], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.network = network
        self.learning_rate, self.weight_decay, self.seed = learning_rate, weight_decay, seed
        self.normalise = Normalise(data)
        self.augment = augment
        self.curve: list[Row] = []
        self.watch = watch
        self.meters = nn.ModuleDict({name: MeanMetric() for name in METRICS})

    def forward(self, pictures: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores of 8-bit pictures."""
        scores: Tensor = self.network(self.normalise(pictures))
        return scores

    def _meter(self, name: str) -> Any:
        return self.meters[name]  # torch types what is in a ModuleDict as Module

    def _measure(self, split: str, scores: Tensor, labels: Int[Tensor, "n"]) -> Tensor:
        """Return the mean loss of the batch, and count what counts into the split's metrics."""
        counts = (labels != UNCOUNTED).float()
        losses = F.cross_entropy(scores, labels, ignore_index=UNCOUNTED, reduction="none")
        right = (scores.argmax(1) == labels).float()
        self._meter(f"{split}_loss").update(losses.detach(), counts)
        self._meter(f"{split}_accuracy").update(right, counts)
        return losses.mean()

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
        self._measure("val", self(pictures), labels)

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
        """Keep the curve with the weights."""
        checkpoint["curve"] = self.curve

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the curve."""
        self.curve = list(checkpoint["curve"])

    def configure_optimizers(self) -> Any:
        """AdamW (Loshchilov & Hutter 2019) with a cosine to zero over all steps."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(),
            self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
