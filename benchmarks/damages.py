"""What the benchmarks do to a clean picture: noise of all kinds, and pixels lost.

A damage takes a picture (c, h, w) in [0, 1] and a generator, and returns the observation. Noise
that neighbours share has a deviation of 25/255 like the white one, so that only its kind differs.
"""

import io
from collections.abc import Callable
from functools import partial

import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional

from convprior.pictures import decoding
from convprior.problem import damage
from convprior.problem.observation import Observation

SIGMA = 25 / 255
Damage = Callable[[Tensor, Generator], Observation]


def _noisy(picture: Tensor) -> Observation:
    return Observation(picture.clamp(0, 1), torch.ones(picture.shape[1:], dtype=torch.bool))


def _white(sigma: float, picture: Tensor, generator: Generator) -> Observation:
    return damage.add_gaussian_noise(picture, sigma, clip=True, generator=generator)


def _poisson(picture: Tensor, generator: Generator) -> Observation:
    """Thirty photons where the picture is white."""
    return _noisy(torch.poisson(30 * picture, generator=generator) / 30)


def _impulses(picture: Tensor, generator: Generator) -> Observation:
    """Black or white instead of one pixel in ten: salt and pepper."""
    drawn = torch.rand(picture.shape[1:], generator=generator)
    return _noisy(torch.where(drawn < 0.05, 0.0, torch.where(drawn > 0.95, 1.0, picture)))


def _shared(filtered: Tensor, picture: Tensor) -> Observation:
    return _noisy(picture + SIGMA * filtered / filtered.std())


def _blurred(picture: Tensor, generator: Generator) -> Observation:
    """Noise blurred by a Gaussian of one pixel."""
    noise = torch.randn(picture.shape, generator=generator)
    bell = torch.exp(-(torch.arange(-4, 5.0) ** 2) / 2)
    kernel = (bell[:, None] * bell).expand(len(noise), 1, 9, 9)
    padded = functional.pad(noise[None], (4, 4, 4, 4), mode="reflect")
    return _shared(functional.conv2d(padded, kernel, groups=len(noise))[0], picture)


def _scaled(picture: Tensor, generator: Generator) -> Observation:
    """Noise of a picture that was scaled down by two."""
    c, h, w = picture.shape
    noise = torch.randn(1, c, 2 * h, 2 * w, generator=generator)
    smaller = functional.interpolate(noise, size=(h, w), mode="bicubic", antialias=True)
    return _shared(smaller[0], picture)


def demosaiced(picture: Tensor, generator: Generator) -> Tensor:
    """One colour a pixel behind a Bayer filter, white noise, and colours interpolated linearly."""
    return interpolated(picture + SIGMA * torch.randn(picture.shape, generator=generator))


def interpolated(picture: Tensor) -> Tensor:
    """Return a picture behind a Bayer filter: one colour a pixel, the others interpolated."""
    seen = torch.zeros_like(picture)
    seen[0, ::2, ::2] = seen[1, ::2, 1::2] = seen[1, 1::2, ::2] = seen[2, 1::2, 1::2] = 1
    tent = torch.tensor([0.5, 1.0, 0.5])
    kernel = (tent[:, None] * tent).expand(3, 1, 3, 3)
    spread, weight = (
        functional.conv2d(part[None], kernel, padding=1, groups=3)[0]
        for part in (seen * picture, seen)
    )
    return spread / weight


def in_bytes(picture: Tensor) -> Tensor:
    """Return a picture as eight bits hold it."""
    return (picture.clamp(0, 1) * 255).round() / 255


def _demosaiced(picture: Tensor, generator: Generator) -> Observation:
    return _noisy(demosaiced(picture, generator))


def compressed(picture: Tensor, quality: int) -> Tensor:
    """Return what JPEG makes of a picture."""
    file = io.BytesIO()
    decoding.to_pillow(picture.clamp(0, 1)).save(file, "JPEG", quality=quality)
    return decoding.from_pillow(Image.open(file))


def _jpeg(picture: Tensor, _: Generator) -> Observation:
    return _noisy(compressed(picture, 20))


def _clean(picture: Tensor, _: Generator) -> Observation:
    return _noisy(picture)


def _missing(share: float, picture: Tensor, generator: Generator) -> Observation:
    return damage.lose_pixels(picture, share, generator=generator)


DAMAGES: dict[str, Damage] = {
    **{f"denoise-{sigma}": partial(_white, sigma) for sigma in (15, 25, 50)},
    "poisson": _poisson,
    "impulses": _impulses,
    "blurred": _blurred,
    "scaled": _scaled,
    "demosaiced": _demosaiced,
    "jpeg": _jpeg,
    "clean": _clean,
    "missing-90": partial(_missing, 0.9),
}
