"""PNG, JPEG and WebP: Pillow encodes, imagecodecs the pixels of PNG, of 16 bits too, and faster."""

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
from PIL import Image, PngImagePlugin

from convprior.pictures import exif as exif_in_place
from convprior.pictures.picture import Metadata, Picture, xmp_of_size

IHDR_END = 33  # bytes of a PNG's signature and its first chunk, which is always the header
QUALITY = 95  # of lossy formats, where the source has none to keep
EFFORT = 4  # of PNG's 9: a fraction of the time of 6, for some percent of the size


def write(path: Path, picture: Picture, quality: int | None = None) -> None:
    """Write a PNG, JPEG or WebP file, chosen by the suffix of ``path``.

    A JPEG from a JPEG keeps its quantisation and subsampling unless ``quality``, 1 to 100, is
    given. Raises OSError and what encoders raise.
    """
    metadata, suffix = _of_size(picture), path.suffix.lower()
    picture = replace(picture, metadata=metadata)
    options: dict[str, Any] = {"icc_profile": metadata.icc}  # None: none
    if metadata.exif:
        options["exif"] = metadata.exif
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


def _of_size(picture: Picture) -> Metadata:
    """Return a picture's metadata, which say its own width and height if they say any."""
    metadata, (height, width) = picture.metadata, picture.pixels.shape[1:]
    exif, xmp = metadata.exif, metadata.xmp
    return replace(
        metadata,
        exif=exif and exif_in_place.of_size(exif, width, height),
        xmp=xmp and xmp_of_size(xmp, width, height),
    )


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
    if metadata.own.get("cicp"):
        chunks.add(b"cICP", metadata.own["cicp"])
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    options = {**options, "pnginfo": chunks}
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    pixels = bytes(imagecodecs.png_encode(picture.values(), level=EFFORT))
    # Pillow writes the metadata of a single pixel; its chunks belong behind the header of the rest.
    said = io.BytesIO()
    for kind, content, _ in PngImagePlugin.getchunks(Image.new("L", (1, 1)), **options):
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            PngImagePlugin.putchunk(said, kind, content)
    return pixels[:IHDR_END] + said.getvalue() + pixels[IHDR_END:]
