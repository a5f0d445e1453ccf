"""Non-local means: what looks alike around a pixel, and nothing else, is in its mean."""

import math

import pytest
import torch

from convprior.ground import seeds
from convprior.prior.patches import means
from convprior.prior.patches.means import REACH, SIDE, STRENGTH, Means
from tests.conftest import bricks


def test_a_pixel_is_the_mean_of_those_around_it_weighed_by_their_patches() -> None:
    picture = torch.rand(2, 40, 43, generator=seeds.generator("means"))
    variance = 0.02 + 0.05 * torch.rand(1, 40, 43, generator=seeds.generator("variance"))
    row, column, half = 17, 20, SIDE // 2

    def patch(down: int, right: int) -> torch.Tensor:
        return picture[:, down - half : down + half + 1, right - half : right + half + 1]

    total, weight = torch.zeros(2), 0.0
    for down in range(row - REACH, row + REACH + 1):
        for right in range(column - REACH, column + REACH + 1):
            apart = float((patch(row, column) - patch(down, right)).square().mean())
            noise = float(variance[0, row, column] + variance[0, down, right]) / 2
            alike = math.exp(-apart / (STRENGTH**2 * noise))
            total, weight = total + alike * picture[:, down, right], weight + alike
    found = Means(picture, variance).done()
    assert torch.allclose(found[:, row, column], total / weight, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 90, 70), (1, 5, 64), (4, 3, 1), (2, 33, 100)])
def test_tiles_meet(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(shape, generator=seeds.generator("tiles", *shape))
    variance = torch.full((1, *shape[1:]), 0.01)
    whole = Means(picture, variance).done()
    monkeypatch.setattr(means, "TILE", 32)
    in_tiles = Means(picture, variance)
    shares = list(in_tiles)
    assert torch.allclose(in_tiles.picture(), whole, atol=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_without_noise_a_picture_stays_what_it_is() -> None:
    wall = bricks()
    nothing = torch.zeros(1, *wall.shape[1:])
    assert torch.allclose(Means(wall, nothing).done(), wall, atol=1e-5)
