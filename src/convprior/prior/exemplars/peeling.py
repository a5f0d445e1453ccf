"""The first guess of a hole, at its coarsest: filled from the rim inwards, as an onion is peeled.

Newson et al., IPOL 2017, section 2.6. A patch at the rim is compared by what it has; the hole is a
few pixels wide there, and every patch of the picture is looked at.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.exemplars import voting
from convprior.prior.exemplars.matching import Field
from convprior.prior.exemplars.pyramid import Level

CHUNK = 256  # patches at once
ENOUGH = 0.5  # of a patch has to be there for it to be compared


def peeled(level: Level, side: int, generator: torch.Generator) -> Float[Tensor, "c h w"]:
    """Return the level's planes with the hole filled layer by layer."""
    planes = torch.where(level.hole, 0.0, level.planes)
    hole = level.hole
    while hole.any():
        rim = hole & (_near(~hole) > 0)
        field = Field(rim, level.usable & ~level.hole, side, generator)
        _match(field, planes, ~hole)
        told = voting.told(field, rim)
        planes = torch.where(told, voting.mean(planes, field, told), planes)
        hole = hole & ~told
    return planes


def _near(mask: Bool[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    return functional.max_pool2d(mask[None].float(), 3, 1, 1)[0]


def _match(field: Field, planes: Float[Tensor, "c h w"], there: Bool[Tensor, "h w"]) -> None:
    """Give a field the best matches by what is there; those that have hardly anything get none."""
    patches = _patches(planes, field.side)
    known = _patches(there.expand_as(planes).to(planes.dtype), field.side)
    places = _patches(
        torch.arange(there.numel(), device=there.device).view(1, *there.shape), field.side
    )[:, 0]
    copied = field.sources.flatten()[places].nonzero()[:, 0]
    others = patches[copied]
    which = torch.searchsorted(places, field.places)
    share = known[which].mean(1)
    enough = share >= share.max().clamp(max=ENOUGH)
    for some in enough.nonzero()[:, 0].split(CHUNK):
        mask = known[which[some]]
        own = patches[which[some]] * mask
        apart = own.square().sum(1, keepdim=True) - 2 * own @ others.T + mask @ others.square().T
        error, number = apart.min(1)
        field.matches[some] = places[copied[number]]
        field.errors[some] = error.clamp(min=0) / mask.sum(1)


def _patches(planes: Tensor, side: int) -> Tensor:
    """Return all patches, row by row, and their values, plane by plane."""
    return functional.unfold(planes[None].double(), side)[0].T.to(planes.dtype)
