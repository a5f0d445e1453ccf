"""What the eye is shown of any picture: eight bits, whatever its numbers are."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.pictures.picture import Picture


def without_absent(picture: Picture) -> Picture:
    """Return the picture with NaN for the numbers that stand for "no value"."""
    if picture.absent is None:
        return picture
    return replace(picture, pixels=torch.where(picture.absent, torch.nan, picture.pixels))


def range_of(*pictures: Picture) -> tuple[float, float]:
    """Return the values shown black and white: of all the pictures, where eight bits do not say."""
    if all(picture.depth == 8 for picture in pictures):
        return 0.0, 1.0
    values = torch.cat([p.pixels[torch.isfinite(p.pixels)] for p in pictures])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1


def shown(pixels: Float[Tensor, "c h w"], low: float, high: float) -> Float[Tensor, "s h w"]:
    """Return values in [0, 1] of one channel or three; what has no value is black."""
    values = torch.nan_to_num((pixels - low) / (high - low))
    return values if len(values) in (1, 3) else values.mean(0, keepdim=True)
