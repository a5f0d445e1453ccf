"""A picture looked for behind an operator: enlarged, or sharpened, by alike patches.

What was observed tells what the operator has kept of the picture; alike patches tell the rest. They
are asked in turns, as if the picture had an error that falls from round to round: patches take it
away, and what was observed is put in (half-quadratic splitting; after Zhang et al., "Plug-and-play
image restoration with deep denoiser prior", PAMI 2022, with patches in the place of the network).

How strong the noise is decides between the two, and fine texture of a small picture looks like it:
of the noise that was measured, half, and none, those count by which pixels that were held out are
told best.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from convprior.ground import seeds
from convprior.prior.patches import colours
from convprior.prior.patches.combining import Sums, better
from convprior.prior.patches.descent import descended
from convprior.prior.patches.filling import filled
from convprior.prior.patches.matching import alike
from convprior.prior.patches.sweep import Grid, Tile, sweep
from convprior.prior.patches.work import Work
from convprior.problem.observation import Observation

SIDE, STRIDE, REACH, SIMILAR = 5, 4, 16, 48
ROUNDS, FEW_ROUNDS = 40, 12  # few for trials, and for pictures from
LARGE = 2**20  # pixels on
MATCH_EVERY = 5  # rounds
FIRST_ERROR, LAST_ERROR = 50 / 255, 1 / 255  # deviations that the picture is thought to be off by
OBSERVED = 0.3  # how much more patches count beside what was observed than their errors say
SOLVED = 5  # steps of conjugate gradients: the next round goes on from there
LEAST_NOISE = 0.5 / 255  # deviation: a file in whole numbers has hardly less
SHARES = (0.0, 0.5, 1.0)  # of the noise that was measured
HELD_OUT, LEAST_HELD_OUT = 0.08, 16  # share of the pixels; fewer tell nothing
TRIED = 256  # pixels: the side of what is tried
TRYING = 0.3  # share of the time, about


@dataclass(frozen=True)
class Belief:
    """The noise's ``deviation``, and whether the last word is what was ``observed``, or patches."""

    deviation: float
    observed: bool


class Inverting(Work):
    """The picture (c, H, W) behind the operator of an observation, some of whose pixels are known.

    ``shares`` of its noise are tried, if no ``belief`` is given.
    """

    def __init__(
        self,
        observation: Observation,
        shares: tuple[float, ...] = SHARES,
        belief: Belief | None = None,
        rounds: int | None = None,
    ) -> None:
        self.observation, self.shares, self.belief = observation, shares, belief
        large = observation.size[0] * observation.size[1] >= LARGE
        self.rounds, self.settled = rounds or (FEW_ROUNDS if large else ROUNDS), False
        whole = filled(observation.observed, observation.known)
        self.colours = colours.change(whole)
        self.observed = colours.mixed(self.colours, whole)
        self.smooth = self.observed
        if observation.operator.scale > 1:
            (self.smooth,) = functional.interpolate(
                self.observed[None], size=observation.size, mode="bicubic"
            )
        self.back = observation.operator.transposed(self.smooth)

    def __iter__(self) -> Iterator[float]:
        start = 0.0
        if self.belief is None:
            start = TRYING
            beliefs: list[tuple[float, Belief]] = []
            trials = _trials(self.observation, self.shares)
            for number, trial in enumerate(trials):
                for done in trial.work:
                    yield start * (number + done) / len(trials)
                beliefs += trial.judged()
            unjudged = (0.0, Belief(_deviation(self.observation, self.shares[-1]), True))
            self.belief = min(beliefs, key=lambda each: each[0], default=unjudged)[1]
        for done in self._rounds(max(self.belief.deviation, LAST_ERROR)):
            yield start + (1 - start) * done

    def picture(self) -> Float[Tensor, "c H W"]:
        """Return the best so far; at first what was observed, enlarged by bicubic interpolation.

        What patches make of a picture that is far off is too smooth: until they have settled it,
        what was observed has the last word.
        """
        picture = self.smooth
        if self.belief is not None and (self.belief.observed or not self.settled):
            picture = self._with_observed(picture, max(self.belief.deviation, LAST_ERROR))
        return colours.mixed(self.colours.T, picture)

    def _rounds(self, last: float) -> Iterator[float]:
        grid = Grid.over(self.smooth, SIDE, STRIDE, REACH)
        picture = self.smooth
        members: dict[Tile, Tensor] = {}
        for number in range(self.rounds):
            error = FIRST_ERROR * (last / FIRST_ERROR) ** (number / (self.rounds - 1))
            if number % MATCH_EVERY == 0:
                members.clear()

            def estimate(tile: Tile, picture: Tensor = picture, error: float = error) -> Sums:
                guide = tile.of(self.smooth)
                if tile not in members:
                    members[tile] = alike(guide, tile, SIMILAR).int()
                found = members[tile].long()
                variance = guide.new_full((1, len(found)), error**2)
                return better(guide, tile.of(picture), None, found, grid.side, variance, 0.0)

            sums = Sums.none(picture)
            for done in sweep(grid, sums, estimate):
                yield (number + done) / self.rounds
            self.smooth = sums.total / sums.weight
            if number < self.rounds - 1:
                picture = self._with_observed(self.smooth, error)
        self.settled = True

    def _with_observed(self, guess: Float[Tensor, "c H W"], error: float) -> Float[Tensor, "c H W"]:
        """Return a guess that is so much off, with what was observed: the likeliest of both.

        The least of |A x - y|² / σ² + w |x - guess|² / error², by conjugate gradients.
        """
        assert self.belief is not None
        apply = self.observation.operator.apply
        back = self.back
        known = self.observation.known
        ridge = OBSERVED * (self.belief.deviation / error) ** 2

        def both(change: Tensor) -> Tensor:
            return back(torch.where(known, apply(change), 0.0)) + ridge * change

        left = back(torch.where(known, self.observed - apply(guess), 0.0))
        return descended(guess, left, both, SOLVED)


@dataclass(frozen=True)
class _Trial:
    """A short work on a piece, some of whose pixels were held out, with one noise."""

    work: Inverting
    piece: Observation
    deviation: float

    def judged(self) -> list[tuple[float, Belief]]:
        """Return how far each belief's picture is off at the pixels that were held out."""
        held_out = self.piece.known & ~self.work.observation.known
        found = []
        for observed in (True, False):
            self.work.belief = Belief(self.deviation, observed)
            error = self.piece.errors(self.work.picture())[held_out].mean()
            found.append((float(error), self.work.belief))
        return found


def _trials(observation: Observation, shares: tuple[float, ...]) -> list[_Trial]:
    """Return what is to be tried, nothing where too little is known."""
    scale = observation.operator.scale
    place = []
    for side in observation.known.shape:
        length = min(side, TRIED // scale)
        place.append(slice(scale * ((side - length) // 2), scale * ((side + length) // 2)))
    under = observation.cut(observation.known, *place)
    if under.sum() * HELD_OUT < LEAST_HELD_OUT:
        return []
    piece = replace(observation.piece(*place), told=observation.noise)
    fitted, _ = piece.split(HELD_OUT, seeds.generator("inverting"))
    given = replace(piece, known=fitted)
    return [
        _Trial(Inverting(given, (), Belief(deviation, True), FEW_ROUNDS), piece, deviation)
        for deviation in dict.fromkeys(_deviation(observation, share) for share in shares)
    ]


def _deviation(observation: Observation, share: float) -> float:
    """Return that share of the noise, where there is enough to measure it."""
    measured = observation.noise.deviation
    return max(share * measured, LEAST_NOISE) if math.isfinite(measured) else LEAST_NOISE
