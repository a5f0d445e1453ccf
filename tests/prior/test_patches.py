"""Patches that look alike: what they share stays, what each has alone goes."""

import pytest
import torch
from torch.nn import functional

from convprior.ground import seeds
from convprior.prior import patches
from convprior.problem import metrics


def bricks(channels: int = 3, height: int = 48, width: int = 60) -> torch.Tensor:
    """Return a wall (channels, height, width) of bricks that look alike."""
    down, right = torch.arange(height)[:, None], torch.arange(width)
    joint = (down % 8 == 0) | ((right + 5 * (down // 8)) % 12 == 0)
    return (0.3 + 0.5 * joint.float()).expand(channels, height, width).clone()


def noisy(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    return picture + sigma * torch.randn(picture.shape, generator=seeds.generator("noise"))


def test_what_repeats_is_told_from_noise() -> None:
    wall, damaged = bricks(), noisy(bricks(), 0.1)
    found = patches.wiener(damaged, wall, 0.01, 16)
    assert metrics.psnr(wall, found) > metrics.psnr(wall, damaged) + 15


def test_more_alike_patches_cancel_more_noise() -> None:
    wall, damaged = bricks(), noisy(bricks(), 0.1)
    found = [metrics.psnr(wall, patches.wiener(damaged, wall, 0.01, n)) for n in (1, 4, 16)]
    # The least steps of twenty seeds: 6.5 and 1.0 dB.
    assert found[0] + 3 < found[1] < found[2] - 0.5


def test_without_errors_a_picture_stays_what_it_is(photograph: torch.Tensor) -> None:
    found = patches.wiener(photograph, photograph, 0.0, 8)
    assert torch.allclose(found, photograph, atol=1e-4)


def test_alike_patches_are_found_where_they_lie() -> None:
    picture = torch.rand(1, 40, 40, generator=seeds.generator("texture"))
    picture[:, 20:26, 25:31] = picture[:, 12:18, 15:21]  # 8 down, 10 to the right
    wide = functional.pad(picture, (patches.REACH,) * 2, value=patches.FAR)
    y, x = patches._alike(wide, row=12, size=6, stride=3, similar=2)
    assert (y[5].tolist(), x[5].tolist()) == ([12, 20], [15, 25])  # itself first


@pytest.mark.parametrize(
    "shape",
    [(1, 16, 16), (3, 17, 40), (4, 6, 6), (5, 3, 9), (3, 1, 60), (1, 40, 2), (1, 1, 1), (2, 99, 7)],
)
def test_any_size_any_number_of_channels(shape: tuple[int, int, int]) -> None:
    picture = torch.rand(shape, generator=seeds.generator("any", *shape))
    for flat in (picture, torch.zeros(shape), torch.ones(shape)):
        found = patches.wiener(flat, flat, 0.01, 4)
        assert found.shape == flat.shape
        assert torch.isfinite(found).all()


def test_nothing_is_modified_and_the_bits_are_the_same_again() -> None:
    picture, guide = noisy(bricks(), 0.1), bricks()
    kept = picture.clone(), guide.clone()
    found = [patches.wiener(picture, guide, 0.01, 8) for _ in range(2)]
    assert torch.equal(*found)
    assert torch.equal(picture, kept[0])
    assert torch.equal(guide, kept[1])
