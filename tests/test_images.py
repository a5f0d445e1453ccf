"""Files in, files out: what comes in goes out, and what cannot be kept is refused."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import colourful, encode
from convprior import decoding, images
from convprior.images import ImageError, Picture

ORIENTATION = 0x0112


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_what_comes_in_goes_out(tmp_path: Path, suffix: str, mode: str) -> None:
    if suffix == ".jpg" and mode == "RGBA":
        pytest.skip("JPEG has no alpha")
    image = colourful(21, 13).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.arange(273, dtype=np.uint8).reshape(13, 21)))
    lossless = {".webp": {"lossless": True, "exact": True}}.get(suffix, {})
    source = save(tmp_path / f"in{suffix}", image, **lossless)
    picture = images.read(source)
    assert picture.pixels.shape == (1 if mode == "L" else 3, 13, 21) or suffix == ".webp"
    assert (picture.alpha is None) == (mode != "RGBA")
    target = tmp_path / f"out{suffix}"
    images.write(target, picture)
    with Image.open(source) as before, Image.open(target) as after:
        assert (after.size, after.mode) == (before.size, before.mode)
        difference = np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16))
    if suffix in (".png", ".tif"):
        assert difference.max() == 0
    else:
        assert difference.mean() < 4  # lossy formats are written at high quality


def test_profile_exif_and_resolution_are_kept_and_nothing_is_rotated(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    options = {"exif": exif.tobytes(), "icc_profile": b"a profile", "dpi": (300, 300)}
    source = save(tmp_path / "in.jpg", colourful(30, 20), **options)
    images.write(tmp_path / "out.jpg", images.read(source))
    with Image.open(tmp_path / "out.jpg") as after:
        assert after.size == (30, 20)
        assert after.getexif()[ORIENTATION] == 6
        assert after.info["icc_profile"] == b"a profile"
        assert after.info["dpi"] == (300, 300)


def test_16_bit_grey_keeps_its_16_bits(tmp_path: Path) -> None:
    values = (np.arange(20 * 30, dtype=np.uint16) * 109).reshape(20, 30)
    for suffix in (".png", ".tif"):
        source = save(tmp_path / f"in{suffix}", Image.fromarray(values))
        picture = images.read(source)
        assert picture.depth == 16
        images.write(tmp_path / f"out{suffix}", picture)
        with Image.open(tmp_path / f"out{suffix}") as after:
            assert np.array_equal(np.asarray(after).astype(np.uint16), values)
    with pytest.raises(ImageError, match="cannot keep 16 bits: write PNG or TIFF"):
        images.write(tmp_path / "out.jpg", picture)


def png_of_16_bit_rgb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(range(256))[: width * 6] for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_what_would_lose_something_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"
    deep.write_bytes(png_of_16_bit_rgb(8, 4))
    with pytest.raises(ImageError, match=r"deep\.png: 16-bit colour cannot be kept"):
        images.read(deep)
    cmyk = save(tmp_path / "ink.jpg", colourful(8, 8).convert("CMYK"))
    with pytest.raises(ImageError, match=r"ink\.jpg: mode CMYK cannot be kept"):
        images.read(cmyk)
    pages = tmp_path / "pages.tif"
    colourful(8, 8).save(pages, save_all=True, append_images=[colourful(8, 8)])
    with pytest.raises(ImageError, match=r"pages\.tif: has 2 pages"):
        images.read(pages)
    see_through = Picture(torch.zeros(3, 4, 4), alpha=torch.zeros(4, 4))
    with pytest.raises(ImageError, match="JPEG cannot keep the transparency"):
        images.write(tmp_path / "out.jpg", see_through)


def test_files_that_are_no_pictures_give_one_clear_error(tmp_path: Path) -> None:
    cases = {
        "empty.png": (b"", "the file is empty"),
        "text.png": (b"hello, I am a text", "not a picture that can be read .*PNG, JPEG"),
        "short.png": (encode(colourful(40, 40), "PNG")[:-60], "broken or truncated"),
        "short.jpg": (encode(colourful(40, 40), "JPEG")[:-60], "broken or truncated"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=f"{name}: {message}"):
            images.read(tmp_path / name)
    with pytest.raises(ImageError, match=r"nowhere.png: cannot be read \(No such file"):
        images.read(tmp_path / "nowhere.png")


def test_a_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 100)
    bomb = save(tmp_path / "bomb.png", colourful(11, 10))
    with pytest.raises(ImageError, match="11×10 pixels are more than 100"):
        images.read(bomb)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ImageError, match=r"out\.png: cannot be written .No space left"):
        images.write(target, Picture(torch.zeros(3, 4, 4)))
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("name", "message"), [("a.bmp", "use one of .png"), ("no/a.png", "create")]
)
def test_targets_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        images.check_target(tmp_path / name, Picture(torch.zeros(3, 4, 4)))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(decoding.decode_rgb(data, "test")).astype(int)


def test_training_files_are_read_right_whatever_they_are() -> None:
    colour = colourful(24, 18)
    plain = np.asarray(colour).astype(int)
    assert np.array_equal(decoded(encode(colour, "PNG")), plain)  # whatever its name says
    assert np.abs(decoded(encode(colour, "JPEG", quality=95)) - plain).mean() < 6
    ink = colour.convert("CMYK")
    assert (
        np.abs(decoded(encode(ink, "JPEG", quality=95)) - np.asarray(ink.convert("RGB"))).mean() < 8
    )
    grey = np.asarray(colour.convert("L")).astype(int)
    assert np.array_equal(decoded(encode(colour.convert("L"), "PNG")), np.dstack([grey] * 3))
    deep = Image.fromarray((grey * 257).astype(np.uint16))
    assert np.array_equal(decoded(encode(deep, "PNG")), np.dstack([grey] * 3))


def test_transparency_lies_over_white_also_in_a_palette() -> None:
    palette = Image.new("P", (4, 2))
    palette.putpalette([200, 10, 20, 0, 0, 255] + [0] * 762)
    palette.putdata([0, 0, 1, 1, 0, 0, 1, 1])
    rgb = decoded(encode(palette, "PNG", transparency=1))
    assert rgb[0, 0].tolist() == [200, 10, 20]
    assert rgb[0, 2].tolist() == [255, 255, 255]


def test_training_files_are_not_rotated() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert decoded(encode(colourful(30, 20), "JPEG", exif=exif.tobytes())).shape == (20, 30, 3)


def test_white_means_repair_and_greys_are_cut_at_half(tmp_path: Path) -> None:
    greys = np.array([[0, 127, 128, 255]], dtype=np.uint8)
    mask = images.read_mask(save(tmp_path / "mask.png", Image.fromarray(greys)))
    assert mask.tolist() == [[False, False, True, True]]
    one_bit = images.read_mask(save(tmp_path / "bits.png", Image.fromarray(greys).convert("1")))
    assert one_bit.dtype == torch.bool


def test_floats_survive_outside_the_range(tmp_path: Path) -> None:
    for channels in (1, 3):
        values = torch.randn(channels, 5, 7)
        images.write_float(tmp_path / "x.tiff", values)
        assert torch.equal(images.read_float(tmp_path / "x.tiff"), values)


@given(
    width=st.integers(1, 40), height=st.integers(1, 40),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_png_keeps_its_size_and_values(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, mode: str
) -> None:
    folder = tmp_path_factory.mktemp("png")
    image = (
        Image.fromarray(np.full((height, width), 40_000, np.uint16))
        if mode == "I;16"
        else colourful(width, height).convert(mode)
    )
    source = save(folder / "in.png", image)
    images.write(folder / "out.png", images.read(source))
    with Image.open(folder / "out.png") as after:
        assert after.size == (width, height)
        wanted = image.convert({"1": "L", "P": "RGB"}.get(mode, mode))
        assert np.array_equal(np.asarray(after), np.asarray(wanted))


@given(st.binary(max_size=400), st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP"]), st.data())
@settings(max_examples=150, deadline=None)
def test_only_image_errors_come_out(noise: bytes, form: str, data: st.DataObject) -> None:
    whole = encode(colourful(20, 20), form)
    at = data.draw(st.integers(0, len(whole) - 1))
    for broken in (noise, whole[:at], whole[:at] + noise + whole[at + len(noise) :]):
        with contextlib.suppress(ImageError):
            decoding.decode_rgb(broken, "fuzz")
