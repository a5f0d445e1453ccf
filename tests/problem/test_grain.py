"""Grain's strength at each scale, and that texture is not grain."""

import math

import pytest
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torch.nn import functional

from convprior.problem import grain, noise


def _grain(seed: int, deviation: float, width: int = 3) -> Tensor:
    white = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(seed))
    kernel = torch.ones(1, 1, width, width) / width  # keeps the deviation
    return deviation * functional.conv2d(functional.pad(white, [width // 2] * 4), kernel)[0]


def _known(picture: Tensor) -> Tensor:
    return torch.ones_like(picture[0], dtype=torch.bool)


def _ramp() -> Tensor:
    return torch.linspace(0.3, 0.7, 128).expand(1, 128, 128)


def _deviation(picture: Tensor, known: Tensor) -> float:
    return grain.deviation(grain.levels(picture, known, grain.profile(picture.mean(0), known)))


@pytest.mark.parametrize("sigma", [8, 18])
def test_the_deviation_of_grain_is_told(sigma: int) -> None:
    noisy = _ramp() + _grain(0, sigma / 255)
    # Twenty seeds: 0.80 to 0.92 times.
    assert 0.7 < 255 * _deviation(noisy, _known(noisy)) / sigma < 1.2
    found = noise.measure(noisy, _known(noisy))
    assert found.shared
    assert not found.hardly_any


@pytest.mark.parametrize("width", [0.7, 1.0, 1.3])
def test_the_width_of_grain_is_told(width: float) -> None:
    white = torch.randn(1, 1, 160, 160, generator=torch.Generator().manual_seed(0))
    blurred = gaussian_blur2d(white, (13, 13), (width, width))[0, :, 16:144, 16:144]
    noisy = _ramp() + 0.06 * blurred / blurred.std()
    # Twenty seeds: 0.91 to 1.11 times.
    assert noise.measure(noisy, _known(noisy)).width == pytest.approx(width, rel=0.25)


def test_the_width_of_grain_is_not_told_where_there_is_none_or_one_scale() -> None:
    assert grain.width(torch.zeros(3, 1)) == 0
    assert grain.width(torch.full((3, 1), math.nan)) == 0
    assert grain.width(torch.ones(1, 3)) == 0
    assert noise.measure(_ramp(), _known(_ramp())).width == 0


def test_a_plane_without_grain_has_none() -> None:
    noisy = torch.cat([_ramp() + _grain(0, 0.06), _ramp(), _ramp() + 0.5 * _grain(1, 0.06)])
    levels = grain.levels(noisy, _known(noisy), torch.ones_like(noisy[:1]))
    first, second, third = levels[0].tolist()
    assert second < 1e-3 * first
    assert first / third == pytest.approx(4, rel=0.4)  # twenty seeds: 3.5 to 4.4


def test_unknown_pixels_are_not_read() -> None:
    noisy = _ramp() + _grain(0, 0.06)
    known = _known(noisy)
    known[40:60, 40:80] = False
    holed = torch.where(known, noisy, math.nan)
    assert _deviation(holed, known) == pytest.approx(_deviation(noisy, known))
    assert grain.has_floor(holed, known) == grain.has_floor(noisy, known)


def test_too_little_that_is_known_tells_nothing() -> None:
    noisy = _ramp() + _grain(0, 0.06)
    known = torch.zeros_like(_known(noisy))
    known[:16, :16] = True
    assert math.isnan(_deviation(noisy, known))


@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_texture_has_no_floor_and_is_left_alone(name: str) -> None:
    texture = _square(name)
    assert not grain.has_floor(texture, _known(texture))
    assert noise.measure(texture, _known(texture)).hardly_any
    noisy = (texture + _grain(0, 18 / 255)).clamp(0, 1)
    assert grain.has_floor(noisy, _known(noisy))


@pytest.mark.parametrize("name", ["grass", "gravel", "immunohistochemistry"])
def test_texture_that_fills_a_larger_picture_has_none_either(name: str) -> None:
    from skimage import data

    pixels = getattr(data, name)()
    texture = torch.from_numpy(pixels).float().reshape(*pixels.shape[:2], -1).movedim(2, 0) / 255
    assert not grain.has_floor(texture, _known(texture))
    assert noise.measure(texture, _known(texture)).deviation < 4 / 255


def _square(name: str) -> Tensor:
    from skimage import data

    picture = torch.from_numpy(getattr(data, name)()).float()[None] / 255
    return picture[:, 192:320, 192:320] if name == "gravel" else picture[:, :128, :128]


def test_texture_of_the_brightness_is_told_from_noise_by_its_colours() -> None:
    noise_alone = torch.tensor([[16.0, 1, 1], [9, 4, 4], [1, 1, 1]])
    assert torch.equal(grain.of_colours(noise_alone), noise_alone)
    textured = noise_alone + torch.tensor([[0.0, 0, 0], [90, 0, 0], [20, 0, 0]])
    assert grain.of_colours(textured).tolist() == [[16, 1, 1], [36, 4, 4], [2.25, 1, 1]]


def test_grain_of_the_brightness_alone_is_not_bounded() -> None:
    alone = torch.tensor([[16.0, 0.1, 0.1], [9, 0.1, 0.1], [9, 0.1, 0.1]])
    assert torch.equal(grain.of_colours(alone), alone)
    small = alone[:2]  # has no coarsest scale
    assert torch.equal(grain.of_colours(small), small)
