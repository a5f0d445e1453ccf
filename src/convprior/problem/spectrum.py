"""How noise that neighbours share goes together in a patch, told from its strength at each scale.

White noise has one power at all frequencies; grain's falls where it is finer than it is wide. What
each scale tells of it (grain.py) is the power at about one frequency, that of its finest details;
between them the logarithm of the power is taken for straight. The covariance of two pixels is the
transform of it (Wiener and Khinchin).
"""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from convprior.problem.scales import enlarged, halved

SIDE = 64  # frequencies in each direction: no noise reaches so far
FINEST = 0.35  # cycles a pixel, of the details of the finest scale; each coarser one has half of it
LEAST = 0.02  # of a plane's strongest power: so little cannot be told
# Blocks of what neighbours share scatter more than those of white noise, so their weakest tell too
# little of it: made-up grain on six pictures of 128 to 480 pixels came out best with so much more.
TOLD_SHORT = 1.1


def in_patch(
    levels: Float[Tensor, "scales c"], side: int, taken: float
) -> tuple[Float[Tensor, " c"], Float[Tensor, "c n n"]]:
    """Return the variance of each plane's noise, and its covariance in a patch, over that variance.

    ``levels`` are those of `grain.levels`, the finest scale's first; ``taken`` is the share of what
    the next coarser scale shows that is taken away already. A patch has n = side² pixels.
    """
    left = (1 - taken * _coarse()).square().to(levels)
    power = torch.stack([_power(plane) for plane in levels.T]).to(levels) * left
    covariance = torch.fft.ifft2(power).real
    variance = covariance[:, 0, 0]
    place = torch.arange(side, device=levels.device)
    apart = (place[:, None] - place) % SIDE
    covariance = covariance[:, apart[:, None, :, None], apart[None, :, None, :]].flatten(3)
    return TOLD_SHORT**2 * variance, covariance.flatten(1, 2) / variance[:, None, None]


def _power(levels: Float[Tensor, " scales"]) -> Float[Tensor, "side side"]:
    """Return the power of one plane's noise at each frequency."""
    # Halving averages four pixels: of white noise a quarter of the variance is left.
    told = levels.cpu().double().numpy() * 4.0 ** np.arange(len(levels))
    told = np.log(np.maximum(told, LEAST * max(told.max(), 1e-10)))[::-1]
    at = np.log(FINEST / 2.0 ** np.arange(len(levels)))[::-1]
    along = np.fft.fftfreq(SIDE)
    length = np.log(np.maximum(np.hypot(along[:, None], along), 1 / SIDE))
    power = np.interp(length, at, told)
    if len(at) > 1:  # beyond the finest details it falls on
        fall = min((told[-1] - told[-2]) / (at[-1] - at[-2]), 0.0)
        power += fall * np.maximum(length - at[-1], 0.0)
    return torch.from_numpy(np.exp(power))


@cache
def _coarse() -> Float[Tensor, "side side"]:
    """Return how much of each frequency halving and enlarging leaves."""
    total = torch.zeros(1, SIDE, SIDE)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        point = torch.zeros(1, SIDE, SIDE)
        point[0, SIDE // 2 + down, SIDE // 2 + right] = 1
        seen = enlarged(halved(point), point.shape)
        total += seen.roll((-SIDE // 2 - down, -SIDE // 2 - right), (1, 2)) / 4
    spectrum: Tensor = torch.fft.fft2(total[0]).real
    return spectrum
