"""Noise that neighbouring pixels share, as film grain is: how strong it is at each scale.

What a picture loses when it is halved and enlarged again are its finest details; those of the
halved picture are the next ones, and so on. Grain is in all of them, with a strength of its own at
each scale and in each plane of colours, and where a picture is flat it is all there is. So blocks
of details cannot be weaker than it: it is a floor, told by the weakest blocks (the lower envelope
of Liu, Szeliski et al., "Automatic estimation and removal of noise from a single image", PAMI
2008). Blocks of a texture go on getting weaker, or their details are no normal numbers, as those
of noise are: it has no floor.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from convprior.problem.scales import DETAILS, brightness, details, halved

SCALES = 3  # that are looked at: grain wider than some eight pixels is taken for picture
LEAST_SIDE = 64  # pixels: what is smaller is not halved any more
WEAKEST = 0.05  # share of the blocks that tells how strong noise is
BLOCK, SMALL_BLOCK, ENOUGH_BLOCKS = 8, 4, 200  # pixels; smaller ones where there are too few
LEAST_BLOCKS = 24
# The weakest blocks of white noise have less than the mean: so many numbers scatter. Simulated, at
# sides of 32 to 512 pixels.
SCATTER = {BLOCK: 0.63, SMALL_BLOCK: 0.38}
# A floor is told by 2 % and by 10 % of the blocks: of noise 0.85, of grain on pictures 0.52 and
# more, of fur, some grass and gravel less than that.
FEWEST, SOME, FLOOR = 0.02, 0.1, 0.5
# The weakest fifth of the blocks holds normal numbers there, of kurtosis 3: 2.7 to 3.2 of grain and
# of a camera's noise on photographs; of grass, gravel and tissue 3.2 to 4.
FLAT, NORMAL = 0.2, 3.25
CLIPPED, MOST_CLIPPED = 0.01, 0.25  # of the range: so near to its ends noise is cut off; of a block
LEAST_RANGE, MOST_RANGES = 100, 12  # blocks in a range of brightness, of which strength is told
# Noise of channels that know nothing of each other is as strong in brightness as in colours: of a
# camera at most so many times at the second and third scale, for JPEG and what interpolates colours
# take more of theirs. What is beyond it is texture; but grain of the brightness alone is some ten
# times as strong at the third.
OF_COLOURS, ALONE = (3.0, 1.5), 6.0
# White noise that a Gaussian of so many pixels has blurred: logarithm to base 2 of what the finest
# scale tells of its variance over what the second tells, simulated at 1024×1024.
WIDTHS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
FALLS = (1.07, 0.29, -0.45, -1.1, -1.65, -2.13, -2.56, -2.94, -3.28, -3.59, -4.13, -4.55, -4.84)
RANGE = 256  # blocks in a range of brightness, in each of which a floor is looked for


def profile(plane: Float[Tensor, "h w"], known: Bool[Tensor, "h w"]) -> Float[Tensor, "1 h w"]:
    """Return each pixel's share of the noise: its variance over that of the mean pixel.

    It is told by brightness, at the finest scale, where there are most blocks: a camera's noise is
    strongest in the dark. 1 everywhere where too few blocks are known.
    """
    side = _side(plane[None])
    light = brightness(plane[None], known)
    blocks, energy = _blocks(plane, known, side)
    told = (energy > 0) & _whole(known, side)
    if int(told.sum()) < LEAST_BLOCKS:
        return torch.ones_like(light)[None]
    in_blocks = functional.avg_pool2d(light[None], side).flatten()[told]
    share = _by_brightness(in_blocks, blocks[told], energy[told], light)[None]
    return share / share[:, known].mean()


def levels(
    planes: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"], shares: Float[Tensor, "1 h w"]
) -> Float[Tensor, "scales c"]:
    """Return the variance of each plane's noise at each scale, the finest first.

    It is that of white noise with such finest details, and of the mean pixel, from which the others
    differ by their ``shares``. NaN where too few blocks are known.
    """
    told = [_variances(planes, known, shares)]
    while len(told) < SCALES and min(planes.shape[1:]) >= LEAST_SIDE:
        planes, shares = halved(torch.where(known, planes, 0.0)), halved(shares)
        known = halved(known[None].float())[0] == 1
        told.append(_variances(planes, known, shares))
    return torch.stack(told)


def deviation(levels: Float[Tensor, "scales c"]) -> float:
    """Return the deviation of grain with these `levels`; NaN where one of them is."""
    return math.sqrt(DETAILS * float(levels.mean(1).sum()))


def width(levels: Float[Tensor, "scales c"]) -> float:
    """Return how wide grain with these `levels` is, in pixels, between the ends of WIDTHS.

    It is the deviation of the Gaussian that blurs white noise so; 0 where they do not tell it.
    """
    strength = levels.mean(1)[:2]
    if len(strength) < 2 or not float(strength.min()) > 0:
        return 0.0
    return float(np.interp(math.log2(strength[1] / strength[0]), -np.array(FALLS), WIDTHS))


def of_colours(levels: Float[Tensor, "scales c"]) -> Float[Tensor, "scales c"]:
    """Return the levels of brightness, the first, and colours without what texture adds to it."""
    bounded, colours = levels.clone(), levels[1:, 1:].mean(1)
    if len(levels) == SCALES and levels[-1, 0] <= ALONE**2 * colours[-1]:
        most = levels.new_tensor(OF_COLOURS).square() * colours
        bounded[1:, 0] = torch.minimum(levels[1:, 0], most)
    return bounded


def _by_brightness(
    light: Float[Tensor, " n"],
    blocks: Float[Tensor, "n pixels"],
    energy: Float[Tensor, " n"],
    where: Float[Tensor, "h w"],
) -> Float[Tensor, "h w"]:
    """Return the energy of the weakest blocks as bright as each pixel.

    Where there is texture wherever it is so bright, the next brightness that has a floor tells;
    what is stronger in the light than in the dark is texture, too.
    """
    at, weakest, normal = [], [], []
    for some in light.argsort().tensor_split(min(max(len(light) // LEAST_RANGE, 1), MOST_RANGES)):
        order = some[energy[some].argsort()]
        at.append(float(light[some].mean()))
        weakest.append(_mean_of_weakest(energy[order], WEAKEST))
        normal.append(_kurtosis(blocks[_first(order, FLAT)]) <= NORMAL)
    chosen = np.array(normal) if any(normal) else np.ones(len(at), bool)
    falling = np.minimum.accumulate(np.array(weakest)[chosen])
    curve = np.interp(where.flatten().cpu(), np.array(at)[chosen], falling)
    return torch.from_numpy(curve).to(where).reshape(where.shape)


def _variances(
    planes: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"], shares: Float[Tensor, "1 h w"]
) -> Float[Tensor, " c"]:
    side = _side(planes)
    whole, by = _whole(known, side), functional.avg_pool2d(shares, side).flatten()
    weakest = []
    for plane in planes:
        energy = _blocks(plane, known, side)[1]
        told = (energy > 0) & whole
        energy = (energy / by)[told]
        few = len(energy) < LEAST_BLOCKS
        weakest.append(math.nan if few else _mean_of_weakest(energy.sort().values, WEAKEST))
    return planes.new_tensor(weakest) / (SCATTER[side] * DETAILS)


def _side(planes: Float[Tensor, "c h w"]) -> int:
    height, width = planes.shape[1:]
    return BLOCK if height * width >= ENOUGH_BLOCKS * BLOCK**2 else SMALL_BLOCK


def _blocks(
    plane: Float[Tensor, "h w"], known: Bool[Tensor, "h w"], side: int
) -> tuple[Float[Tensor, "n pixels"], Float[Tensor, " n"]]:
    """Return blocks of the finest `details`, and their mean squares.

    They are 0 where nothing differs, as where all is clipped.
    """
    finest = details(torch.where(known, plane, 0.0)[None])
    blocks = functional.unfold(finest[None], side, stride=side)[0].T
    return blocks, blocks.square().mean(1)


def _kurtosis(blocks: Float[Tensor, "n pixels"]) -> float:
    """Return the kurtosis of blocks that are scaled to one strength."""
    return float((blocks / blocks.square().mean(1, keepdim=True).sqrt()).pow(4).mean())


def _whole(known: Bool[Tensor, "h w"], side: int) -> Bool[Tensor, " n"]:
    """Return which blocks are known, with all that their details are made of."""
    near = functional.max_pool2d((~known)[None].float(), 7, 1, 3)
    return functional.max_pool2d(near, side).flatten() == 0


def _first(ordered: Shaped[Tensor, " n"], share: float) -> Shaped[Tensor, " few"]:
    return ordered[: max(round(share * len(ordered)), 1)]


def _mean_of_weakest(energy: Float[Tensor, " n"], share: float) -> float:
    """Return the mean of the share of blocks that come first: of sorted ones the weakest."""
    return float(_first(energy, share).mean())


def has_floor(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> bool:
    """Return whether the weakest blocks are about as strong as some more, and normal, as noise is.

    Noise can be weaker in the lights and in the dark: blocks of alike brightness are compared, and
    none that is clipped.
    """
    side = _side(picture)
    low, high = picture[:, known].aminmax()
    margin = CLIPPED * (high - low)
    ends = ((picture < low + margin) | (picture > high - margin)).any(0)
    unclipped = functional.avg_pool2d(ends[None].float(), side).flatten() <= MOST_CLIPPED
    mean = picture.mean(0)
    light = functional.avg_pool2d(torch.where(known, mean, 0.0)[None], side).flatten()
    blocks, energy = _blocks(mean, known, side)
    told = (energy > 0) & _whole(known, side) & unclipped
    if int(told.sum()) < LEAST_BLOCKS:
        return True
    light, energy, blocks = light[told], energy[told], blocks[told]
    flat, ratios = [], []
    for some in light.argsort().tensor_split(max(len(light) // RANGE, 1)):
        order = some[energy[some].argsort()]
        weakest = energy[order]
        ratios.append(_mean_of_weakest(weakest, FEWEST) / _mean_of_weakest(weakest, SOME))
        flat.append(_first(order, FLAT))
    return (
        sorted(ratios)[len(ratios) // 2] >= FLOOR and _kurtosis(blocks[torch.cat(flat)]) <= NORMAL
    )
