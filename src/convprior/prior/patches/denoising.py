"""Noise taken away by alike patches, at several scales: what it is says how strong it is at each.

White noise is half as strong at half the size. That of JPEG, or that neighbours share a little, is
measured there; so is that of the colours, where a file stores them at half the size. Of grain all
scales are told at once, and its covariance. Where such noise is not everywhere the same, non-local
means have a say in the end.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.prior.patches import colours
from convprior.prior.patches.means import Means
from convprior.prior.patches.scale import OF_GRAIN_ABOUT, REACH, SIDE, STRIDE, Scale
from convprior.prior.patches.sweep import Grid
from convprior.prior.patches.work import Work
from convprior.problem import grain, spectrum
from convprior.problem.noise import Noise, measure
from convprior.problem.scales import halved

LEAST_COARSE = 64  # pixels: smaller pictures have no coarse scale
# From this correlation of neighbours' noise on, coarse scales are cleaned by themselves: so many of
# them, each with less noise than the finer one, at least so.
SHARED, MOST_SHARED, SHARED_FALLS = 0.06, 2, 0.9
# JPEG and video store colours at half the size: their noise is weak at the finest scale, and hardly
# weaker at half the size, where white noise has half. From these ratios on, of the brightness's
# deviation to the colours', and of theirs at half the size to here; it may rise to so much.
BRIGHTER, FALLS_TO, RISES_TO = 2.0, 0.75, 2.0
MIDDLE, GRID = 1536, 16  # pixels: the side of what is looked at for it; on JPEG's blocks
# Of noise that is not everywhere the same, as a camera's and JPEG's, one covariance tells not all.
# How much non-local means count beside, which know of none; and their share of the time, measured.
OF_MEANS, MEANS_WORK = 0.33, 0.08
LEAST_NOISE = 0.1 / 255  # a deviation below it is no noise: nothing is done


class Denoising(Work):
    """The denoising of one picture.

    ``observed`` is (c, h, w), of any size and number of channels, all of it known; the deviation of
    its noise is finite. The bits are the same for any number of threads.
    """

    def __init__(self, observed: Float[Tensor, "c h w"], noise: Noise) -> None:
        # Black and white that is stored in colour has one channel: others are no second look at it.
        self.copies = len(observed) if colours.colourless(observed) else 1
        observed = observed[: len(observed) // self.copies]
        self.observed = observed
        self.colours = colours.change(observed)
        planes = colours.mixed(self.colours, observed)
        self.deviation = noise.deviation
        # Where black is clipped there is no noise at all: nothing may be divided by that.
        variance = noise.variance_of(observed).clamp(min=LEAST_NOISE**2)
        self.of_means = 0.0
        if noise.shared:
            known = torch.ones_like(observed[0], dtype=torch.bool)
            shares = grain.profile(observed.mean(0), known)
            found = grain.deviation(grain.levels(observed, known, shares))
            told = noise.deviation / found if found > 0 else 1.0
            levels = told**2 * grain.levels(planes, known, shares).nan_to_num(0.0)
            levels = grain.of_colours(levels) if len(planes) == 3 else levels
            self.finest = _grainy(planes, levels, shares)
            variance = spectrum.in_patch(levels, SIDE, 0.0)[0].mean() * shares
            least, most = shares.aminmax()
            self.of_means = OF_MEANS * (1 - float(least / most))
        elif not (noise.of_blocks or noise.curve) and (
            # By brightness, colours that hardly differ have blocks of no noise: they tell nothing.
            (of_planes := _stored_at_half(planes)) is not None
        ):
            self.finest = _coloured(planes, (of_planes * variance).clamp(min=LEAST_NOISE**2))
        elif noise.correlation > SHARED or noise.of_blocks:
            self.finest = _shared(planes, variance)
            self.of_means = OF_MEANS
        else:
            self.finest = _white(planes, variance)
        self.means = Means(observed, variance) if self.of_means else None
        self.both: Tensor | None = None

    def __iter__(self) -> Iterator[float]:
        if self.deviation <= LEAST_NOISE:
            return
        alone = 1 - MEANS_WORK if self.means is not None else 1.0
        for done in self.finest.work():
            yield alone * done
        if self.means is not None:
            for done in self.means:
                yield alone + MEANS_WORK * done
            self.both = self._so_far().lerp(self.means.picture(), self.of_means)

    def picture(self) -> Float[Tensor, "c h w"]:
        """Return the best so far: at first what was observed."""
        so_far = self._so_far()
        return so_far.repeat(self.copies, 1, 1) if self.copies > 1 else so_far

    def _so_far(self) -> Float[Tensor, "c h w"]:
        if self.deviation <= LEAST_NOISE:
            return self.observed
        return (
            colours.mixed(self.colours.T, self.finest.picture()) if self.both is None else self.both
        )


def _white(planes: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"]) -> Scale:
    """Return the scales of a picture whose noise no neighbours share: each halving quarters it."""
    if min(planes.shape[1:]) < LEAST_COARSE:
        return Scale(planes, variance, None)
    return Scale(planes, variance, _white(halved(planes), halved(variance) / 4))


def _stored_at_half(planes: Float[Tensor, "c h w"]) -> Float[Tensor, "3 1 1"] | None:
    """Return the share of each plane in the noise, where colours seem stored at half the size."""
    if len(planes) != 3 or min(planes.shape[1:]) < LEAST_COARSE:
        return None
    top, left = (max(length - MIDDLE, 0) // 2 // GRID * GRID for length in planes.shape[1:])
    planes = planes[:, top : top + MIDDLE, left : left + MIDDLE]
    found = planes.new_tensor([_measured(plane) for plane in planes])
    if found[0] <= BRIGHTER * found[1:].max():
        return None
    at_half = planes.new_tensor([_measured(plane) for plane in halved(planes[1:])])
    if at_half.norm() <= FALLS_TO * found[1:].norm():
        return None
    return (found.square() / found.square().mean())[:, None, None]


def _measured(plane: Float[Tensor, "h w"]) -> float:
    return measure(plane[None], torch.ones_like(plane, dtype=torch.bool)).deviation


def _coloured(
    planes: Float[Tensor, "3 h w"], variance: Float[Tensor, "3 h w"], depth: int = 0
) -> Scale:
    """Return the scales of a picture whose colours were stored at half the size.

    The noise of its brightness is white, that of its colours is measured at MOST_SHARED scales and
    white from there on; what is taken away of it there is taken over.
    """
    if min(planes.shape[1:]) < LEAST_COARSE:
        return Scale(planes, variance, None)
    half, of_half = halved(planes), halved(variance) / 4
    if depth == MOST_SHARED:
        return Scale(planes, variance, _coloured(half, of_half, depth))
    for plane, here, there in zip(half[1:], variance[1:], of_half[1:], strict=True):
        deviation = float(here.mean()) ** 0.5
        told = min(max(_measured(plane), deviation / 2), RISES_TO * deviation)
        there *= told**2 / there.mean()
    taken = planes.new_tensor([0.0, 1.0, 1.0])[:, None, None]
    return Scale(planes, variance, _coloured(half, of_half, depth + 1), taken=taken)


def _shared(
    planes: Float[Tensor, "c h w"], variance: Float[Tensor, "1 h w"], depth: int = 0
) -> Scale:
    """Return the scales of a picture of JPEG, or whose noise neighbours share a little.

    How strong it is at half the size is measured there.
    """
    if min(planes.shape[1:]) < LEAST_COARSE or depth == MOST_SHARED:
        return Scale(planes, variance, None)
    half = halved(planes)
    found = measure(half, torch.ones_like(half[0], dtype=torch.bool)).deviation
    deviation = float(variance.mean()) ** 0.5
    deviation = min(max(found, deviation / 2), SHARED_FALLS * deviation)
    coarse = _shared(half, torch.full_like(half[:1], deviation**2), depth + 1)
    return Scale(planes, variance, coarse, taken=1.0)


def _grainy(
    planes: Float[Tensor, "c h w"],
    levels: Float[Tensor, "scales c"],
    shares: Float[Tensor, "1 h w"],
) -> Scale:
    """Return the scales of a picture with grain.

    Each plane and scale has the noise that its own finest details show, and each pixel its share.
    """
    coarse = _grainy(halved(planes), levels[1:], halved(shares)) if len(levels) > 1 else None
    side = Grid.over(planes, SIDE, STRIDE, REACH).side
    taken = 0.0 if coarse is None else OF_GRAIN_ABOUT
    variance, covariance = spectrum.in_patch(levels, side, taken)
    variance = (variance[:, None, None] * shares).clamp(min=LEAST_NOISE**2)
    return Scale(planes, variance, coarse, covariance=covariance)
