"""Train one small network on pictures in memory, on one device: what the study does hundreds of.

Runs, not batches, are what several devices share. A Trainer would be most of the time of these
runs of seconds; `train` and `restore`, which need devices and a way back, have Lightning.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from convprior.ground import params, seeds
from convprior.training.augmentation import NONE, Augmentation, Normalise
from convprior.training.data.card import Card
from convprior.training.judging import FASTEST, ready

Loss = Callable[[Tensor, Tensor], Tensor]
Shown = Callable[[Int[Tensor, "batch"]], UInt8[Tensor, "batch 3 h w"]]


class Budget(params.Section):
    """What every network gets: as many ``steps`` with batches of as many pictures."""

    steps: params.Count
    batch_size: params.Count


def batches(pictures: int, budget: Budget, seed: int) -> Sequence[Int[Tensor, "batch"]]:
    """Return which of so many pictures each step sees: shuffled, anew as often as it takes."""
    generator = seeds.generator("order", seed)
    wanted = budget.steps * budget.batch_size
    rounds = [torch.randperm(pictures, generator=generator) for _ in range(0, wanted, pictures)]
    order: Tensor = torch.cat(rounds)[:wanted]
    parts: Sequence[Tensor] = order.split(budget.batch_size)
    return parts


def learn(
    network: nn.Module,
    data: Card,
    pictures: UInt8[Tensor, "n 3 h w"] | Shown,
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
    """Train ``network`` and return it with its normalisation, on the CPU, to be judged.

    ``pictures`` may be a function that returns those of a batch, others each time.
    AdamW (Loshchilov & Hutter 2019), its learning rate falling to zero along a cosine.
    """
    network.to(device, memory_format=FASTEST).train()  # type: ignore[call-overload]
    shown = (
        pictures if callable(pictures) else pictures.to(device, memory_format=FASTEST).__getitem__
    )
    targets = targets.to(device)
    change = nn.Sequential(Normalise(data), augmentation.build()).to(device)
    optimiser = torch.optim.AdamW(
        network.parameters(), learning_rate, weight_decay=weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=budget.steps)
    torch.manual_seed(seed)  # dropout and augmentation draw from torch's own stream
    for batch in batches(len(targets), budget, seed):
        optimiser.zero_grad()
        seen = shown(batch).to(device, memory_format=FASTEST)
        loss(network(change(seen)), targets[batch]).backward()
        optimiser.step()
        schedule.step()
    return ready(network, data)
