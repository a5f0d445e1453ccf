"""Where a network is worth its time in a picture whose known pixels are exact.

Across a scratch patches see what comes next, and fill it as well as a network does, in seconds; in
a hole, or where hardly half of the pixels are known, the network knows more.
"""

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches.filling import Place

WINDOW = 9  # pixels: where fewer than half of those around a missing one are known, it is wide
DEPTH = 7  # pixels from all that is known: two scratches that meet are not so deep, a hole is
CELL = 32  # pixels: a piece is made of cells
AROUND = 2  # cells around those with wide gaps: the surroundings from which a network learns


def wide(known: Bool[Tensor, "h w"]) -> list[Place]:
    """Return rows and columns of the pieces with wide gaps and what they need around them.

    Pieces that touch are joined: none overlap.
    """
    share = functional.avg_pool2d(
        known[None].float(), WINDOW, 1, WINDOW // 2, count_include_pad=False
    )[0]
    return _around(~known & (share < 0.5))


def deep(known: Bool[Tensor, "h w"]) -> list[Place]:
    """Return the pieces, as `wide` does, with gaps whose middle is far from all that is known."""
    near = functional.max_pool2d(known[None].float(), 2 * DEPTH - 1, 1, DEPTH - 1)[0] > 0
    return _around(~near)


def _around(gaps: Bool[Tensor, "h w"]) -> list[Place]:
    """Return the pieces that hold these pixels of gaps, and what they need around them."""
    if not gaps.any():
        return []
    cells = functional.max_pool2d(gaps[None].float(), CELL, ceil_mode=True)
    cells = functional.max_pool2d(cells, 2 * AROUND + 1, 1, AROUND)[0] > 0
    while True:  # rectangles around what hangs together, until no two of them touch
        boxes = _boxes(cells)
        joined = torch.zeros_like(cells)
        for box in boxes:
            joined[box] = True
        if torch.equal(joined, cells):
            break
        cells = joined
    height, width = gaps.shape
    return [
        (
            slice(rows.start * CELL, min(rows.stop * CELL, height)),
            slice(columns.start * CELL, min(columns.stop * CELL, width)),
        )
        for rows, columns in boxes
    ]


def _boxes(cells: Bool[Tensor, "h w"]) -> list[Place]:
    """Return the rectangle around each group of cells that touch, corners too."""
    names = torch.arange(1.0, cells.numel() + 1).view_as(cells) * cells
    while True:  # each cell takes the highest name beside it
        spread = functional.max_pool2d(names[None], 3, 1, 1)[0] * cells
        if torch.equal(spread, names):
            break
        names = spread
    boxes = []
    for name in names[cells].unique():
        rows, columns = torch.where(names == name)
        boxes.append(
            (
                slice(int(rows.min()), int(rows.max()) + 1),
                slice(int(columns.min()), int(columns.max()) + 1),
            )
        )
    return boxes
