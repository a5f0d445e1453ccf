"""Lines: ridges that hang together, and what is told of each.

What speaks for a scratch: it is long and straight, has one extreme colour while its sides change,
is unlike both of them and they are alike, and what lies farther aside goes on as they do.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from convprior.restoration.scratches.linking import bars, linked, means
from convprior.restoration.scratches.ridges import (
    ASIDE,
    LENGTH,
    WAYS,
    Ridges,
    direction,
    directions,
    ridges,
)

WEAK = 0.8  # height from which on a ridge can be part of a line
SCALES = (1, 2, 4)  # on halves of the picture, lines of up to two pixels are such of up to eight
SHORTEST = 12  # pixels at its scale
SOLID = 0.5  # of the piece's height: less, and the pixel is beyond the line's end, or hidden
ALONG = (-4, -2, 0, 2, 4)  # pixels along the line over which lightness is smoothed
FARTHER = (5, 7, 11, 16)  # pixels aside
THIN = 1.9  # pixels: hardly anything that a lens has drawn is thinner

EVIDENCE = (
    "length",  # logarithm of pixels
    "lightness",
    "change",  # deviation of the lightness along the line
    "uneven",  # difference of the two sides, in units of the contrast, at most 3
    "contrast",  # with the lighter side
    "crooked",  # extent across per extent along, of the line's pixels
    "elsewhere",  # change from the sides to 7 pixels aside, in units of the contrast, at most 4
    "variation",  # logarithm of that of the surroundings
    "sides",  # deviation of the lighter side along the line
    "above",  # lightness beyond the lightest of 16 pixels to both sides
    "thin",  # logarithm of how many times thinner it is than THIN; 0 if wider
)


@dataclass(frozen=True)
class Lines:
    """The lines of a picture ``light`` that was made smaller by ``scale``.

    ``places`` are the pixels on them (row, column), ``of`` the line of each, and ``contrast`` that
    of each with its lighter side. Of the m lines there are the ``evidence``, its columns as named
    by EVIDENCE, the ``width`` in pixels of the picture, how many pixels each has, and its centre
    and direction as a bar (`Bars`), in pixels of the picture.
    """

    scale: int
    light: Float[Tensor, "h w"]
    places: Int64[Tensor, "n 2"]
    of: Int64[Tensor, " n"]
    contrast: Float[Tensor, " n"]
    evidence: Float[Tensor, "m k"]
    width: Float[Tensor, " m"]
    count: Float[Tensor, " m"]
    centre: Float[Tensor, "m 2"]
    direction: Float[Tensor, "m 2"]


def lines(light: Float[Tensor, "h w"]) -> list[Lines]:
    """Return the light lines of a picture with a range of about [0, 1], finest scale first."""
    found = []
    for scale in SCALES:
        small = functional.avg_pool2d(light[None, None], scale)[0, 0] if scale > 1 else light
        if min(small.shape) < 2 * LENGTH:
            break
        found.append(_lines(small, scale))
    return [each for each in found if len(each.width)]


def _lines(light: Float[Tensor, "h w"], scale: int) -> Lines:
    ridged = ridges(light)
    places = _crests(ridged).nonzero()
    rows, columns = places.T
    way = ridged.way[rows, columns].long()
    height, variation = ridged.height[rows, columns], ridged.variation[rows, columns]
    beside = Beside(light, places, *directions(way))
    left, right, middle = beside.at(ASIDE), beside.at(-ASIDE), beside.at(0)
    side = torch.maximum(left, right)
    contrast = middle - side
    _, line = linked(places, way, light, scale).unique(return_inverse=True)
    solid = (contrast >= SOLID * height * variation).float()
    count, mean = means(line, solid)

    def deviation(values: Tensor) -> Tensor:
        return (mean(values.square()) - mean(values).square()).clamp(min=0).sqrt()

    farther = {d: (beside.at(d), beside.at(-d)) for d in FARTHER}
    lightest = torch.stack([side, *(side for pair in farther.values() for side in pair)]).amax(0)
    moved = (farther[7][0] - left).abs() + (farther[7][1] - right).abs()
    bar = bars(places, line, mean)
    along, across = bar.along, bar.across
    step = mean(contrast).clamp(min=0) + 0.02
    width = (scale * mean(beside.width(middle - contrast / 2))).clamp(min=1)
    evidence = [
        along.clamp(min=1).log(),
        mean(middle),
        deviation(middle),
        (mean((left - right).abs()) / step).clamp(max=3),
        mean(contrast),
        across.clamp(max=30) / along.clamp(min=1),
        (mean(moved) / step).clamp(max=4),
        mean(variation).log(),
        deviation(side),
        mean(middle - lightest),
        (THIN / width).log().clamp(min=0),
    ]
    long = (along >= SHORTEST) & (mean(solid) > 0)
    kept = long[line] & (solid > 0)
    return Lines(
        scale,
        light,
        places[kept],
        (long.long().cumsum(0) - 1)[line][kept],
        contrast[kept],
        torch.stack(evidence, 1)[long],
        width[long],
        count[long],
        scale * bar.centre[long] + (scale - 1) / 2,
        bar.direction[long],
    )


def _crests(ridged: Ridges) -> Bool[Tensor, "h w"]:
    """Return ridge pixels that are no lower than their neighbours on both sides."""
    size = ridged.height.shape
    around = functional.pad(ridged.height, (1, 1, 1, 1), value=-math.inf)
    high = ridged.height >= WEAK
    crest = torch.zeros(size, dtype=torch.bool)
    for way in range(WAYS):
        sin, cos = direction(way)
        down, right = round(cos), -round(sin)
        one, other = (
            around[1 + s * down :, 1 + s * right :][: size[0], : size[1]] for s in (1, -1)
        )
        crest |= high & (ridged.way == way) & (ridged.height >= torch.maximum(one, other))
    return crest


class Beside:
    """The lightness at places, and so many pixels aside of them, smoothed along the line.

    ``sin`` and ``cos`` are those of the line's angle, of each place or of all: it leads so far down
    and right.
    """

    def __init__(
        self, light: Float[Tensor, "h w"], places: Int64[Tensor, "n 2"], sin: Tensor, cos: Tensor
    ) -> None:
        self.light = light
        self.rows, self.columns = places.T
        self.sin, self.cos = sin, cos

    def at(self, aside: int, along: tuple[int, ...] = ALONG) -> Float[Tensor, " n"]:
        """Return the mean lightness of what lies so far aside, and so many pixels along."""
        height, width = self.light.shape
        total = torch.zeros(len(self.rows))
        for t in along:
            row = (self.rows + t * self.sin + aside * self.cos).round().long()
            column = (self.columns + t * self.cos - aside * self.sin).round().long()
            total += self.light[row.clamp(0, height - 1), column.clamp(0, width - 1)]
        return total / len(along)

    def width(self, half: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return how many pixels across are lighter than ``half``, without a break."""
        total = torch.ones(len(self.rows))
        for sign in (-1, 1):
            inside = torch.ones(len(self.rows), dtype=torch.bool)
            for k in range(1, ASIDE + 1):
                inside = inside & (self.at(sign * k) > half)
                total += inside
        return total
