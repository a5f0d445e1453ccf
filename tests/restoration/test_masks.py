"""Which pixels to repair: every source of a mask, and every mask that cannot be meant."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from convprior.ground import seeds
from convprior.pictures import decoding
from convprior.pictures.picture import ImageError, Picture
from convprior.restoration import masks
from convprior.restoration.masks import MaskError
from tests.conftest import colourful, discs

HERE = Path("photo.png")


def picture() -> Picture:
    return Picture(decoding.from_pillow(colourful(12, 8)))


def marks(*box: int) -> Image.Image:
    mask = Image.new("L", (12, 8))
    mask.paste(255, tuple(box))
    return mask


def test_white_is_repaired_and_invert_turns_it_round(tmp_path: Path) -> None:
    marks(2, 3, 6, 5).save(tmp_path / "mask.png")
    repair, said = masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)
    assert repair is not None
    assert int(repair.sum()) == 8
    assert bool(repair[3:5, 2:6].all())
    assert said == []
    other, said = masks.read(str(tmp_path / "mask.png"), picture(), HERE, True)
    assert other is not None
    assert torch.equal(other, ~repair)
    assert "92% of the picture is to be repaired" in said[0]


def test_greys_are_cut_at_half_and_said_so(tmp_path: Path) -> None:
    mask = marks(0, 0, 1, 1)
    mask.putpixel((5, 5), 127)
    mask.putpixel((6, 5), 129)
    mask.save(tmp_path / "mask.png")
    repair, said = masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)
    assert repair is not None
    assert [bool(repair[5, 5]), bool(repair[5, 6])] == [False, True]
    assert "mask.png: has greys; what is lighter than half is repaired" in said[0]


def test_more_than_half_of_the_picture_is_warned_of(tmp_path: Path) -> None:
    marks(0, 0, 12, 5).save(tmp_path / "mask.png")
    _, said = masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)
    assert "62% of the picture is to be repaired; --invert-mask if it marks what is to" in said[0]


def test_a_folder_of_masks_is_searched_for_the_picture_s_name(tmp_path: Path) -> None:
    marks(0, 0, 2, 2).save(tmp_path / "photo.tif")
    repair, _ = masks.read(str(tmp_path), picture(), Path("there/photo.jpg"), False)
    assert repair is not None
    assert int(repair.sum()) == 4
    marks(0, 0, 1, 1).save(tmp_path / "photo.1.png")  # another picture's
    marks(0, 0, 1, 1).save(tmp_path / "scan[1].png")
    repair, _ = masks.read(str(tmp_path), picture(), Path("scan[1].tif"), False)
    assert repair is not None
    assert int(repair.sum()) == 1
    with pytest.raises(MaskError, match="expected one mask named other, found none"):
        masks.read(str(tmp_path), picture(), Path("other.png"), False)
    marks(0, 0, 2, 2).save(tmp_path / "photo.png")
    with pytest.raises(MaskError, match=r"named photo, found photo\.png, photo\.tif"):
        masks.read(str(tmp_path), picture(), Path("photo.png"), False)


def test_transparent_pixels_and_a_colour_are_masks() -> None:
    alpha = torch.ones(8, 12)
    alpha[2, 3:5] = 0
    seen = Picture(picture().pixels, alpha)
    repair, _ = masks.read("alpha", seen, HERE, False)
    assert repair is not None
    assert torch.equal(repair, alpha == 0)
    pixels = picture().pixels.clone()
    pixels[:, 4, 4:7] = torch.tensor([1.0, 0.0, 1.0])[:, None]
    pixels[:, 4, 7] = torch.tensor([1.0, 0.01, 1.0])
    repair, _ = masks.read("#ff00FF", Picture(pixels), HERE, False)
    assert repair is not None
    assert repair.nonzero().tolist() == [[4, 4], [4, 5], [4, 6]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("alpha", "photo.png: has no transparency: --mask alpha repairs transparent pixels"),
        ("#ff00", "--mask #ff00: is no colour: write #rrggbb"),
        ("#gg0000", "--mask #gg0000: is no colour"),
        ("#123456", "#123456: marks no pixel of photo.png: there is nothing to repair"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(source: str, message: str) -> None:
    with pytest.raises(MaskError, match=message):
        masks.read(source, picture(), HERE, False)


def test_a_mask_of_another_size_all_white_or_all_black_is_refused(tmp_path: Path) -> None:
    for name, mask, message in (
        ("size", Image.new("L", (8, 12), 255), "is 8×12 pixels, the picture 12×8: make a mask"),
        ("white", Image.new("L", (12, 8), 255), "marks every pixel.*; white means repair"),
        ("black", Image.new("L", (12, 8), 0), "marks no pixel.*; white means repair"),
    ):
        mask.save(tmp_path / f"{name}.png")
        with pytest.raises((MaskError, ImageError), match=message):
            masks.read(str(tmp_path / f"{name}.png"), picture(), HERE, False)
    with pytest.raises(ImageError, match=r"nowhere\.png: cannot be read"):
        masks.read(str(tmp_path / "nowhere.png"), picture(), HERE, False)


def photograph() -> torch.Tensor:
    """Return a picture with an edge, a ramp and a solid white corner, lightly noisy."""
    clean = torch.cat([discs(), discs().flip(2)], 2).clone()
    clean[:, :20, :20] = 1.0
    noise = torch.randn(clean.shape, generator=seeds.generator("masks"))
    return (clean + 3 / 255 * noise).clamp(0, 1)


def test_stuck_pixels_and_scratches_are_found_and_edges_left() -> None:
    pixels = photograph()
    assert float(masks.broken(pixels).float().mean()) < 0.001
    drawn = torch.rand(pixels.shape[1:], generator=seeds.generator("stuck"))
    stuck = (drawn < 0.003) & (torch.arange(128)[None] > 24)
    scratch = torch.zeros_like(stuck)
    scratch[5:60, 90:93] = True
    damaged = pixels.clone()
    damaged[:, stuck] = (drawn[stuck] < 0.0015).float()
    damaged[:, scratch] = 1.0
    found = masks.broken(damaged)
    assert float(found[stuck & ~scratch].float().mean()) > 0.9
    assert float(found[scratch].float().mean()) > 0.95
    assert float(found[~stuck & ~scratch].float().mean()) < 0.005
    assert not found[3:17, 3:17].any()  # a white area is part of the picture


def test_nothing_broken_is_said_and_no_mask() -> None:
    repair, said = masks.read("auto", Picture(discs()), HERE, False)
    assert repair is None
    assert said == ["photo.png: no dead pixels, scratches or dust found"]


def test_a_value_that_is_missing_hides_no_dead_pixel_and_is_none() -> None:
    pixels = discs()
    pixels[:, 20, 20] = 1.5
    pixels[:, 40, 40] = torch.nan
    found = masks.broken(pixels)
    assert bool(found[20, 20])
    assert not bool(found[40, 40])
    assert not bool(masks.broken(torch.full((1, 9, 9), torch.nan)).any())


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 0, 0), (0, 0, 0)])
def test_of_a_mask_painted_on_transparency_the_paint_counts(
    tmp_path: Path, colour: tuple[int, int, int]
) -> None:
    mask = Image.new("RGBA", (12, 8), (255, 255, 255, 0))  # white, and not to be seen
    mask.paste((*colour, 255), (2, 3, 6, 5))
    mask.save(tmp_path / "mask.png")
    repair, said = masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)
    assert repair is not None
    assert int(repair.sum()) == 8
    assert bool(repair[3:5, 2:6].all())
    assert any("has no white; what is painted" in line for line in said) == (sum(colour) < 765)
    mask.paste((255, 255, 255, 255), (8, 0, 9, 1))  # then white is what is meant
    mask.save(tmp_path / "mask.png")
    repair, _ = masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)
    assert repair is not None
    assert int(repair.sum()) == (9 if sum(colour) == 765 else 1)


def test_of_a_mask_without_white_the_largest_value_is_said(tmp_path: Path) -> None:
    marks(2, 3, 6, 5).point(lambda value: value // 255).save(tmp_path / "mask.png")
    said = r"marks no pixel .*; white means repair, which is 255 here, and its largest value is 1"
    with pytest.raises(MaskError, match=said):
        masks.read(str(tmp_path / "mask.png"), picture(), HERE, False)


def test_what_stands_for_no_value_is_no_dead_pixel() -> None:
    pixels = discs()[:1] * 100
    absent = torch.zeros(64, 64, dtype=torch.bool)
    absent[10:30, 10:12] = True
    pixels[:, absent] = -9999.0
    pixels[0, 50, 50] = 4000.0
    repair, _ = masks.read("auto", Picture(pixels, depth=32, absent=absent), HERE, False)
    assert repair is not None
    assert repair.nonzero().tolist() == [[50, 50]]
