"""Groups of alike patches: each patch as the combination of all that has the least expected error.

Herbreteau and Kervrann, "Linear combinations of patches are unreasonably effective for single-image
denoising", IEEE TIP 2024. A group is the rows of Y (k, n), whose noise has the variance v. Its
picture is estimated as Θ Y with weights that sum to one in each row. A constant that is added to
all patches changes no weights, so the mean patch is taken out first, and with the rest, centred,
the weights are those of a Wiener filter in the group's own principal components: for a guide G of
the picture without noise

    Θ = 1/k + G (Gᵀ G + n v)⁻¹ Gᵀ,

one small matrix to invert, whatever k is. Brightness and colours have a system each.

Noise that neighbours share has a covariance v Σ in a patch. Then pixels are combined, not patches:
those of each patch, as a Wiener filter does with the covariance of the guide (Lebrun, Buades and
Morel, "A nonlocal Bayesian image denoising algorithm", SIAM J. Imaging Sci. 2013)

    Y (Gᵀ G + k v Σ)⁻¹ Gᵀ G.
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
    covariance: Float[Tensor, "c n n"] | None = None,
) -> Sums:
    """Return estimates from patches that are ``noisy``, weighed by a ``guide`` without noise.

    ``taken`` is what of the noise was taken away already; how much is left differs from group to
    group and is told from it. Of all the noise, the share ``leave`` is to be left. ``covariance``
    is that of the noise in a patch, over its variance; None where it is white.
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
        noise = noise * left.square()
        pixels = _pixels(some, side, guide.shape[2])
        group, found = (_groups(p, pixels, some.shape[1], side) for p in (guide, noisy))
        group -= group.mean(1, keepdim=True)
        if covariance is None:
            found, free = _patches_combined(group, found, (side**2 * noise).flatten())
        else:
            shared = (noise[:, :, None, None] * covariance[:, None]).flatten(0, 1)
            found, free = _pixels_combined(group, found, shared)
        weight = group.shape[1] / (1 + free.clamp(min=0))
        adding.add(some, pixels, found, weight.view_as(left), leave / left)
    return adding.sums()


def _patches_combined(
    group: Float[Tensor, "b k n"], noisy: Float[Tensor, "b k n"], noise: Float[Tensor, " b"]
) -> tuple[Float[Tensor, "b k n"], Float[Tensor, " b"]]:
    """Return each patch as a combination of all, and the squares of all weights.

    ``group`` are the guide's, without their mean; ``noise`` is that of a whole patch.
    """
    mean = noisy.mean(1, keepdim=True)
    products = group.mT @ group
    noise = _ridge(products, noise)
    inverse = _inverse(products, noise)
    found = group @ (inverse @ (group.mT @ noisy))
    # The squares: n - 2 d tr(S) + d² |S|², as Gᵀ G = S⁻¹ - d.
    squares = inverse.square().sum((1, 2)) * noise.square()
    squares += group.shape[2] - 2 * noise * inverse.diagonal(dim1=1, dim2=2).sum(1)
    return found.add_(mean), squares


def _pixels_combined(
    group: Float[Tensor, "b k n"], noisy: Float[Tensor, "b k n"], noise: Float[Tensor, "b n n"]
) -> tuple[Float[Tensor, "b k n"], Float[Tensor, " b"]]:
    """Return the patches, each pixel a combination of its patch's, and how many are left free.

    ``group`` are the guide's, without their mean; ``noise`` is its covariance.
    """
    mean = noisy.mean(1, keepdim=True)
    products = group.mT @ group
    both = products + group.shape[1] * noise
    combination = _inverse(both, _ridge(both, both.new_zeros(len(both)))) @ products
    found = (noisy - mean) @ combination
    return found.add_(mean), combination.diagonal(dim1=1, dim2=2).sum(1)


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
