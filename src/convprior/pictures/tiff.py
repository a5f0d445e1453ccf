"""TIFF and OME-TIFF with tifffile: pages, 8 and 16 bits and floats, any channels, their tags."""

import io
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffPage

from convprior.pictures.picture import (
    TURNED,
    Depth,
    ImageError,
    Metadata,
    Picture,
    from_values,
    upright,
    upright_xmp,
)

# Tags that describe how the pixels lie in the file: the writer makes them anew. What is no tag of
# this kind goes out as it came.
LAYOUT = {
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288,
    289, 290, 291, 292, 293, 317, 320, 322, 323, 324, 325, 330, 332, 333, 334, 336, 338, 339, 340,
    341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
}  # fmt: skip
DESCRIPTION, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 270, 274, 282, 283, 296
XMP, ICC, GDAL_NODATA = 700, 34675, 42113
MOST_PAGES = 20_000
CHANNELS = 4  # so many for each pixel that may be read
FOREIGN = {34665, 34853}  # EXIF and GPS: folders of tags, which tifffile cannot write
PER_INCH = {2: 1.0, 3: 2.54}  # by the resolution's unit
LOSSLESS = {
    COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS, COMPRESSION.LZMA, COMPRESSION.ZSTD,
}  # fmt: skip
SHOWN_AS_STORED = {PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB}


def read_pages(data: bytes, where: str, most_pixels: int) -> list[Picture]:
    """Return the pictures of a TIFF file, one for each page, in order. Raises ImageError."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pages = _pages(file, where, most_pixels)
            byteorder = file.byteorder + ("8" if file.is_bigtiff else "")
            return [
                _read_page(page, byteorder, where if len(pages) == 1 else f"{where}, page {n + 1}")
                for n, page in enumerate(pages)
            ]
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{where}: a page says that it needs more memory than there is") from None
    except Exception as error:  # tifffile and its codecs raise anything
        raise ImageError(f"{where}: broken or truncated TIFF ({error})") from None


def _pages(file: tifffile.TiffFile, where: str, most_pixels: int) -> list[TiffPage]:
    """Return the pages of a file, none decoded. Raises ImageError.

    They are counted as they are found: in a broken file the last one may lead to the first. More
    than may be read are refused, and so is a file that hides pictures behind its pages.
    """
    pages, size, samples = [], 0, 0
    for found in file.pages:
        page = found.aspage()  # where pages are alike, some programs describe the first alone
        pages.append(page)
        if len(pages) > MOST_PAGES:
            raise ImageError(f"{where}: has more than {MOST_PAGES:,} pages: write several files")
        size += page.imagewidth * page.imagelength
        samples += page.imagewidth * page.imagelength * _depth_of(page)
        if size > most_pixels or samples > CHANNELS * most_pixels:
            of = "" if size > most_pixels else f" of {samples / size:.0f} channels"
            limit = f"{most_pixels:,}" + (f" of {CHANNELS}" if of else "")
            raise ImageError(
                f"{where}: {size:,} pixels{of} are more than {limit}: crop it, scale it down, or "
                "allow more with --max-pixels"
            )
    if sum(prod(series.shape) for series in file.series) > samples:
        raise ImageError(
            f"{where}: holds more pictures than it has pages, as ImageJ's stacks of more than 4 GB "
            "do: save it as a BigTIFF"
        )
    return pages


def _read_page(page: TiffPage, byteorder: str, where: str) -> Picture:
    if page.subifds:
        raise ImageError(
            f"{where}: holds smaller copies of itself (a pyramid), which would not fit the "
            "restored picture: save it without them"
        )
    palette = page.photometric == PHOTOMETRIC.PALETTE
    decoded = page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG
    if not (page.photometric in SHOWN_AS_STORED or palette or decoded):
        name = getattr(page.photometric, "name", page.photometric)
        raise ImageError(f"{where}: colours of kind {name} cannot be kept: save it as RGB or grey")
    if page.imagedepth != 1:
        raise ImageError(f"{where}: is a volume: save its slices as pages")
    values = page.asarray()
    if page.bitspersample == 1 and values.dtype in (np.uint8, np.bool_):
        values = (values > 0).astype(np.uint8) * 255
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    kind = (values.dtype.kind, page.bitspersample)
    if kind not in (("u", 1), ("u", 8), ("u", 16), ("f", 16), ("f", 32)):
        raise ImageError(
            f"{where}: samples of {page.bitspersample} bits ({values.dtype}) cannot be kept: save "
            "it with 8 or 16 bits, or as 32-bit float"
        )
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ImageError(f"{where}: axes {page.axes} are not those of a picture")
    if page.photometric == PHOTOMETRIC.MINISWHITE and values.dtype.kind == "u":
        values = _black_for_white(values, len(page.extrasamples))
    if palette:
        assert page.colormap is not None
        values = np.moveaxis(page.colormap[:, values] >> 8, 0, -1).astype(np.uint8)
    tag = page.tags.get(ORIENTATION)
    orientation = int(tag.value) if tag else 1
    values = upright(values, orientation)
    depth: Depth = 32 if values.dtype == np.float32 else 16 if values.dtype == np.uint16 else 8
    pixels = from_values(np.ascontiguousarray(values))
    place = _alpha_of(tuple(page.extrasamples), len(pixels))
    alpha = None
    if place is not None:
        alpha = pixels[place]
        pixels = torch.cat([pixels[:place], pixels[place + 1 :]])
    known = torch.isfinite(pixels).all(0)
    nothing = _no_data(page) if depth == 32 else None
    if nothing is not None:
        known &= (pixels != nothing).all(0)
    if not known.any():
        raise ImageError(f"{where}: no pixel has a finite value")
    notes = [
        f"the tag {tag.name} is not kept"
        for tag in page.tags
        if tag.code not in LAYOUT | FOREIGN and not _plain(tag.value)
    ]
    if not known.all():
        name = "no value" if nothing is None else f"no value (NaN, or {nothing:g})"
        notes.append(f"{int((~known).sum()):,} pixels have {name}: they are filled in")
    if page.dtype == np.float16:
        notes.append("floats of 16 bits become floats of 32")
    if any(code in page.tags for code in FOREIGN):
        notes.append("the EXIF part of a TIFF is not kept (all its other tags are)")
    if page.compression not in LOSSLESS:
        notes.append(f"compressed without loss, not with {page.compression.name}")
    return Picture(
        pixels,
        alpha,
        depth,
        None if known.all() else known,
        _metadata(page, byteorder, palette or decoded, turned=orientation in TURNED),
        tuple(notes),
    )


def _depth_of(page: TiffPage) -> int:
    return int(page.samplesperpixel) * int(page.imagedepth)


def _black_for_white(values: np.ndarray, extra: int) -> np.ndarray:
    """Return integers with their colours inverted, but not their ``extra`` samples."""
    inverted = np.iinfo(values.dtype).max - values
    if values.ndim == 3 and extra:
        inverted[..., -extra:] = values[..., -extra:]
    return inverted


def _alpha_of(extrasamples: tuple[int, ...], channels: int) -> int | None:
    """Return which channel says how opaque a pixel is, None if none does."""
    first = channels - len(extrasamples)
    found = [first + n for n, kind in enumerate(extrasamples) if kind in (1, 2)]
    return found[0] if len(found) == 1 and first > 0 else None


def _no_data(page: TiffPage) -> float | None:
    """Return the number that stands for "no value", as GDAL notes it."""
    tag = page.tags.get(GDAL_NODATA)
    try:
        return None if tag is None else float(np.float32(tag.value))
    except ValueError:
        return None


def _metadata(page: TiffPage, byteorder: str, as_rgb: bool, turned: bool) -> Metadata:
    tags = {tag.code: tag.value for tag in page.tags}
    extra = max(page.samplesperpixel - 3, 0) if page.photometric == PHOTOMETRIC.RGB else 0
    unit = int(tags.get(RESOLUTION_UNIT, 2))
    across, down = tags.get(X_RESOLUTION, (0, 0)), tags.get(Y_RESOLUTION, (0, 0))
    if turned:
        across, down = down, across
    dpi = None
    if unit in PER_INCH and across[0] and across[1] and down[0] and down[1]:
        dpi = (across[0] / across[1] * PER_INCH[unit], down[0] / down[1] * PER_INCH[unit])
    named = {DESCRIPTION, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, ICC}
    own = {
        "byteorder": byteorder,
        "photometric": PHOTOMETRIC.RGB if as_rgb else page.photometric,
        "extrasamples": tuple(page.extrasamples) or (0,) * extra,
        "compression": (
            page.compression if page.compression in LOSSLESS else COMPRESSION.ADOBE_DEFLATE
        ),
        "predictor": page.predictor if page.predictor in (1, 2, 3) else 1,
        "planar": page.planarconfig,
        "description": tags.get(DESCRIPTION),
        "resolution": (across, down) if X_RESOLUTION in tags and Y_RESOLUTION in tags else None,
        "unit": unit,
        "subfiletype": int(page.subfiletype),
        "tags": tuple(
            _kept_tag(tag)
            for tag in page.tags
            if tag.code not in LAYOUT | named | FOREIGN and _plain(tag.value)
        ),
    }
    xmp = tags.get(XMP)
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    return Metadata("TIFF", tags.get(ICC), None, upright_xmp(xmp) if xmp else None, dpi, own)


def _plain(value: Any) -> bool:
    """Return whether tifffile can write what it read as the value of a tag."""
    if isinstance(value, tuple):
        return all(_plain(part) for part in value)
    return isinstance(value, str | bytes | int | float)


def _kept_tag(tag: tifffile.TiffTag) -> tuple[Any, ...]:
    value = tag.value
    if tag.code == XMP and isinstance(value, bytes):
        value = upright_xmp(value)  # as long as it was
    return (tag.code, tag.dtype, tag.count, value, False)


def write_pages(path: Path, pages: list[Picture]) -> None:
    """Write pictures as the pages of a TIFF file. Raises OSError and what tifffile raises."""
    own = pages[0].metadata.own if pages[0].metadata.format == "TIFF" else {}
    order = own.get("byteorder", "<")
    large = order.endswith("8") or sum(page.pixels.numel() for page in pages) * 4 > 2**31
    with tifffile.TiffWriter(path, byteorder=order[0], bigtiff=large) as file:
        for page in pages:
            file.write(**_written(page))


def _written(page: Picture) -> dict[str, Any]:
    """Return the arguments of tifffile's writer for a page."""
    metadata = page.metadata
    values = page.values()
    extra = metadata.own.get("extrasamples", ())
    place = _alpha_of(tuple(extra), values.shape[-1]) if page.alpha is not None else None
    if place is not None:  # where it was: it comes last
        values = np.insert(values[..., :-1], place, values[..., -1], axis=-1)
    if metadata.own.get("photometric") == PHOTOMETRIC.MINISWHITE and page.depth != 32:
        values = _black_for_white(values, len(extra))
    arguments: dict[str, Any] = {
        "photometric": PHOTOMETRIC.RGB if len(page.pixels) == 3 else PHOTOMETRIC.MINISBLACK,
        "extrasamples": () if page.alpha is None else (EXTRASAMPLE.UNASSALPHA,),
        "compression": COMPRESSION.ADOBE_DEFLATE,
        "iccprofile": metadata.icc,
        "metadata": None,
        "software": False,
        "contiguous": False,
    }
    if metadata.format != "TIFF":
        if metadata.dpi:
            arguments |= {"resolution": metadata.dpi, "resolutionunit": 2}
        if metadata.xmp:
            arguments["extratags"] = [(XMP, 1, len(metadata.xmp), metadata.xmp, False)]
        return arguments | {"data": values}
    own = metadata.own
    if own["planar"] == 2 and values.ndim == 3:
        values = np.ascontiguousarray(np.moveaxis(values, -1, 0))
        arguments["planarconfig"] = 2
    elif values.ndim == 3:
        arguments["planarconfig"] = 1
    if own["resolution"]:
        arguments |= {"resolution": own["resolution"], "resolutionunit": own["unit"]}
    return arguments | {
        "data": values,
        "photometric": own["photometric"],
        "extrasamples": own["extrasamples"],
        "compression": own["compression"],
        "predictor": own["predictor"] if own["predictor"] > 1 else None,
        "description": own["description"],
        "subfiletype": own["subfiletype"],
        "extratags": own["tags"],
    }
