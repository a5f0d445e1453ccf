"""Conjugate gradients: the least squares of a linear map, from a guess."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor


def descended(
    guess: Float[Tensor, "c h w"],
    left: Float[Tensor, "c h w"],
    bent: Callable[[Tensor], Tensor],
    steps: int,
    enough: float = 0.0,
) -> Float[Tensor, "c h w"]:
    """Return the guess after so many steps, or when what is left has become so small.

    ``bent`` is a symmetric positive map, ``left`` what it has still to make of a change: the right
    side less the map of the guess. ``enough`` is a share of its length (Hestenes and Stiefel 1952).
    """
    way, size = left.clone(), left.square().sum()
    least = enough**2 * float(size)
    for _ in range(steps):
        if size <= least:
            break
        bend = bent(way)
        step = size / (way * bend).sum()
        guess = guess + step * way
        left = left - step * bend
        size, before = left.square().sum(), size
        way = left + size / before * way
    return guess
