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

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

SCALES = 3  # that are looked at: grain wider than some eight pixels is taken for picture
LEAST_SIDE = 64  # pixels: what is smaller is not halved any more
DETAILS = 0.79  # of white noise's variance, what halving and enlarging leaves out
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
RANGE = 256  # blocks in a range of brightness, in each of which a floor is looked for


def halved(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c half_h half_w"]:
    """Return the picture at half its size; of an odd side the last pixels count twice."""
    height, width = picture.shape[1:]
    even = functional.pad(picture[None], (0, width % 2, 0, height % 2), mode="replicate")
    return functional.avg_pool2d(even, 2)[0]


def enlarged(coarse: Float[Tensor, "c half_h half_w"], size: torch.Size) -> Float[Tensor, "c h w"]:
    """Return a halved picture at twice its size again, of which ``size`` holds the last two."""
    up: Tensor = functional.interpolate(coarse[None], scale_factor=2, mode="bicubic")[0]
    return up[:, : size[-2], : size[-1]]


def variances(
    planes: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"] | None = None
) -> Float[Tensor, " c"]:
    """Return the variance of each plane's noise, as white noise has it with such finest details.

    NaN where too few blocks are known.
    """
    side = _side(planes)
    whole = None if known is None else _whole(known, side)
    weakest = []
    for plane in planes:
        energy, told = _energy(plane, known, side)
        energy = energy[told if whole is None else told & whole]
        few = len(energy) < LEAST_BLOCKS
        weakest.append(math.nan if few else _mean_of_weakest(energy.sort().values, WEAKEST))
    return planes.new_tensor(weakest) / (SCATTER[side] * DETAILS)


def deviation(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> float:
    """Return the deviation of the grain of a picture, of all scales; NaN if too little is known."""
    total = 0.0
    for _ in range(SCALES):
        total += DETAILS * float(variances(picture, known).mean())
        if min(picture.shape[1:]) < LEAST_SIDE:
            break
        picture = halved(torch.where(known, picture, 0.0))
        known = halved(known[None].float())[0] == 1
    return math.sqrt(total)


def _side(planes: Float[Tensor, "c h w"]) -> int:
    height, width = planes.shape[1:]
    return BLOCK if height * width >= ENOUGH_BLOCKS * BLOCK**2 else SMALL_BLOCK


def _energy(
    plane: Float[Tensor, "h w"], known: Bool[Tensor, "h w"] | None, side: int
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Return the mean squares of the finest details in blocks, and where anything differs at all.

    What is clipped does not, and tells nothing.
    """
    details = _details(plane, known)
    energy = functional.avg_pool2d(details.square(), side).flatten()
    return energy, energy > 0


def _details(
    plane: Float[Tensor, "h w"], known: Bool[Tensor, "h w"] | None
) -> Float[Tensor, "1 h w"]:
    """Return what a plane loses when it is halved and enlarged again."""
    own = plane[None] if known is None else torch.where(known, plane, 0.0)[None]
    return own - enlarged(halved(own), own.shape)


def _whole(known: Bool[Tensor, "h w"], side: int) -> Bool[Tensor, " n"]:
    """Return which blocks are known, with all that their details are made of."""
    near = functional.max_pool2d((~known)[None].float(), 7, 1, 3)
    return functional.max_pool2d(near, side).flatten() == 0


def _mean_of_weakest(energy: Float[Tensor, " n"], share: float) -> float:
    """Return the mean of the share of blocks that come first: of sorted ones the weakest."""
    return float(energy[: max(round(share * len(energy)), 1)].mean())


def has_floor(picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> bool:
    """Return whether the weakest blocks are about as strong as some more, and normal, as noise is.

    Noise can be weaker in the lights and in the dark: blocks of alike brightness are compared, and
    none that is clipped.
    """
    mean = picture.mean(0)
    side = _side(picture)
    low, high = picture[:, known].aminmax()
    margin = CLIPPED * (high - low)
    ends = ((picture < low + margin) | (picture > high - margin)).any(0)
    unclipped = functional.avg_pool2d(ends[None].float(), side).flatten() <= MOST_CLIPPED
    light = functional.avg_pool2d(torch.where(known, mean, 0.0)[None], side).flatten()
    details = _details(mean, known)
    blocks = functional.unfold(details[None], side, stride=side)[0].T
    energy = blocks.square().mean(1)
    told = (energy > 0) & _whole(known, side) & unclipped
    if int(told.sum()) < LEAST_BLOCKS:
        return True
    light, energy, blocks = light[told], energy[told], blocks[told]
    flat, ratios = [], []
    for some in light.argsort().tensor_split(max(len(light) // RANGE, 1)):
        order = some[energy[some].argsort()]
        flat.append(order[: max(round(FLAT * len(some)), 1)])
        weakest = energy[order]
        ratios.append(_mean_of_weakest(weakest, FEWEST) / _mean_of_weakest(weakest, SOME))
    normal = blocks[torch.cat(flat)]
    normal = normal / normal.square().mean(1, keepdim=True).sqrt()
    return sorted(ratios)[len(ratios) // 2] >= FLOOR and float(normal.pow(4).mean()) <= NORMAL
