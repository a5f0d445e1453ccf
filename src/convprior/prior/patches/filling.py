"""Missing pixels filled by alike patches, where all others are exact.

Only what is missing is estimated: a picture is cut into cells, those in which something is missing
are worked on one by one with what lies around them, and nothing else is looked at. A cell starts
from a smooth guess, or from what a network made of it; in each round its patches are replaced by
combinations of alike ones as if they had errors, and less so from round to round, and the known
pixels are put back.
"""

import itertools
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches import threads
from convprior.prior.patches.combining import better
from convprior.prior.patches.descent import descended
from convprior.prior.patches.matching import alike
from convprior.prior.patches.sweep import Grid, Tile
from convprior.prior.patches.work import Work
from convprior.problem.observation import Observation

Place = tuple[slice, slice]  # rows and columns

CELL = 96  # pixels
AROUND = 28  # pixels around a cell: alike patches are looked for that far
SIDE, STRIDE, REACH, SIMILAR = 6, 4, 16, 48
ROUNDS = 24
# Each round is a step towards a fixed point. From far off, longer ones with some of the last are
# there in half the rounds; a good start they would lead astray.
OVER, MOMENTUM = 1.8, 0.75
MATCH_EVERY = 6  # rounds
FIRST_ERROR, LAST_ERROR = 20 / 255, 1 / 255  # deviations that a guess is thought to be off by
STRAIGHTENED = 100  # steps towards a smooth guess, at most: enough for gaps of some ten pixels
STRAIGHT = 1e-3  # of the bends of the first guess: what is left does not show


class Filling(Work):
    """The filling of one picture whose known pixels are exact.

    ``start`` (c, h, w) is a picture whose missing pixels are about ``error`` off; by default a
    smooth one is made.
    """

    def __init__(
        self,
        observation: Observation,
        start: Float[Tensor, "c h w"] | None = None,
        error: float = FIRST_ERROR,
    ) -> None:
        self.observed, self.known = observation.observed, observation.known
        self.start, self.error = start, error
        self.made, self.there = self.observed.clone(), self.known.clone()
        self.cells = _cells(~self.known)

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far: known pixels are what they were."""
        return self.made if bool(self.there.all()) else filled(self.made, self.there)

    def __iter__(self) -> Iterator[float]:
        # Each knows nothing of what is made of others: the order changes no bit.
        found = threads.each(lambda cell: self._fill(*cell), self.cells, self.made.device)
        for done, (cell, part) in enumerate(found, start=1):
            self.made[:, *cell], self.there[cell] = part, True
            yield done / len(self.cells)

    def _fill(self, rows: slice, columns: slice) -> Float[Tensor, "c cell_h cell_w"]:
        """Return what a cell holds, filled."""
        top, left = max(rows.start - AROUND, 0), max(columns.start - AROUND, 0)
        piece = (slice(top, rows.stop + AROUND), slice(left, columns.stop + AROUND))
        exact, known = self.observed[:, *piece], self.known[piece]
        if self.start is not None:
            picture = torch.where(known, exact, self.start[:, *piece])
        elif known.any():
            picture = smooth(exact, known)
        else:  # nobody knows what is in the middle of a hole as large as a cell: the mean of all
            mean = self.observed[:, self.known].mean(1)[:, None, None]
            return mean.expand(-1, rows.stop - rows.start, columns.stop - columns.start)
        over, momentum = (OVER, MOMENTUM) if self.start is None else (1.0, 0.0)
        grid = Grid.over(picture, SIDE, STRIDE, REACH)
        tile = Tile(grid, 0, 0, *grid.counts())
        touched = _touched(~known, grid)
        step = torch.zeros_like(picture)
        for number in range(ROUNDS):
            error = self.error * (LAST_ERROR / self.error) ** (number / (ROUNDS - 1))
            guide = tile.of(picture)
            if number % MATCH_EVERY == 0:
                members = alike(guide, tile, SIMILAR, touched)
            variance = guide.new_full((1, len(members)), error**2)
            sums = better(guide, guide, None, members, grid.side, variance, 0.0)
            total, weight = torch.zeros_like(picture), torch.zeros_like(picture)
            tile.add(sums.total, total)
            tile.add(sums.weight, weight)
            step = over * (total / weight - picture) + momentum * step
            picture = torch.where(known, exact, picture + step)
        return picture[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]


def _cells(missing: Bool[Tensor, "h w"]) -> list[Place]:
    """Return the cells in which something is missing, each no larger than to hold what is."""
    height, width = missing.shape
    cells = []
    for top, left in itertools.product(range(0, height, CELL), range(0, width, CELL)):
        part = missing[top : top + CELL, left : left + CELL]
        rows, columns = part.any(1).nonzero()[:, 0], part.any(0).nonzero()[:, 0]
        if len(rows):
            cells.append(
                (
                    slice(top + int(rows[0]), top + int(rows[-1]) + 1),
                    slice(left + int(columns[0]), left + int(columns[-1]) + 1),
                )
            )
    return cells


def _touched(missing: Bool[Tensor, "h w"], grid: Grid) -> Bool[Tensor, " groups"]:
    """Return which groups are made for a patch in which something is missing."""
    down, across = grid.counts()
    beyond = [0, (across - 1) * grid.stride + grid.side - missing.shape[1]]
    beyond += [0, (down - 1) * grid.stride + grid.side - missing.shape[0]]
    whole = functional.pad(missing[None].float(), beyond)
    return functional.max_pool2d(whole, grid.side, grid.stride)[0].flatten() > 0


def filled(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """Return the picture with unknown pixels told from those next to them, or from farther away.

    The mean of the known ones of the eight around it; where there are none, a coarser scale.
    """
    if bool(known.all()):
        return picture
    picture = torch.where(known, picture, 0.0)
    count = functional.avg_pool2d(known[None].float(), 3, 1, 1)
    near = functional.avg_pool2d(picture[None], 3, 1, 1)[0] / count.clamp(min=1 / 9)
    near = torch.where(known, picture, near)
    reached = count[0] > 0
    if bool(reached.all()):
        return near
    height, width = known.shape
    beyond = (0, width % 2, 0, height % 2)
    share = functional.avg_pool2d(functional.pad(known[None].float(), beyond), 2)
    half = functional.avg_pool2d(functional.pad(picture, beyond), 2) / share.clamp(min=0.25)
    coarse = filled(half, share[0] > 0)
    up = functional.interpolate(coarse[None], scale_factor=2, mode="bilinear")[0]
    return torch.where(reached, near, up[:, :height, :width])


def smooth(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """Return the picture with unknown pixels so that all of it is as smooth as can be.

    Least squares of all second differences, as a thin plate bends (Duchon 1977; akin to biharmonic
    inpainting, Chui and Mhaskar 2010), by conjugate gradients from a guess by means.
    """
    guess = filled(picture, known)
    free = (~known).to(picture.dtype)

    def bent(planes: Tensor) -> Tensor:
        """Return half the gradient of the sum of all squared second differences."""
        force = torch.zeros_like(planes)
        for axis in (1, 2):
            if (inner := planes.shape[axis] - 2) > 0:
                before, middle, after = (planes.narrow(axis, first, inner) for first in (0, 1, 2))
                curved = before - 2 * middle + after
                for first, weight in ((0, 1), (1, -2), (2, 1)):
                    force.narrow(axis, first, inner).add_(curved, alpha=weight)
        twisted = 2 * planes.diff(dim=1).diff(dim=2)  # it counts twice: both mixed derivatives
        force[:, :-1, :-1] += twisted
        force[:, 1:, 1:] += twisted
        force[:, :-1, 1:] -= twisted
        force[:, 1:, :-1] -= twisted
        return force.mul_(free)

    return descended(guess, -bent(guess), bent, STRAIGHTENED, STRAIGHT)
