"""Groups of alike patches: each patch as the combination of all that has the least expected error.

Herbreteau and Kervrann, "Linear combinations of patches are unreasonably effective for single-image
denoising", IEEE TIP 2024. A group is the rows of Y (k, n), whose noise has the variance v. Its
picture is estimated as Θ Y with weights that sum to one in each row. A constant that is added to
all patches changes no weights, so the mean patch is taken out first, and with the rest, centred,
the weights are those of a Wiener filter in the group's own principal components: for a guide G of
the picture without noise

    Θ = 1/k + G (Gᵀ G + n v)⁻¹ Gᵀ,

one small matrix to invert, whatever k is. Brightness and colours have a system each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

CHUNK = 128  # groups at once: what is worked on stays in the processor's cache
FIRST_NOISIER = 0.5  # the deviation of the noise that the first estimate imagines on top
LEAST_LEFT = 0.02  # share of the noise that is thought to be left, at least
LEAST_RIDGE = 1e-6  # of a group's energy: beyond it float32 inverts nothing


@dataclass
class Sums:
    """Estimates of overlapping patches, added up for each pixel with weights: (c, h, w) each.

    ``left`` adds up, with the same weights, the share of the noise that is to be left.
    """

    total: Float[Tensor, "c h w"]
    weight: Float[Tensor, "c h w"]
    left: Float[Tensor, "c h w"]

    @classmethod
    def none(cls, like: Float[Tensor, "c h w"]) -> "Sums":
        """Return sums to which nothing was added yet."""
        return cls(*(torch.zeros_like(like) for _ in range(3)))


class _Adding:
    """The sums while groups come in: values pixel by pixel, weights patch by patch."""

    def __init__(self, planes: Float[Tensor, "c h w"], side: int) -> None:
        self.shape, self.side = planes.shape, side
        self.total, self.weight, self.left = (torch.zeros_like(planes).flatten(1) for _ in range(3))

    def add(
        self,
        members: Int[Tensor, "b k"],
        pixels: Int[Tensor, " bkn"],
        found: Float[Tensor, "cb k n"],
        weight: Float[Tensor, "c b"],
        left: Float[Tensor, "c b"],
    ) -> None:
        found = found.mul_(weight.flatten()[:, None, None]).view(len(weight), -1)
        self.total.index_add_(1, pixels, found)
        k = members.shape[1]
        self.weight.index_add_(1, members.flatten(), weight.repeat_interleave(k, dim=1))
        left = (weight * left).repeat_interleave(k, dim=1)
        self.left.index_add_(1, members.flatten(), left)

    def sums(self) -> Sums:
        """Return the sums for each pixel."""
        return Sums(
            self.total.view(self.shape),
            _spread(self.weight.view(self.shape), self.side),
            _spread(self.left.view(self.shape), self.side),
        )


def _spread(values: Float[Tensor, "c h w"], side: int) -> Float[Tensor, "c h w"]:
    """Return, for each pixel, the sum of the values of all patches that it lies in."""
    across = values.clone()
    for by in range(1, side):
        across[:, :, by:] += values[:, :, :-by]
    spread = across.clone()
    for by in range(1, side):
        spread[:, by:] += across[:, :-by]
    return spread


def _pixels(members: Int[Tensor, "b k"], side: int, width: int) -> Int[Tensor, " bkn"]:
    """Return the pixels of patches that begin at the given ones, in a picture of that width."""
    down = torch.arange(side, device=members.device)
    return (members[:, :, None] + (down[:, None] * width + down).flatten()).flatten()


def _groups(
    planes: Float[Tensor, "c h w"], pixels: Int[Tensor, " bkn"], k: int, side: int
) -> Float[Tensor, "cb {k} {side**2}"]:
    """Return the patches of groups, plane after plane."""
    return planes.flatten(1).index_select(1, pixels).view(-1, k, side**2)


def first(
    observed: Float[Tensor, "c h w"],
    members: Int[Tensor, "groups k"],
    side: int,
    variance: Float[Tensor, "#c groups"],
) -> Sums:
    """Return estimates that have nothing but the noisy patches themselves for a guide.

    ``variance`` is that of the noise in each group, of each plane or of all. Patches that know
    their own noise would keep it: they are weighed as if more noise lay on top.
    """
    adding = _Adding(observed, side)
    beyond = FIRST_NOISIER**2  # of noise, what the patches do not hold already
    of_both = 1 + 1 / FIRST_NOISIER**2  # all noise, in units of that
    for some, noise in zip(members.split(CHUNK), variance.split(CHUNK, dim=1), strict=True):
        pixels = _pixels(some, side, observed.shape[2])
        group = _groups(observed, pixels, some.shape[1], side)
        mean = group.mean(1, keepdim=True)
        group -= mean
        products = group @ group.mT
        ridge = _ridge(products, (side**2 * beyond * noise).expand(len(observed), -1).flatten())
        theta = -of_both * ridge[:, None, None] * _inverse(products, ridge)
        theta.diagonal(dim1=1, dim2=2).add_(1)
        theta += of_both / group.shape[1]
        weight = (1 / theta.square().sum((1, 2))).view(len(observed), len(some))
        # Rows of the matrix sum to one: the mean goes through unchanged.
        adding.add(some, pixels, (theta @ group).add_(mean), weight, torch.zeros_like(weight))
    return adding.sums()


def better(
    guide: Float[Tensor, "c h w"],
    noisy: Float[Tensor, "c h w"],
    taken: Float[Tensor, "c h w"] | None,
    members: Int[Tensor, "groups k"],
    side: int,
    variance: Float[Tensor, "#c groups"],
    leave: float,
) -> Sums:
    """Return estimates from patches that are ``noisy``, weighed by a ``guide`` without noise.

    ``taken`` is what of the noise was taken away already; how much is left differs from group to
    group and is told from it. Of all the noise, the share ``leave`` is to be left.
    """
    adding = _Adding(guide, side)
    if taken is not None:
        energy = functional.avg_pool2d(taken.square()[None], side, 1)[0]
        energy = functional.pad(energy, (0, side - 1, 0, side - 1)).flatten(1)  # by first pixel
    for some, noise in zip(members.split(CHUNK), variance.split(CHUNK, dim=1), strict=True):
        left = guide.new_ones(len(guide), len(some))
        if taken is not None:
            left -= (energy[:, some].mean(2) / noise).sqrt()
            left.clamp_(min=max(leave, LEAST_LEFT))
        noise = (side**2 * noise * left.square()).flatten()
        pixels = _pixels(some, side, guide.shape[2])
        group, found = (_groups(p, pixels, some.shape[1], side) for p in (guide, noisy))
        group -= group.mean(1, keepdim=True)
        mean = found.mean(1, keepdim=True)
        products = group.mT @ group
        noise = _ridge(products, noise)
        inverse = _inverse(products, noise)
        found = group @ (inverse @ (group.mT @ found))
        # The squares of all weights: n - 2 d tr(S) + d² |S|², as Gᵀ G = S⁻¹ - d.
        squares = inverse.square().sum((1, 2)) * noise.square()
        squares += group.shape[2] - 2 * noise * inverse.diagonal(dim1=1, dim2=2).sum(1)
        weight = group.shape[1] / (1 + squares.clamp(min=0))
        adding.add(some, pixels, found.add_(mean), weight.view_as(left), leave / left)
    return adding.sums()


def _ridge(matrices: Float[Tensor, "b m m"], noise: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Return the noise, or the least with which symmetric matrices can be inverted in float32."""
    least = LEAST_RIDGE * matrices.diagonal(dim1=1, dim2=2).sum(1)
    return least.clamp(min=1e-12).clamp(min=noise)


def _inverse(
    matrices: Float[Tensor, "b m m"], ridge: Float[Tensor, " b"]
) -> Float[Tensor, "b m m"]:
    """Return the inverses of symmetric matrices with a ridge on the diagonal."""
    matrices.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
    lower = torch.linalg.cholesky_ex(matrices).L
    ones = torch.eye(matrices.shape[-1], dtype=lower.dtype, device=lower.device)
    # Faster than `cholesky_inverse`, which inverts one after the other.
    half: Tensor = torch.linalg.solve_triangular(lower, ones.expand_as(lower), upper=False)
    return half.mT @ half
