"""Files in, files out: what comes in goes out, and what cannot be kept is refused."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, features
from PIL.JpegImagePlugin import get_sampling
from PIL.PngImagePlugin import PngInfo

from convprior.pictures import decoding, files
from convprior.pictures import exif as exif_in_place
from convprior.pictures.files import ImageError, Picture
from convprior.pictures.picture import to_values, upright
from tests.conftest import clean_environment, colourful, encode

ORIENTATION, MAKE = 0x0112, 0x010F


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
    picture = files.read(source)
    assert picture.pixels.shape == (1 if mode == "L" else 3, 13, 21) or suffix == ".webp"
    assert (picture.alpha is None) == (mode != "RGBA")
    target = tmp_path / f"out{suffix}"
    files.write(target, picture)
    with Image.open(source) as before, Image.open(target) as after:
        assert (after.size, after.mode) == (before.size, before.mode)
        difference = np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16))
    if suffix in (".png", ".tif"):
        assert difference.max() == 0
    else:
        assert difference.mean() < 4  # lossy formats are written at high quality


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf tiff:Orientation=\"6\"/></x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_metadata_is_kept_and_the_picture_stands_upright(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKE] = "Kodak"
    exif.get_ifd(0x8825)[1] = "N"
    options: dict[str, object] = {"exif": exif.tobytes(), "icc_profile": PROFILE}
    if suffix == ".png":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        text.add_text("Title", "a scan")
        text.add(b"gAMA", struct.pack(">I", 45455))
        options |= {"pnginfo": text}
    else:
        options |= {"xmp": XMP}
    if suffix != ".webp":
        options |= {"dpi": (300, 300)}
    source = save(tmp_path / f"in{suffix}", colourful(30, 20), **options)
    picture = files.read(source)
    assert picture.pixels.shape == (3, 30, 20)
    files.write(tmp_path / f"out{suffix}", picture)
    with Image.open(tmp_path / f"out{suffix}") as after:
        assert after.size == (20, 30)
        assert after.getexif()[ORIENTATION] == 1
        assert after.getexif()[MAKE] == "Kodak"
        assert after.getexif().get_ifd(0x8825)[1] == "N"
        assert after.info["icc_profile"] == PROFILE
        xmp = after.info.get("xmp") or after.info["XML:com.adobe.xmp"]
        assert b'tiff:Orientation="1"' in (xmp.encode() if isinstance(xmp, str) else xmp)
        if suffix != ".webp":
            assert [round(x) for x in after.info["dpi"]] == [300, 300]
        if suffix == ".png":
            assert after.text["Title"] == "a scan"
            assert after.info["gamma"] == pytest.approx(0.45455)
            turned = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
            assert np.array_equal(np.asarray(after), np.asarray(turned))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone_as_pillow_undoes_it(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(colourful(7, 5), "PNG", exif=exif.tobytes())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(upright(np.asarray(colourful(7, 5)), orientation), expected)


def test_a_lossless_webp_stays_lossless_unless_a_quality_is_asked_for(tmp_path: Path) -> None:
    values = np.asarray(colourful(40, 30).convert("RGBA")).copy()
    values[:9, :9, 3] = 0
    source = tmp_path / "in.webp"
    Image.fromarray(values).save(source, lossless=True, exact=True)

    files.write(tmp_path / "out.webp", files.read(source))
    files.write(tmp_path / "asked.webp", files.read(source), quality=80)

    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.webp")), values)
    assert (np.asarray(Image.open(tmp_path / "asked.webp")) != values).any()


def test_a_jpeg_keeps_its_tables_unless_another_quality_is_asked_for(tmp_path: Path) -> None:
    source = save(
        tmp_path / "in.jpg", colourful(40, 30), quality=71, subsampling=2, progressive=True
    )
    with Image.open(source) as before:
        tables, sampling = before.quantization, get_sampling(before)
    files.write(tmp_path / "kept.jpg", files.read(source))
    files.write(tmp_path / "asked.jpg", files.read(source), quality=97)
    files.write(tmp_path / "other.jpg", files.read(save(tmp_path / "in.png", colourful(40, 30))))
    with Image.open(tmp_path / "kept.jpg") as kept:
        assert (kept.quantization, get_sampling(kept)) == (tables, sampling)
        assert kept.info["progressive"]
    with Image.open(tmp_path / "asked.jpg") as asked:
        assert sum(asked.quantization[0]) < sum(tables[0]) / 5
        assert get_sampling(asked) == 0
    with Image.open(tmp_path / "other.jpg") as other:
        assert get_sampling(other) == 0


def test_a_camera_s_second_pictures_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    colourful(16, 12).save(path, "MPO", save_all=True, append_images=[colourful(16, 12)])
    picture = files.read(path)
    assert picture.pixels.shape == (3, 12, 16)
    assert "only its first picture is kept" in picture.notes[0]


def test_ink_is_converted_by_its_profile_or_as_browsers_do_and_said(tmp_path: Path) -> None:
    cmyk = colourful(8, 8).convert("CMYK")
    picture = files.read(save(tmp_path / "ink.jpg", cmyk, quality=100, subsampling=0))
    assert "converted from CMYK to sRGB as browsers do it: it has no profile" in picture.notes[0]
    inks = np.asarray(Image.open(tmp_path / "ink.jpg"), float) / 255
    light = (1 - inks[..., :3]) * (1 - inks[..., 3:])
    assert np.allclose(picture.pixels.permute(1, 2, 0).numpy(), light, atol=2 / 255)
    assert "written at quality 95" in str(files.lost(tmp_path / "out.jpg", picture))
    assert not files.lost(tmp_path / "out.png", picture)
    files.write(tmp_path / "out.jpg", picture)
    # No free CMYK profile comes with our libraries: what is no profile of ink is refused too.
    with pytest.raises(ImageError, match="its CMYK profile cannot be used"):
        files.read(save(tmp_path / "ink.jpg", cmyk, icc_profile=PROFILE))


DEEP = (np.arange(9 * 14 * 4) * 4099 % 65536).astype(np.uint16).reshape(9, 14, 4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_them_and_what_it_says(tmp_path: Path, channels: int) -> None:
    values = DEEP[..., :channels] if channels > 1 else DEEP[..., 0]
    values = np.ascontiguousarray(values)
    (tmp_path / "in.png").write_bytes(imagecodecs.png_encode(values))
    picture = files.read(tmp_path / "in.png")
    assert picture.depth == 16
    assert (picture.alpha is not None) == (channels in (2, 4))
    said = replace(picture.metadata, icc=PROFILE if channels > 2 else None, dpi=(300.0, 300.0))
    files.write(tmp_path / "out.png", replace(picture, metadata=said))
    data = (tmp_path / "out.png").read_bytes()
    assert np.array_equal(imagecodecs.png_decode(data).reshape(values.shape), values)
    again = files.read(tmp_path / "out.png")
    assert (again.depth, again.metadata.icc) == (16, said.icc)
    assert again.metadata.dpi == pytest.approx((300, 300), abs=0.1)


TIFFS: dict[str, tuple[np.ndarray, dict[str, object]]] = {
    "grey": (DEEP[..., 0].astype(np.uint8), {"compression": "lzw"}),
    "deep": (DEEP[..., 0], {"compression": "zlib", "predictor": 2}),
    "white is 0": (DEEP[..., 0], {"photometric": "miniswhite"}),
    "deep colour": (DEEP[..., :3].copy(), {"photometric": "rgb", "byteorder": ">"}),
    "planes": (
        np.moveaxis(DEEP[..., :3], -1, 0).copy(),
        {"photometric": "rgb", "planarconfig": "separate"},
    ),
    "alpha": (DEEP, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "channels": (
        np.concatenate([DEEP, DEEP], -1),
        {"photometric": "minisblack", "planarconfig": "contig"},
    ),
    "float": (DEEP[..., 0].astype(np.float32) * 10 - 7, {}),
    "float colour": (DEEP[..., :3].astype(np.float32) / 5, {"photometric": "rgb"}),
}


@pytest.mark.parametrize("name", TIFFS)
def test_a_tiff_goes_out_as_it_came(tmp_path: Path, name: str) -> None:
    values, options = TIFFS[name]
    options = dict(options)
    byteorder = options.pop("byteorder", "<")
    with tifffile.TiffWriter(tmp_path / "in.tif", byteorder=byteorder) as file:
        file.write(
            values, resolution=(1200, 600), resolutionunit="CENTIMETER", description="micrograph 7",
            datetime="2026:11:22 10:00:00", iccprofile=PROFILE, metadata=None,
            extratags=[(700, 1, len(XMP), XMP, True), (315, 2, 0, "Someone", True)], **options,
        )  # fmt: skip
    pages = files.read_pages(tmp_path / "in.tif")
    assert (pages[0].alpha is not None) == (name == "alpha")
    files.write_pages(tmp_path / "out.tif", pages)
    with (
        tifffile.TiffFile(tmp_path / "in.tif") as before,
        tifffile.TiffFile(tmp_path / "out.tif") as after,
    ):
        one, other = before.pages[0], after.pages[0]
        assert np.array_equal(one.asarray(), other.asarray())
        assert one.dtype == other.dtype
        assert before.byteorder == after.byteorder
        for kept in ("compression", "predictor", "photometric", "planarconfig", "extrasamples"):
            assert getattr(one, kept) == getattr(other, kept), kept
        for tag in one.tags:
            if tag.name not in ("StripOffsets", "StripByteCounts", "RowsPerStrip"):
                value = XMP.replace(b'"6"', b'"1"') if tag.name == "XMP" else tag.value
                assert other.tags[tag.code].value == value, tag.name


def test_an_ome_tiff_keeps_its_xml_and_its_pages_in_order(tmp_path: Path) -> None:
    stack = np.stack([DEEP[..., channel] for channel in range(3)])
    tifffile.imwrite(
        tmp_path / "in.ome.tif", stack, metadata={"axes": "CYX", "PhysicalSizeX": 0.065}
    )
    pages = files.read_pages(tmp_path / "in.ome.tif")
    assert len(pages) == 3
    files.write_pages(tmp_path / "out.ome.tif", pages)
    with (
        tifffile.TiffFile(tmp_path / "in.ome.tif") as before,
        tifffile.TiffFile(tmp_path / "out.ome.tif") as after,
    ):
        assert after.is_ome
        assert after.ome_metadata == before.ome_metadata
        assert np.array_equal(after.asarray(), stack)
    with pytest.raises(ImageError, match="OME-TIFF says its size in XML"):
        pages[0].metadata.enlarged(2)
    with pytest.raises(ImageError, match="has 3 pages: give one picture a file"):
        files.read(tmp_path / "in.ome.tif")
    with pytest.raises(ImageError, match="only TIFF can keep 3 pages"):
        files.write_pages(tmp_path / "out.png", pages)


def test_where_white_is_zero_pixels_are_seen_as_they_look(tmp_path: Path) -> None:
    shown = colourful(20, 10).convert("L")
    negative = 255 - np.asarray(shown)
    tifffile.imwrite(tmp_path / "in.tif", negative, photometric="miniswhite")
    picture = files.read(tmp_path / "in.tif")
    assert np.array_equal(to_values(picture.pixels), np.asarray(shown))
    files.write(tmp_path / "out.png", picture)
    with Image.open(tmp_path / "out.png") as out:
        assert np.array_equal(np.asarray(out), np.asarray(shown))
    files.write(tmp_path / "plain.tif", files.without_metadata(picture))
    assert torch.equal(files.read(tmp_path / "plain.tif").pixels, picture.pixels)
    tifffile.imwrite(tmp_path / "mask.tif", negative < 100, photometric="miniswhite")
    assert int(files.read_mask(tmp_path / "mask.tif").sum()) == int((negative >= 100).sum())


def test_tags_that_cannot_be_written_are_noted(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "in.tif", DEEP[..., 0], imagej=True, metadata={"Labels": ["one"], "Info": "x"}
    )
    picture = files.read(tmp_path / "in.tif")
    assert any("is not kept" in note for note in picture.notes)
    files.write(tmp_path / "out.tif", picture)
    assert torch.equal(files.read(tmp_path / "out.tif").pixels, picture.pixels)


def test_what_another_format_will_not_say_is_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Kodak"
    caption = b"\xff\xed\x00\x19Photoshop 3.0\x00caption!!"
    photo = files.read(save(tmp_path / "in.jpg", colourful(8, 8), exif=exif, extra=caption))
    assert files.lost(tmp_path / "out.jpg", photo) == []
    files.write(tmp_path / "out.jpg", photo)
    assert caption in (tmp_path / "out.jpg").read_bytes()
    assert "EXIF is not kept in a TIFF" in files.lost(tmp_path / "out.tif", photo)
    assert any("IPTC" in said for said in files.lost(tmp_path / "out.png", photo))
    scan = files.read(save(tmp_path / "in.tif", colourful(8, 8)))
    assert "the tags of a TIFF" in files.lost(tmp_path / "out.png", scan)[0]
    assert files.lost(tmp_path / "out.tif", scan) == []


def test_a_rehearsal_leaves_nothing(tmp_path: Path) -> None:
    picture = Picture(torch.zeros(3, 4, 4))
    files.write_pages(tmp_path / "out.png", [picture], try_only=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ImageError, match="cannot be written in this format"):
        files.write_pages(
            tmp_path / "out.webp", [Picture(torch.zeros(3, 1, 17_000))], try_only=True
        )


def test_what_a_tiff_has_no_value_for_is_unknown(tmp_path: Path) -> None:
    values = DEEP[..., 0].astype(np.float32)
    values[2:4, 5] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", values)
    known = files.read(tmp_path / "in.tif").known
    assert known is not None
    assert torch.equal(~known, torch.from_numpy(np.isnan(values)))
    tifffile.imwrite(tmp_path / "none.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(ImageError, match="no pixel has a finite value"):
        files.read(tmp_path / "none.tif")


def test_what_is_no_data_to_gdal_is_unknown_and_said(tmp_path: Path) -> None:
    for nothing in ("-9999", "-3.4028234663852886e+38", "nan"):
        values = DEEP[..., 0].astype(np.float32)
        values[2:4, 5] = float(nothing)
        tifffile.imwrite(tmp_path / "in.tif", values, extratags=[(42113, 2, 0, nothing, True)])
        picture = files.read(tmp_path / "in.tif")
        assert picture.known is None
        assert picture.absent is not None
        assert int(picture.absent.sum()) == 2
        assert "2 pixels have no value (" in picture.notes[-1]
        assert "they stay so, unless --mask marks them" in picture.notes[-1]
        files.write(tmp_path / "out.tif", picture)
        with tifffile.TiffFile(tmp_path / "out.tif") as out:
            assert out.pages[0].tags[42113].value == nothing


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        (np.uint8, 0),
        (np.uint16, 65535),
        (np.int16, -9999),
        (np.int32, -(2**31)),
        (np.float64, -1e300),
    ],
)
def test_no_data_of_any_type_is_absent_and_goes_out_to_the_bit(
    kind: type, nothing: float, tmp_path: Path
) -> None:
    values = np.arange(1, 127).reshape(9, 14).astype(kind)
    values[2:4, 5] = nothing
    tifffile.imwrite(tmp_path / "in.tif", values, extratags=[(42113, 2, 0, str(nothing), True)])
    picture = files.read(tmp_path / "in.tif")
    assert picture.absent is not None
    assert np.array_equal(picture.absent.numpy(), values == nothing)
    files.write(tmp_path / "out.tif", picture)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), values)
    colours = np.dstack([values, values + 1, values + 1])  # in a colour all three stand for it
    tifffile.imwrite(tmp_path / "in.tif", colours, photometric="rgb",
                     extratags=[(42113, 2, 0, str(nothing), True)])  # fmt: skip
    absent = files.read(tmp_path / "in.tif").absent
    assert absent is None or bool((colours[absent.numpy()] == nothing).all())


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint32", "float16", "float64"])
@pytest.mark.parametrize("channels", [1, 4])
def test_numbers_of_any_type_keep_it_and_what_nothing_changed_to_the_bit(
    kind: str, channels: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    wide = {"int32": 2**31, "uint32": 2**32, "float16": 2**11, "int8": 128}.get(kind, 2**15)
    values = (rng.random((9, 14, channels)) * wide - (0 if kind[0] == "u" else wide / 3)).astype(
        kind
    )
    tifffile.imwrite(tmp_path / "in.tif", values.squeeze(), photometric="minisblack",
                     planarconfig="contig" if channels > 1 else None)  # fmt: skip
    picture = files.read(tmp_path / "in.tif")
    files.write(tmp_path / "out.tif", picture)
    out = tifffile.imread(tmp_path / "out.tif")
    assert out.dtype == kind
    assert np.array_equal(out, values.squeeze())
    # What is restored lies in the type's range, rounded.
    files.write(tmp_path / "out.tif", replace(picture, pixels=picture.pixels * 2.5))
    grown = tifffile.imread(tmp_path / "out.tif").astype(float)
    wanted = values.squeeze().astype(np.float32).astype(float) * 2.5
    if kind[0] != "f":
        wanted = np.clip(wanted, np.iinfo(kind).min, np.iinfo(kind).max)
    # float32 has 24 bits, float16 eleven
    assert np.allclose(grown, wanted, rtol=1e-3 if kind == "float16" else 1e-6, atol=0.6)
    with pytest.raises(ImageError, match=rf"png cannot keep {kind} values: write TIFF"):
        files.write(tmp_path / "out.png", picture)
    precise = kind in ("int32", "uint32", "float64")
    assert any("seven digits" in note for note in picture.notes) == precise


def test_tiles_stay_tiles(tmp_path: Path) -> None:
    values = np.zeros((70, 50, 3), np.uint8)
    options = {"photometric": "rgb", "compression": "lzw", "tile": (32, 16)}
    tifffile.imwrite(tmp_path / "in.tif", values, **options, extratags=[(274, 3, 1, 6, True)])
    files.write(tmp_path / "out.tif", files.read(tmp_path / "in.tif"))
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        assert out.pages[0].tile == (16, 32)  # turned as the picture
        assert out.pages[0].shape == (50, 70, 3)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("nothing", [None, 7])
def test_a_smaller_copy_is_no_picture_of_its_own_and_made_anew(
    first: bool, nothing: int | None, tmp_path: Path
) -> None:
    values = np.full((32, 48), 200, np.uint8)
    values[:, 24:] = 7
    old = np.full((8, 12), 90, np.uint8)
    tags = [] if nothing is None else [(42113, 2, 0, str(nothing), True)]
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        written = [(values, 0), (old, 1)]
        for page, kind in reversed(written) if first else written:
            file.write(page, subfiletype=kind, extratags=tags, metadata=None)
    picture = files.read(tmp_path / "in.tif")
    assert picture.pixels.shape == (1, 32, 48)
    assert "its smaller copy of 12×8 pixels is made anew" in picture.notes
    assert "its smaller copies are not kept" in str(files.lost(tmp_path / "out.png", picture))
    files.write(tmp_path / "out.tif", picture)
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        whole, small = (page.asarray() for page in out.pages)
        assert [int(page.subfiletype) for page in out.pages] == [0, 1]
    assert np.array_equal(whole, values)
    assert small.shape == (8, 12)
    assert set(small[:, :5].flat) == {200}
    assert set(small[:, 7:].flat) == {7}
    assert nothing is None or set(small.flat) == {200, 7}  # no number between them
    colour = tmp_path / "colour.tif"
    with tifffile.TiffWriter(colour) as file:
        file.write(values)
        file.write(np.dstack([old] * 3), subfiletype=1, photometric="rgb")
    other = files.read(colour)
    assert not other.copies
    assert (
        "its smaller copy of 12×8 pixels is of another kind or shape, and not kept" in other.notes
    )


@pytest.mark.parametrize("first", [False, True])
def test_of_several_pages_each_has_its_own_copy(first: bool, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for shade in (50, 200):
            for reduced in (1, 0) if first else (0, 1):
                size = (8, 12) if reduced else (32, 48)
                file.write(np.full(size, shade, np.uint8), subfiletype=reduced, metadata=None)
    pages = files.read_pages(tmp_path / "in.tif")
    assert [page.copies[0].pixels.max() for page in pages] == [p.pixels.max() for p in pages]
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(np.zeros((32, 48), np.uint8), metadata=None)
        file.write(np.zeros((12, 8), np.uint8), subfiletype=1, metadata=None)
    assert not files.read(tmp_path / "in.tif").copies  # it lies on its side: of something else


def test_only_the_colours_are_inverted_where_white_is_zero(tmp_path: Path) -> None:
    grey, alpha = DEEP[..., 0] // 2, DEEP[..., 1]
    tifffile.imwrite(
        tmp_path / "in.tif", np.stack([65535 - grey, alpha], -1), photometric="miniswhite",
        planarconfig="contig", extrasamples=["unassalpha"],
    )  # fmt: skip
    picture = files.read(tmp_path / "in.tif")
    assert picture.alpha is not None
    assert np.array_equal(to_values(picture.alpha[None], 16), alpha)
    assert np.array_equal(to_values(picture.pixels, 16), grey)
    files.write(tmp_path / "out.tif", picture)
    assert np.array_equal(
        tifffile.imread(tmp_path / "out.tif"), tifffile.imread(tmp_path / "in.tif")
    )


@pytest.mark.parametrize("place", [3, 4])
def test_transparency_is_found_among_other_samples_and_goes_back_there(
    place: int, tmp_path: Path
) -> None:
    values = np.concatenate([DEEP, DEEP[..., :1]], -1)
    extra = ["unspecified", "unspecified"]
    extra[place - 3] = "unassalpha"
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb", extrasamples=extra)
    picture = files.read(tmp_path / "in.tif")
    assert picture.alpha is not None
    assert np.array_equal(to_values(picture.alpha[None], 16), values[..., place])
    files.write(tmp_path / "out.tif", picture)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), values)


def test_without_metadata_numbers_mean_the_same_colours(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "in.tif", DEEP, photometric="rgb", extrasamples=["assocalpha"],
        description="mine", extratags=[(315, 2, 0, "Someone", True)], metadata=None,
    )  # fmt: skip
    files.write(tmp_path / "out.tif", files.without_metadata(files.read(tmp_path / "in.tif")))
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        assert out.pages[0].extrasamples == (1,)  # associated, as it was
        assert "Artist" not in out.pages[0].tags
        assert not out.pages[0].description
    chunks = PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 100_000))
    chunks.add_text("Author", "Someone")
    save(tmp_path / "in.png", colourful(8, 8), pnginfo=chunks)
    files.write(tmp_path / "out.png", files.without_metadata(files.read(tmp_path / "in.png")))
    with Image.open(tmp_path / "out.png") as out:
        assert out.info["gamma"] == 1.0
        assert "Author" not in out.info
    photo = save(tmp_path / "in.jpg", colourful(8, 8), quality=30, comment=b"mine")
    files.write(tmp_path / "out.jpg", files.without_metadata(files.read(photo)))
    with Image.open(photo) as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.quantization == before.quantization
        assert "comment" not in after.info


def test_a_stack_that_hides_in_one_page_is_refused(tmp_path: Path) -> None:
    said = "ImageJ=1.11a\nimages=5\nslices=5\n"
    # As ImageJ writes more than 4 GB: one directory, all pixels behind it.
    tifffile.imwrite(
        tmp_path / "in.tif", np.zeros((5 * 11, 13), np.uint8), description=said, metadata=None
    )
    data = bytearray((tmp_path / "in.tif").read_bytes())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        page = file.pages[0]
        for name, value in (("ImageLength", 11), ("RowsPerStrip", 11), ("StripByteCounts", 143)):
            at, kind = page.tags[name].valueoffset, "<H" if page.tags[name].dtype == 3 else "<I"
            struct.pack_into(kind, data, at, value)
    (tmp_path / "in.tif").write_bytes(data)
    with pytest.raises(ImageError, match="holds more pictures than it has pages"):
        files.read_pages(tmp_path / "in.tif")


def test_pages_of_which_only_the_first_is_described_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.stack([DEEP[..., channel] for channel in range(3)])
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack", metadata=None)
    monkeypatch.setattr(
        tifffile.TiffFile, "is_scanimage", True, raising=False
    )  # whose pages tifffile trusts
    pages = files.read_pages(tmp_path / "in.tif")
    assert np.array_equal(np.stack([to_values(p.pixels, 16) for p in pages]), stack)


def test_a_geotiff_is_not_enlarged_but_without_what_it_says_of_the_ground(tmp_path: Path) -> None:
    scale = (33550, 12, 3, (10.0, 10.0, 0.0), True)
    tifffile.imwrite(tmp_path / "in.tif", DEEP[..., 0], extratags=[scale], metadata=None)
    picture = files.read(tmp_path / "in.tif")
    with pytest.raises(ImageError, match="a GeoTIFF says how large its pixels are on the ground"):
        picture.metadata.enlarged(2)
    assert files.without_metadata(picture).metadata.enlarged(2)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_keeps_its_transparency(bits: int, tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 8, 2, bits, 0, 0, 0, 0)
    row = bytes([0]) + bytes([0b0001_1011] * bits)
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(">H", 1)),
             (b"IDAT", zlib.compress(row * 2)), (b"IEND", b"")]  # fmt: skip
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )
    (tmp_path / "in.png").write_bytes(data)
    picture = files.read(tmp_path / "in.png")
    values = np.unpackbits(np.frombuffer(row[1:], np.uint8)).reshape(8, bits)
    levels = values @ (1 << np.arange(bits)[::-1])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha[0].numpy() == 0, levels == 1)


def test_the_parts_of_a_file_that_are_not_kept_are_named(tmp_path: Path) -> None:
    chunks = PngInfo()
    for name in (b"sBIT", b"tIME", b"prVt"):
        chunks.add(name, bytes(7))
    save(tmp_path / "in.png", colourful(8, 8), pnginfo=chunks)
    assert "its parts sBIT, tIME, prVt are not kept" in files.read(tmp_path / "in.png").notes
    plain = encode(colourful(8, 8), "JPEG")
    extended = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)
    segments = b"".join(
        marker + struct.pack(">H", len(body) + 2) + body
        for marker, body in ((b"\xff\xe1", extended), (b"\xff\xeb", b"JP" + bytes(20)))
    )
    (tmp_path / "in.jpg").write_bytes(plain[:2] + segments + plain[2:])
    notes = files.read(tmp_path / "in.jpg").notes
    assert "the second part of its XMP is not kept" in notes
    assert "its part APP11 is not kept" in notes
    webp = encode(colourful(8, 8), "WEBP", exif=b"Exif\0\0" + bytes(8))
    extra = b"priv" + struct.pack("<I", 4) + bytes(4)
    webp = b"RIFF" + struct.pack("<I", len(webp) - 8 + len(extra)) + webp[8:] + extra
    (tmp_path / "in.webp").write_bytes(webp)
    assert "its parts priv are not kept" in files.read(tmp_path / "in.webp").notes
    save(tmp_path / "text.png", colourful(8, 8), pnginfo=chunks_with_text())
    lost = files.lost(tmp_path / "out.jpg", files.read(tmp_path / "text.png"))
    assert "the texts of a PNG are not kept (Author)" in lost


def chunks_with_text() -> PngInfo:
    chunks = PngInfo()
    chunks.add_text("Author", "Someone")
    return chunks


def test_exif_as_imagemagick_writes_it_into_a_png_is_turned_with_the_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    raw = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunks = PngInfo()
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{raw.hex()}\n")
    save(tmp_path / "in.png", colourful(12, 8), pnginfo=chunks)
    picture = files.read(tmp_path / "in.png")
    assert picture.pixels.shape == (3, 12, 8)
    files.write(tmp_path / "out.png", picture)
    with Image.open(tmp_path / "out.png") as out:
        assert out.getexif()[ORIENTATION] == 1
        assert not any("Raw profile" in key for key in out.info)


def test_exif_says_the_size_that_the_picture_has(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(0x8769).update({0xA002: 12, 0xA003: 8})  # as the sensor lay
    save(tmp_path / "in.jpg", colourful(12, 8), exif=exif)
    files.write(tmp_path / "out.jpg", files.read(tmp_path / "in.jpg"))
    with Image.open(tmp_path / "out.jpg") as out:
        said = out.getexif().get_ifd(0x8769)
        assert (said[0xA002], said[0xA003]) == out.size == (8, 12)


def test_a_thumbnail_that_shows_the_damage_is_dropped_and_said(tmp_path: Path) -> None:
    small = encode(colourful(8, 6), "JPEG")
    note = b"a maker's note, at its place"  # which points into itself
    for order in "<", ">":
        # One tag each: the directory, that of EXIF, the note; then the thumbnail's directory.
        body = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
        body += struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 90)
        body += struct.pack(order + "HHHIII", 1, 0x927C, 7, len(note), 44, 0) + note
        body = body.ljust(90, b"\0")
        body += struct.pack(order + "HHHIIHHIII", 2, 0x201, 4, 1, 120, 0x202, 4, 1, len(small), 0)
        exif = b"Exif\0\0" + body.ljust(120, b"\0") + small
        source = save(tmp_path / "in.jpg", colourful(12, 8), exif=exif)
        picture = files.read(source)
        said = "the thumbnail in its EXIF, which shows it as it came, is not kept"
        assert picture.notes == (said,)
        files.write(tmp_path / "out.jpg", picture)
        assert small not in (tmp_path / "out.jpg").read_bytes()
        kept = files.read(tmp_path / "out.jpg").metadata.exif
        assert kept is not None
        assert kept.index(note) == exif.index(note)
        assert not files.read(tmp_path / "out.jpg").notes
        lying = bytearray(exif)  # that its thumbnail begins with the header
        at = exif.index(struct.pack(order + "HHII", 0x201, 4, 1, 120)) + 8
        struct.pack_into(order + "I", lying, at, 0)
        assert len(exif_in_place.without_thumbnail(bytes(lying))) == len(exif)
    broken = b"Exif\0\0II*\0" + struct.pack("<I", 4_000_000)
    assert exif_in_place.without_thumbnail(broken) == exif_in_place.upright(broken) == broken


def test_what_is_not_understood_of_exif_stays_to_the_byte_when_it_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(0x8769).update({0xA002: 70_000, 0xA003: 8, 0x927C: b"Nikon\0 at 1234"})
    came = exif.tobytes()
    files.write(
        tmp_path / "out.jpg", files.read(save(tmp_path / "in.jpg", colourful(12, 8), exif=came))
    )
    kept = files.read(tmp_path / "out.jpg").metadata.exif
    assert kept is not None
    assert len(kept) == len(came)
    assert sum(a != b for a, b in zip(kept, came, strict=True)) <= 8  # one, 12 and 8


def test_photoshop_s_thumbnail_is_dropped_and_its_captions_stay(tmp_path: Path) -> None:
    def block(number: int, content: bytes) -> bytes:
        odd = content + b"\0" * (len(content) % 2)
        return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + odd

    captions, thumbnail = block(1028, b"by-line"), block(1036, b"a small JPEG")
    body = b"Photoshop 3.0\0" + captions + thumbnail + block(1061, b"digest")
    part = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    picture = files.read(save(tmp_path / "in.jpg", colourful(8, 8), extra=part))
    assert "the thumbnail of Photoshop, which shows it as it came, is not kept" in picture.notes
    files.write(tmp_path / "out.jpg", picture)
    data = (tmp_path / "out.jpg").read_bytes()
    assert captions + block(1061, b"digest") in data
    assert b"a small JPEG" not in data


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_xmp_says_the_size_that_the_picture_has(suffix: str, tmp_path: Path) -> None:
    xmp = b"<x exif:PixelXDimension='9' exif:PixelYDimension=\"6\"><tiff:ImageWidth>9<"
    picture = files.read(save(tmp_path / "in.png", colourful(9, 6)))
    said = replace(picture.metadata, xmp=xmp)
    files.write(tmp_path / f"in{suffix}", replace(picture, metadata=said))
    picture = files.read(tmp_path / f"in{suffix}")
    files.write(tmp_path / f"out{suffix}", replace(picture, pixels=torch.zeros(3, 100, 120)))
    kept = files.read(tmp_path / f"out{suffix}").metadata.xmp
    assert (
        kept == b"<x exif:PixelXDimension='120' exif:PixelYDimension=\"100\"><tiff:ImageWidth>120<"
    )


@pytest.mark.parametrize("deep", [False, True])
def test_a_png_keeps_which_colours_it_is_in(deep: bool, tmp_path: Path) -> None:
    pq = b"\x09\x10\x00\x01"  # BT.2020, PQ
    data = imagecodecs.png_encode(DEEP[..., :3].copy()) if deep else encode(colourful(9, 9), "PNG")
    chunk = b"\0\0\0\x04cICP" + pq + struct.pack(">I", zlib.crc32(b"cICP" + pq))
    (tmp_path / "in.png").write_bytes(data[:33] + chunk + data[33:])
    picture = files.read(tmp_path / "in.png")
    assert picture.notes == ()
    files.write(tmp_path / "out.png", picture)
    files.write(tmp_path / "bare.png", files.without_metadata(picture))
    for name in ("out.png", "bare.png"):
        assert chunk in (tmp_path / name).read_bytes()
    assert "(cICP) is not kept" in str(files.lost(tmp_path / "out.tif", picture))


def test_bitmaps_and_gifs_are_read_and_go_out_as_png(tmp_path: Path) -> None:
    image = colourful(20, 10)
    few = image.quantize(7)
    for name, shown in (("a.bmp", image), ("b.dib", image.convert("L")), ("c.gif", few)):
        options = {"format": "GIF", "comment": b"mine"} if "gif" in name else {"format": "BMP"}
        source = save(tmp_path / name, shown, **options)
        picture = files.read(source)
        kind = {".dib": "BMP"}.get(source.suffix, source.suffix[1:].upper())
        assert f"{kind} is only read: what is restored is a PNG" in str(
            files.lost(tmp_path / "out.png", picture)
        )
        files.write(tmp_path / "out.png", picture)
        with Image.open(tmp_path / "out.png") as out:
            wanted = shown.convert("RGB") if shown.mode == "P" else shown
            assert np.array_equal(np.asarray(out), np.asarray(wanted))
        with pytest.raises(ImageError, match=r"cannot write '\.\w+': use one of \.png, \.webp, .*"):
            files.write(source, picture)
    assert "the comment of a GIF is not kept" in str(files.lost(tmp_path / "out.png", picture))
    save(tmp_path / "moves.gif", few, save_all=True, append_images=[image.rotate(180).quantize(5)])
    with pytest.raises(ImageError, match=r"moves\.gif: is an animation: give one picture a file"):
        files.read(tmp_path / "moves.gif")
    few.info["transparency"] = 3
    transparent = files.read(save(tmp_path / "t.gif", few, transparency=3))
    assert transparent.alpha is not None
    assert 0 < float(transparent.alpha.mean()) < 1


@pytest.mark.parametrize("suffix", [".jpe", ".jif", ".jfif"])
def test_a_jpeg_of_any_name_is_one(suffix: str, tmp_path: Path) -> None:
    source = save(tmp_path / f"in{suffix}", colourful(20, 10), format="JPEG", quality=60)
    files.write(tmp_path / f"out{suffix}", files.read(source))
    with Image.open(source) as before, Image.open(tmp_path / f"out{suffix}") as after:
        assert after.format == "JPEG"
        assert after.quantization == before.quantization


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_with_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Pixel"
    source = tmp_path / "in.avif"
    save(source, colourful(20, 12), quality=95, subsampling="4:4:4", exif=exif, icc_profile=PROFILE)
    picture = files.read(source)
    assert picture.notes == ()
    assert picture.metadata.icc == PROFILE
    files.write(tmp_path / "out.png", picture)
    with Image.open(tmp_path / "out.png") as out:
        assert out.getexif()[MAKE] == "Pixel"
        assert np.abs(np.asarray(out, float) - np.asarray(colourful(20, 12))).mean() < 4
    data = save(source, colourful(20, 12), quality=90).read_bytes()
    at = data.index(b"colrnclx") + 8
    source.write_bytes(data[:at] + b"\0\x09\0\x10" + data[at + 4 :])
    assert files.read(source).metadata.own["cicp"] == b"\x09\x10\x00\x01"
    deep = imagecodecs.avif_encode(DEEP[..., :3] >> 6, bitspersample=10)
    source.write_bytes(deep)
    assert "its 10 bits are read as 8" in files.read(source).notes
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.raises(ImageError, match=r"the Pillow that is installed here reads no AVIF"):
        files.read(source)


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
def test_jpeg_2000_is_read_or_refused_with_the_way(tmp_path: Path) -> None:
    for suffix in (".jp2", ".j2k"):
        picture = files.read(save(tmp_path / f"in{suffix}", colourful(40, 30)))
        assert np.array_equal(to_values(picture.pixels), np.asarray(colourful(40, 30)))
        assert picture.notes == ()
    data = (tmp_path / "in.jp2").read_bytes()
    at = data.index(b"colr") - 4
    colour = b"colr\x02\0\0" + PROFILE  # in the place of the name of sRGB
    size = int.from_bytes(data[at : at + 4])
    header = data.index(b"jp2h") - 4
    longer = int.from_bytes(data[header : header + 4]) + len(colour) + 4 - size
    profiled = (
        data[:header] + longer.to_bytes(4) + data[header + 4 : at]
        + (len(colour) + 4).to_bytes(4) + colour + data[at + size :]
    )  # fmt: skip
    (tmp_path / "in.jp2").write_bytes(profiled + b"\0\0\0\x0cxml <a/>")
    picture = files.read(tmp_path / "in.jp2")
    assert picture.metadata.icc == PROFILE
    assert "its parts xml  are not kept" in picture.notes
    (tmp_path / "in.jp2").write_bytes(imagecodecs.jpeg2k_encode(DEEP[..., :3].copy(), level=0))
    with pytest.raises(
        ImageError, match=r"in\.jp2: a JPEG 2000 of 16 bits is not read: convert it"
    ):
        files.read(tmp_path / "in.jp2")


def test_a_kind_that_is_not_read_is_named_with_the_way(tmp_path: Path) -> None:
    for name, data, said in (
        ("a.jxl", b"\xff\x0a", "is JPEG XL, which is not read: convert it first, as by 'djxl"),
        ("a.jpg", b"\xff\x0a", "is JPEG XL, which is not read"),  # whatever its name says
        ("a.psd", b"8BPS", "is a kind of picture that is not read: save it as PNG or TIFF"),
        ("a.txt", b"text", r"cannot read '\.txt': expected \.png, "),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=f"{name}: {said}"):
            files.read(tmp_path / name)


def test_without_their_extras_kinds_are_named_and_counted(tmp_path: Path) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    for name, data in (("a.heic", heic), ("b.jpg", heic), ("c.CR2", b"II*\0")):
        (tmp_path / name).write_bytes(data)
    script = (
        "import sys; sys.modules.update(pi_heif=None, rawpy=None);"  # as if they were not there
        "from convprior.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "restore", tmp_path, "-o", tmp_path / "out"],
        env=clean_environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "3 of 3 pictures failed:" in done.stderr
    of_heic = "is HEIC, which is not read: pip install 'convprior[heic]' reads it, or convert it "
    assert f"a.heic: {of_heic}first, as by 'heif-convert photo.heic photo.png'" in done.stderr
    assert f"b.jpg: {of_heic}" in done.stderr  # as phones' pictures come to be named
    of_raw = "is camera raw, which is not read: pip install 'convprior[raw]' reads it, or develop "
    assert f"c.CR2: {of_raw}it to a 16-bit TIFF first" in done.stderr


def test_a_palette_and_one_bit_become_grey_or_colour(tmp_path: Path) -> None:
    few = colourful(20, 10).quantize(7)
    for suffix in (".png", ".tif"):
        pixels = files.read(save(tmp_path / f"few{suffix}", few)).pixels
        assert np.array_equal(to_values(pixels), np.asarray(few.convert("RGB")))
        bits = files.read(save(tmp_path / f"bits{suffix}", colourful(20, 10).convert("1"))).pixels
        assert pixels.shape[0] == 3
        assert bits.shape[0] == 1
        assert set(bits.flatten().tolist()) == {0.0, 1.0}


def test_what_a_tiff_cannot_keep_is_refused_or_noted(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, DEEP, photometric="separated")
    with pytest.raises(ImageError, match="colours of kind SEPARATED cannot be kept"):
        files.read(path)
    for kind, bits in ((np.int64, 64), (np.complex64, 64)):
        tifffile.imwrite(path, DEEP[..., 0].astype(kind))
        said = rf"samples of {bits} bits .* cannot be kept: save it as one of uint8, uint16, int8"
        with pytest.raises(ImageError, match=said):
            files.read(path)
    with tifffile.TiffWriter(path) as file:
        file.write(DEEP[..., 0], subifds=1)
        file.write(DEEP[::2, ::2, 0], subfiletype=1)
    with pytest.raises(ImageError, match="smaller copies of itself"):
        files.read_pages(path)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.1
    save(path, colourful(8, 8), exif=exif.tobytes())
    assert "the EXIF part of a TIFF is not kept" in files.read(path).notes[0]
    save(path, colourful(16, 16), compression="jpeg")
    assert "compressed without loss, not with JPEG" in files.read(path).notes[0]


def test_rows_that_a_file_has_lost_are_unknown(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(1, 255, (64, 48, 3), np.uint8))
    for kind in ("PNG", "JPEG"):
        path = tmp_path / f"half.{kind.lower()}"
        data = encode(noise, kind)
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(ImageError, match="--accept-truncated restores what there is"):
            files.read_pages(path)
        (picture,) = files.read_pages(path, accept_truncated=True)
        assert picture.known is not None
        rows = picture.known.all(1)
        assert 16 <= int(rows.sum()) < 48
        assert bool(rows[: int(rows.sum())].all())  # the first ones, and no hole
        path.write_bytes(data[:100] if kind == "PNG" else data[:640])
        with pytest.raises(ImageError, match=r"before its first row|broken or truncated"):
            files.read_pages(path, accept_truncated=True)


def test_of_what_is_stored_from_below_no_half_is_taken(tmp_path: Path) -> None:
    data = encode(colourful(20, 40), "BMP")
    (tmp_path / "half.bmp").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"half\.bmp: broken or truncated .* of a JPEG or PNG"):
        files.read_pages(tmp_path / "half.bmp", accept_truncated=True)


def test_16_bit_grey_keeps_its_16_bits(tmp_path: Path) -> None:
    values = (np.arange(20 * 30, dtype=np.uint16) * 109).reshape(20, 30)
    for suffix in (".png", ".tif"):
        source = save(tmp_path / f"in{suffix}", Image.fromarray(values))
        picture = files.read(source)
        assert picture.depth == 16
        files.write(tmp_path / f"out{suffix}", picture)
        with Image.open(tmp_path / f"out{suffix}") as after:
            assert np.array_equal(np.asarray(after).astype(np.uint16), values)
    with pytest.raises(ImageError, match="cannot keep 16 bits: write PNG or TIFF"):
        files.write(tmp_path / "out.jpg", picture)


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    see_through = Picture(torch.zeros(3, 4, 4), alpha=torch.zeros(4, 4))
    with pytest.raises(ImageError, match="JPEG cannot keep the transparency"):
        files.write(tmp_path / "out.jpg", see_through)
    with pytest.raises(ImageError, match="png cannot keep floating-point values: write TIFF"):
        files.write(tmp_path / "out.png", Picture(torch.zeros(1, 4, 4), depth=32))
    with pytest.raises(ImageError, match="png cannot keep 5 channels: write TIFF"):
        files.write(tmp_path / "out.png", Picture(torch.zeros(5, 4, 4)))
    with pytest.raises(ImageError, match="cannot be written in this format"):
        files.write(tmp_path / "out.jpg", Picture(torch.zeros(3, 1, 70_000)))
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_pictures_give_one_clear_error(tmp_path: Path) -> None:
    cases = {
        "empty.png": (b"", "the file is empty"),
        "text.png": (b"hello, I am a text", "not a picture that can be read .*PNG, WEBP"),
        "short.png": (encode(colourful(40, 40), "PNG")[:-60], "broken or truncated"),
        "named.jpg": (encode(colourful(8, 8), "PNG"), "is a PNG file by its content, not JPEG"),
        "short.tif": (encode(colourful(40, 40), "TIFF")[:200], "broken or truncated"),
        "short.jpg": (encode(colourful(40, 40), "JPEG")[:-60], "broken or truncated"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=f"{name}: {message}"):
            files.read(tmp_path / name)
    with pytest.raises(ImageError, match=r"nowhere.png: cannot be read \(No such file"):
        files.read(tmp_path / "nowhere.png")


def test_a_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", decode)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", decode)
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        bomb = tmp_path / f"bomb{suffix}"
        kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
        monkeypatch.undo()
        save(bomb, colourful(11, 10), format=kind)
        monkeypatch.setattr(Image.Image, "load", decode)
        monkeypatch.setattr(tifffile.TiffPage, "asarray", decode)
        with pytest.raises(ImageError, match=r"(11×10|110) pixels are more than 100"):
            files.read_pages(bomb, most_pixels=100)
    tifffile.imwrite(bomb, np.zeros((10, 10, 500), np.uint8), photometric="minisblack",
                     planarconfig="contig", compression="zlib")  # fmt: skip
    with pytest.raises(ImageError, match="100 pixels of 500 channels are more than 100 of 4"):
        files.read_pages(bomb, most_pixels=100)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ImageError, match=r"out\.png: cannot be written .No space left"):
        files.write(target, Picture(torch.zeros(3, 4, 4)))
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("name", "message"), [("a.bmp", "use one of .png"), ("no/a.png", "create")]
)
def test_targets_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        files.check_target(tmp_path / name, Picture(torch.zeros(3, 4, 4)))


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
    mask = files.read_mask(save(tmp_path / "mask.png", Image.fromarray(greys)))
    assert mask.tolist() == [[False, False, True, True]]
    one_bit = files.read_mask(save(tmp_path / "bits.png", Image.fromarray(greys).convert("1")))
    assert one_bit.dtype == torch.bool


def test_floats_survive_outside_the_range(tmp_path: Path) -> None:
    for channels in (1, 3):
        values = torch.randn(channels, 5, 7)
        files.write_float(tmp_path / "x.tiff", values)
        assert torch.equal(files.read_float(tmp_path / "x.tiff"), values)


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
    files.write(folder / "out.png", files.read(source))
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


@pytest.mark.parametrize("name", ["a:b.png", "what?.png", "aux.png", "COM1.tiff", "a\tb.png"])
def test_a_name_that_windows_refuses_is_said_before_the_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = files.Picture(torch.zeros(3, 4, 4))
    files.check_target(tmp_path / name, picture)  # here it is as good as any
    monkeypatch.setattr(files, "ON_WINDOWS", True)
    files.check_target(tmp_path / "auxiliary com1.png", picture)
    with pytest.raises(files.ImageError, match="Windows refuses the name"):
        files.check_target(tmp_path / name, picture)
