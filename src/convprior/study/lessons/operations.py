"""What the layers of a convolutional network do to a small matrix, one step at a time.

The libraries' "convolution" is correlation: the kernel lies on the picture as it is written. A true
convolution flips it first: (F*I)(x, y) = ΣΣ F(i, j) I(x - i, y - j).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from convprior.networks.cnn import BlurPool

Matrix = Float[Tensor, "h w"]
Kernel = Float[Tensor, "kh kw"]
Result = Float[Tensor, "h2 w2"]
MOST = 64  # pixels of a window, a stride or a padding: more cannot be followed


@dataclass(frozen=True)
class Window:
    """One place of a sliding window: its corner in the padded matrix, and what comes out of it."""

    top: int
    left: int
    seen: Matrix
    value: float


def padded(matrix: Matrix, padding: int, border: float = 0.0) -> Result:
    """Return the matrix with a border of ``padding`` pixels of one value."""
    return F.pad(matrix, (padding, padding, padding, padding), value=border)


def correlate(matrix: Matrix, kernel: Kernel, stride: int = 1, padding: int = 0) -> Result:
    """Return what the libraries call convolution. Raises ValueError if the kernel does not fit."""
    _fits(matrix, tuple(kernel.shape), stride, padding)
    return F.conv2d(matrix[None, None], kernel[None, None], None, stride, padding)[0, 0]


def convolve(matrix: Matrix, kernel: Kernel, stride: int = 1, padding: int = 0) -> Result:
    """Return the true convolution: correlation with the kernel turned by half a turn."""
    return correlate(matrix, kernel.flip(0, 1), stride, padding)


def pool(matrix: Matrix, kind: str, size: int, stride: int, padding: int = 0) -> Result:
    """Return the `max` or `average` of each window. Raises ValueError.

    The padding is -∞ for `max`, so that it is never the largest, and zeros for `average`.
    """
    _fits(matrix, (size, size), stride, padding)
    if 2 * padding > size:
        raise ValueError(f"a padding of {padding} is more than half of a window of {size}")
    batch = matrix[None, None]
    if kind == "max":
        return F.max_pool2d(batch, size, stride, padding)[0, 0]
    return F.avg_pool2d(batch, size, stride, padding)[0, 0]


def windows(seen: Matrix, result: Result, size: tuple[int, int], stride: int) -> Iterator[Window]:
    """Yield every place of a window on ``seen`` (padding included) and its value of ``result``."""
    for (row, column), value in zip(
        torch.cartesian_prod(*map(torch.arange, result.shape)).tolist(),
        result.flatten().tolist(),
        strict=True,
    ):
        top, left = row * stride, column * stride
        yield Window(top, left, seen[top : top + size[0], left : left + size[1]], value)


def _fits(matrix: Matrix, size: tuple[int, ...], stride: int, padding: int) -> None:
    for name, pixels in (("window", max(size)), ("stride", stride), ("padding", padding)):
        if pixels > MOST:
            raise ValueError(f"a {name} of {pixels} is too large to be followed: at most {MOST}")
    height, width = (side + 2 * padding for side in matrix.shape)
    if size[0] > height or size[1] > width:
        raise ValueError(
            f"a window of {size[0]}×{size[1]} does not fit into {height}×{width} "
            "(with the padding): make it smaller, or pad more"
        )


@dataclass(frozen=True)
class Reach:
    """What a unit of a layer sees: a square of ``field`` pixels, its neighbour's ``jump`` on."""

    name: str
    field: int
    jump: int


def receptive_fields(layers: list[tuple[str, int, int]]) -> list[Reach]:
    """Return the theoretical receptive field of each (name, window, stride), from the first on.

    field ← field + (window - 1) · jump, jump ← jump · stride (Dumoulin and Visin 2016).
    """
    field, jump, found = 1, 1, []
    for name, window, stride in layers:
        field += (window - 1) * jump
        jump *= stride
        found.append(Reach(name, field, jump))
    return found


def sliding(module: nn.Module) -> list[tuple[str, int, int]]:
    """Return (name, window, stride) of the convolutions and poolings of a sequence, in order."""
    found = []
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d | BlurPool):
            window, stride = (
                side if isinstance(side, int) else side[0]
                for side in (part.kernel_size, part.stride)
            )
            found.append((f"{name} {type(part).__name__}", window, stride))
    return found
