"""Stripes: each column, or row, of a picture is lighter or darker by a number of its own.

So scanners and sensors leave them: one element has seen the whole column. In each of some bands
across the columns, the typical step from a column to its neighbours tells the difference of their
offsets; where most columns say the same in all bands, it is no picture's. An edge, a letter, a row
of bricks says it in a few columns, or a few bands; a fence or blinds say it again and again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

BANDS = 8  # that have to agree
LEAST_SIDE = 96  # pixels: streaks of a texture are as long as a smaller picture
SAMPLE = 256  # pixels of a column
CLIPPED = 0.001  # of the pixels are at an end of the range, at least, where it cut off the offset
AROUND = 5  # pixels, whose mean tells what was cut off
AGREED = 3.0  # times the scatter that bands leave to a step, from which on they agree on it
QUANTUM = 0.1 / 255  # of a step: bands without any noise agree on less
MOST_AGREE, ANYWHERE = (
    0.45,
    0.25,
)  # share of the columns, and of those in each quarter: clean ≤ 0.36
REPEATED = 0.5  # from this correlation with themselves elsewhere on, they are drawn
LASTING = 0.6  # of what neighbouring bands share, the first and last do: streaks of a texture end
FAINT, STRONG = 1.5 / 255, 20 / 255  # deviations of steps: what is beyond is no stripes
NORMAL_MEDIAN = 0.6745  # of the absolute value of a standard normal number
REACH = 2  # columns: differences to so many neighbours tell an offset
SLOW = 16  # columns to each side whose differences tell how the picture itself goes up or down
FLAT = 1 / 255  # deviation from which on less is no flatter
BUSY = 2  # pixels around one that tell how much else goes on there
SHARED = 8.0  # times as much do offsets vary as if each pixel were by itself
ROUNDS, CONJUGATE = 3, 200  # of weighing what is out of line less; steps of conjugate gradients


@dataclass(frozen=True)
class Stripes:
    """``offsets`` are those of the columns, (c, 1, w), or of the rows, (c, h, 1)."""

    offsets: Float[Tensor, "c rows columns"]

    @property
    def deviation(self) -> float:
        """How strong they are, in the unit of the pixels."""
        return float(self.offsets.square().mean().sqrt())

    def __str__(self) -> str:
        of = "columns" if self.offsets.shape[1] == 1 else "rows"
        return f"stripes of {255 * self.deviation:.0f}/255 in the {of}"


def find(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> tuple[Stripes, ...]:
    """Return the stripes of a picture with a range of about 1: of its columns, of its rows."""
    found = []
    for rows in (False, True):
        lines, seen = (pixels.mT, known.T) if rows else (pixels, known)
        if min(seen.shape) >= LEAST_SIDE and _agree(columns := _columns(lines, seen)):
            offsets = _offsets(columns)[:, None]
            found.append(Stripes(offsets.mT if rows else offsets))
    return tuple(found)


def taken_out(
    pixels: Float[Tensor, "c h w"],
    known: Bool[Tensor, "h w"],
    offsets: Sequence[Float[Tensor, "c _ _"]],
) -> Float[Tensor, "c h w"]:
    """Return a picture without offsets.

    Where it was cut off at an end, it was anything between the end and what is left without the
    offset: there, those around tell.
    """
    if not offsets:
        return pixels
    clipped, without = _clipped(pixels, known), pixels
    for each in offsets:
        without = without - each
    if not clipped.any():
        return without
    told = ~clipped & known
    share = functional.avg_pool2d(told[None].float(), AROUND, 1, AROUND // 2)[0]
    around = functional.avg_pool2d(torch.where(told, without, 0.0)[None], AROUND, 1, AROUND // 2)[0]
    around = torch.where(share > 0, around / share.clamp(min=1e-6), pixels)
    between = around.clamp(torch.minimum(pixels, without), torch.maximum(pixels, without))
    return torch.where(clipped, between, without)


def _columns(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Float[Tensor, "c w n"]:
    """Return some pixels of each column, NaN where nothing is seen."""
    height = len(known)
    count = min(height, SAMPLE) // BANDS * BANDS
    rows = torch.arange(count) * height // count
    some, seen = pixels[:, rows], known[rows]
    return torch.where(seen & ~_clipped(some, seen), some, torch.nan).mT.contiguous()


def _clipped(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Bool[Tensor, "c h w"]:
    """Return which pixels are at an end of the range that many are at."""
    clipped = torch.zeros_like(pixels, dtype=torch.bool)
    seen = torch.where(known, pixels, 0.5)
    for end in (seen.min(), seen.max()):
        at_end = seen == end
        if float(at_end.float().mean()) > CLIPPED:
            clipped |= at_end
    return clipped


def _typical(values: Float[Tensor, "*columns n"]) -> Float[Tensor, "*columns"]:
    """Return the mean of the middle half of the numbers: finer than a median of bytes."""
    ordered, count = values.sort(-1).values, values.isfinite().sum(-1, keepdim=True)
    rank = torch.arange(values.shape[-1])
    middle = (rank >= count // 4) & (rank < count - count // 4)
    return torch.where(middle, ordered, 0.0).sum(-1) / middle.sum(-1)


def _agree(columns: Float[Tensor, "c w n"]) -> bool:
    """Return whether in any channel all bands tell the same of most columns."""
    bent = columns[:, 1:-1] - (columns[:, 2:] + columns[:, :-2]) / 2  # a gradient is none
    steps = _typical(bent.unflatten(-1, (BANDS, -1)))
    return any(_agreed(channel) for channel in steps)


def _agreed(steps: Float[Tensor, "w bands"]) -> bool:
    told = steps.isfinite().sum(1) > 0.75 * BANDS
    if float(told.float().mean()) < 0.5:
        return False
    steps = steps[told]
    step = steps.nanmedian(1).values
    scatter = (steps - step[:, None]).abs().nanmedian(1).values / NORMAL_MEDIAN
    sure = step.abs() > AGREED * (1.25 * scatter / math.sqrt(BANDS) + QUANTUM)
    quarters = [float(some.float().mean()) for some in sure.tensor_split(4)]
    typical = float(step.abs().median()) / NORMAL_MEDIAN
    return (
        FAINT < typical < STRONG
        and float(step.square().mean()) < (2 * STRONG) ** 2
        and float(sure.float().mean()) >= MOST_AGREE
        and min(quarters) >= ANYWHERE
        and _repeated(step.clamp(-4 * typical, 4 * typical)) < REPEATED
        and _lasting(steps.clamp(-4 * typical, 4 * typical).nan_to_num(0.0)) > LASTING
    )


def _repeated(steps: Float[Tensor, " n"]) -> float:
    """Return the highest correlation of the steps with themselves, some columns on."""
    steps = steps - steps.mean()
    count = len(steps)
    power = torch.fft.rfft(steps, 2 * count).abs().square()
    together = torch.fft.irfft(power)[:count] / torch.arange(count, 0, -1)
    return float(together[4 : count // 2].max() / together[0])  # the next ones share neighbours


def _lasting(steps: Float[Tensor, "w bands"]) -> float:
    """Return how much the first and last bands share, of what those beside each other do."""
    beside = (steps[:, 1:] * steps[:, :-1]).mean()
    return float((steps[:, :2, None] * steps[:, None, -2:]).mean() / beside)


def _offsets(columns: Float[Tensor, "c w n"]) -> Float[Tensor, "c w"]:
    """Return the most probable offsets: independent, and of one variance in each channel.

    Differences to the next columns tell them; those that no offsets of such a size explain are
    edges of the picture, and count less.
    """
    differences, variances = [], []
    for apart in range(1, REACH + 1):
        difference, variance = _difference(columns, apart)
        differences.append(difference)
        variances.append(variance * SHARED * apart)
    of_offsets = (differences[0].abs().median(1, keepdim=True).values / NORMAL_MEDIAN).square() / 2
    of_offsets = of_offsets.clamp(min=1e-12)
    left = [difference.square().sub(12 * of_offsets).clamp(min=0) for difference in differences]
    for _ in range(ROUNDS):
        weights = [1 / (v + square) for v, square in zip(variances, left, strict=True)]
        offsets = _solved(weights, differences, 1 / of_offsets)
        left = [(d - _ahead(offsets, k)).square() for k, d in enumerate(differences, 1)]
    return offsets.float()


def _difference(
    columns: Float[Tensor, "c w n"], apart: int
) -> tuple[Float[Tensor, "c m"], Float[Tensor, "c m"]]:
    """Return by how much each column is lighter than one before it, and the variance of that.

    Where more else goes on, pixels count less.
    """
    steps = columns[:, apart:] - columns[:, :-apart]
    told = steps.isfinite()
    difference = _typical(steps).nan_to_num(0.0)
    steps = steps.nan_to_num(0.0)
    for _ in range(2):
        else_ = torch.where(told, (steps - difference[..., None]).square(), 0.0).mean(0)[None]
        around = functional.avg_pool2d(else_, 2 * BUSY + 1, 1, BUSY, count_include_pad=False)
        weights = told / (around + else_ / 2 + FLAT**2)
        sums = weights.sum(-1).clamp(min=1e-9)
        difference = (weights * steps).sum(-1) / sums
    return (difference - _slow(difference)).double(), 1 / sums.double()


def _slow(differences: Float[Tensor, "c m"]) -> Float[Tensor, "c m"]:
    """Return what differences have in common with many beside them: shades of the picture."""
    most = 4 * differences.abs().median(1, keepdim=True).values / NORMAL_MEDIAN
    within = differences.clamp(-most, most)
    slow: Tensor = functional.avg_pool1d(within, 2 * SLOW + 1, 1, SLOW, count_include_pad=False)
    return slow


def _ahead(offsets: Float[Tensor, "c w"], apart: int) -> Float[Tensor, "c m"]:
    return offsets[:, apart:] - offsets[:, :-apart]


def _back(differences: list[Float[Tensor, "c _"]]) -> Float[Tensor, "c w"]:
    """Return what the adjoint of `_ahead` makes of the differences to each neighbour."""
    parts = [
        functional.pad(difference, (apart, 0)) - functional.pad(difference, (0, apart))
        for apart, difference in enumerate(differences, 1)
    ]
    return torch.stack(parts).sum(0)


def _solved(
    weights: list[Float[Tensor, "c _"]],
    differences: list[Float[Tensor, "c _"]],
    smallness: Float[Tensor, "c 1"],
) -> Float[Tensor, "c w"]:
    """Return the offsets of least weighted squares, by conjugate gradients."""
    residual = _back([w * d for w, d in zip(weights, differences, strict=True)])
    offsets, direction = torch.zeros_like(residual), residual
    square = residual.square().sum(1, keepdim=True)
    for _ in range(CONJUGATE):
        ahead = [w * _ahead(direction, apart) for apart, w in enumerate(weights, 1)]
        image = smallness * direction + _back(ahead)
        step = square / (direction * image).sum(1, keepdim=True).clamp(min=1e-300)
        offsets, residual = offsets + step * direction, residual - step * image
        before, square = square, residual.square().sum(1, keepdim=True)
        direction = residual + square / before.clamp(min=1e-300) * direction
    return offsets
