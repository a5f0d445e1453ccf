"""Train one small network on pictures in memory, on one device: what the study does hundreds of.

Runs, not batches, are what several devices share.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler

from convprior import params, seeds, trainer
from convprior.augmentation import NONE, Augmentation
from convprior.description import Description
from convprior.normalisation import Normalise

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]

JUDGED_AT_ONCE = 256


class Budget(params.Section):
    """What every network gets: as many ``steps`` with batches of as many pictures."""

    steps: params.Count
    batch_size: params.Count


class InMemory(Dataset[Batch]):
    """Batches of pictures (n, c, h, w) and what belongs to each."""

    def __init__(self, pictures: Tensor, targets: Tensor) -> None:
        self.pictures, self.targets = pictures, targets

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return a whole batch."""
        wanted = torch.as_tensor(indices)
        pictures = self.pictures[wanted].contiguous(memory_format=torch.channels_last)
        return pictures, self.targets[wanted]


def as_it_is(batch: Any) -> Any:
    """Collate nothing: the dataset returns whole batches."""
    return batch


def batches(pictures: Tensor, targets: Tensor, budget: Budget, seed: int) -> DataLoader[Batch]:
    """Return a budget's batches: shuffled, from the start again as often as it takes."""
    order = RandomSampler(
        pictures,
        num_samples=budget.steps * budget.batch_size,
        generator=seeds.generator("order", seed),
    )
    return DataLoader(
        InMemory(pictures, targets), budget.batch_size, sampler=order, collate_fn=as_it_is
    )


class Learner(pl.LightningModule):
    """Fit ``network`` by a loss with AdamW and a cosine to zero over all steps; keep no account."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        augment: nn.Module,
        *,
        learning_rate: float,
        weight_decay: float,
        steps: int,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.augment, self.steps = network, loss, augment, steps
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Return the loss of a batch."""
        pictures, targets = batch
        return self.loss(self.network(self.augment(pictures)), targets)

    def configure_optimizers(self) -> Any:
        """AdamW (Loshchilov & Hutter 2019)."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(), self.learning_rate, weight_decay=self.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=self.steps)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def learn(
    network: nn.Module,
    data: Description,
    pictures: UInt8[Tensor, "n 3 h w"],
    targets: Tensor,
    budget: Budget,
    *,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    device: torch.device,
    augmentation: Augmentation = NONE,
    loss: Loss = F.cross_entropy,
) -> nn.Module:
    """Train ``network`` and return it with its normalisation, on the CPU, to be judged."""
    # Faster on a CPU.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    normalise = Normalise(data)
    learner = Learner(
        network,
        loss,
        nn.Sequential(normalise, augmentation.build()),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        steps=budget.steps,
    )
    torch.manual_seed(seed)  # dropout and augmentation draw from torch's own stream
    trainer.alone(device, max_epochs=1).fit(learner, batches(pictures, targets, budget, seed))
    return ready(network, data)


def ready(network: nn.Module, data: Description) -> nn.Module:
    """Return a trained network with its normalisation before it, on the CPU, to be judged."""
    return nn.Sequential(Normalise(data), network).cpu().eval()


@torch.inference_mode()
def scores(
    network: nn.Module, pictures: UInt8[Tensor, "n 3 h w"], device: torch.device
) -> Float[Tensor, "n *scores"]:
    """Return the scores of many pictures, of each class or of each pixel, on the CPU."""
    network.to(device)
    parts = [network(part.to(device)).cpu() for part in pictures.split(JUDGED_AT_ONCE)]
    return torch.cat(parts)


def right(
    network: nn.Module,
    pictures: UInt8[Tensor, "n 3 h w"],
    labels: Int[Tensor, "n"],
    device: torch.device,
) -> Bool[Tensor, "n"]:
    """Return of which pictures the class comes first."""
    return scores(network, pictures, device).argmax(1) == labels
