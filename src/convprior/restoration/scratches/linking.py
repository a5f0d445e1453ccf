"""Ridge pixels that hang together are one line; lines that cross are taken apart again."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from convprior.restoration.scratches.ridges import WAYS, directions

Mean = Callable[[Tensor], Tensor]  # of each line's values

TURN, LEAST_TURN = 2, 1  # ways between linked pixels, and where lines have tangled, at most
TANGLED, MANY = 0.2, 20  # extent across per extent along of so many pixels, from which on they have
STEP = 0.2  # of the range between their lightness, at most
REACH = 2  # pixels from one to the next; and along the line, on the whole picture, so many,
ALONG, ASTRAY = 3, 1.0  # so far aside: not each row of a thin slanting line has a crest
NEXT = (
    *((0, right) for right in range(1, ALONG + 1)),
    *((down, right) for down in range(1, ALONG + 1) for right in range(-ALONG, ALONG + 1)),
)


@dataclass(frozen=True)
class Bars:
    """What lines would be as straight bars: of the same mean and covariance of their pixels.

    ``centre`` and ``direction`` are (down, right), in pixels and of length 1.
    """

    centre: Float[Tensor, "m 2"]
    direction: Float[Tensor, "m 2"]
    along: Float[Tensor, " m"]
    across: Float[Tensor, " m"]


def means(
    line: Int64[Tensor, " n"], weight: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " m"], Mean]:
    """Return the weight of each line, at least 1, and what takes the mean of values over each.

    ``line`` is the number of that to which each place belongs.
    """
    number = int(line.max()) + 1 if len(line) else 0
    total = torch.zeros(number).index_add_(0, line, weight).clamp(min=1)
    return total, lambda values: torch.zeros(number).index_add_(0, line, values * weight) / total


def bars(places: Int64[Tensor, "n 2"], line: Int64[Tensor, " n"], mean: Mean) -> Bars:
    """Return the bars of lines, of whose values ``mean`` takes the mean."""
    rows, columns = places.float().T
    centre = torch.stack([mean(rows), mean(columns)], 1)
    down, right = (places - centre[line]).T
    dd, rr, dr = mean(down * down), mean(right * right), mean(down * right)
    root = ((dd - rr).square() / 4 + dr.square()).sqrt()
    half = (dd + rr) / 2
    angle = torch.atan2(2 * dr, rr - dd) / 2
    return Bars(
        centre,
        torch.stack([angle.sin(), angle.cos()], 1),
        (12 * (half + root)).sqrt(),
        (12 * (half - root).clamp(min=0)).sqrt(),
    )


def linked(
    places: Int64[Tensor, "n 2"], way: Int64[Tensor, " n"], light: Float[Tensor, "h w"], scale: int
) -> Int64[Tensor, " n"]:
    """Return for each place the least number of those that it hangs together with.

    Lines that cross make one that is crooked: its places are asked again, with less of a turn.
    """
    reach = ALONG if scale == 1 else REACH
    least = _together(places, way, light, reach, TURN)
    _, line = least.unique(return_inverse=True)
    count, mean = means(line, torch.ones(len(line)))
    bar = bars(places, line, mean)
    tangled = ((bar.across > TANGLED * bar.along) & (count > MANY))[line].nonzero()[:, 0]
    apart = _together(places[tangled], way[tangled], light, reach, LEAST_TURN)
    least[tangled] = tangled[apart]
    return least


def _together(
    places: Int64[Tensor, "n 2"],
    way: Int64[Tensor, " n"],
    light: Float[Tensor, "h w"],
    reach: int,
    most_turn: int,
) -> Int64[Tensor, " n"]:
    """Return `linked`, with so many pixels between two places, and ways, at most.

    The least number spreads along the links, and to its bearers at once: the rounds grow with the
    logarithm of a line's length.
    """
    numbers = torch.full([side + 2 * reach for side in light.shape], -1, dtype=torch.int32)
    rows, columns = (places + reach).T
    numbers[rows, columns] = torch.arange(len(places), dtype=torch.int32)
    lightness = light[places[:, 0], places[:, 1]]
    sin, cos = directions(way)
    links = []
    for down, right in NEXT:
        far = max(down, abs(right))
        if far > reach:
            continue
        other = numbers[rows + down, columns + right].long()
        one = (other >= 0).nonzero()[:, 0]
        other = other[one]
        turn = (way[one] - way[other]).abs()
        alike = torch.minimum(turn, WAYS - turn) <= most_turn
        alike &= (lightness[one] - lightness[other]).abs() < STEP
        if far > REACH:
            aside = (down * cos - right * sin).abs()
            alike &= torch.maximum(aside[one], aside[other]) <= ASTRAY
        links.append(torch.stack([one[alike], other[alike]]))
    one, other = torch.cat(links, 1)
    least = torch.arange(len(places))
    while True:
        before = least
        lower = torch.minimum(before[one], before[other])
        least = before.scatter_reduce(0, before[one], lower, "amin")
        least = least.scatter_reduce(0, before[other], lower, "amin")
        while not torch.equal(least, farther := least[least]):
            least = farther
        if torch.equal(least, before):
            return least
