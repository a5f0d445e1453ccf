"""All but TIFF: Pillow decodes, imagecodecs the 16-bit PNG that Pillow cannot."""

import io
import struct
from dataclasses import replace
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

from convprior.pictures import exif as exif_in_place
from convprior.pictures import kinds, not_kept, photoshop
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

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF", "JPEG2000")
JPEG_ROWS = 16  # that are decoded at once: the last of them may be there in part
SAVED = ("PNG", "JPEG")  # what there is of a truncated one: others do not begin with the first row
EXIF_AS_TEXT = ("Raw profile type exif", "Raw profile type APP1")  # as ImageMagick writes it
KEPT_AS_STORED = {"L", "LA", "RGB", "RGBA"}


def read(data: bytes, where: str, most_pixels: int, accept_truncated: bool) -> Picture:
    """Return the picture of a file of one of the `FORMATS`. Raises ImageError."""
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
    notes += _reduced(image, data, where)
    metadata, left_out = _metadata(image, orientation, data)
    notes += left_out
    if image.mode == "CMYK":
        image, metadata, by = _from_cmyk(image, metadata, where)
        notes.append(f"converted from CMYK to sRGB {by}")
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
        if not accept_truncated or kinds.of(data) not in SAVED:
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


def _reduced(image: Image.Image, data: bytes, where: str) -> list[str]:
    """Return what is to be said of more than 8 bits that are read as 8. Raises ImageError."""
    if image.format == "AVIF":
        at = data.find(b"av1C")
        deep = data[at + 6] if 0 <= at < len(data) - 6 else 0
        return [f"its {12 if deep & 0x20 else 10} bits are read as 8"] if deep & 0x40 else []
    if image.format == "JPEG2000":
        at = data.find(b"\xff\x4f\xff\x51") + 42  # how the first component is stored
        if at < len(data) and data[at] & 0x7F > 7:
            raise ImageError(
                f"{where}: a JPEG 2000 of {(data[at] & 0x7F) + 1} bits is not read: convert it "
                "first, as by 'opj_decompress -i photo.jp2 -o photo.tif'"
            )
    return []


def _from_cmyk(
    image: Image.Image, metadata: Metadata, where: str
) -> tuple[Image.Image, Metadata, str]:
    """Return the image in sRGB, with metadata that say so, and by what. Raises ImageError.

    Without a profile light is what neither an ink nor the black takes, (1 - C)(1 - K), as browsers
    have it.
    """
    if metadata.icc is None:
        plain = image.convert("RGB")
        plain.format = image.format
        return plain, metadata, "as browsers do it: it has no profile, and print may look otherwise"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(metadata.icc))
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"{where}: its CMYK profile cannot be used ({error})") from None
    assert converted is not None
    converted.format = image.format
    return converted, replace(metadata, icc=srgb.tobytes()), "by its profile"


def _metadata(image: Image.Image, orientation: int, data: bytes) -> tuple[Metadata, list[str]]:
    """Return what is kept of an open file, its orientation reset, and what is said of it."""
    info, said = image.info, list[str]()
    exif = info.get("exif")
    if any(name in info for name in EXIF_AS_TEXT):
        exif = image.getexif().tobytes()
    if exif:
        exif, said = exif_in_place.kept(exif)
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    dpi = info.get("dpi")
    own: dict[str, Any] = {}
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.mode in ("L", "RGB"):
        own["qtables"] = image.quantization
        own["subsampling"] = max(JpegImagePlugin.get_sampling(image), 0)
        own["progressive"] = bool(info.get("progressive"))
        own["comment"] = info.get("comment", b"")
        came = [content for marker, content in image.applist if marker == "APP13"]
        kept = [photoshop.without_thumbnail(content) for content in came]
        if kept != came:
            said.append("the thumbnail of Photoshop, which shows it as it came, is not kept")
        own["captions"] = b"".join(  # IPTC: what agencies and archives write
            b"\xff\xed" + struct.pack(">H", len(content) + 2) + content for content in kept
        )
    if isinstance(image, PngImagePlugin.PngImageFile):
        kept_elsewhere = {"XML:com.adobe.xmp", *EXIF_AS_TEXT}
        own["text"] = {k: v for k, v in image.text.items() if k not in kept_elsewhere}
        own["gamma"], own["srgb"] = info.get("gamma"), info.get("srgb")
        own["cicp"] = dict(not_kept.png_chunks(data)).get("cICP")
        own["chromaticity"] = info.get("chromaticity")
    if image.format == "AVIF":
        own["cicp"] = _cicp_of_avif(data)
    if image.format == "GIF":
        own["comment"] = info.get("comment", b"")
    if image.format == "WEBP":  # four bytes that could be by chance: then nothing is lost either
        own["lossless"] = b"VP8L" in data
    metadata = Metadata(
        "JPEG" if image.format == "MPO" else str(image.format),
        info.get("icc_profile") or (_profile_of_jp2(data) if image.format == "JPEG2000" else None),
        exif,
        upright_xmp(xmp) if xmp else None,
        dpi[::-1] if dpi and orientation in TURNED else dpi,
        own,
    )
    return metadata, said


def _cicp_of_avif(data: bytes) -> bytes | None:
    at = data.find(b"colrnclx") + 8
    return None if at < 8 else cicp(*(int.from_bytes(data[n : n + 2]) for n in (at, at + 2)))


def cicp(primaries: int, transfer: int) -> bytes | None:
    """Return as a PNG says it which colours numbers are by ITU-T H.273; None for sRGB."""
    usual = primaries in (1, 2) and transfer in (1, 2, 6, 13)
    return None if usual or max(primaries, transfer) > 99 else bytes((primaries, transfer, 0, 1))


def _profile_of_jp2(data: bytes) -> bytes | None:
    """Return the colour profile of a JPEG 2000, which Pillow reads past."""
    at = data.find(b"colr\x02")
    if at < 4:
        return None
    return data[at + 7 : at - 4 + int.from_bytes(data[at - 4 : at])]
