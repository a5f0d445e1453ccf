"""TIFF and OME-TIFF with tifffile: pages, numbers of 8 bits to 64, any channels, their tags."""

import io
from math import prod
from typing import Any

import numpy as np
import tifffile
import torch
from tifffile import COMPRESSION, PHOTOMETRIC, TiffPage

from convprior.pictures import copies, tiff_numbers
from convprior.pictures.picture import (
    TURNED,
    Depth,
    ImageError,
    Metadata,
    Picture,
    as_floats,
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
XMP, ICC = 700, 34675
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
            return copies.found([
                _read_page(page, byteorder, where if len(pages) == 1 else f"{where}, page {n + 1}")
                for n, page in enumerate(pages)
            ])  # fmt: skip
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
    as_rgb = page.photometric == PHOTOMETRIC.PALETTE or (
        page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG
    )
    if not (page.photometric in SHOWN_AS_STORED or as_rgb):
        name = getattr(page.photometric, "name", page.photometric)
        raise ImageError(f"{where}: colours of kind {name} cannot be kept: save it as RGB or grey")
    if page.imagedepth != 1:
        raise ImageError(f"{where}: is a volume: save its slices as pages")
    values = tiff_numbers.of(page, where)
    tag = page.tags.get(ORIENTATION)
    orientation = int(tag.value) if tag else 1
    nothing = tiff_numbers.no_data(page)
    absent = upright(tiff_numbers.absent(page, values, nothing), orientation)
    values = upright(tiff_numbers.as_seen(page, values), orientation)
    place = tiff_numbers.alpha_of(
        tuple(page.extrasamples), 1 if values.ndim == 2 else values.shape[-1]
    )
    if place is not None:
        values = np.concatenate([np.delete(values, place, -1), values[..., place, None]], -1)
    values, absent = np.ascontiguousarray(values), np.ascontiguousarray(absent)
    depth: Depth = 8 if values.dtype == np.uint8 else 16 if values.dtype == np.uint16 else 32
    pixels = from_values(values if depth != 32 else as_floats(values))
    pixels, alpha = (pixels, None) if place is None else (pixels[:-1], pixels[-1])
    gone = torch.from_numpy(absent)
    known = torch.isfinite(pixels).all(0) | gone
    if not (known & ~gone).any():
        raise ImageError(f"{where}: no pixel has a finite value")
    notes = [
        f"the tag {tag.name} is not kept"
        for tag in page.tags
        if tag.code not in LAYOUT | FOREIGN and not _plain(tag.value)
    ]
    if not known.all():
        beyond = ", or one too large for float32" if values.dtype == np.float64 else ""
        notes.append(f"{int((~known).sum()):,} pixels have no value{beyond}: they are filled in")
    if gone.any():
        notes.append(
            f"{int(gone.sum()):,} pixels have no value ({nothing:g}): they stay so, unless --mask "
            "marks them"
        )
    if values.dtype.name in tiff_numbers.PRECISE:
        notes.append(f"what changes of its {values.dtype} has the seven digits of float32")
    if page.is_tiled and _tile(page, turned=False) is None:
        notes.append("its tiles become strips: their sides are no multiples of 16")
    if any(code in page.tags for code in FOREIGN):
        notes.append("the EXIF part of a TIFF is not kept (all its other tags are)")
    if page.compression not in LOSSLESS:
        notes.append(f"compressed without loss, not with {page.compression.name}")
    return Picture(
        pixels,
        alpha,
        depth,
        None if known.all() else known,
        _metadata(page, byteorder, as_rgb, turned=orientation in TURNED),
        tuple(notes),
        absent=gone if gone.any() else None,
        stored=values if depth == 32 and values.dtype != np.float32 else None,
    )


def _depth_of(page: TiffPage) -> int:
    return int(page.samplesperpixel) * int(page.imagedepth)


def _tile(page: TiffPage, turned: bool) -> tuple[int, int] | None:
    """Return the height and width of a page's tiles, None if it has none that can be written."""
    if not page.is_tiled or page.tilelength % 16 or page.tilewidth % 16:
        return None
    tile = (int(page.tilelength), int(page.tilewidth))
    return tile[::-1] if turned else tile


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
        "tile": _tile(page, turned),
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
