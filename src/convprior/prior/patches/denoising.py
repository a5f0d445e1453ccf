"""Noise taken away by alike patches, from coarse to fine.

A picture is denoised at half its size first: there the noise is half as strong and patches see
twice as far. A first estimate from the noisy patches themselves, with the coarse scale's share in
it, then tells which patches are alike, and guides rounds of better estimates; each round leaves
less of the noise in what the next one works on. Noise that neighbours share is strongest at coarse
scales: what they take away is taken over, and this scale deals with the rest of it; where such
noise is not everywhere the same, non-local means have a say in the end.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches import combining
from convprior.prior.patches.colours import change, mixed
from convprior.prior.patches.combining import Sums
from convprior.prior.patches.matching import alike
from convprior.prior.patches.means import Means
from convprior.prior.patches.sweep import Grid, Tile, sweep
from convprior.prior.patches.work import Work
from convprior.problem import grain, spectrum
from convprior.problem.grain import enlarged, halved
from convprior.problem.noise import Noise, measure

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
LEAST_COARSE = 64  # pixels: smaller pictures have no coarse scale
SHARED = (
    0.06  # from this correlation of neighbours' noise on, coarse scales are cleaned by themselves
)
MOST_SHARED = 2  # so many of them,
SHARED_FALLS = 0.9  # each with less noise than the finer one, at least so
# Of noise that is not everywhere the same, as a camera's and JPEG's, one covariance tells not all.
# How much non-local means count beside, which know of none; and their share of the time, measured.
OF_MEANS, MEANS_WORK = 0.33, 0.08
LEAST_NOISE = 0.1 / 255  # a deviation below it is no noise: nothing is done
COARSE_WORK = 0.25  # the coarse scales' share of all pixels
FIRST_WORK = 0.15  # the first estimate's share of a scale's time, measured


class Denoising(Work):
    """The denoising of one picture.

    ``observed`` is (c, h, w), of any size and number of channels, all of it known; the deviation of
    its noise is finite. The bits are the same for any number of threads.
    """

    def __init__(self, observed: Float[Tensor, "c h w"], noise: Noise) -> None:
        self.colours = change(observed)
        planes = mixed(self.colours, observed)
        self.deviation = noise.deviation
        variance = noise.variance_of(observed)
        self.means: Means | None = None
        self.of_means = 0.0
        if noise.shared:
            known = torch.ones_like(observed[0], dtype=torch.bool)
            shares = grain.profile(observed.mean(0), known)
            found = grain.deviation(grain.levels(observed, known, shares))
            told = noise.deviation / found if found > 0 else 1.0
            levels = told**2 * grain.levels(planes, known, shares).nan_to_num(0.0)
            levels = grain.of_colours(levels) if len(planes) == 3 else levels
            self.finest = _grainy(planes, levels, shares)
            self.means = Means(observed, spectrum.in_patch(levels, SIDE, 0.0)[0].mean() * shares)
            least, most = shares.aminmax()
            self.of_means = OF_MEANS * (1 - float(least / most))
        elif noise.correlation > SHARED or noise.of_blocks:
            self.finest = _shared(planes, variance)
            self.means, self.of_means = Means(observed, variance), OF_MEANS
        else:
            self.finest = _white(planes, variance)
        self.both: Tensor | None = None

    def __iter__(self) -> Iterator[float]:
        if self.deviation <= LEAST_NOISE:
            return
        alone = 1 - MEANS_WORK if self.means else 1.0
        for done in self.finest.work():
            yield alone * done
        if self.means:
            for done in self.means:
                yield alone + MEANS_WORK * done
            self.both = self.picture().lerp(self.means.picture(), self.of_means)

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far: at first what was observed."""
        return mixed(self.colours.T, self.finest.picture()) if self.both is None else self.both


class _Scale:
    """One scale of a picture, and in it the coarser ones; the planes are brightness and colours."""

    def __init__(
        self,
        observed: Float[Tensor, "c h w"],
        variance: Float[Tensor, "#c h w"],
        coarse: "_Scale | None",
        shared: bool = False,
        covariance: Float[Tensor, "c n n"] | None = None,
    ) -> None:
        self.observed, self.variance, self.coarse = observed, CAUTION**2 * variance, coarse
        self.shared = shared  # so that what is left is that of this scale's details
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
        details = grain.details(self.observed)
        energy = grain.smoothed(details.square(), AROUND)
        share = 1 - grain.DETAILS * self.variance / energy.clamp(min=self.variance * 1e-3)
        return rough + share.clamp(min=0) * details

    def _with_coarse(
        self, picture: Float[Tensor, "c h w"], share: float | Tensor
    ) -> Float[Tensor, "c h w"]:
        """Return a picture with so much of what the coarse scale says of it."""
        if self.coarse is None:
            return picture
        return picture + share * enlarged(self.coarse.picture() - halved(picture), picture.shape)

    def _trusted(self) -> float | Tensor:
        """Return how much of what the coarse scale says is taken over before this one's turn."""
        if self.coarse is None or self.covariance is None:
            return 1.0
        energy = grain.smoothed(grain.details(self.coarse.picture()).square(), AROUND)
        flat = enlarged(1 / (1 + energy / (FLAT * self.coarse.variance)), self.observed.shape)
        return OF_GRAIN + (1 - OF_GRAIN) * flat.clamp(0, 1)

    def work(self) -> Iterator[float]:
        """Estimate all scales, coarse ones first; yield the share that is done."""
        start = 0.0
        if self.coarse is not None:
            start = COARSE_WORK
            for done in self.coarse.work():
                yield start * done
            if self.shared:
                self.observed = self._with_coarse(self.observed, self._trusted())
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


def _white(planes: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"]) -> _Scale:
    """Return the scales of a picture whose noise no neighbours share: each halving quarters it."""
    if min(planes.shape[1:]) < LEAST_COARSE:
        return _Scale(planes, variance, None)
    return _Scale(planes, variance, _white(halved(planes), halved(variance) / 4))


def _shared(
    planes: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"], depth: int = 0
) -> _Scale:
    """Return the scales of a picture of JPEG, or whose noise neighbours share a little.

    How strong it is at half the size is measured there.
    """
    if min(planes.shape[1:]) < LEAST_COARSE or depth == MOST_SHARED:
        return _Scale(planes, variance, None)
    half = halved(planes)
    found = measure(half, torch.ones_like(half[0], dtype=torch.bool)).deviation
    deviation = float(variance.mean()) ** 0.5
    deviation = min(max(found, deviation / 2), SHARED_FALLS * deviation)
    coarse = _shared(half, torch.full_like(half[:1], deviation**2), depth + 1)
    return _Scale(planes, variance, coarse, shared=True)


def _grainy(
    planes: Float[Tensor, "c h w"],
    levels: Float[Tensor, "scales c"],
    shares: Float[Tensor, "1 h w"],
) -> _Scale:
    """Return the scales of a picture with grain.

    Each plane and scale has the noise that its own finest details show, and each pixel its share.
    """
    coarse = _grainy(halved(planes), levels[1:], halved(shares)) if len(levels) > 1 else None
    side = Grid.over(planes, SIDE, STRIDE, REACH).side
    taken = 0.0 if coarse is None else OF_GRAIN_ABOUT
    variance, covariance = spectrum.in_patch(levels, side, taken)
    variance = (variance[:, None, None] * shares).clamp(min=LEAST_NOISE**2)
    return _Scale(planes, variance, coarse, shared=True, covariance=covariance)
