"""PNG, JPEG and WebP: Pillow decodes and encodes, imagecodecs the 16-bit PNG that Pillow cannot."""

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import (
    ExifTags,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
)

from convprior.pictures import not_kept
from convprior.pictures.decoding import decode
from convprior.pictures.picture import (
    TURNED,
    ImageError,
    Metadata,
    Picture,
    from_values,
    upright,
    upright_xmp,
)

FORMATS = ("PNG", "JPEG", "WEBP")
IHDR_END = 33  # bytes of a PNG's signature and its first chunk, which is always the header
JPEG_ROWS = 16  # that are decoded at once: the last of them may be there in part
QUALITY = 95  # of lossy formats, where the source has none to keep
EXIF_AS_TEXT = ("Raw profile type exif", "Raw profile type APP1")  # as ImageMagick writes it
KEPT_AS_STORED = {"L", "LA", "RGB", "RGBA"}


def read(data: bytes, where: str, most_pixels: int, accept_truncated: bool) -> Picture:
    """Return the picture of a PNG, JPEG or WebP file. Raises ImageError."""
    image, missing_rows = _open(data, where, most_pixels, accept_truncated)
    notes = []
    if image.format == "MPO":
        notes.append("only its first picture is kept: previews or a gain map are not")
    elif getattr(image, "n_frames", 1) > 1:
        raise ImageError(f"{where}: is an animation: give one picture a file")
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a parser of its own, which raises anything
        del image.info["exif"]
        orientation = 1
        notes.append("its EXIF is broken and not kept")
    metadata = _metadata(image, orientation, data)
    if image.mode == "CMYK":
        image, metadata = _from_cmyk(image, metadata, where)
        notes.append("converted from CMYK to sRGB by its profile")
    notes += not_kept.named(image, data)
    bits = _bits(data) if image.format == "PNG" else 8
    deep = bits == 16
    if bits in (2, 4) and image.mode == "L" and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2**bits - 1)  # Pillow scales the pixels alone
    values = _decode_deep(data, where) if deep else np.asarray(_plain(image))
    known = np.ones(values.shape[:2], bool)
    known[len(known) - missing_rows :] = False
    values, known = upright(values, orientation), upright(known, orientation)
    pixels = from_values(values)
    alpha = pixels[-1] if len(pixels) in (2, 4) else None
    return Picture(
        pixels if alpha is None else pixels[:-1],
        alpha,
        16 if values.dtype == np.uint16 else 8,
        None if known.all() else from_values(known.astype(np.uint8))[0] > 0,
        metadata,
        tuple(notes),
    )


def _open(data: bytes, where: str, limit: int, accept_truncated: bool) -> tuple[Image.Image, int]:
    """Return the decoded image and how many of its last rows are missing."""
    try:
        return decode(data, where, limit, FORMATS), 0
    except ImageError as error:
        if "truncated" not in str(error):
            raise
        if not accept_truncated:
            raise ImageError(
                f"{error}; --accept-truncated restores what there is of a JPEG or PNG"
            ) from None
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image = decode(data, where, limit, FORMATS)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    # What was not decoded is of one colour: black in a PNG, the last block's in a JPEG.
    rows = np.asarray(image).reshape(image.height, image.width, -1)
    found: np.ndarray = (rows != rows[-1, -1]).any((1, 2))
    missing = int(found[::-1].argmax()) if found.any() else image.height
    if missing and image.format != "PNG":
        missing += JPEG_ROWS
    if missing >= image.height:
        raise ImageError(f"{where}: truncated before its first row: nothing can be read of it")
    return image, missing


def _plain(image: Image.Image) -> Image.Image:
    """Return grey or RGB, with alpha if the file has transparency of any kind."""
    if image.mode in KEPT_AS_STORED:
        if "transparency" in image.info and image.mode in ("L", "RGB"):
            return image.convert("LA" if image.mode == "L" else "RGBA")
        return image
    if image.mode == "1":
        return image.convert("LA" if "transparency" in image.info else "L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _bits(data: bytes) -> int:
    """Return the bits per sample of a PNG: Pillow reduces 16-bit colour to 8 without a word."""
    return data[24]


def _decode_deep(data: bytes, where: str) -> np.ndarray:
    try:
        return np.asarray(imagecodecs.png_decode(data))
    except Exception as error:
        raise ImageError(
            f"{where}: broken or truncated picture ({error}); of a 16-bit PNG nothing can be saved"
        ) from None


def _from_cmyk(image: Image.Image, metadata: Metadata, where: str) -> tuple[Image.Image, Metadata]:
    if metadata.icc is None:
        raise ImageError(
            f"{where}: is CMYK without a colour profile, which can be shown in many ways: convert "
            "it to RGB with the program that made it"
        )
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(metadata.icc))
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"{where}: its CMYK profile cannot be used ({error})") from None
    assert converted is not None
    converted.format = image.format
    return converted, replace(metadata, icc=srgb.tobytes())


def _metadata(image: Image.Image, orientation: int, data: bytes) -> Metadata:
    """Return what is kept of an open file, its orientation reset."""
    info = image.info
    exif = info.get("exif")
    if orientation != 1 or any(name in info for name in EXIF_AS_TEXT):
        tags = image.getexif()
        tags[ExifTags.Base.Orientation] = 1
        exif = tags.tobytes()
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    dpi = info.get("dpi")
    own: dict[str, Any] = {}
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.mode in ("L", "RGB"):
        own["qtables"] = image.quantization
        own["subsampling"] = max(JpegImagePlugin.get_sampling(image), 0)
        own["progressive"] = bool(info.get("progressive"))
        own["comment"] = info.get("comment", b"")
        own["captions"] = b"".join(  # IPTC: what agencies and archives write
            b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
            for marker, content in image.applist
            if marker == "APP13"
        )
    if isinstance(image, PngImagePlugin.PngImageFile):
        kept_elsewhere = {"XML:com.adobe.xmp", *EXIF_AS_TEXT}
        own["text"] = {k: v for k, v in image.text.items() if k not in kept_elsewhere}
        own["gamma"], own["srgb"] = info.get("gamma"), info.get("srgb")
        own["chromaticity"] = info.get("chromaticity")
    if image.format == "WEBP":  # four bytes that could be by chance: then nothing is lost either
        own["lossless"] = b"VP8L" in data
    return Metadata(
        "JPEG" if image.format == "MPO" else str(image.format),
        info.get("icc_profile"),
        exif,
        upright_xmp(xmp) if xmp else None,
        dpi[::-1] if dpi and orientation in TURNED else dpi,
        own,
    )


def write(path: Path, picture: Picture, quality: int | None = None) -> None:
    """Write a PNG, JPEG or WebP file, chosen by the suffix of ``path``.

    A JPEG from a JPEG keeps its quantisation and subsampling unless ``quality``, 1 to 100, is
    given. Raises OSError and what encoders raise.
    """
    metadata, suffix = picture.metadata, path.suffix.lower()
    options: dict[str, Any] = {"icc_profile": metadata.icc}  # None: none
    if metadata.exif:
        options["exif"] = _of_size(metadata.exif, picture)
    if suffix == ".png":
        data = _png(picture, options)
    else:
        if metadata.xmp:
            options["xmp"] = metadata.xmp
        if suffix == ".webp":
            lossless = quality is None and metadata.own.get("lossless", False)
            # exact: the colours of what is transparent, too
            options |= {"lossless": True, "exact": True} if lossless else {}
            options["quality"] = quality or QUALITY
            form = "WEBP"
        else:
            options |= _jpeg_options(metadata, quality)
            form = "JPEG"
        encoded = io.BytesIO()
        Image.fromarray(picture.values()).save(encoded, form, **options)
        data = encoded.getvalue()
    path.write_bytes(data)


def _of_size(exif: bytes, picture: Picture) -> bytes:
    """Return EXIF that says the picture's own width and height, if it says any that can be read."""
    tags = Image.Exif()
    height, width = picture.pixels.shape[1:]
    says = {
        ExifTags.Base.ImageWidth: width, ExifTags.Base.ImageLength: height,
        ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height,
    }  # fmt: skip
    changed = False
    try:
        tags.load(exif)
        for part in (tags, tags.get_ifd(ExifTags.IFD.Exif)):
            for tag, value in says.items():
                if part.get(tag, value) != value:
                    part[tag], changed = value, True
        return tags.tobytes() if changed else exif
    except Exception:  # a parser of its own, which raises anything: as it came, then
        return exif


def _jpeg_options(metadata: Metadata, quality: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {"dpi": tuple(map(round, metadata.dpi))} if metadata.dpi else {}
    if metadata.format == "JPEG" and "qtables" in metadata.own:
        options["comment"], options["extra"] = metadata.own["comment"], metadata.own["captions"]
        options["progressive"] = metadata.own["progressive"]
        if quality is None:
            return options | {k: metadata.own[k] for k in ("qtables", "subsampling")}
    return options | {"quality": quality or QUALITY, "subsampling": 0}


def _png(picture: Picture, options: dict[str, Any]) -> bytes:
    metadata = picture.metadata
    chunks = PngImagePlugin.PngInfo()
    if metadata.format == "PNG":
        for key, value in metadata.own["text"].items():
            chunks.add_itxt(key, value, getattr(value, "lang", ""), getattr(value, "tkey", ""))
        if metadata.own["chromaticity"]:
            corners = [round(100_000 * x) for x in metadata.own["chromaticity"]]
            chunks.add(b"cHRM", struct.pack(">8I", *corners))
        if metadata.own["gamma"]:
            chunks.add(b"gAMA", struct.pack(">I", round(100_000 * metadata.own["gamma"])))
        if metadata.own["srgb"] is not None:
            chunks.add(b"sRGB", bytes([metadata.own["srgb"]]))
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    options = {**options, "pnginfo": chunks}
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    if picture.depth == 8:
        encoded = io.BytesIO()
        Image.fromarray(picture.values()).save(encoded, "PNG", **options)
        return encoded.getvalue()
    deep = bytes(imagecodecs.png_encode(picture.values(), level=6))
    # Pillow writes the metadata of a single pixel; its chunks belong behind the header of the rest.
    said = io.BytesIO()
    for kind, content, _ in PngImagePlugin.getchunks(Image.new("L", (1, 1)), **options):
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            PngImagePlugin.putchunk(said, kind, content)
    return deep[:IHDR_END] + said.getvalue() + deep[IHDR_END:]
