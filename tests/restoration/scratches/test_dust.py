"""Which specks are dust: enough of one lightness, fewer where there are scratches, too."""

import pytest
import torch
from torch import Tensor

from convprior.restoration.scratches.dust import dust

GROUND = 0.3


def specked(count: int) -> Tensor:
    """Return even ground with so many white specks of 2×2 pixels."""
    light = torch.full((80, 80), GROUND)
    for number in range(count):
        row, column = 10 + 20 * (number // 4), 10 + 20 * (number % 4)
        light[row : row + 2, column : column + 2] = 1.0
    return light


def found(light: Tensor, *, expected: bool) -> Tensor:
    return dust(light, torch.zeros_like(light, dtype=torch.bool), 1.0, expected=expected)


@pytest.mark.parametrize(
    ("count", "expected", "taken"),
    [(8, False, True), (5, False, False), (1, True, True), (0, True, False)],
)
def test_enough_specks_are_dust_however_many_pixels_are_clipped(
    count: int, expected: bool, taken: bool
) -> None:
    light = specked(count)
    marked = found(light, expected=expected)
    assert torch.equal(marked, (light > GROUND) if taken else torch.zeros_like(marked))


def test_a_possible_speck_is_dust_if_it_is_as_light_as_the_evident_ones() -> None:
    light = specked(4)
    light[50:52, 20:22] = 0.5  # faint on even ground; and a white one beside a texture
    light[50:52, 60:62] = 1.0
    light[52:60, 50:72] = GROUND
    light[52:60:2, 50:72:2] = 0.9
    marked = found(light, expected=True)
    assert marked[10:12, 10:12].all()
    assert marked[50:52, 60:62].all()
    assert not marked[50:52, 20:22].any()
