"""The offsets of a picture's columns, as the differences of neighbouring columns tell them.

A difference is read where least else goes on, by weights, and its slow part is a shade of the
picture. Those that are left are many more than the offsets, and some are edges: the offsets are
the most probable ones, by least squares whose weights fall with what does not fit.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from convprior.problem.noise import NORMAL_MEDIAN

REACH = 2  # columns: differences to so many neighbours tell an offset
SLOW = 16  # columns to each side whose differences tell how the picture itself goes up or down
FLAT = 1 / 255  # deviation from which on less is no flatter
BUSY = 2  # pixels around one that tell how much else goes on there
SHARED = 8.0  # times as much do offsets vary as if each pixel were by itself
ROUNDS, CONJUGATE = 3, 200  # of weighing what is out of line less; steps of conjugate gradients


def typical(values: Float[Tensor, "*columns n"]) -> Float[Tensor, "*columns"]:
    """Return the mean of the middle half of the numbers: finer than a median of bytes."""
    ordered, count = values.sort(-1).values, values.isfinite().sum(-1, keepdim=True)
    rank = torch.arange(values.shape[-1])
    middle = (rank >= count // 4) & (rank < count - count // 4)
    return torch.where(middle, ordered, 0.0).sum(-1) / middle.sum(-1)


def most_probable(columns: Float[Tensor, "c w n"]) -> Float[Tensor, "c w"]:
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
    difference = typical(steps).nan_to_num(0.0)
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
