"""Noise of a known kind is found on a picture with edges and slopes."""

import io

import pytest
import torch
from PIL import Image
from torch.nn import functional

from convprior.pictures import decoding
from convprior.problem import noise


def scene() -> torch.Tensor:
    """Return a clean picture: slopes, discs, a striped corner."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 128), torch.linspace(0, 1, 128), indexing="ij")
    picture = torch.stack([0.2 + 0.6 * x, 0.3 + 0.3 * y, 0.5 + 0.2 * (x - y)])
    for cy, cx, radius in ((0.3, 0.4, 0.2), (0.7, 0.6, 0.25), (0.2, 0.8, 0.1)):
        picture[:, (y - cy).hypot(x - cx) < radius] += 0.15
    picture[:, 3:35, 5:38] += 0.1 * (torch.arange(33) % 6 < 3)
    return picture.clamp(0, 1)


def white(sigma: float) -> torch.Tensor:
    return sigma / 255 * torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))


def measure(picture: torch.Tensor) -> noise.Noise:
    return noise.measure(picture, torch.ones(picture.shape[1:], dtype=torch.bool))


@pytest.mark.parametrize("sigma", [5, 15, 25])
def test_white_noise_is_measured_and_no_neighbour_shares_it(sigma: float) -> None:
    found = measure(scene() + white(sigma))
    assert found.deviation == pytest.approx(sigma / 255, rel=0.1)
    assert abs(found.correlation) < 0.1
    assert not found.shared


def test_blurred_noise_is_shared() -> None:
    blurred = functional.avg_pool2d(functional.pad(white(25)[None], (1, 1, 1, 1)), 3, 1)[0]
    found = measure(scene() + blurred)
    assert found.shared
    assert found.deviation == pytest.approx(float(blurred.std()), rel=0.4)


def interpolated(sigma: float) -> torch.Tensor:
    """Return the noise of a Bayer sensor: each pixel has one colour, the others are guessed."""
    drawn = white(sigma)
    sites = torch.zeros_like(drawn)
    sites[0, ::2, ::2] = sites[2, 1::2, 1::2] = 1
    sites[1] = 1 - sites[0] - sites[2]
    around = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])[None, None] / 4
    guessed = functional.conv2d((drawn * sites)[:, None], around, padding=1)[:, 0]
    return guessed * torch.tensor([1.0, 0.5, 1.0])[:, None, None]


def test_weak_noise_that_neighbours_share_is_told_by_its_colours() -> None:
    camera = interpolated(6)
    found = measure(scene() + camera)
    assert found.shared
    # Six seeds: 0.92 to 0.99 times.
    assert found.deviation == pytest.approx(float(camera.std()), rel=0.2)
    # Without colours it may be what a picture itself has.
    grey = camera.mean(0, keepdim=True) * 1.3
    assert not measure(scene().mean(0, keepdim=True) + grey).shared


def test_a_clean_picture_has_next_to_none() -> None:
    found = measure(scene())
    assert found.deviation < 2 / 255
    assert not found.shared


def test_what_jpeg_threw_away_shows_between_its_blocks() -> None:
    file = io.BytesIO()
    textured = (scene() + white(8)).clamp(0, 1)
    decoding.to_pillow(textured).save(file, "JPEG", quality=10)
    decoded = decoding.from_pillow(Image.open(file))
    real = float((decoded - textured).std())
    assert measure(decoded).deviation == pytest.approx(real, rel=0.5)
    assert measure(decoded).of_blocks
    assert not measure(textured).of_blocks


def test_unknown_pixels_are_not_looked_at_and_too_few_known_ones_said() -> None:
    picture = scene() + white(15)
    known = torch.ones(128, 128, dtype=torch.bool)
    known[60:70] = False
    poisoned = torch.where(known, picture, torch.nan)
    assert noise.measure(poisoned, known).deviation == pytest.approx(15 / 255, rel=0.1)
    half = torch.rand(128, 128, generator=torch.Generator().manual_seed(1)) < 0.5
    assert noise.measure(picture, half).deviation == pytest.approx(15 / 255, rel=0.1)
    columns = torch.arange(128).expand(128, 128) % 2 > 0  # no four pixels side by side
    assert noise.measure(picture, columns).deviation == float("inf")
    assert noise.measure(torch.rand(1, 3, 200), torch.ones(3, 200) > 0).deviation == float("inf")


def test_a_picture_of_one_colour_has_none() -> None:
    assert measure(torch.full((1, 64, 64), 0.5)) == noise.Noise(0.0, 0.0)


def test_noise_that_grows_with_the_light_is_told_by_brightness() -> None:
    clean = torch.linspace(0.1, 0.9, 128).expand(3, 128, 128)
    drawn = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(3))
    measured = measure(clean + 0.15 * clean * drawn)  # speckle
    variance = measured.variance_of(clean).sqrt()[0, 64]
    # The worst of twenty seeds: 9 % off, the whole 3 %.
    assert torch.allclose(variance[8:-8], 0.15 * clean[0, 64, 8:-8], rtol=0.15)
    assert measured.deviation == pytest.approx(0.15 * float(clean.square().mean()) ** 0.5, rel=0.06)
    assert measure(scene() + white(15)).curve == ()
    assert measure(scene()).hardly_any
    assert not measure(scene() + white(5)).hardly_any
