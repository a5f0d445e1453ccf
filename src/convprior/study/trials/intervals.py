"""How sure a figure is: 95 % intervals over seeds and pictures together."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

COVERED = 0.95

Values = Sequence[Sequence[float]] | np.ndarray  # seeds, pictures


def interval(right: Values) -> dict[str, float]:
    """Return mean, low and high of shares of one (seeds, pictures), low and high within [0, 1]."""
    found = _interval(np.asarray(right, dtype=np.float64))
    return found | {"low": max(found["low"], 0.0), "high": min(found["high"], 1.0)}


def difference(after: Values, before: Values) -> dict[str, float]:
    """Return mean, low and high of ``after - before``: of the same seeds on the same pictures."""
    return _interval(np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64))


def _interval(values: np.ndarray) -> dict[str, float]:
    """Return the mean and its interval.

    Seeds and pictures both vary, and each mean of one holds some of the other's spread, so that
    together they are rather too wide: Student's t over the few seeds, a normal deviate over the
    many pictures. One seed says nothing of seeds; then it is an interval over pictures alone.
    """
    seeds, pictures = values.shape
    tail = (1 + COVERED) / 2
    half = 0.0
    if seeds > 1:
        half = stdtrit(seeds - 1, tail) * values.mean(1).std(ddof=1) / math.sqrt(seeds)
    if pictures > 1:
        half = math.hypot(half, ndtri(tail) * values.mean(0).std(ddof=1) / math.sqrt(pictures))
    mean = float(values.mean())
    return {"mean": mean, "low": mean - float(half), "high": mean + float(half)}
