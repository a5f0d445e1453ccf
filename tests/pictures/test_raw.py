"""Camera raw: developed in one way, told from a TIFF, and what cannot be kept is said."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convprior.pictures import files, kinds
from convprior.pictures.files import ImageError
from tests.conftest import colourful
from tests.pictures.dng import dng


def light() -> np.ndarray:
    """Return (48, 64, 3), linear: a gradient, and white in a corner."""
    down, across = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 64), indexing="ij")
    values = np.stack([across, down, np.full_like(down, 0.6)], -1) * 0.8 + 0.05
    values[:12, :16] = 1
    return values


def as_srgb(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


def test_it_is_developed_as_it_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "in.dng"
    path.write_bytes(dng(light()))
    picture = files.read(path)
    assert picture.depth == 16
    assert picture.pixels.shape == (3, 48, 64)
    smooth = np.s_[:, 16:-4, 20:-4]  # between colours of a sensor edges are guessed
    expected = as_srgb(light()).transpose(2, 0, 1)
    assert np.abs(picture.pixels.numpy() - expected)[smooth].max() < 3e-4
    assert bool((picture.pixels[:, :8, :12] > 0.999).all())
    path.write_bytes(dng(light(), orientation=6))
    turned = files.read(path)
    assert np.array_equal(turned.pixels.numpy(), np.rot90(picture.pixels.numpy(), -1, (1, 2)))
    assert turned.notes == (
        "developed with the camera's white balance and no brightening, as sRGB; its noise is a "
        "camera's, which neighbours share",
        "the maker's own notes in its EXIF are not kept",
    )


def test_it_goes_out_with_what_its_exif_says(tmp_path: Path) -> None:
    path = tmp_path / "in.dng"
    path.write_bytes(dng(light(), orientation=6))
    picture = files.read(path)
    assert files.lost(tmp_path / "out.png", picture) == [
        "camera raw is only read: what is restored is a PNG"
    ]
    for name in ("out.png", "out.tif"):
        files.write(tmp_path / name, picture)
        again = files.read(tmp_path / name)
        assert again.depth == 16
        assert bool((again.pixels == picture.pixels).all())
    with Image.open(tmp_path / "out.png") as out:
        exif = out.getexif()
        assert exif[0x010F] == "Maker"
        assert exif.get(0x0112, 1) == 1
        assert exif.get_ifd(0x8769) == {
            0x9003: "2026:11:29 06:00:00",
            0x829A: pytest.approx(1 / 60),
        }
    with pytest.raises(ImageError, match=r"\.jpg cannot keep 16 bits: write PNG or TIFF"):
        files.write(tmp_path / "out.jpg", picture)


def test_a_raw_file_is_told_from_a_tiff(tmp_path: Path) -> None:
    data = dng(light())
    assert kinds.of(data) == kinds.CAMERA
    (tmp_path / "in.tif").write_bytes(data)
    with pytest.raises(ImageError, match="is a camera raw file by its content, not TIFF: rename"):
        files.read(tmp_path / "in.tif")
    (tmp_path / "in.nef").write_bytes(data)  # most makers' begin as a TIFF does
    assert files.read(tmp_path / "in.nef").depth == 16
    colourful(20, 12).save(tmp_path / "plain.tif")
    plain = (tmp_path / "plain.tif").read_bytes()
    assert kinds.of(plain) == "TIFF"
    (tmp_path / "plain.nef").write_bytes(plain)
    with pytest.raises(ImageError, match="broken, or a raw file that LibRaw does not know"):
        files.read(tmp_path / "plain.nef")
    # Some programs call a plain picture a DNG: its numbers are those of a TIFF.
    tifffile.imwrite(tmp_path / "in.tif", np.asarray(colourful(20, 12)), photometric="rgb",
                     extratags=[(50706, 1, 4, b"\1\4\0\0", True)])  # fmt: skip
    assert files.read(tmp_path / "in.tif").metadata.format == "TIFF"
    for begin in (b"II*\0\x10\0\0\0CR\2\0", b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIU\0"):
        assert kinds.of(begin) == kinds.CAMERA


def test_what_is_cut_off_or_too_large_is_one_clear_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, path = dng(light()), tmp_path / "in.dng"
    path.write_bytes(data)
    with pytest.raises(ImageError, match="64×48 pixels are more than 3,071: crop it"):
        files.read(path, most_pixels=3071)
    for length in (200, 1000, len(data) - 200):
        path.write_bytes(data[:length])
        with pytest.raises(ImageError, match=r"in\.dng: broken, or a raw file that LibRaw does"):
            files.read(path)
    assert capfd.readouterr().err == ""  # where LibRaw has its own say
