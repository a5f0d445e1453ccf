"""Alike patches are found where they lie."""

import torch

from convprior.ground import seeds
from convprior.prior.patches.matching import alike
from convprior.prior.patches.sweep import Grid, Tile


def whole(picture: torch.Tensor, side: int = 6, stride: int = 4, reach: int = 12) -> Tile:
    grid = Grid.over(picture, side, stride, reach)
    return Tile(grid, 0, 0, *grid.counts())


def places(tile: Tile, members: torch.Tensor) -> list[list[tuple[int, int]]]:
    """Return the place in the picture of each member of each group."""
    width, reach = tile.size()[1], tile.grid.reach
    return [[(m // width - reach, m % width - reach) for m in group] for group in members.tolist()]


def test_a_copy_is_found_and_the_patch_itself_comes_first() -> None:
    picture = torch.rand(1, 40, 40, generator=seeds.generator("texture"))
    picture[:, 18:24, 25:31] = picture[:, 12:18, 16:22]  # 6 down, 9 to the right
    tile = whole(picture)
    down, across = tile.grid.counts()
    found = places(tile, alike(tile.of(picture), tile, 2))
    assert len(found) == down * across
    assert found[3 * across + 4] == [(12, 16), (18, 25)]
    for number, group in enumerate(found):
        assert group[0] == (number // across * 4, number % across * 4)


def test_all_are_inside_and_within_reach_and_the_nearest_in_value() -> None:
    picture = torch.rand(3, 21, 30, generator=seeds.generator("texture"))
    tile = whole(picture, side=5, stride=4, reach=6)
    members = places(tile, alike(tile.of(picture), tile, 7))
    down, across = tile.grid.counts()
    last = (down - 1) * 4 + 5, (across - 1) * 4 + 5
    shown = tile.of(picture)
    for number, group in enumerate(members):
        own = number // across * 4, number % across * 4
        assert len(set(group)) == 7
        for y, x in group:
            assert 0 <= y <= last[0] - 5
            assert 0 <= x <= last[1] - 5
            assert max(abs(y - own[0]), abs(x - own[1])) <= 6

        def distance(at: tuple[int, int], own: tuple[int, int] = own) -> float:
            patches = [shown[:, 6 + y : 11 + y, 6 + x : 11 + x] for y, x in (at, own)]
            squares = (patches[0] - patches[1]).square().sum((1, 2))
            return float(squares[0] + 0.25 * squares[1:].sum())

        every = sorted(
            distance((y, x))
            for y in range(max(own[0] - 6, 0), min(own[0] + 6, last[0] - 5) + 1)
            for x in range(max(own[1] - 6, 0), min(own[1] + 6, last[1] - 5) + 1)
        )
        torch.testing.assert_close(
            torch.tensor([distance(at) for at in group]), torch.tensor(every[:7]), atol=1e-4, rtol=0
        )


def test_no_more_are_asked_for_than_the_smallest_neighbourhood_has() -> None:
    picture = torch.rand(1, 8, 9, generator=seeds.generator("small"))
    tile = whole(picture, side=6)
    assert alike(tile.of(picture), tile, 48).shape[1] == tile.grid.at_a_corner()
