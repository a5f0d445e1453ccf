"""A picture fitted in tiles: as large as memory allows, with one schedule and one stop for all.

Each tile has a network of its own, a few hundred kilobytes; the memory goes to the features of the
one that is taking its steps. All take the same number of steps before their averages are blended
and judged together, so that smoothness and tone agree across the picture. Most pictures are one
tile.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.fit import Fit
from convprior.prior.recipe import Recipe
from convprior.prior.where import Where
from convprior.problem.observation import Observation

OVERLAP = 32  # pixels of the picture that two tiles share at least


class Tiles:
    """The fits of all tiles of one observation, and what they share.

    The observation and ``fitted`` (h, w), the pixels that the loss counts, are on the device.
    """

    def __init__(
        self,
        observation: Observation,
        fitted: Bool[Tensor, "h w"],
        recipe: Recipe,
        seed: int,
        where: Where,
    ) -> None:
        self.observation = observation
        self.overlap = _overlap(observation)
        self.places = _places(observation, fitted, where.tile, self.overlap)
        self.fits: list[Fit] = []
        for index, (rows, columns) in enumerate(self.places):
            self.fits.append(
                Fit(
                    observation.piece(rows, columns),
                    observation.inside(fitted, rows, columns),
                    recipe,
                    seeds.seed("tile", seed, index) if index else seed,
                    where,
                    latent=self.fits[0].latent if index else None,
                )
            )
        self.outlier = self.fits[0].outlier
        known = observation.observed[:, observation.known]
        self.mean = known.mean(1)[:, None, None].clamp(0, 1)
        self.windows = [self._window(rows, columns) for rows, columns in self.places]

    def advance(
        self, steps: int
    ) -> tuple[Float[Tensor, "c H W"], Float[Tensor, "c H W"], Float[Tensor, " tiles"]]:
        """Take so many steps in each tile.

        Returns the picture of the last, the running average with it, and the misfit of each tile.
        """
        pictures, averages, misfits = [], [], []
        for fit in self.fits:
            for _ in range(steps):
                picture, average, misfit = fit.step()
            pictures.append(picture)
            averages.append(average)
            misfits.append(misfit)
        if len(self.fits) == 1:
            return picture, average, misfit[None]
        return self._blend(pictures), self._blend(averages), torch.stack(misfits)

    def _blend(self, pieces: list[Float[Tensor, "c piece_H piece_W"]]) -> Float[Tensor, "c H W"]:
        """Return the picture that the tiles' pictures make, each fading into the next."""
        height, width = self.observation.size
        total = pieces[0].new_zeros(len(pieces[0]), height, width)
        weight = pieces[0].new_zeros(height, width)
        for (rows, columns), piece, window in zip(self.places, pieces, self.windows, strict=True):
            total[:, rows, columns] += piece * window
            weight[rows, columns] += window
        # Nobody knows what is in the middle of a hole as large as a tile: the mean of all.
        total.div_(weight.clamp(min=torch.finfo(weight.dtype).tiny))
        return torch.where(weight > 0, total, self.mean)

    def _window(self, rows: slice, columns: slice) -> Float[Tensor, "piece_H piece_W"]:
        """Return a tile's weights: one, but for ramps towards the tiles beside it."""
        ramps = []
        for place, side in zip((rows, columns), self.observation.size, strict=True):
            at = torch.arange(place.start, place.stop, device=self.observation.known.device)
            up = (
                (at - place.start + 0.5) / self.overlap
                if place.start
                else torch.ones_like(at) * 1.0
            )
            down = (
                (place.stop - at - 0.5) / self.overlap
                if place.stop < side
                else up.new_ones(len(at))
            )
            ramps.append(torch.minimum(up, down).clamp(max=1.0))
        return torch.outer(*ramps)

    def shrink_steps(self, factor: float) -> None:
        """Multiply all learning rates."""
        for fit in self.fits:
            fit.shrink_steps(factor)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return a copy of all that later steps change."""
        return [fit.state_dict() for fit in self.fits]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from a `state_dict` as if nothing had happened since; it is not changed."""
        for fit, saved in zip(self.fits, state, strict=True):
            fit.load_state_dict(saved)


def _overlap(observation: Observation) -> int:
    return max(OVERLAP, 4 * observation.operator.reach * observation.operator.scale)


def least_side(observation: Observation) -> int:
    """Return the side of the smallest tiles into which a picture can be cut, in pixels of it."""
    return _overlap(observation) + 2 * observation.operator.scale + 1


def _places(
    observation: Observation, fitted: Bool[Tensor, "h w"], side: int | None, overlap: int
) -> list[tuple[slice, slice]]:
    """Return rows and columns of each tile: all of one size and evenly spread.

    Without those of which nothing is known: in the middle of a hole as large as a tile.
    """
    height, width = observation.size
    if side is None or side >= max(height, width):
        return [(slice(0, height), slice(0, width))]
    scale = observation.operator.scale
    rows, columns = (_spread(length, side, overlap, scale) for length in (height, width))
    places = [(down, across) for down in rows for across in columns]
    return [place for place in places if observation.inside(fitted, *place).any()]


def _spread(length: int, side: int, overlap: int, scale: int) -> list[slice]:
    """Return pieces of at most ``side`` pixels, all as long, that cover a length and overlap."""
    side = side // scale * scale
    if length <= side:
        return [slice(0, length)]
    if side <= overlap + scale:
        raise ValueError(f"tiles of {side} pixels are too small to overlap by {overlap}")
    count = -(-(length - overlap) // (side - overlap - scale))
    starts = [round(i * (length - side) / (count - 1) / scale) * scale for i in range(count)]
    return [slice(start, start + side) for start in starts]
