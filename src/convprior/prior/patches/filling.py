"""Missing pixels filled by alike patches, where all others are exact.

Only what is missing is estimated: a picture is cut into cells, those in which something is missing
are worked on one by one with what lies around them, and nothing else is looked at. A cell starts
from a smooth guess, or from what a network made of it; in each round its patches are replaced by
combinations of alike ones as if they had errors, and less so from round to round, and the known
pixels are put back.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches.combining import better
from convprior.prior.patches.matching import alike
from convprior.prior.patches.sweep import Grid, Tile
from convprior.prior.patches.work import Work
from convprior.problem import classical
from convprior.problem.observation import Observation

CELL = 96  # pixels
AROUND = 28  # pixels around a cell: alike patches are looked for that far
SIDE, STRIDE, REACH, SIMILAR = 6, 4, 16, 48
ROUNDS = 32
MATCH_EVERY = 8  # rounds
FIRST_ERROR, LAST_ERROR = 20 / 255, 1 / 255  # deviations that a guess is thought to be off by
FARTHEST = 12  # pixels from a known one: beyond, a smooth guess asks for too much


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
        self.known, self.start, self.error = observation.known, start, error
        self.filled = filled(observation.observed, observation.known)
        if start is not None:
            self.filled = torch.where(self.known, self.filled, start)
        height, width = self.known.shape
        cells = [
            (slice(top, min(top + CELL, height)), slice(left, min(left + CELL, width)))
            for top in range(0, height, CELL)
            for left in range(0, width, CELL)
        ]
        self.cells = [cell for cell in cells if not bool(self.known[cell].all())]

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far: known pixels are what they were."""
        return self.filled

    def __iter__(self) -> Iterator[float]:
        threads = torch.get_num_threads()
        begun = self.filled.clone()  # cells know nothing of what others make
        torch.set_num_threads(1)
        pool = ThreadPoolExecutor(
            threads if begun.device.type == "cpu" else 1,
            initializer=torch.set_num_threads,
            initargs=(1,),
        )
        try:
            found = pool.map(lambda cell: self._fill(begun, *cell), self.cells)
            for done, (cell, part) in enumerate(zip(self.cells, found, strict=True), start=1):
                self.filled[:, *cell] = part
                yield done / len(self.cells)
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)

    def _fill(
        self, begun: Float[Tensor, "c h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "c cell_h cell_w"]:
        """Return what a cell holds, filled."""
        top, left = max(rows.start - AROUND, 0), max(columns.start - AROUND, 0)
        piece = (slice(top, rows.stop + AROUND), slice(left, columns.stop + AROUND))
        picture, known = begun[:, *piece], self.known[piece]
        if self.start is None:
            picture = _smooth(picture, known)
        exact = picture
        grid = Grid.over(picture, SIDE, STRIDE, REACH)
        tile = Tile(grid, 0, 0, *grid.counts())
        touched = _touched(~known, grid)
        nothing = picture.new_zeros(len(picture), *tile.size())
        for number in range(ROUNDS):
            error = self.error * (LAST_ERROR / self.error) ** (number / (ROUNDS - 1))
            guide = tile.of(picture)
            if number % MATCH_EVERY == 0:
                members = alike(guide, tile, SIMILAR)[touched]
            sums = better(guide, guide, nothing, members, grid.side, error**2, 0.0)
            estimate = torch.zeros_like(picture), torch.zeros_like(picture)
            tile.add(sums.total, estimate[0])
            tile.add(sums.weight, estimate[1])
            picture = torch.where(known, exact, estimate[0] / estimate[1])
        return picture[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]


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
    picture = torch.where(known, picture, 0.0)
    count = functional.avg_pool2d(known[None].float(), 3, 1, 1)
    near = functional.avg_pool2d(picture[None], 3, 1, 1)[0] / count.clamp(min=1 / 9)
    near = torch.where(known, picture, near)
    reached = count[0] > 0
    if bool(reached.all()) or min(known.shape) == 1:
        return near
    height, width = known.shape
    beyond = (0, width % 2, 0, height % 2)
    share = functional.avg_pool2d(functional.pad(known[None].float(), beyond), 2)
    half = functional.avg_pool2d(functional.pad(picture, beyond), 2) / share.clamp(min=0.25)
    coarse = filled(half, share[0] > 0)
    up = functional.interpolate(coarse[None], scale_factor=2, mode="bilinear")[0]
    return torch.where(reached, near, up[:, :height, :width])


def _smooth(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """Return the picture with its missing pixels made as smooth as can be, where some are near."""
    window = 2 * FARTHEST + 1
    near = functional.max_pool2d(known[None].float(), window, 1, FARTHEST)[0] > 0
    guessed = Observation(picture, known | ~near, exact=True)
    return classical.baseline(guessed).to(picture)
