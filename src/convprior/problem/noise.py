"""How strong the noise of a picture is, and whether neighbouring pixels share it.

Three looks, of which the strongest counts: where the picture is flattest, what a plane leaves of a
block is noise, shared or not; the finest diagonal differences, where pictures have little, show
white noise that clipping hides from flat blocks (Donoho and Johnstone, "Ideal spatial adaptation by
wavelet shrinkage", 1994); and steps between the blocks of JPEG tell of what it threw away.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.problem import grain
from convprior.problem.scales import brightness

BLOCK = 8  # side of a block, pixels: that of JPEG
FLATTEST = 0.05  # share of the blocks that is looked at
FAINT = 4 / 255  # below this deviation a flat block shows the picture's own grain,
# but if it has colours: a sensor's is in each channel by itself. So much of its variance, 0.1 to
# 0.4 of a camera's, of fur less than 0.15; below that deviation nobody can tell.
COLOURFUL, FAINT_COLOURFUL = 0.15, 1.6 / 255
SHARED = 0.3  # from this correlation on: scaled-down and sharpened pictures have 0.2, blurred 0.5
LEAST_BLOCKS, MOST_RANGES = 24, 12  # blocks in a range of brightness; ranges
CURVE = 17  # values of brightness at which a curve is kept
UNEVEN = 1.5  # times the least noise is the most of a picture, from which on brightness counts
CLEAN = 2.5 / 255  # weaker noise nobody sees: taking it away would take more of the picture
ENOUGH = 2**21  # numbers: more tell the median no better
NORMAL_MEDIAN = 0.6745  # of the absolute value of a standard normal number
BLOCKY = 1.25  # from this ratio of steps between blocks to steps within, squared: clean ≤ 1.15


@dataclass(frozen=True)
class Noise:
    """``deviation`` in units of the pixel values; ``correlation`` of neighbours, in [-1, 1].

    ``of_blocks`` says that it is what JPEG threw away. Where the noise depends on the brightness,
    as that of photons does, ``curve`` holds the deviation at so many values of it, from 0 to 1 in
    equal steps, and ``deviation`` is that of the whole picture; otherwise the curve is empty.
    ``width`` is how wide grain is (`grain.width`), in pixels; 0 where that is not told.
    """

    deviation: float
    correlation: float
    of_blocks: bool = False
    curve: tuple[float, ...] = ()
    width: float = 0.0

    @property
    def shared(self) -> bool:
        """Whether a pixel tells of its neighbour's noise."""
        return self.correlation > SHARED

    @property
    def hardly_any(self) -> bool:
        """Whether the picture had better stay as it is."""
        return self.deviation < CLEAN and not self.of_blocks

    def variance_of(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "1 h w"]:
        """Return the variance of each pixel of a picture, noisy or not, all of it known."""
        if not self.curve:
            return picture.new_full((1, *picture.shape[1:]), self.deviation**2)
        return _on_curve(brightness(picture), self.curve)[None]


NONE = Noise(0.0, 0.0)


def measure(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Noise:
    """Return the noise of a picture; an infinite deviation where too little of it is known."""
    if min(known.shape) < BLOCK:
        return Noise(math.inf, 0.0)
    differences, told = _diagonals(picture, known)
    if not told.any():
        return Noise(math.inf, 0.0)
    whole = _blocks(known[None].float()).amin((2, 3, 4)) == 1
    # Where gaps leave no whole block, only the noise that no neighbour shares is told.
    flat, correlation, colours = 0.0, 0.0, 0.0
    if whole.any():
        flat, correlation, colours = _in_flat_blocks(_some_of(_blocks(picture), whole))
    jpeg = _between_blocks(picture) if known.all() else 0.0
    white = max(flat, _typical(differences, told))
    correlation = correlation if flat > (FAINT_COLOURFUL if colours > COLOURFUL else FAINT) else 0.0
    width = 0.0
    if correlation > SHARED:
        # Blocks hide what is wider than they are.
        has_grain = grain.has_floor(picture, known)
        strong, width = _of_grain(picture, known) if has_grain else (0.0, 0.0)
        white = white if math.isnan(strong) else strong
    if jpeg > white or correlation > SHARED or white < CLEAN:
        return Noise(max(white, jpeg), correlation, of_blocks=jpeg > white, width=width)
    light = brightness(picture, known)
    curve = _curve(differences, told, light)
    if not curve or max(curve) < UNEVEN * min(curve):
        return Noise(white, correlation)
    variance = _on_curve(light[known], curve).mean()
    return Noise(float(variance) ** 0.5, correlation, curve=curve)


def _of_grain(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> tuple[float, float]:
    """Return grain's deviation, NaN where it is not told, and its width."""
    levels = grain.levels(picture, known, grain.profile(picture.mean(0), known))
    return grain.deviation(levels), grain.width(levels)


def _blocks(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "rows columns c b b"]:
    """Return a view of the whole blocks of a picture (c, h, w)."""
    return picture.unfold(1, BLOCK, BLOCK).unfold(2, BLOCK, BLOCK).permute(1, 2, 0, 3, 4)


def _some_of(
    blocks: Float[Tensor, "rows columns c b b"], whole: Bool[Tensor, "rows columns"]
) -> Float[Tensor, "n c b b"]:
    """Return the blocks that are whole, of a large picture enough of them."""
    rows, columns = whole.nonzero(as_tuple=True)
    every = -(-len(rows) * blocks[0, 0].numel() // ENOUGH)
    return blocks[rows[::every], columns[::every]]


def _in_flat_blocks(blocks: Float[Tensor, "n c b b"]) -> tuple[float, float, float]:
    """Return what is told by the blocks that differ least from a plane.

    The deviation, the neighbours' correlation, and how much of the variance is not of all channels
    alike.
    """
    ramp = torch.linspace(-1, 1, BLOCK, device=blocks.device)
    ramp = (ramp / ramp.norm() / math.sqrt(BLOCK)).expand(BLOCK, BLOCK)  # of length one
    for direction in (torch.full_like(ramp, 1 / BLOCK), ramp, ramp.T):
        blocks = blocks - (blocks * direction).sum((-1, -2), keepdim=True) * direction
    order = blocks.square().mean((1, 2, 3)).argsort()
    flattest = blocks[order[: max(1, round(FLATTEST * len(blocks)))]]
    variance = float(flattest.square().mean())
    across = (flattest[..., 1:] * flattest[..., :-1]).mean()
    down = (flattest[..., 1:, :] * flattest[..., :-1, :]).mean()
    if not variance:
        return 0.0, 0.0, 0.0
    grey = float(flattest.mean(1).square().mean()) / variance
    return math.sqrt(variance), float(across + down) / 2 / variance, 1 - grey


def _diagonals(
    picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]
) -> tuple[Float[Tensor, "c below beside"], Bool[Tensor, "below beside"]]:
    """Return the diagonal differences of 2×2 pixels, and where all four are known.

    Of white noise they have the variance of one pixel.
    """
    steps = picture[:, :, 1:] - picture[:, :, :-1]
    whole = known[1:, 1:] & known[1:, :-1] & known[:-1, 1:] & known[:-1, :-1]
    return (steps[:, 1:] - steps[:, :-1]).div_(2), whole


def _typical(
    differences: Float[Tensor, "c below beside"], told: Bool[Tensor, "below beside"]
) -> float:
    """Return the deviation of normal numbers, as the median of those that are told, or enough."""
    every = -(-len(differences) * int(told.sum()) // ENOUGH)
    some = differences.flatten(1)[:, ::every]
    values = some[:, told.flatten()[::every]]
    if not values.numel():
        values = differences[:, told]
    return float(values.abs().median()) / NORMAL_MEDIAN


def _on_curve(brightness: Float[Tensor, "*n"], curve: tuple[float, ...]) -> Float[Tensor, "*n"]:
    """Return the variance at each brightness."""
    squares = brightness.new_tensor(curve).square()
    place = brightness.clamp(0, 1) * (len(curve) - 1)
    below = place.floor().long().clamp(max=len(curve) - 2)
    return squares[below].lerp(squares[below + 1], place - below)


def _curve(
    differences: Float[Tensor, "c below beside"],
    whole: Bool[Tensor, "below beside"],
    brightness: Float[Tensor, "h w"],
) -> tuple[float, ...]:
    """Return the deviation of white noise by brightness, empty where too few blocks tell of it.

    ``differences`` are diagonal ones, told where they are ``whole``. In each of some ranges of
    brightness, the blocks whose differences are weaker than those of three quarters are taken for
    flat (after Liu, Szeliski et al., "Automatic estimation and removal of noise from a single
    image", PAMI 2008: the lower envelope).
    """
    squares = differences.square().mean(0)
    count = functional.avg_pool2d(whole[None].float(), BLOCK)[0].flatten()
    energy = functional.avg_pool2d(torch.where(whole, squares, 0.0)[None], BLOCK)[0].flatten()
    light = functional.avg_pool2d(brightness[None, :-1, :-1], BLOCK)[0].flatten()
    told = count > 0.5
    energy, light = energy[told] / count[told], light[told]
    ranges = min(len(light) // LEAST_BLOCKS, MOST_RANGES)
    if ranges < 2:
        return ()
    # The weaker quarter of what varies by so much because there are so few numbers in a block.
    scatter = (4.5 / (BLOCK**2 * len(differences))) ** 0.5
    middles, deviations = [], []
    for some in light.argsort().tensor_split(ranges):
        middles.append(float(light[some].mean()))
        flat = float(energy[some].quantile(0.25)) / (1 - NORMAL_MEDIAN * scatter)
        deviations.append(flat**0.5)
    at = np.linspace(0, 1, CURVE)
    return tuple(float(d) for d in np.interp(at, middles, deviations))


def _between_blocks(picture: Float[Tensor, "c h w"]) -> float:
    """Return the deviation of the errors that steps between the blocks of JPEG show, 0 if none."""
    squares = torch.zeros(BLOCK)
    for turned in (picture, picture.transpose(1, 2)):
        steps = turned.diff(dim=2).square().mean((0, 1)).cpu()
        squares += torch.stack([steps[i::BLOCK].mean() for i in range(BLOCK)]) / 2
    between, within = float(squares[-1]), float(squares[:-1].median())
    return math.sqrt((between - within) / 2) if between > BLOCKY * within else 0.0
