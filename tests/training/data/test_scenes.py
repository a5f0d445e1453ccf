"""Scenes: objects stand where they are put, turned as asked, and their masks are theirs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from convprior.ground import seeds
from convprior.ground.errors import InputError
from convprior.training.data.scenes import Scenes, halved, load, masks, paste, save, shift


@pytest.fixture
def scenes() -> Scenes:
    """Three objects of 4×4, wholly inside their masks, on backgrounds of 9×9 that are black."""
    generator = torch.Generator().manual_seed(0)
    objects = torch.randint(1, 255, (3, 4, 4, 4), dtype=torch.uint8, generator=generator)
    objects[:, 3] = 255
    return Scenes(objects, torch.zeros(3, 3, 9, 9, dtype=torch.uint8), torch.arange(3))


def test_an_object_stands_where_it_is_put(scenes: Scenes) -> None:
    tops, lefts = torch.tensor([0, 5, 2]), torch.tensor([1, 0, 5])
    pictures = scenes.at(tops, lefts)
    for number, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        inside = pictures[number, :, top : top + 4, left : left + 4]
        assert torch.equal(inside, scenes.objects[number, :3])
        assert pictures[number].count_nonzero() == inside.count_nonzero()
    assert masks(scenes.canvases(tops, lefts)).sum((1, 2)).tolist() == [16, 16, 16]


def test_an_object_may_not_leave_its_picture(scenes: Scenes) -> None:
    with pytest.raises(ValueError, match=r"4 pixels leaves a picture of 9 at offsets up to 6"):
        scenes.at(6, 0)


def test_one_object_or_many_are_put_on_their_backgrounds_alike(scenes: Scenes) -> None:
    scenes.objects[:, 3, 1:, 2:] = 0
    pictures = scenes.at(2, 5)
    for number in range(len(scenes)):
        background, cutout = (
            part[number].permute(1, 2, 0).numpy() for part in (scenes.backgrounds, scenes.objects)
        )
        assert np.array_equal(
            pictures[number].permute(1, 2, 0).numpy(), paste(background, cutout, 2, 5)
        )


def test_pasting_and_shifting_stay_inside() -> None:
    ground, cutout = np.zeros((8, 8, 3), np.uint8), np.full((3, 3, 4), 255, np.uint8)
    assert paste(ground, cutout, 5, 5)[5:, 5:].min() == 255
    assert ground.max() == 0
    with pytest.raises(ValueError, match=r"3×3 pixels at row 6, column 0 leaves a picture of 8×8"):
        paste(ground, cutout, 6, 0)
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8, 1).repeat(3, 2)
    moved = shift(ramp, 2, 1)
    assert np.array_equal(moved[2:, 1:], ramp[:-2, :-1])
    with pytest.raises(ValueError, match="use smaller shifts"):
        shift(ramp, 8, 0)


def test_half_a_turn_is_a_flip_both_ways(scenes: Scenes) -> None:
    upright, turned = scenes.transformed(0, 1.0), scenes.transformed(180, 1.0)
    middle = slice(2, 6)
    assert torch.equal(upright[:, :, middle, middle], scenes.objects)
    found = turned[:, :, middle, middle].int()
    assert (found - scenes.objects.flip(2, 3).int()).abs().max() <= 1


@pytest.mark.parametrize(("scale", "pixels"), [(0.5, 4), (2.0, 64)])
def test_a_scaled_object_covers_so_many_pixels(scenes: Scenes, scale: float, pixels: int) -> None:
    covered = masks(scenes.transformed(0, scale)).sum((1, 2))
    assert ((covered - pixels).abs() <= 2 * pixels**0.5).all()


def test_places_are_drawn_from_their_name(scenes: Scenes) -> None:
    one, other = (scenes.offsets("uniform", seeds.generator("here")) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert [int(place.sum()) for place in scenes.offsets("corner", seeds.generator("here"))] == [
        0,
        0,
    ]


def test_halving_mixes_no_colour_from_outside_of_the_mask() -> None:
    objects = torch.full((1, 4, 2, 2), 200, dtype=torch.uint8)
    objects[:, 3] = torch.tensor([[255, 255], [0, 255]])
    objects[:, :3, 1, 0] = 0  # transparent black
    assert halved(objects).flatten().tolist() == [200, 200, 200, 255]


def test_scenes_come_back_as_they_were_saved(scenes: Scenes, tmp_path: Path) -> None:
    save(tmp_path / "some.safetensors", scenes)
    found = load(tmp_path / "some.safetensors")
    assert torch.equal(found.objects, scenes.objects)
    assert torch.equal(found.labels, scenes.labels)
    with pytest.raises(InputError, match="run the stage `compose` first"):
        load(tmp_path / "none.safetensors")
