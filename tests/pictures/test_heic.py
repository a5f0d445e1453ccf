"""HEIC: what a phone's file says is kept, and its picture stands upright once."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from convprior.pictures import files
from convprior.pictures.files import ImageError

MADE = Path(__file__).with_name("heic")  # how, says make.py beside them
NEAR = 0.02  # what quality 90 may change of a gradient


def gradient() -> np.ndarray:
    """Return (3, 48, 64) as make.py does."""
    down, across = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 64), indexing="ij")
    return np.stack([across, down, 1 - (across + down) / 2])


def test_a_phone_s_picture_is_turned_once_and_says_so(tmp_path: Path) -> None:
    picture = files.read(MADE / "turned.heic")
    clockwise = np.rot90(gradient(), -1, (1, 2))
    assert picture.depth == 8
    assert picture.notes == ()
    assert picture.pixels.shape == clockwise.shape == (3, 64, 48)
    assert np.abs(picture.pixels.numpy() - clockwise).max() < NEAR
    for name in ("out.png", "out.jpg"):
        files.write(tmp_path / name, picture)
        with Image.open(tmp_path / name) as out:
            assert out.size == (48, 64)
            assert out.getexif()[0x0112] == 1
            assert out.getexif()[0x010F] == "Phone"
            assert out.getexif().get_ifd(0x8825)[1] == "N"
            profile = ImageCms.ImageCmsProfile(io.BytesIO(out.info["icc_profile"]))
            assert ImageCms.getProfileDescription(profile).strip() == "sRGB built-in"
            xmp = out.info.get("xmp") or out.info["XML:com.adobe.xmp"].encode()
            assert xmp == b'<x tiff:Orientation="1"/>'
        assert bool((files.read(tmp_path / name).pixels - picture.pixels).abs().max() < 2 * NEAR)
    assert "HEIC is only read: what is restored is a PNG" in files.lost(tmp_path / "a.png", picture)


def test_all_bits_of_a_deep_one_are_kept_and_which_colours_they_are(tmp_path: Path) -> None:
    picture = files.read(MADE / "deep.heic")
    assert picture.depth == 16
    assert np.abs(picture.pixels.numpy() - gradient()).max() < NEAR
    steps = picture.pixels * 1023
    assert bool((steps - steps.round()).abs().max() < 1e-3)
    assert len(steps.round().unique()) > 800  # of the 1024 that ten bits have
    files.write(tmp_path / "out.png", picture)
    again = files.read(tmp_path / "out.png")
    assert bool((again.pixels - picture.pixels).abs().max() < 1e-5)
    assert again.metadata.own["cicp"] == b"\x09\x10\x00\x01"
    with pytest.raises(ImageError, match=r"\.jpg cannot keep 16 bits: write PNG or TIFF"):
        files.write(tmp_path / "out.jpg", picture)


def test_transparency_is_kept_unless_colours_were_multiplied_by_it(tmp_path: Path) -> None:
    picture = files.read(MADE / "transparent.heic")
    assert picture.notes == ()
    assert picture.alpha is not None
    assert np.abs(picture.pixels.numpy() - gradient()).max() < NEAR
    assert np.abs(picture.alpha.numpy() - gradient()[0]).max() < NEAR
    with pytest.raises(ImageError, match="its colours are multiplied by the transparency: save it"):
        files.read(MADE / "multiplied.heic")
    # The same plane under another name: as phones keep what screens may brighten.
    name, other = b"urn:mpeg:hevc:2015:auxid:1", b"urn:com:apple:hdrgainmap"
    data = (MADE / "transparent.heic").read_bytes()
    assert data.count(name) == 1
    (tmp_path / "gain.heic").write_bytes(data.replace(name, other.ljust(len(name), b"\0")))
    picture = files.read(tmp_path / "gain.heic")
    assert picture.alpha is None
    assert picture.notes == ("its further parts, as a depth or a gain map, are not kept",)


def test_of_several_pictures_the_main_one_is_kept_and_that_is_said() -> None:
    picture = files.read(MADE / "several.heic")  # the first one is grey
    assert np.abs(picture.pixels.numpy() - gradient()).max() < NEAR
    assert picture.notes == (
        "only the main one of its 2 pictures is kept",
        "that its pixels are not square is not kept",
    )


def test_what_is_cut_off_too_large_or_ill_named_is_one_clear_line(tmp_path: Path) -> None:
    data = (MADE / "turned.heic").read_bytes()
    path = tmp_path / "in.heic"
    for length in (20, 500, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ImageError) as refused:
            files.read(path)
        assert str(refused.value).startswith(f"{path}: broken or truncated picture (")
        assert "\n" not in str(refused.value)
    with pytest.raises(ImageError, match="48×64 pixels are more than 3,071: crop it"):
        files.read(MADE / "turned.heic", most_pixels=3071)
    path = tmp_path / "in.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match="is a HEIC file by its content, not JPEG: rename it"):
        files.read(path)
