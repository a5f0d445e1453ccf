"""The covariance of noise in a patch, from its strength at each scale."""

import math

import pytest
import torch
from torch import Tensor

from convprior.problem import grain, spectrum


def _blurred(width: float, seed: int, side: int = 256) -> Tensor:
    """Return noise of a deviation of about 1, (1, h, w), blurred by a Gaussian of a width."""
    white = torch.randn(1, side, side, generator=torch.Generator().manual_seed(seed))
    down, right = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)
    passed = torch.exp(-2 * (math.pi * width) ** 2 * (down.square() + right.square()))
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * passed, s=(side, side))
    return noise / noise.std()


def _levels(noise: Tensor) -> Tensor:
    known = torch.ones_like(noise[0], dtype=torch.bool)
    return grain.levels(noise, known, torch.ones_like(noise))


def test_white_noise_is_shared_by_no_pixels() -> None:
    levels = torch.tensor([[1.0, 4.0], [0.25, 1.0], [0.0625, 0.25]])
    variance, covariance = spectrum.in_patch(levels, 5, 0.0)
    assert variance.tolist() == pytest.approx([1.21, 4.84])
    assert torch.allclose(covariance, torch.eye(25).expand(2, 25, 25), atol=1e-5)


@pytest.mark.parametrize("width", [0.7, 1.0, 1.3])
def test_what_neighbours_share_is_told_from_three_scales(width: float) -> None:
    variance, covariance = spectrum.in_patch(_levels(_blurred(width, 0)), 5, 0.0)
    # Of a Gaussian blur, twice its variance: pixels beside each other, and two apart.
    told = [float(covariance[0, 0, apart]) for apart in (1, 2)]
    true = [math.exp(-((apart / (2 * width)) ** 2)) for apart in (1, 2)]
    # Twenty seeds: within 0.16 of it; deviations of 0.70 to 0.87.
    assert told == pytest.approx(true, abs=0.25)
    assert 0.6 < float(variance.sqrt()) < 1.0


def test_a_covariance_is_one_of_a_patch() -> None:
    _, covariance = spectrum.in_patch(_levels(_blurred(1.0, 1)), 4, 0.5)
    whole = covariance[0].view(4, 4, 4, 4)
    assert torch.allclose(covariance, covariance.mT)
    assert torch.allclose(whole[0, 0, 0, 2], whole[3, 1, 3, 3])  # two apart in a row, anywhere
    assert float(torch.linalg.eigvalsh(covariance[0]).min()) > -1e-5
    assert torch.allclose(covariance.diagonal(dim1=1, dim2=2), torch.ones(1, 16))


def test_what_the_coarse_scale_took_is_slow() -> None:
    levels = _levels(_blurred(1.0, 2))
    (all_of_it, near), (rest, left) = (spectrum.in_patch(levels, 5, taken) for taken in (0.0, 1.0))
    assert float(rest) < 0.5 * float(all_of_it)
    assert float(left[0, 0, 2]) < float(near[0, 0, 2])


def test_no_noise_is_none() -> None:
    variance, covariance = spectrum.in_patch(torch.zeros(3, 2), 5, 0.5)
    assert float(variance.max()) < 1e-8
    assert torch.isfinite(covariance).all()
