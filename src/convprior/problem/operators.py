"""How a clean picture becomes what was observed of it, noise aside: linear maps of pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from kornia.filters import filter2d, get_gaussian_kernel2d
from torch import Tensor
from torch.nn import functional

WIDEST = 50  # pixels


def _as_it_is(picture: Tensor) -> Tensor:
    return picture


@dataclass(frozen=True, eq=False)
class Operator:
    """``apply`` maps a picture (c, h·scale, w·scale) to what is observed of it, (c, h, w).

    ``reach``: an observed pixel tells of nothing farther than so many observed pixels. It is what a
    piece of a picture needs around it.
    """

    apply: Callable[[Tensor], Tensor]
    scale: int = 1
    reach: int = 0

    @property
    def is_identity(self) -> bool:
        """Whether the picture itself was observed; another process has another object for it."""
        return self.apply is _as_it_is

    def transposed(self, like: Float[Tensor, "c H W"]) -> Callable[[Tensor], Tensor]:
        """Return the transpose of ``apply``: what is observed (c, h, w) to pictures like this one.

        A linear map is its own derivative, whose transpose is what gradients go back by.
        """
        back: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(self.apply, like)[1]
        return lambda observed: back(observed)[0]


IDENTITY = Operator(_as_it_is)


def downsampling(scale: int) -> Operator:
    """Return antialiased bicubic reduction by a whole number: what most programs do to a picture.

    The kernel (Keys 1981, a = -0.5) is widened by the scale: two observed pixels each way.
    """

    def apply(picture: Tensor) -> Tensor:
        down, across = (_reduction(side, scale).to(picture) for side in picture.shape[1:])
        return down @ picture @ across.T

    return Operator(apply, scale=scale, reach=2)


@lru_cache(4)  # both sides of two pictures
def _reduction(length: int, scale: int) -> Float[Tensor, "{length//scale} {length}"]:
    """Return the matrix that reduces one side.

    Two products instead of one call to torch: its gradient of an antialiased reduction is wrong
    where a side becomes one pixel, and differs from run to run on a GPU (torch 2.13).
    """
    lines = torch.eye(length, dtype=torch.float64)[None, None]
    reduced = functional.interpolate(
        lines, (length // scale, length), mode="bicubic", antialias=True
    )
    return reduced[0, 0].float()


def blur(kernel: Float[Tensor, "kh kw"]) -> Operator:
    """Return the convolution with a kernel scaled to sum to one: a point becomes the kernel.

    The border is mirrored.
    Raises ValueError for a kernel with even sides, without a positive sum or not finite.
    """
    height, width = kernel.shape
    if not (height % 2 and width % 2):
        raise ValueError(f"a kernel of {height}×{width} has no centre: both sides must be odd")
    if not (torch.isfinite(kernel).all() and kernel.sum() > 0):
        raise ValueError("a kernel's values must be finite and sum to more than 0")
    weights = (kernel / kernel.sum()).flip(0, 1)[None]  # filter2d correlates

    def apply(picture: Tensor) -> Tensor:
        # Mirrored without the edge itself, which asks for more pixels than the kernel reaches.
        border = "reflect" if min(picture.shape[1:]) > max(height, width) // 2 else "replicate"
        on = weights.to(picture.device, picture.dtype)
        blurred: Tensor = filter2d(picture[None], on, border_type=border)[0]
        return blurred

    return Operator(apply, reach=max(height, width) // 2)


def gaussian_kernel(deviation: float) -> Float[Tensor, "k k"]:
    """Return a Gaussian of the given standard deviation in pixels, to three deviations out.

    Raises ValueError for a deviation that no picture can be sharpened from.
    """
    if not 0 < deviation <= WIDEST:
        raise ValueError(f"σ must be above 0 and at most {WIDEST} pixels, came {deviation}")
    side = 2 * max(1, round(3 * deviation)) + 1
    kernel: Tensor = get_gaussian_kernel2d((side, side), (deviation, deviation))[0]
    return kernel
