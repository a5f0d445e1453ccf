"""How a baseline's weights are fitted: the optimiser, its rate over the steps, what tames it."""

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convprior.ground import params

FIRST = 1e-3  # share of the learning rate with which warming up begins


class Method(params.Section):
    """The part `method` of `train`.

    ``momentum`` is SGD's. ``warm_up``: share of all steps in which the rate rises (Goyal et al.
    2017), before it falls to zero along a cosine. ``label_smoothing``: share of the truth that all
    classes divide. ``clip``: the largest norm of all gradients together; 0: any. ``average``: of
    the weights, weight of what was before at each step; 0: none, the last ones are taken.
    """

    optimiser: Literal["adamw", "sgd"]
    momentum: params.Share
    warm_up: params.Share
    label_smoothing: params.Share
    clip: Annotated[float, Field(ge=0)]
    average: params.Share

    def optimise(
        self, weights: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
    ) -> torch.optim.Optimizer:
        """Return AdamW (Loshchilov & Hutter 2019), or SGD with momentum."""
        # Fused ones undo the scale of half precision themselves, which leaves nothing to clip.
        fused = not self.clip
        if self.optimiser == "adamw":
            return torch.optim.AdamW(weights, learning_rate, weight_decay=weight_decay, fused=fused)
        return torch.optim.SGD(
            weights, learning_rate, self.momentum, weight_decay=weight_decay, fused=fused
        )

    def schedule(self, optimiser: torch.optim.Optimizer, steps: int) -> LRScheduler:
        """Return the learning rate over so many steps."""
        rising = round(self.warm_up * steps)
        falling = CosineAnnealingLR(optimiser, T_max=max(steps - rising, 1))
        if not rising:
            return falling
        warming = LinearLR(optimiser, FIRST, total_iters=rising)
        return SequentialLR(optimiser, [warming, falling], [rising])

    def averaged(self, network: nn.Module) -> AveragedModel | None:
        """Return the running average of the network's weights, if there is to be one."""
        if not self.average:
            return None
        average = AveragedModel(
            network, multi_avg_fn=get_ema_multi_avg_fn(self.average), use_buffers=True
        )
        average.requires_grad_(False)
        return average
