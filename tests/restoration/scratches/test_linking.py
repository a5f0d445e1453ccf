"""Ridge pixels become lines: thin slanting ones are whole, and those that cross are two."""

import math

import torch
from torch import Tensor

from convprior.restoration.scratches.linking import bars, linked, means
from convprior.restoration.scratches.ridges import WAYS

LIGHT = torch.full((80, 80), 0.9)


def _line(places: list[tuple[int, int]], way: int) -> tuple[Tensor, Tensor]:
    return torch.tensor(places), torch.full((len(places),), way)


def _number(*lines: tuple[Tensor, Tensor], scale: int = 1) -> int:
    places, way = (torch.cat(each) for each in zip(*lines, strict=True))
    return len(linked(places, way, LIGHT, scale).unique())


def test_a_slanting_line_with_a_crest_in_each_second_row_is_one() -> None:
    slanting = _line([(10 + 2 * k, 70 - 3 * k) for k in range(20)], 13)
    assert _number(slanting) == 1
    # Smaller pictures have no lines so thin, and what lies aside belongs to others.
    assert _number(slanting, scale=2) == 20
    assert _number(_line([(10 + 3 * k, 40) for k in range(10)], 0)) == 10


def test_lines_that_cross_are_two() -> None:
    flat = _line([(40, 5 + k) for k in range(70) if k != 35], 0)
    steep = _line([(5 + k, 5 + k) for k in range(70) if k != 35], 4)
    between = _line([(40, 40)], 2)  # where they meet, a ridge points between them
    assert _number(flat, steep, between) == 3
    # A line that bends a little stays one.
    bent = _line([(40 + k // 12, 5 + k) for k in range(70)], 0)
    assert _number(bent) == 1


def test_a_bar_lies_as_its_pixels_do() -> None:
    places, _ = _line([(10 + k, 20 + k) for k in range(41)], 4)
    line = torch.zeros(len(places), dtype=torch.long)
    total, mean = means(line, torch.ones(len(places)))
    bar = bars(places, line, mean)
    assert total.tolist() == [41]
    assert bar.centre.tolist() == [[30, 40]]
    assert torch.allclose(bar.direction.abs(), torch.full((1, 2), math.sqrt(0.5)))
    assert 41 * math.sqrt(2) - 1 < float(bar.along) < 41 * math.sqrt(2) + 1
    assert float(bar.across) < 1e-2
    assert WAYS == 16  # the ways above are in sixteenths of half a turn
