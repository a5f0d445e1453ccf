"""The 6×6 example of the texts, computed, and where a text went wrong.

A text announces one kernel and computes with another; its four numbers then go through a second
kernel, flattening, weights and a sigmoid.
"""

from typing import Any

import torch

from convprior.study.lessons.operations import convolve, correlate

PICTURE = (
    (0, 0, 0, 255, 255, 0),
    (0, 0, 0, 255, 255, 0),
    (127, 127, 127, 255, 255, 127),
    (127, 127, 127, 255, 255, 127),
    (0, 0, 0, 255, 255, 0),
    (0, 0, 0, 127, 127, 0),
)
ANNOUNCED = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))  # Sobel's, for vertical edges
USED = ((-1, 0, 2), (-2, 0, 4), (-1, 0, 2))
SECOND = ((1, 1, 1), (1, -8, 1), (1, 1, 1))  # Laplace's
WEIGHTS = (1, 1, -1, -1)


def compute() -> dict[str, Any]:
    """Return every matrix of the example, as plain numbers."""
    picture, announced, used, second = (
        torch.tensor(rows, dtype=torch.float64) for rows in (PICTURE, ANNOUNCED, USED, SECOND)
    )
    first = correlate(picture, used)
    deeper = correlate(first, second)
    total = float(deeper.flatten() @ torch.tensor(WEIGHTS, dtype=torch.float64))
    matrices = {
        "announced": correlate(picture, announced),
        "announced_flipped": convolve(picture, announced),
        "used": first,
        "second": deeper,
    }
    return {
        "picture": PICTURE,
        "kernel_announced": ANNOUNCED,
        "kernel_used": USED,
        "kernel_second": SECOND,
        **{name: matrix.long().tolist() for name, matrix in matrices.items()},
        "flattened": deeper.flatten().long().tolist(),
        "sum": int(total),
        "sigmoid": float(torch.tensor(total, dtype=torch.float64).sigmoid()),
    }
