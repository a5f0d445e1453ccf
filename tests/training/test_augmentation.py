"""Augmentation changes what it is asked to change, and nothing else."""

import pytest
import torch
from pydantic import ValidationError

from convprior.training.augmentation import NONE, Augmentation, Normalise
from convprior.training.data.card import Card


def test_nothing_asked_for_is_nothing_done() -> None:
    pictures = torch.rand(2, 3, 8, 8)
    assert len(NONE.build()) == 0
    assert torch.equal(NONE.build()(pictures), pictures)


@pytest.mark.parametrize("changes", [{"shift": 0.3}, {"rotation": 90.0}, {"scale": 2.0}])
def test_what_is_asked_for_changes_each_picture_its_own_way(changes: dict) -> None:
    torch.manual_seed(0)
    one = torch.rand(1, 3, 16, 16)
    changed = NONE.model_copy(update=changes).build()(one.expand(2, 3, 16, 16))
    assert changed.shape == (2, 3, 16, 16)
    assert not torch.allclose(changed[0], one[0])
    assert not torch.allclose(changed[0], changed[1])


@pytest.mark.parametrize("changes", [{"shift": 1.0}, {"rotation": -1.0}, {"scale": 0.5}])
def test_what_cannot_be_is_refused(changes: dict) -> None:
    with pytest.raises(ValidationError):
        Augmentation(**{"shift": 0.0, "rotation": 0.0, "scale": 1.0, "flip": False} | changes)


def test_a_channel_that_is_the_same_in_all_pictures_stays_finite() -> None:
    data = Card(8, ["a"], ["a"], [0.5, 0.0, 0.5], [0.2, 0.0, 0.2], "")  # green alone is dark
    shown = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    assert torch.isfinite(Normalise(data)(shown)).all()
