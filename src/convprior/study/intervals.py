"""How sure a figure is: intervals over seeds and pictures together."""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
COVERED = 95  # percent


def interval(right: Sequence[Sequence[bool]] | np.ndarray) -> dict[str, float]:
    """Return mean, low and high of values (seeds, pictures): a 95 % interval of the mean.

    A bootstrap over both: seeds and pictures are drawn again with replacement (Efron 1979). With
    few seeds it is a rough one, with one it knows of pictures only. For the difference of two
    networks give the differences on the same pictures.
    """
    values = np.asarray(right, dtype=np.float64)
    random = np.random.default_rng(0)
    seeds, pictures = values.shape
    mean = values.mean()
    if seeds > 1:
        # Drawn with replacement, n seeds vary by (n - 1) / n of their variance: too little.
        values = values.mean(0) + (values - values.mean(0)) * math.sqrt(seeds / (seeds - 1))
    means = np.empty(RESAMPLES)
    for sample in range(RESAMPLES):
        rows = values[random.integers(seeds, size=seeds)]
        means[sample] = (
            rows.mean(0) @ random.multinomial(pictures, [1 / pictures] * pictures)
        ) / pictures
    tail = (100 - COVERED) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    if np.min(right) >= 0 and np.max(right) <= 1:  # shares stay shares
        low, high = max(low, 0), min(high, 1)
    return {"mean": float(mean), "low": float(low), "high": float(high)}
