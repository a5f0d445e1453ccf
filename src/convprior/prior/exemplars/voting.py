"""What the matches of all patches over a pixel say about it: their mean, or the best one's word."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from convprior.prior.exemplars.matching import Field

CHUNK = 4096  # pixels at once
MOST = 0.75  # of the errors over a pixel lie below the one that weights are measured by


def mean(
    planes: Float[Tensor, "c h w"], field: Field, hole: Bool[Tensor, "h w"]
) -> Float[Tensor, "c h w"]:
    """Return the planes with the hole as the mean of all votes, the better the match the heavier.

    The weights are exp(-e / 2 σ²), where σ² is the third quartile of the errors e over a pixel
    (Newson et al. 2017, section 2.3).
    """
    return _voted(planes, field, hole, best=False)


def best(
    planes: Float[Tensor, "c h w"], field: Field, hole: Bool[Tensor, "h w"]
) -> Float[Tensor, "c h w"]:
    """Return the planes with each pixel of the hole copied by the best match over it: no blur."""
    return _voted(planes, field, hole, best=True)


def told(field: Field, hole: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Return which pixels of the hole have a vote: a patch over them with a match."""
    side = field.side
    there = torch.zeros_like(hole)
    there[field.y, field.x] = field.errors.isfinite()
    beyond = functional.pad(there[None].float(), (side - 1, 0, side - 1, 0))
    return hole & (functional.max_pool2d(beyond, side, 1)[0] > 0)


def _voted(
    planes: Float[Tensor, "c h w"], field: Field, hole: Bool[Tensor, "h w"], *, best: bool
) -> Float[Tensor, "c h w"]:
    side, width = field.side, field.width
    number = functional.pad(field.number, (side - 1, 0, side - 1, 0), value=-1).flatten()
    y, x = hole.nonzero().unbind(1)
    back = y.new_tensor([(down, across) for down in range(side) for across in range(side)])
    values = planes.permute(1, 2, 0).flatten(0, 1)
    errors = torch.cat([field.errors, field.errors.new_full((1,), float("inf"))])  # of number -1
    voted = planes.clone()
    for rows, columns in zip(y.split(CHUNK), x.split(CHUNK), strict=True):
        first = rows[:, None] + side - 1 - back[:, 0], columns[:, None] + side - 1 - back[:, 1]
        voters = number[first[0] * (width + side - 1) + first[1]]
        error = errors[voters]
        told = field.matches[voters] + back[:, 0] * width + back[:, 1]
        if best:
            told = told.gather(1, error.argmin(1, keepdim=True))
            voted[:, rows, columns] = values[told[:, 0]].T
            continue
        weight = _weights(error)[..., None]
        of_each = values.index_select(0, told.clamp(0, len(values) - 1).flatten())
        of_each = of_each.view(*told.shape, -1)
        voted[:, rows, columns] = ((of_each * weight).sum(1) / weight.sum(1)).T
    return voted


def _weights(errors: Float[Tensor, "pixels votes"]) -> Float[Tensor, "pixels votes"]:
    """Return the weights of votes; those of an infinite error have none."""
    there = errors.isfinite()
    place: Int[Tensor, "pixels 1"] = (MOST * (there.sum(1, keepdim=True) - 1)).long()
    spread = errors.sort(1).values.gather(1, place).clamp(min=1e-12)
    return torch.exp(-errors / (2 * spread)) * there
