"""Specks: places that are lighter than all of a ring around them, and what is told of each.

A ring of three, five or seven pixels' radius is clear of specks of up to some four, eight or twelve
pixels. What speaks for dust: it sticks out of its ring by more than the surroundings vary, it is
light, and what it lies on is even, near by and farther off, for dust falls anywhere.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from convprior.restoration.scratches.covering import grown
from convprior.restoration.scratches.ridges import padded, shifted, variation_of

RINGS = (3, 5, 7)  # pixels
FARTHER = 4  # pixels from a ring to the one that tells how the surroundings go on
LEAST, WEAK = 0.1, 2.0  # contrast of a speck, of the range and in units of the variation
EVIDENCE = (
    "strength",  # logarithm of the contrast with the ring's lightest, in units of the variation
    "lightness",
    "uneven",  # how far the ring's lightest exceeds its mean, in units of the contrast with that
    "elsewhere",  # how far what lies farther off exceeds the ring's lightest, likewise; -1 to 3
)
CORE, EDGE, SOFT = 0.5, 0.8, 2  # of the contrast, below a speck's lightness; pixels


@dataclass(frozen=True)
class Specks:
    """The n specks inside rings of one radius: ``places`` are (row, column).

    ``lightness`` is theirs, ``contrast`` that with the lightest of the ring, ``area`` the pixels
    inside with more than half of it; ``evidence`` has the columns that EVIDENCE names.
    """

    radius: int
    places: Int64[Tensor, "n 2"]
    lightness: Float[Tensor, " n"]
    contrast: Float[Tensor, " n"]
    area: Int64[Tensor, " n"]
    evidence: Float[Tensor, "n k"]


def specks(light: Float[Tensor, "h w"], apart: Bool[Tensor, "h w"]) -> list[Specks]:
    """Return the light specks of a picture with a range of about [0, 1], but those ``apart``."""
    variation = variation_of(light)
    return [_inside(radius, light, variation, apart) for radius in RINGS]


def _inside(radius: int, light: Tensor, variation: Tensor, apart: Tensor) -> Specks:
    around = padded(light, radius)
    lightest = torch.full_like(light, -math.inf)
    for down, right in _ring(radius):
        here = shifted(around, down, right, radius, light.shape)
        torch.maximum(lightest, here, out=lightest)
    contrast = light - lightest
    top = (contrast > LEAST) & (contrast > WEAK * variation) & ~apart
    top &= contrast >= functional.max_pool2d(contrast[None, None], 5, 1, 2)[0, 0]
    places = top.nonzero()
    lightness, own = light[top], contrast[top]
    mean = light[_around(places, _ring(radius), light.shape)].mean(1)
    farther = light[_around(places, _ring(radius + FARTHER), light.shape)].amax(1)
    step = lightness - mean
    inside = light[_around(places, _disc(radius), light.shape)]
    area = (inside > (lightness - CORE * own)[:, None]).sum(1)
    evidence = [
        (own / variation[top]).log(),
        lightness,
        (lightest[top] - mean) / step,
        ((farther - lightest[top]) / step).clamp(-1, 3),
    ]
    return Specks(radius, places, lightness, own, area, torch.stack(evidence, 1))


def covered(
    light: Float[Tensor, "h w"], found: list[Specks], chosen: Bool[Tensor, " m"]
) -> Bool[Tensor, "h w"]:
    """Return the pixels of the chosen specks, of all rings, and of their soft edges."""
    core, edge = (torch.zeros(light.shape, dtype=torch.bool) for _ in (CORE, EDGE))
    for each, taken in zip(found, chosen.split([len(e.places) for e in found]), strict=True):
        rows, columns = _around(each.places[taken], _disc(each.radius), light.shape)
        below = each.lightness[taken, None] - light[rows, columns]
        for mask, share in ((core, CORE), (edge, EDGE)):
            inside = below < share * each.contrast[taken, None]
            mask[rows[inside], columns[inside]] = True
    return core | (grown(core, SOFT) & edge)


Offsets = list[tuple[int, int]]  # so many pixels down and right


def _ring(radius: int) -> Offsets:
    """Return a circle's pixels, of which no two neighbours are farther apart than two pixels."""
    count = 4 * radius
    turns = [2 * math.pi * k / count for k in range(count)]
    return sorted({(round(radius * math.sin(t)), round(radius * math.cos(t))) for t in turns})


def _disc(radius: int) -> Offsets:
    side = range(-radius, radius + 1)
    return [(down, right) for down in side for right in side if math.hypot(down, right) <= radius]


def _around(
    places: Int64[Tensor, "n 2"], offsets: Offsets, size: torch.Size
) -> tuple[Int64[Tensor, "n k"], Int64[Tensor, "n k"]]:
    """Return rows and columns of what lies so far from places, or of the border nearest to it."""
    down, right = torch.tensor(offsets).T
    rows = (places[:, :1] + down).clamp(0, size[0] - 1)
    columns = (places[:, 1:] + right).clamp(0, size[1] - 1)
    return rows, columns
