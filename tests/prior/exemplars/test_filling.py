"""A wide hole filled with pieces of the picture: what repeats is there again, whole."""

import pytest
import torch

from convprior.ground import seeds
from convprior.prior.exemplars.filling import can_be_filled, fill


def woven(channels: int, height: int = 120, width: int = 140) -> torch.Tensor:
    """Return a texture of a period of 10 and 12 pixels, no channel like another."""
    tile = torch.rand(channels, 10, 12, generator=torch.Generator().manual_seed(0))
    return tile.repeat(1, height // 10 + 1, width // 12 + 1)[:, :height, :width]


def square(top: int, left: int, side: int = 40) -> torch.Tensor:
    hole = torch.zeros(120, 140, dtype=torch.bool)
    hole[top : top + side, left : left + side] = True
    return hole


def filled(picture: torch.Tensor, hole: torch.Tensor, seed: int = 0) -> torch.Tensor:
    broken = torch.where(hole, torch.nan, picture)
    steps = list(fill(broken, hole, ~hole, seeds.generator("test", seed)))
    shares = [share for share, _ in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for _, picture_so_far in steps:
        assert torch.isfinite(picture_so_far).all()
        assert torch.equal(picture_so_far[:, ~hole], picture[:, ~hole])
    return steps[-1][1]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("place", [(40, 50), (0, 100)])
def test_what_repeats_is_there_again(channels: int, place: tuple[int, int]) -> None:
    picture, hole = woven(channels), square(*place)
    error = (filled(picture, hole) - picture)[:, hole].square().mean()
    assert error < 0.1 * picture.var()  # mostly exact: a grey square has all of it


def test_nothing_is_in_it_that_is_not_in_the_picture() -> None:
    picture, hole = (
        torch.rand(3, 120, 140, generator=torch.Generator().manual_seed(1)),
        square(3, 9),
    )
    picture[:, hole] = 0.0
    there = {tuple(value) for value in picture[:, ~hole].T.tolist()}
    assert {tuple(value) for value in filled(picture, hole)[:, hole].T.tolist()} <= there


def test_the_same_seed_is_the_same_bits() -> None:
    picture = torch.rand(1, 120, 140, generator=torch.Generator().manual_seed(2))
    hole = square(30, 30)
    assert torch.equal(filled(picture, hole), filled(picture, hole))
    assert not torch.equal(filled(picture, hole), filled(picture, hole, seed=1))


def test_hardly_anything_to_copy_from_is_said() -> None:
    hole = torch.ones(60, 60, dtype=torch.bool)
    hole[:4] = False
    assert not can_be_filled(hole, ~hole, 0.0)
    hole[:30] = False
    assert can_be_filled(hole, ~hole, 0.25)
