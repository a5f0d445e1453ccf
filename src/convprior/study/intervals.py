"""How sure a figure is: intervals over seeds and pictures together."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
COVERED = 95  # percent


def interval(right: Sequence[Sequence[bool]] | np.ndarray) -> dict[str, float]:
    """Return mean, low and high of values (seeds, pictures), by bootstrap over both.

    Seeds and pictures are drawn again with replacement (Efron 1979): what another training run and
    another test set might have given, 95 % of the time. For the difference of two networks give the
    differences on the same pictures.
    """
    values = np.asarray(right, dtype=np.float64)
    random = np.random.default_rng(0)
    seeds, pictures = values.shape
    means = np.empty(RESAMPLES)
    for sample in range(RESAMPLES):
        rows = values[random.integers(seeds, size=seeds)]
        means[sample] = (
            rows.mean(0) @ random.multinomial(pictures, [1 / pictures] * pictures)
        ) / pictures
    tail = (100 - COVERED) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
