"""One scale of a picture denoised by alike patches, and in it the coarser ones.

A picture is denoised at half its size first: there the noise is half as strong and patches see
twice as far. A first estimate from the noisy patches themselves, with the coarse scale's share in
it, then tells which patches are alike, and guides rounds of better estimates; each round leaves
less of the noise in what the next one works on. Noise that neighbours share is strongest at coarse
scales: what they take away is taken over, and this scale deals with the rest of it.
"""

from collections.abc import Iterator

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches import combining
from convprior.prior.patches.combining import Sums
from convprior.prior.patches.matching import alike
from convprior.prior.patches.sweep import Grid, Tile, sweep
from convprior.problem.scales import DETAILS, details, enlarged, halved, smoothed

STRIDE = 4  # pixels from one patch to the next that gets a group of its own
REACH = 16  # pixels up, down, left and right in which alike patches are looked for
FIRST_SIDE, FIRST_SIMILAR = 8, 16  # of patches that are compared while they are noisy
SIDE, SIMILAR = 5, 48
LEFT = (0.5625, 0.375, 0.1875, 0.0)  # of the noise, after each round
# Guides are not without noise: weights are as if there were so many times as much of it.
CAUTION = 1.07
COARSE = 0.5  # how much of what the coarse scale says counts in the first estimate
# With grain, how much of it is taken over where the coarse scale has details of its own, all where
# it is flat; and how much is taken away so in the mean.
OF_GRAIN, OF_GRAIN_ABOUT = 0.35, 0.5
FLAT = 0.03  # of the noise's variance: of details as strong as that, halfway between the two
AROUND = 5  # pixels: how strong details are there
COARSE_WORK = 0.25  # the coarse scales' share of all pixels
FIRST_WORK = 0.15  # the first estimate's share of a scale's time, measured


class Scale:
    """One scale of a picture, and in it the coarser ones; the planes are brightness and colours."""

    def __init__(
        self,
        observed: Float[Tensor, "c h w"],
        variance: Float[Tensor, "#c h w"],
        coarse: "Scale | None",
        taken: float | Tensor | None = None,
        covariance: Float[Tensor, "c n n"] | None = None,
    ) -> None:
        self.observed, self.variance, self.coarse = observed, CAUTION**2 * variance, coarse
        self.taken = taken  # of what the coarse scale says, so that its details' noise is left
        self.covariance = covariance  # of grain in a patch, with what the coarse scale leaves of it
        self.best: Tensor | None = None

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far; before there is an estimate, the coarse scale's with details.

        Details are what the coarse scale cannot show, where they are stronger than the noise.
        """
        if self.best is not None:
            return self.best
        if self.coarse is None:
            return self.observed
        rough = enlarged(self.coarse.picture(), self.observed.shape)
        finest = details(self.observed)
        energy = smoothed(finest.square(), AROUND)
        share = 1 - DETAILS * self.variance / energy.clamp(min=self.variance * 1e-3)
        return rough + share.clamp(min=0) * finest

    def _with_coarse(
        self, picture: Float[Tensor, "c h w"], share: float | Tensor
    ) -> Float[Tensor, "c h w"]:
        """Return a picture with so much of what the coarse scale says of it."""
        if self.coarse is None:
            return picture
        return picture + share * enlarged(self.coarse.picture() - halved(picture), picture.shape)

    def _taken_over(self) -> float | Tensor | None:
        """Return how much of what the coarse scale says is taken over before this one's turn."""
        if self.coarse is None or self.covariance is None:
            return self.taken
        energy = smoothed(details(self.coarse.picture()).square(), AROUND)
        flat = enlarged(1 / (1 + energy / (FLAT * self.coarse.variance)), self.observed.shape)
        return OF_GRAIN + (1 - OF_GRAIN) * flat.clamp(0, 1)

    def work(self) -> Iterator[float]:
        """Estimate all scales, coarse ones first; yield the share that is done."""
        start = 0.0
        if self.coarse is not None:
            start = COARSE_WORK
            for done in self.coarse.work():
                yield start * done
            if (taken := self._taken_over()) is not None:
                self.observed = self._with_coarse(self.observed, taken)
        for done in self._first():
            yield start + (1 - start) * FIRST_WORK * done
        for done in self._rounds():
            yield start + (1 - start) * (FIRST_WORK + (1 - FIRST_WORK) * done)

    def _noise(
        self, tile: Tile, members: Int[Tensor, "groups k"]
    ) -> Float[Tensor, "planes groups"]:
        """Return the variance of the noise in each group: that in the patch it is made for."""
        patches = functional.avg_pool2d(tile.of(self.variance)[None], tile.grid.side, 1)[0]
        width = patches.shape[2] + tile.grid.side - 1
        own = members[:, 0]
        return patches[:, own // width, own % width]

    def _first(self) -> Iterator[float]:
        """Estimate from the noisy patches alone."""
        grid = Grid.over(self.observed, FIRST_SIDE, STRIDE, REACH)

        def estimate(tile: Tile) -> Sums:
            planes = tile.of(self.observed)
            members = alike(planes[:1], tile, FIRST_SIMILAR)
            return combining.first(planes, members, grid.side, self._noise(tile, members))

        sums = Sums.none(self.observed)
        yield from sweep(grid, sums, estimate)
        self.best = self._with_coarse(sums.total / sums.weight, COARSE)

    def _rounds(self) -> Iterator[float]:
        """Estimate from patches that are matched and weighed by the best picture so far."""
        grid = Grid.over(self.observed, SIDE, STRIDE, REACH)
        members: dict[Tile, Tensor] = {}  # found once: the first estimate is good enough for it
        noisy = self.observed
        for number, leave in enumerate(LEFT):

            def estimate(tile: Tile, noisy: Tensor = noisy, leave: float = leave) -> Sums:
                guide = tile.of(self.picture())
                if tile not in members:
                    members[tile] = alike(guide, tile, SIMILAR).int()
                part = tile.of(noisy)
                taken = tile.of(self.observed) - part
                found = members[tile].long()
                noise = self._noise(tile, found)
                return combining.better(
                    guide, part, taken, found, grid.side, noise, leave, self.covariance
                )

            sums = Sums.none(self.observed)
            for done in sweep(grid, sums, estimate):
                yield (number + done) / len(LEFT)
            self.best = sums.total.div_(sums.weight)
            noisy = self.best + sums.left.div_(sums.weight) * (noisy - self.best)
