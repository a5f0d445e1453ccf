"""A wide hole filled with pieces of the picture around it, each copied whole.

Newson, Almansa, Gousseau and Pérez, "Non-local patch-based image inpainting", IPOL 2017, after
Wexler, Shechtman and Irani 2007. From coarse to fine: each patch that touches the hole looks for
the one in the picture that is most like it (matching.py), and the hole becomes the mean of what
these say (voting.py); so again until little changes. Patches are compared by how rough the picture
is around them, too (texture.py), and at the end each pixel is copied from a single place, so that
texture stays texture.
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.exemplars import voting
from convprior.prior.exemplars.matching import Field, Patches, sources
from convprior.prior.exemplars.peeling import peeled
from convprior.prior.exemplars.pyramid import Level, levels
from convprior.prior.exemplars.texture import texture

SIDE = 7  # of patches, in pixels: Newson et al.
ROUGHNESS = 50 / 3  # how much a difference of texture counts beside one of colour, their λ
ITERATIONS = 10  # of search and vote at a level, at most, theirs too
AT_FINEST = 4  # there matches are refined: from the second level on they are nearly right
ROUNDS, AT_FINER = 6, 2  # of a search, at the coarsest level and at the others
STILL = 0.1 / 255  # mean change of the hole, below which a level is done: theirs


def fill(
    picture: Float[Tensor, "c h w"],
    hole: Bool[Tensor, "h w"],
    usable: Bool[Tensor, "h w"],
    generator: torch.Generator,
) -> Iterator[tuple[float, Float[Tensor, "c h w"]]]:
    """Fill a hole and yield, each time it is better, the share that is done and the picture.

    ``picture`` is nominally in [0, 1]; its values in the hole are never read. ``usable`` (h, w)
    are the pixels that may be copied: at least one patch of them is whole (`can_be_filled`). The
    last picture holds nothing in the hole but copies of them. ``generator`` is on the picture's
    device.
    """
    side = min(SIDE, *hole.shape)
    count = _levels(hole, side)
    rough = texture(picture.where(~hole, 0.0), usable & ~hole, 2**count + 1)
    planes = torch.cat([picture.where(~hole, 0.0), math.sqrt(ROUGHNESS) * rough])
    pyramid = levels(Level(planes, hole, usable & ~hole), side, count)
    channels = len(picture)
    field: Field | None = None
    for number in reversed(range(len(pyramid))):
        level = pyramid[number]
        coarser, field = field, Field(level.hole, level.usable, side, generator)
        if coarser is None:
            planes = peeled(level, side, generator)
        else:
            field.follow(coarser)
            planes = voting.mean(level.planes, field, level.hole)
        rounds = ROUNDS if coarser is None else AT_FINER
        iterations = ITERATIONS if number else AT_FINEST
        for iteration in range(iterations):
            patches = Patches(planes[:channels], planes[channels:], side)
            field.search(patches, rounds, max(hole.shape) >> number)
            before, planes = planes, voting.mean(planes, field, level.hole)
            change = (planes - before)[:channels, level.hole].abs().mean()
            # A level takes a quarter of the next one's time.
            share = (1 + 3 * (iteration + 1) / iterations) / 4 / 4**number
            if number or iteration + 1 < iterations:
                yield share, _enlarged(planes[:channels], picture, hole)
            if change < STILL:
                break
    assert field is not None  # a pyramid has a level
    yield 1.0, voting.best(planes[:channels], field, hole)


def can_be_filled(
    hole: Bool[Tensor, "h w"], usable: Bool[Tensor, "h w"], least: float
) -> Bool[Tensor, ""]:
    """Return whether there are patches to copy from, ``least`` for each pixel of the hole."""
    side = min(SIDE, *hole.shape)
    return sources(usable & ~hole, side).sum() >= (least * hole.sum()).clamp(min=1)


def _levels(hole: Bool[Tensor, "h w"], side: int) -> int:
    """Return the number of levels after which the hole is hardly wider than a patch."""
    depth, left = 0, hole
    while left.any():
        left = ~functional.max_pool2d((~left)[None].float(), 3, 1, 1)[0].bool()
        depth += 1
        if depth >= min(hole.shape):
            break
    return max(math.floor(math.log2(2 * depth / side)), 0) + 1


def _enlarged(
    planes: Float[Tensor, "c h w"], picture: Float[Tensor, "c H W"], hole: Bool[Tensor, "H W"]
) -> Float[Tensor, "c H W"]:
    """Return the picture with the hole from one of less size."""
    if planes.shape != picture.shape:
        height, width = hole.shape
        scale = 2 ** round(math.log2(height / planes.shape[1]))
        planes = functional.interpolate(planes[None], scale_factor=scale, mode="bilinear")[0]
        planes = planes[:, :height, :width]
    return torch.where(hole, planes, picture)
