"""All wide holes of a picture, one after the other, each in a piece of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.exemplars.filling import fill
from convprior.prior.patches.filling import Place, filled
from convprior.prior.patches.work import Work
from convprior.problem.observation import Observation


@dataclass(frozen=True)
class Hole:
    """The rows and columns of a piece, and which of its pixels (h, w) are the hole.

    ``width`` is the side of the largest square in it, in pixels.
    """

    piece: Place
    pixels: Bool[Tensor, "h w"]
    width: int


class Exemplars(Work):
    """The filling of holes; other missing pixels are left to others."""

    def __init__(self, observation: Observation, holes: list[Hole], seed: int) -> None:
        self.known, self.holes, self.seed = observation.known, holes, seed
        self.made, self.there = observation.observed.clone(), observation.known.clone()

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far: known pixels are what they were."""
        return self.made if bool(self.there.all()) else filled(self.made, self.there)

    def __iter__(self) -> Iterator[float]:
        device = self.made.device
        for number, hole in enumerate(self.holes):
            pixels = hole.pixels.to(device)
            # A hole beside it that is filled already is looked at, and not copied from.
            around = filled(self.made[:, *hole.piece], self.there[hole.piece])
            generator = seeds.generator("exemplars", self.seed, number, device=device)
            for done, picture in fill(around, pixels, self.known[hole.piece], generator):
                made = self.made[:, *hole.piece]
                self.made[:, *hole.piece] = torch.where(pixels, picture, made)
                self.there[hole.piece] |= pixels
                yield (number + done) / len(self.holes)
