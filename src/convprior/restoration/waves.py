"""Waves: one plane wave over the whole picture, as hum and the simplest moiré leave it.

It is a peak of the spectrum; where it is no picture's, all parts of the picture show it with one
strength and one phase. A cloth, a net, a wall of bricks is never so even; what is drawn with a
ruler can be, along rows and columns, or with its mirror image, and is left.
"""

import cmath
import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor
from torch.nn import functional

MOST = 4  # waves
LEAST_SIDE, LARGEST = 96, 1024  # pixels of a side, and of the middle of a large one
PARTS, PART = 4, 256  # parts along each side, and how large they are at most
SMOOTH = 9  # pixels: what is wider is no wave that is looked for
SHORTEST_STEP, ASIDE = 0.12, 0.04  # cycles a pixel: at least, and in each direction
FAINT, STRONG = 2 / 255, 30 / 255  # amplitudes
EVEN = 0.94  # of the parts' energy, what their mean has: photographs ≤ 0.7, a page ≤ 0.85
MIRRORED = 0.3  # as strong as the wave: then it is part of a grid


@dataclass(frozen=True)
class Wave:
    """``frequency`` in cycles a pixel down and right; ``amplitudes`` are those of the channels."""

    frequency: tuple[float, float]
    amplitudes: Complex[Tensor, " c"]
    size: tuple[int, int]

    @property
    def offsets(self) -> Float[Tensor, "c h w"]:
        """What it adds to each pixel."""
        turned = self.amplitudes[:, None, None] * _phase(self.frequency, *self.size)
        return turned.real.float()

    def __str__(self) -> str:
        strength = 255 * float(self.amplitudes.abs().mean())
        return f"a wave of {strength:.0f}/255, {1 / math.hypot(*self.frequency):.1f} pixels long"


def find(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> tuple[Wave, ...]:
    """Return the waves of a picture with a range of about 1; none where any of it is unknown."""
    found: list[Wave] = []
    if min(known.shape) < LEAST_SIDE or not known.all():
        return ()
    while len(found) < MOST and (wave := _strongest(pixels)) is not None:
        found.append(wave)
        pixels = pixels - wave.offsets
    return tuple(found)


def _strongest(pixels: Float[Tensor, "c h w"]) -> Wave | None:
    height, width = pixels.shape[1:]
    rows, columns = (_middle(side) for side in (height, width))
    middle = _fine(pixels[:, rows, columns].mean(0, keepdim=True))
    frequency = _refined(_parts(middle), _peak(middle[0]))
    parts = _parts(pixels)
    frequency = _refined(parts, frequency)
    shown = _shown(parts, frequency)
    mean = shown.mean((1, 2))
    together = shown.mean(0)
    even = float(together.mean().abs().square() / together.abs().square().mean().clamp(min=1e-12))
    mirror = _shown(parts, (-frequency[0], frequency[1])).mean(0).abs().mean()
    is_one = (
        even >= EVEN
        and FAINT <= float(mean.abs().mean()) <= STRONG
        and math.hypot(*frequency) >= SHORTEST_STEP
        and min(abs(frequency[0]), abs(frequency[1])) >= ASIDE
        and float(mirror) < MIRRORED * float(together.mean().abs())
    )
    return Wave(frequency, mean, (height, width)) if is_one else None


def _middle(side: int) -> slice:
    return slice(max(side - LARGEST, 0) // 2, max(side - LARGEST, 0) // 2 + min(side, LARGEST))


def _fine(pixels: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    smooth = functional.avg_pool2d(pixels[None], SMOOTH, 1, SMOOTH // 2, count_include_pad=False)
    return pixels - smooth[0]


def _window(height: int, width: int) -> Float[Tensor, "h w"]:
    return torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(
        width, periodic=False
    )


def _phase(frequency: tuple[float, float], height: int, width: int) -> Complex[Tensor, "h w"]:
    down, right = (
        torch.exp(2j * math.pi * each * torch.arange(side, dtype=torch.float64))
        for each, side in zip(frequency, (height, width), strict=True)
    )
    return (down[:, None] * right).to(torch.complex64)


def _peak(plane: Float[Tensor, "h w"]) -> tuple[float, float]:
    """Return the frequency that stands out most: spectra of pictures fall as it rises."""
    height, width = plane.shape
    spectrum = torch.fft.rfft2(plane * _window(height, width)).abs()
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    length = (down.square() + right.square()).sqrt()
    at = int(torch.where(length >= SHORTEST_STEP, spectrum * length, 0.0).argmax())
    row, column = divmod(at, spectrum.shape[1])
    return float(down[row, 0]), float(right[column])


Parts = list[list[tuple[int, int, Tensor]]]  # where each begins, and what is fine in it


def _parts(pixels: Float[Tensor, "c h w"]) -> Parts:
    """Return parts that lie evenly over a picture."""
    height, width = (min(side // PARTS, PART) for side in pixels.shape[1:])
    tops, lefts = (
        [round(i * (whole - part) / (PARTS - 1)) for i in range(PARTS)]
        for whole, part in zip(pixels.shape[1:], (height, width), strict=True)
    )
    return [[(y, x, _fine(pixels[:, y : y + height, x : x + width])) for x in lefts] for y in tops]


def _shown(parts: Parts, frequency: tuple[float, float]) -> Complex[Tensor, "c down right"]:
    """Return the amplitude of a wave in each part, its phase that at the picture's first pixel."""
    _, height, width = parts[0][0][2].shape
    window = _window(height, width)
    turning = window * _phase(frequency, height, width).conj() * 2 / window.sum()
    rows = [
        torch.stack(
            [
                (plane * turning).sum((1, 2))
                * cmath.exp(-2j * math.pi * (frequency[0] * y + frequency[1] * x))
                for y, x, plane in row
            ],
            -1,
        )
        for row in parts
    ]
    return torch.stack(rows, 1)


def _refined(parts: Parts, frequency: tuple[float, float]) -> tuple[float, float]:
    """Return the frequency that the phases of neighbouring parts agree on."""
    apart = (parts[1][0][0] - parts[0][0][0], parts[0][1][1] - parts[0][0][1])
    for _ in range(3):
        shown = _shown(parts, frequency).mean(0)
        down = float((shown[1:] * shown[:-1].conj()).sum().angle()) / (2 * math.pi * apart[0])
        right = float((shown[:, 1:] * shown[:, :-1].conj()).sum().angle()) / (
            2 * math.pi * apart[1]
        )
        frequency = (frequency[0] + down, frequency[1] + right)
    return frequency
