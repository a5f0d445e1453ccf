"""A picture at half its size, its finest details, and means around its pixels."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

DETAILS = 0.79  # of white noise's variance, what `details` hold of it
AROUND = 9  # pixels: their mean tells how bright it is


def halved(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c half_h half_w"]:
    """Return the picture at half its size; of an odd side the last pixels count twice."""
    height, width = picture.shape[1:]
    even = functional.pad(picture[None], (0, width % 2, 0, height % 2), mode="replicate")
    return functional.avg_pool2d(even, 2)[0]


def enlarged(coarse: Float[Tensor, "c half_h half_w"], size: torch.Size) -> Float[Tensor, "c h w"]:
    """Return a halved picture at twice its size again, of which ``size`` holds the last two."""
    up: Tensor = functional.interpolate(coarse[None], scale_factor=2, mode="bicubic")[0]
    return up[:, : size[-2], : size[-1]]


def details(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """Return the finest details: what a picture loses when it is halved and enlarged again."""
    return picture - enlarged(halved(picture), picture.shape)


def mean_around(
    planes: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"], side: int
) -> Float[Tensor, "c h w"]:
    """Return the mean of the known pixels in a square around each; 0 where there are none."""
    if bool(known.all()):
        return smoothed(planes, side)
    share = smoothed(known[None].float(), side).clamp(min=1e-6)
    return smoothed(torch.where(known, planes, 0.0), side) / share


def smoothed(planes: Float[Tensor, "c h w"], side: int) -> Float[Tensor, "c h w"]:
    """Return the mean of the pixels in a square around each, of those that the picture has."""
    for axis in (1, 2):  # one after the other, added up: a tenth of the time of pooling squares
        place = torch.arange(length := planes.shape[axis], device=planes.device)
        count, total = torch.ones_like(place), planes.clone()
        for by in range(1, min(side // 2 + 1, length)):
            for to, start in ((by, 0), (0, by)):
                near = planes.narrow(axis, start, length - by)
                total.narrow(axis, to, length - by).add_(near)
                count[to : to + length - by] += 1
        planes = total.div_(count.view(-1, 1) if axis == 1 else count)
    return planes


def brightness(
    picture: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"] | None = None
) -> Float[Tensor, "h w"]:
    """Return the mean of the channels around each pixel, without most of its noise."""
    if known is None:
        known = torch.ones_like(picture[0], dtype=torch.bool)
    return mean_around(picture.mean(0)[None], known, AROUND)[0]
