"""A scratch is followed beyond the ends of its line, up to a gap."""

from dataclasses import replace

import pytest
import torch

from convprior.restoration.scratches.lines import lines
from convprior.restoration.scratches.tracing import FARTHEST, GAP, traced


def _crossed(start: int, length: int) -> torch.Tensor:
    """Return even ground with a scratch across, and a piece of it that far beyond its end."""
    light = torch.full((64, 160), 0.3)
    light[30, 10:80] = 0.9
    light[30, start : start + length] = 0.9
    return light


@pytest.mark.parametrize(
    ("start", "length", "on"), [(80 + GAP - 1, 9, True), (80 + GAP + 4, 9, False), (80, 70, True)]
)
def test_a_scratch_goes_on_beyond_a_short_gap(start: int, length: int, on: bool) -> None:
    [line, *_] = lines(_crossed(80, 0))  # as judged: the piece is no part of its line
    line = replace(line, light=_crossed(start, length))
    whole = traced(line, torch.ones(len(line.width), dtype=torch.bool))
    beyond = whole.places[whole.places[:, 1] > 84]
    assert (beyond[:, 0] == 30).all()
    assert bool(len(beyond)) == on
    assert all(column < 80 + FARTHEST + 3 for column in beyond[:, 1].tolist())
    assert len(whole.places) == len(whole.of) == len(whole.contrast)


def test_what_is_not_chosen_is_not_followed() -> None:
    [line, *_] = lines(_crossed(80, 0))
    same = traced(line, torch.zeros(len(line.width), dtype=torch.bool))
    assert torch.equal(same.places, line.places)
