"""Which pixels a line covers: those near its middle that stick out of what is around them.

The edges of a scan are soft: a pixel beside that still differs belongs to it, up to two away.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.restoration.scratches.lines import Lines
from convprior.restoration.scratches.tracing import traced

NEAR = 15  # pixels: side of the square whose line pixels say how much a piece contrasts,
LOCAL = 7  # and of the one that says how light it is, and by how much
AS_USUAL = 0.5  # of the line's contrast: so much tells a pixel of it,
FAINT, SAME = 0.05, 0.06  # of the range: or a contrast and the line's own lightness
PIECE = 0.6  # of the contrast around: less is beyond the end
# Of the contrast, below the line's lightness and above what is around:
CORE, FIRST, SECOND = (0.5, 0.5), (0.85, 0.25), (0.6, 0.4)


def covered(
    light: Float[Tensor, "h w"], found: list[Lines], chosen: Bool[Tensor, " m"], width: float
) -> Bool[Tensor, "h w"]:
    """Return the pixels of the chosen lines, of all scales, and of their soft edges.

    ``width`` is that of a scratch, in pixels.
    """
    marked = torch.zeros(light.shape, dtype=torch.bool)
    sticking_out = light - _opened(light, 2 * round(width) + 3)
    for each, taken in zip(found, chosen.split([len(e.width) for e in found]), strict=True):
        each = traced(each, taken)
        kept = taken[each.of]
        places = _seen(each, kept, marked)
        if places.any():
            marked |= _painted(light, sticking_out, each, places)
    return marked


def _seen(line: Lines, kept: Bool[Tensor, " n"], marked: Tensor) -> Bool[Tensor, " n"]:
    """Return the kept places at which the line is seen, and that are not marked yet."""
    rows, columns = line.places.T
    lightness, contrast = (line.evidence[line.of, i] for i in (1, 4))
    own = line.contrast >= AS_USUAL * contrast
    own |= (line.contrast > FAINT) & (line.light[rows, columns] > lightness - SAME)
    own &= line.contrast >= PIECE * _local(line, kept, line.contrast, NEAR)[rows, columns]
    size = [scale * line.scale for scale in line.light.shape]
    done = functional.max_pool2d(marked[None, None, : size[0], : size[1]].float(), line.scale)[0, 0]
    return kept & own & (done[rows, columns] == 0)


def _painted(
    light: Tensor, sticking_out: Tensor, line: Lines, kept: Bool[Tensor, " n"]
) -> Bool[Tensor, "h w"]:
    rows, columns = line.places[kept].T
    reach = (line.width[line.of[kept]] / line.scale / 2).ceil().clamp(1, 3)
    near = torch.zeros(line.light.shape, dtype=torch.bool)
    for pixels in (1, 2, 3):
        middle = torch.zeros_like(near)
        middle[rows[reach == pixels], columns[reach == pixels]] = True
        near |= grown(middle, pixels)
    values = line.light[line.places[:, 0], line.places[:, 1]]
    lightness = _enlarged(_local(line, kept, values, LOCAL), light.shape)
    contrast = _enlarged(_local(line, kept, line.contrast, LOCAL), light.shape)

    def differ(below: float, above: float) -> Tensor:
        return (light > lightness - below * contrast) & (sticking_out > above * contrast)

    core = (_enlarged(near.float(), light.shape) > 0) & differ(*CORE)
    first, second = grown(core, 1) & differ(*FIRST), grown(core, 2) & differ(*SECOND)
    return core | first | second


def _local(line: Lines, kept: Tensor, values: Tensor, side: int) -> Float[Tensor, "h w"]:
    """Return the mean of values at kept places in the square around each pixel, 0 without any."""
    rows, columns = line.places.T
    sums = torch.zeros(2, *line.light.shape)
    sums[0, rows, columns] = values * kept
    sums[1, rows, columns] = kept.float()
    total, weight = functional.avg_pool2d(sums[None], side, 1, side // 2)[0]
    mean: Tensor = total / weight.clamp(min=1e-6)
    return mean


def _enlarged(values: Float[Tensor, "h w"], size: tuple[int, ...]) -> Float[Tensor, "H W"]:
    return functional.interpolate(values[None, None], size=tuple(size), mode="nearest")[0, 0]


def _opened(light: Float[Tensor, "h w"], side: int) -> Float[Tensor, "h w"]:
    """Return the picture without what is light and narrower than ``side`` pixels."""
    return _lightest(-_lightest(-light, side), side)


def _lightest(light: Float[Tensor, "h w"], side: int) -> Float[Tensor, "h w"]:
    down = functional.max_pool2d(light[None, None], (side, 1), 1, (side // 2, 0))
    return functional.max_pool2d(down, (1, side), 1, (0, side // 2))[0, 0]


def grown(mask: Bool[Tensor, "h w"], reach: int) -> Bool[Tensor, "h w"]:
    """Return a mask with all pixels that lie within ``reach`` of it, diagonally too."""
    return _lightest(mask.float(), 2 * reach + 1) > 0
