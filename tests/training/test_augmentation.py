"""Augmentation changes what it is asked to change, and nothing else."""

import pytest
import torch
from pydantic import ValidationError

from convprior.ground.errors import InputError
from convprior.training.augmentation import NONE, Augmentation, Crop, Normalise, central
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


def test_a_crop_is_a_box_of_the_picture_resized() -> None:
    # Pictures of places: what a crop shows says where its corners were.
    side = torch.linspace(0, 1, 64)
    places = torch.stack(torch.meshgrid(side, side, indexing="ij"))
    torch.manual_seed(0)
    crops = Crop(side=32, area=0.25).build()(places.expand(50, 2, 64, 64))
    assert crops.shape == (50, 2, 32, 32)
    down, right = crops[:, 0], crops[:, 1]
    assert down.min() >= 0
    assert down.max() <= 1
    torch.testing.assert_close(down, down[..., :1].expand_as(down), rtol=0, atol=1e-3)
    # A box of whole pixels, of which the outer ones' middles are seen.
    heights, widths = down[:, -1, 0] - down[:, 0, 0], right[:, 0, -1] - right[:, 0, 0]
    areas, shapes = heights * widths, widths / heights
    assert 0.2 < areas.min() < 0.35
    assert 0.7 < areas.max() <= 1
    assert 0.7 < shapes.min() < 0.85
    assert 1.2 < shapes.max() < 1.42
    assert len(set(down[:, 0, 0].tolist())) > 25  # each picture its own


def test_without_a_side_all_of_a_picture_is_seen() -> None:
    data = Card(8, ["a"], ["a"], [0.5] * 3, [0.2] * 3, "")
    assert Crop(side=None, area=0.08).seen(data) == 8
    assert len(Crop(side=None, area=0.08).build()) == 0
    with pytest.raises(InputError, match=r"train.crop.side is 9, and the prepared pictures have 8"):
        Crop(side=9, area=0.08).seen(data)


def test_the_middle_is_the_middle() -> None:
    pictures = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6)
    assert central(pictures, 2).flatten().tolist() == [14, 15, 20, 21]
    assert torch.equal(central(pictures, 6), pictures)
