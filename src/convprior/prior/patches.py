"""What patches that look alike agree on, wherever in the picture's neighbourhood they lie.

A convolution sees what is near; that windows, bricks or letters repeat it has to learn anew. Here
each patch is restored together with those that resemble it most in a guide, a picture that is
already good: the cosine transform over a group of them gathers what they have in common in a few
numbers, and each number keeps the share that the guide says is picture and not error. This is the
second half of BM3D (Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
filtering", IEEE TIP 2007) with the network's picture in the place of the first.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

PATCH = 6  # side of a patch, pixels
STRIDE = 3  # from one patch to the next that gets a group of its own
REACH = 15  # alike ones are looked for so many pixels up, down, left and right
FAR = 1e3  # a value that no pixel has: patches beyond the edge are never alike


def wiener(
    picture: Float[Tensor, "c h w"],
    guide: Float[Tensor, "c h w"],
    variance: float,
    similar: int,
) -> Float[Tensor, "c h w"]:
    """Return the picture with the errors of the given variance filtered out by groups of patches.

    The guide says which ``similar`` patches are alike and how strong each of their coefficients is.
    """
    channels, height, width = picture.shape
    size = min(PATCH, height, width)
    stride = min(STRIDE, size)  # every pixel lies in a patch
    beyond = (0, (size - width) % stride, 0, (size - height) % stride)  # to a whole grid of them
    picture, guide = (
        functional.pad(p[None], beyond, mode="replicate")[0] for p in (picture, guide)
    )
    rows, columns = guide.shape[1:]
    near = [min(REACH, side - size) + 1 for side in (rows, columns)]  # places at a corner
    across = [_cosines(n, guide) for n in (channels, min(similar, near[0] * near[1]), size, size)]
    wide = functional.pad(guide, (REACH, REACH), value=FAR)
    total, weight = guide.new_zeros(rows * columns, channels), guide.new_zeros(rows * columns, 1)
    for row in range(0, rows - size + 1, stride):
        y, x = _alike(wide, row, size, stride, len(across[1]))
        strength = _transform(_patches(guide, y, x, size), across).square_()
        share = strength / (strength + max(variance, 1e-12))
        found = share * _transform(_patches(picture, y, x, size), across)
        found = _transform(found, [matrix.T for matrix in across])
        # Groups that need few coefficients carry little error and count more.
        sureness = 1 / share.square().sum((0, 2, 3, 4)).clamp(min=1)
        sureness = sureness[:, None].expand_as(y).reshape(-1, 1)
        values = found.permute(3, 4, 1, 2, 0).flatten(2, 3)  # (size, size, patches, channels)
        first = (y * columns + x).flatten()
        for down in range(size):
            for right in range(size):
                place = first + down * columns + right
                total.index_add_(0, place, values[down, right] * sureness)
                weight.index_add_(0, place, sureness)
    return (total / weight).T.view(channels, rows, columns)[:, :height, :width]


def _alike(
    wide: Float[Tensor, "c h w"], row: int, size: int, stride: int, similar: int
) -> tuple[Int[Tensor, "n k"], Int[Tensor, "n k"]]:
    """Return top rows and left columns of the patches most like each patch of one row of them.

    ``wide`` is the guide with REACH columns more at either side.
    """
    rows, columns = wide.shape[1], wide.shape[2] - 2 * REACH
    tops = range(max(row - REACH, 0), min(row + REACH, rows - size) + 1)
    here = wide[:, row : row + size, None, REACH : REACH + columns]
    distances = []
    for top in tops:
        moved = wide[:, top : top + size].unfold(2, columns, 1)  # by each of 2·REACH + 1 ways
        squares = (moved - here).square_().sum((0, 1))
        distances.append(functional.avg_pool1d(squares[None], size, stride)[0])
    ways = 2 * REACH + 1
    distance = torch.cat(distances).T
    distance[:, (row - tops[0]) * ways + REACH] = -1.0  # the patch itself comes first
    best = distance.topk(similar, largest=False).indices
    own = stride * torch.arange(len(best), device=wide.device)[:, None]
    return best // ways + tops[0], best % ways - REACH + own


def _patches(
    picture: Float[Tensor, "c h w"], y: Int[Tensor, "n k"], x: Int[Tensor, "n k"], size: int
) -> Float[Tensor, "c n k {size} {size}"]:
    """Return the patches at the given places, in groups."""
    return picture.unfold(1, size, 1).unfold(2, size, 1)[:, y, x]


def _transform(
    patches: Float[Tensor, "c n k s s"], matrices: list[Float[Tensor, "_ _"]]
) -> Float[Tensor, "c n k s s"]:
    """Multiply channels, group, rows and columns of patches (c, n, k, s, s) by a matrix each."""
    colours, group, down, right = matrices
    patches = down @ patches @ right.T
    patches = torch.einsum("lk,cnkij->cnlij", group, patches)
    return torch.einsum("dc,cnkij->dnkij", colours, patches)


def _cosines(n: int, like: Tensor) -> Float[Tensor, "{n} {n}"]:
    """Return the orthonormal cosine transform (DCT-II); of three channels: grey and two colours."""
    place = torch.arange(n, dtype=like.dtype, device=like.device)
    matrix = torch.cos(math.pi * (place + 0.5) * place[:, None] / n) * math.sqrt(2 / n)
    matrix[0] /= math.sqrt(2)
    return matrix
