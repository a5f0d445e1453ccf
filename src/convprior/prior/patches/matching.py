"""Which patches of a picture look alike."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches.sweep import Tile

BLOCK = 4  # so many patches down and across look for theirs together: one product of matrices
COLOURED = 3  # planes that are compared; the others follow
COLOUR = 0.5  # how much of a difference in colour counts beside one in brightness


def alike(planes: Float[Tensor, "c h w"], tile: Tile, most: int) -> Int[Tensor, "groups k"]:
    """Return, for each group of a tile, the patches that differ least from the one it is made for.

    ``planes`` are the tile's part of a picture, the brightness first. Patches are numbered by the
    first pixel of them in it, row by row; the patch itself comes first. There are ``most``
    in a group, or as many as the smallest neighbourhood has.
    """
    side, stride, reach = tile.grid.side, tile.grid.stride, tile.grid.reach
    similar = min(most, tile.grid.at_a_corner())
    patches = _described(planes, side)
    height, width, values = patches.shape
    inside = tile.inside(planes.device)
    whole = -functional.max_pool2d(-inside[None].float(), side, 1)[0] > 0
    squares = torch.where(whole, patches.square().sum(-1), torch.inf)
    # |a - b|² is |a|² - 2 a·b + |b|²: the first is the same for all that a patch is compared with.
    step, ways = BLOCK * stride, 2 * reach + 1
    region = step - stride + ways  # all that the patches of a block are compared with
    groups = [(length - ways) // stride + 1 for length in (height, width)]
    down, across = (-(-count // BLOCK) for count in groups)
    beyond = [
        max((blocks - 1) * step + region - length, 0)
        for blocks, length in ((down, height), (across, width))
    ]
    patches = functional.pad(patches, (0, 0, 0, beyond[1], 0, beyond[0]))
    squares = functional.pad(squares, (0, beyond[1], 0, beyond[0]), value=torch.inf)
    found = torch.empty(
        down, BLOCK, across, BLOCK, similar, dtype=torch.int64, device=planes.device
    )
    from_top = stride * torch.arange(BLOCK, device=planes.device)[:, None, None, None]
    from_left = stride * torch.arange(across * BLOCK, device=planes.device)
    for row in range(down):
        rows = slice(row * step, row * step + region)
        others = patches[rows].unfold(1, region, step)  # (region, across, values, region)
        others = others.permute(1, 2, 0, 3).reshape(across, values, region**2)
        others_squares = squares[rows].unfold(1, region, step).permute(1, 0, 2)
        own = patches[row * step + reach : row * step + reach + step : stride, reach:]
        own = own.unfold(1, step, step)[:, :across, :, ::stride]  # (BLOCK, across, values, BLOCK)
        own = own.permute(1, 0, 3, 2).reshape(across, BLOCK**2, values)
        difference = torch.baddbmm(
            others_squares.reshape(across, 1, region**2), own, others, alpha=-2
        ).view(across, BLOCK, BLOCK, region, region)
        near = difference.new_empty(BLOCK, across, BLOCK, ways, ways)
        for i, j in itertools.product(range(BLOCK), repeat=2):
            top, left = i * stride, j * stride
            near[i, :, j] = difference[:, i, j, top : top + ways, left : left + ways]
        near[..., reach, reach] = -torch.inf  # the patch itself
        best = near.flatten(3).topk(similar, largest=False).indices
        y = row * step + from_top + best // ways
        x = from_left.view(1, across, BLOCK, 1) + best % ways
        found[row] = y * planes.shape[2] + x
    return found.flatten(2, 3).flatten(0, 1)[: groups[0], : groups[1]].flatten(0, 1)


def _described(
    planes: Float[Tensor, "c h w"], side: int
) -> Float[Tensor, "patches_h patches_w values"]:
    """Return the numbers by which patches are compared."""
    compared = planes[:COLOURED].clone()
    compared[1:] *= COLOUR
    compared -= compared.mean((1, 2), keepdim=True)  # differences of small numbers are exacter
    cut = compared.unfold(1, side, 1).unfold(2, side, 1)
    return cut.permute(1, 2, 0, 3, 4).flatten(2)
