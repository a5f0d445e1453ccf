"""A picture with a hole at half the size, and half of that, until the hole is a few pixels wide."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.exemplars.matching import sources

FEWEST = 64  # patches to copy from at the coarsest level


@dataclass(frozen=True)
class Level:
    """``planes`` (c, h, w), the ``hole`` in them (h, w), and the pixels that may be copied."""

    planes: Float[Tensor, "c h w"]
    hole: Bool[Tensor, "h w"]
    usable: Bool[Tensor, "h w"]

    def half(self) -> "Level":
        """Return it at half the size: means of what is no hole. Halves of pixels are whole ones."""
        share = _halved((~self.hole)[None].float())
        planes = _halved(torch.where(self.hole, 0.0, self.planes)) / share.clamp(min=0.25)
        return Level(planes, share[0] < 0.5, _halved(self.usable[None].float())[0] >= 0.5)


def _halved(planes: Float[Tensor, "c h w"]) -> Float[Tensor, "c half_h half_w"]:
    height, width = planes.shape[1:]
    beyond = (0, width % 2, 0, height % 2)
    return functional.avg_pool2d(functional.pad(planes[None], beyond, mode="replicate")[0], 2)


def levels(finest: Level, side: int, most: int) -> list[Level]:
    """Return at most so many levels, the finest first: as long as there is something to copy."""
    every = [finest]
    while len(every) < most:
        half = every[-1].half()
        if min(half.hole.shape) < 2 * side or not half.hole.any():
            break
        if int(sources(half.usable & ~half.hole, side).sum()) < FEWEST:
            break
        every.append(half)
    return every
