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

from convprior.problem.noise import NORMAL_MEDIAN
from convprior.restoration.offsets import most_probable, typical

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
            offsets = most_probable(columns)[:, None]
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


def _agree(columns: Float[Tensor, "c w n"]) -> bool:
    """Return whether in any channel all bands tell the same of most columns."""
    bent = columns[:, 1:-1] - (columns[:, 2:] + columns[:, :-2]) / 2  # a gradient is none
    steps = typical(bent.unflatten(-1, (BANDS, -1)))
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
    strength = float(step.abs().median()) / NORMAL_MEDIAN
    return (
        FAINT < strength < STRONG
        and float(step.square().mean()) < (2 * STRONG) ** 2
        and float(sure.float().mean()) >= MOST_AGREE
        and min(quarters) >= ANYWHERE
        and _repeated(step.clamp(-4 * strength, 4 * strength)) < REPEATED
        and _lasting(steps.clamp(-4 * strength, 4 * strength).nan_to_num(0.0)) > LASTING
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
