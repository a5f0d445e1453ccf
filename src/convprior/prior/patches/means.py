"""Non-local means: each pixel as the mean of those around it, weighed by how alike they look.

Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005. Two pixels count for
each other with the weight exp(-d² / (s² v)), where d² is the mean square by which the patches
around them differ, in all channels, v the noise's variance and s the strength.
"""

from collections.abc import Iterator
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.prior.patches import threads
from convprior.prior.patches.work import Work
from convprior.problem.scales import smoothed

SIDE, REACH = 5, 10  # pixels
STRENGTH = 1.15  # s
LEAST = 1e-12  # of s² v: float32 divides by it
TILE = 384  # pixels: smaller ones take longer, for their many small sums


class Means(Work):
    """The means of one picture.

    ``observed`` is (c, h, w), ``variance`` that of its noise at each pixel. The bits are the same
    for any number of threads.
    """

    def __init__(self, observed: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"]) -> None:
        self.observed, self.variance = observed, variance
        self.best = observed

    def __iter__(self) -> Iterator[float]:
        height, width = self.observed.shape[1:]
        self.best = self.observed.clone()
        tiles = list(product(range(0, height, TILE), range(0, width, TILE)))
        done = threads.each(self._tile, tiles, self.observed.device)
        for number, ((top, left), found) in enumerate(done, start=1):
            self.best[:, top : top + TILE, left : left + TILE] = found
            yield number / len(tiles)

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the means, and what was observed where they are not told yet."""
        return self.best

    def _tile(self, tile: tuple[int, int]) -> Float[Tensor, "c tile_h tile_w"]:
        """Return the means of the tile that begins there, told by it and all that it looks at."""
        seen, own = [], []
        for first, length in zip(tile, self.observed.shape[1:], strict=True):
            start = max(first - REACH - SIDE, 0)
            seen.append(slice(start, min(first + TILE + REACH + SIDE, length)))
            own.append(slice(first - start, first - start + TILE))
        part = self.observed[:, seen[0], seen[1]]
        return _means(part, self.variance[:, seen[0], seen[1]])[:, own[0], own[1]]


def _means(
    picture: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"]
) -> Float[Tensor, "c h w"]:
    height, width = picture.shape[1:]
    total, weight = picture.clone(), torch.ones_like(variance)
    for down, right in product(range(REACH + 1), range(-REACH, REACH + 1)):
        if (down == 0 and right <= 0) or down >= height or abs(right) >= width:
            continue  # each pair once, as it counts both ways
        ones = ..., slice(height - down), slice(max(-right, 0), width - max(right, 0))
        others = ..., slice(down, height), slice(max(right, 0), width - max(-right, 0))
        apart = (picture[ones] - picture[others]).square_().mean(0, keepdim=True)
        scale = (variance[ones] + variance[others]).mul_(STRENGTH**2 / 2).clamp_(min=LEAST)
        alike = smoothed(apart, SIDE).div_(scale).neg_().exp_()
        for here, there in ((ones, others), (others, ones)):
            total[here].addcmul_(alike, picture[there])
            weight[here].add_(alike)
    return total / weight
