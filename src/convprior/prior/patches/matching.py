"""Which patches of a picture look alike."""

import itertools

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches.sweep import Tile

BLOCK = 4  # so many patches down and across look for theirs together: one product of matrices
AT_ONCE = 10  # blocks: what they are compared with stays in the processor's cache
COLOURED = 3  # planes that are compared; the others follow
COLOUR = 0.5  # how much of a difference in colour counts beside one in brightness


def alike(
    planes: Float[Tensor, "c h w"],
    tile: Tile,
    most: int,
    wanted: Bool[Tensor, " groups"] | None = None,
) -> Int[Tensor, "found k"]:
    """Return, for each group of a tile, the patches that differ least from the one it is made for.

    ``planes`` are the tile's part of a picture, the brightness first. Patches are numbered by the
    first pixel of them in it, row by row; the patch itself comes first. There are ``most``
    in a group, or as many as the smallest neighbourhood has. Only ``wanted`` groups are found.
    """
    side, stride, reach = tile.grid.side, tile.grid.stride, tile.grid.reach
    similar = min(most, tile.grid.at_a_corner())
    patches = _described(planes, side)
    height, width = patches.shape[:2]
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
    # Views, (down, across, …): what a block is compared with, and its own patches.
    others = patches.unfold(0, region, step).unfold(1, region, step)
    others_squares = squares.unfold(0, region, step).unfold(1, region, step)
    own = patches[reach:, reach:].unfold(0, step, step).unfold(1, step, step)
    own = own[..., ::stride, ::stride]
    blocks = torch.ones(down, across, dtype=torch.bool, device=planes.device)
    if wanted is not None:
        padded = functional.pad(
            wanted.view(1, *groups).float(),
            (0, across * BLOCK - groups[1], 0, down * BLOCK - groups[0]),
        )
        blocks = functional.max_pool2d(padded, BLOCK)[0] > 0
    found = torch.empty(
        down, across, BLOCK, BLOCK, similar, dtype=torch.int64, device=planes.device
    )
    within = stride * torch.arange(BLOCK, device=planes.device)
    for some in blocks.nonzero().split(AT_ONCE):
        row, column = some.unbind(1)
        count = len(some)
        difference = torch.baddbmm(
            others_squares[row, column].view(count, 1, region**2),
            own[row, column].flatten(2).mT,
            others[row, column].flatten(2),
            alpha=-2,
        ).view(count, BLOCK, BLOCK, region, region)
        near = difference.new_empty(count, BLOCK, BLOCK, ways, ways)
        for i, j in itertools.product(range(BLOCK), repeat=2):
            top, left = i * stride, j * stride
            near[:, i, j] = difference[:, i, j, top : top + ways, left : left + ways]
        near[..., reach, reach] = -torch.inf  # the patch itself
        best = near.flatten(3).topk(similar, largest=False).indices
        y = (row * step).view(-1, 1, 1, 1) + within[:, None, None] + best // ways
        x = (column * step).view(-1, 1, 1, 1) + within[:, None] + best % ways
        found[row, column] = y * planes.shape[2] + x
    found = found.transpose(1, 2).flatten(2, 3).flatten(0, 1)[: groups[0], : groups[1]]
    found = found.flatten(0, 1)
    return found if wanted is None else found[wanted]


def _described(
    planes: Float[Tensor, "c h w"], side: int
) -> Float[Tensor, "patches_h patches_w values"]:
    """Return the numbers by which patches are compared."""
    compared = planes[:COLOURED].clone()
    compared[1:] *= COLOUR
    compared -= compared.mean((1, 2), keepdim=True)  # differences of small numbers are exacter
    cut = compared.unfold(1, side, 1).unfold(2, side, 1)
    return cut.permute(1, 2, 0, 3, 4).flatten(2)
