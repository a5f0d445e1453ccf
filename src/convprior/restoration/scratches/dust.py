"""Dust: specks of up to some eight pixels that are lighter than all around them.

A speck is dust if many are, and alike: near the end of the picture's range, with hardly any that
are weaker or of another lightness. Stars and the dots of a texture have all strengths; the light in
an eye is one of two.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.restoration.scratches.covering import grown
from convprior.restoration.scratches.ridges import padded, shifted, variation_of

RING = ((0, 3), (1, 3), (2, 2), (3, 1), (3, 0), (3, -1), (2, -2), (1, -3))  # pixels, and opposite
SCALES = (1, 2)
WEAK, SPECK, STRONG = 2.0, 3.0, 5.0  # contrasts, in units of the surroundings' variation
LIGHT, EXTREME = 0.7, 0.75  # share of the range: a speck is so light, one that tells of dust
FEW = 4  # strong ones at least, in a picture without scratches: fewer may be the light in eyes
OTHERS = 2.0  # so many times those that are not extreme must the extreme ones be,
WEAKER = 0.5  # and those that are weaker


def dust(
    light: Float[Tensor, "h w"], scratched: Bool[Tensor, "h w"], sensitivity: float
) -> Bool[Tensor, "h w"]:
    """Return the pixels of light specks, if they are dust; those at scratches are left out."""
    found = torch.zeros_like(scratched)
    few = 1 if bool(scratched.any()) else FEW
    for scale in SCALES:
        small = functional.avg_pool2d(light[None, None], scale)[0, 0] if scale > 1 else light
        if min(small.shape) < 16:
            break
        contrast = small - _around(small)
        strength = sensitivity * contrast / variation_of(small)
        top = (contrast > 0) & (contrast >= _largest(contrast, 2))
        taken = grown(scratched | found, 2)[None, None].float()
        top &= functional.max_pool2d(taken, scale)[0, 0] == 0
        extreme = small >= EXTREME
        strong = top & (strength >= STRONG)
        most, others = int((strong & extreme).sum()), int((strong & ~extreme).sum())
        weaker = int((top & ~strong & (strength >= WEAK) & extreme).sum())
        if most < few or most < OTHERS * others or most < WEAKER * weaker:
            continue
        speck = top & (strength >= SPECK) & (small >= LIGHT)
        spread = [
            _spread(torch.where(speck, values, -torch.inf), reach, light.shape)
            for values, reach in ((small - contrast / 2, 2), (small - 0.8 * contrast, 3))
        ]
        core = (spread[0] > -torch.inf) & (light > spread[0])
        found |= core | (grown(core, 2) & (spread[1] > -torch.inf) & (light > spread[1]))
    return found


def _around(light: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Return the lightest on a ring around each pixel."""
    wide = padded(light, 3)
    lightest = torch.full_like(light, -torch.inf)
    for down, right in RING:
        for sign in (-1, 1):
            here = shifted(wide, sign * down, sign * right, 3, light.shape)
            lightest = torch.maximum(lightest, here)
    return lightest


def _largest(values: Float[Tensor, "h w"], reach: int) -> Float[Tensor, "h w"]:
    return functional.max_pool2d(values[None, None], 2 * reach + 1, 1, reach)[0, 0]


def _spread(values: Float[Tensor, "h w"], reach: int, size: torch.Size) -> Float[Tensor, "H W"]:
    """Return the largest of ``values`` within reach, at the picture's size."""
    largest = _largest(values, reach)[None, None]
    return functional.interpolate(largest, size=tuple(size), mode="nearest")[0, 0]
