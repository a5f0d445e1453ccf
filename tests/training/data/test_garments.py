"""The default data: controlled places, and nothing that is in both splits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convprior.pictures import files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.training.data import garments, scenes
from tests.conftest import REPOSITORY

SHEETS = REPOSITORY / "data" / "garments"


def test_no_garment_and_no_background_is_in_both_splits() -> None:
    seen = {
        split: {
            garment.tobytes()
            for sheet in (SHEETS / split).glob("*.png")
            for garment in garments.read_sheet(sheet)
        }
        for split in ("train", "val")
    }
    assert (len(seen["train"]), len(seen["val"])) == (13_200, 2_000)
    assert not seen["train"] & seen["val"]
    assert not set(garments.BACKGROUNDS["train"]) & set(garments.BACKGROUNDS["val"])


def test_every_class_has_its_sheet_and_name() -> None:
    for split, count in (("train", 1320), ("val", 200)):
        sheets = sorted((SHEETS / split).glob("*.png"))
        assert {sheet.stem for sheet in sheets} == set(garments.NAMES)
        assert all(len(garments.read_sheet(sheet)) == count for sheet in sheets)


def test_default_photographs_may_be_used_for_anything() -> None:
    assert {p.terms for p in PHOTOGRAPHS.values()} <= {"CC0", "public domain"}
    assert all(p.load().mode == "RGB" for p in PHOTOGRAPHS.values())


def tree(path: Path, **settings: object) -> Path:
    options = {"size": 48, "positions": "corner", "seed": 0, "most": 3} | settings
    garments.make_tree(SHEETS, path, **options)  # type: ignore[arg-type]
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_validation_scenes_are_their_parts_put_together(tmp_path: Path) -> None:
    root = tree(tmp_path)
    pictures = sorted((root / "val").glob("*/*.png"))
    assert len(pictures) == 30
    for path in pictures:
        part = root / "parts" / path.parent.name / path.stem
        cutout = pixels(part.with_suffix(".object.png"))
        ground = pixels(part.with_suffix(".background.png"))
        assert np.array_equal(pixels(path), scenes.paste(ground, cutout, *garments.CORNER))


def test_uniform_positions_leave_the_corner(tmp_path: Path) -> None:
    corner, uniform = tree(tmp_path / "a"), tree(tmp_path / "b", positions="uniform")
    moved = [
        not np.array_equal(pixels(path), pixels(uniform / path.relative_to(corner)))
        for path in sorted((corner / "train").glob("*/*.png"))
    ]
    assert sum(moved) > 20


def test_the_seed_decides_every_pixel(tmp_path: Path) -> None:
    first, second, other = tree(tmp_path / "a"), tree(tmp_path / "b"), tree(tmp_path / "c", seed=1)
    name = Path("train/n02774152/0000.png")
    assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (first / name).read_bytes() != (other / name).read_bytes()


def test_brightness_does_not_give_the_class_away() -> None:
    garment = garments.read_sheet(SHEETS / "train" / "n02774152.png")[0]
    cutouts = [garments.cut_out(garment, np.random.default_rng(seed)) for seed in range(50)]
    means = [cutout[cutout[..., 3] > 0][:, :3].mean() for cutout in cutouts]
    assert max(means) > 2 * min(means)
    assert {int(v) for v in np.unique(cutouts[0][..., 3])} == {0, 255}


def test_pictures_that_cannot_hold_a_garment_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"prepare\.size is 28: garments need more than 28"):
        tree(tmp_path, size=28)
    with pytest.raises(files.ImageError, match="no such sheet"):
        garments.read_sheet(tmp_path / "none.png")
