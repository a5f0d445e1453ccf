"""Where a network is worth its time in a picture whose known pixels are exact.

Across a scratch patches see what comes next, and fill it as well as a network does, in seconds; in
a hole, or where hardly half of the pixels are known, the network knows more. Of one that is wider
still it knows nothing: pieces of the picture are copied there (prior/exemplars).
"""

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional

from convprior.prior.exemplars.filling import can_be_filled
from convprior.prior.exemplars.holes import Hole
from convprior.prior.patches.filling import Place
from convprior.restoration.settings import Fill

WINDOW = 9  # pixels: where fewer than half of those around a missing one are known, it is wide
DEPTH = 7  # pixels from all that is known: two scratches that meet are not so deep, a hole is
CELL = 32  # pixels: a piece is made of cells
AROUND = 2  # cells around those with wide gaps: the surroundings from which a network learns
# Pixels from which on a hole is filled with pieces of the picture.
HOLLOW: dict[Fill, float] = {"auto": 20, "patches": 10, "network": float("inf")}
# What is copied from: as far around a hole as it is long, eight times its area, but not less than
# the nearest hundred pixels, where alike things are; and not more than the memory for them.
LEAST_AROUND, MOST_AROUND = 128, 512
COPIED = 0.25  # patches to copy from for each pixel of a hole, at least: fewer would be seen again


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


def hollow(known: Bool[Tensor, "h w"], fill: Fill = "auto") -> list[Hole]:
    """Return the holes that are to be filled with pieces of the picture, and what is around them.

    They are wide enough for ``fill``, and there is enough to copy from. Pieces may overlap.
    """
    least = HOLLOW[fill]
    if least > min(known.shape):
        return []
    wide = _opened(~known, int(least))
    height, width = known.shape
    holes = []
    for rows, columns in _cells_with(wide):
        box = (
            slice(rows.start * CELL, min(rows.stop * CELL, height)),
            slice(columns.start * CELL, min(columns.stop * CELL, width)),
        )
        inside = torch.zeros_like(known)
        inside[box] = wide[box]
        wide = wide & ~inside
        if not inside.any():  # it lay in the box of another
            continue
        found = inside.nonzero()
        (top, left), (bottom, right) = found.amin(0).tolist(), found.amax(0).tolist()
        length = max(bottom - top, right - left) + 1
        around = min(max(length, LEAST_AROUND), MOST_AROUND)
        piece = (
            slice(max(top - around, 0), min(bottom + 1 + around, height)),
            slice(max(left - around, 0), min(right + 1 + around, width)),
        )
        if can_be_filled(inside[piece], known[piece], COPIED):
            holes.append(Hole(piece, inside[piece], _width(inside[piece])))
    return holes


def _opened(gaps: Bool[Tensor, "h w"], side: int) -> Bool[Tensor, "h w"]:
    """Return the gaps in which a square fits, with what of them is beside it."""
    fits = ~_any(~gaps, side)
    grown = side + 2 * (side // 2)  # over the square, and half of one around it
    beyond = functional.pad(fits[None].float(), [grown - 1 - side // 2] * 4)
    return gaps & _any(beyond[0] > 0, grown)


def _any(mask: Bool[Tensor, "h w"], side: int) -> Bool[Tensor, "starts_h starts_w"]:
    """Return, for each square that begins at a pixel, whether the mask holds a pixel of it."""
    rows = functional.max_pool2d(mask[None].float(), (side, 1), 1)
    return functional.max_pool2d(rows, (1, side), 1)[0] > 0


def _width(hole: Bool[Tensor, "h w"]) -> int:
    """Return the side of the largest square in a hole."""
    fits, too_large = 0, min(hole.shape) + 1
    while fits + 1 < too_large:
        side = (fits + too_large) // 2
        if bool(_any(~hole, side).all()):
            too_large = side
        else:
            fits = side
    return fits


def _cells_with(pixels: Bool[Tensor, "h w"]) -> list[Place]:
    """Return the rectangles of cells around groups of cells with such pixels."""
    return _boxes(functional.max_pool2d(pixels[None].float(), CELL, ceil_mode=True)[0] > 0)


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
