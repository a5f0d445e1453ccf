"""TIFF and OME-TIFF with tifffile: pictures become pages as the file that came had them."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from convprior.pictures import copies
from convprior.pictures.picture import Picture, xmp_of_size
from convprior.pictures.tiff import XMP
from convprior.pictures.tiff_numbers import alpha_of, black_for_white


def write_pages(path: Path, pages: list[Picture]) -> None:
    """Write pictures as the pages of a TIFF file. Raises OSError and what tifffile raises."""
    own = pages[0].metadata.own if pages[0].metadata.format == "TIFF" else {}
    order = own.get("byteorder", "<")
    large = order.endswith("8") or sum(page.pixels.numel() for page in pages) * 4 > 2**31
    with tifffile.TiffWriter(path, byteorder=order[0], bigtiff=large) as file:
        for page in pages:
            for written in (page, *(copies.smaller(page, copy) for copy in page.copies)):
                file.write(**_written(written))


def _written(page: Picture) -> dict[str, Any]:
    """Return the arguments of tifffile's writer for a page."""
    metadata = page.metadata
    values = page.values()
    extra = metadata.own.get("extrasamples", ())
    place = alpha_of(tuple(extra), values.shape[-1]) if page.alpha is not None else None
    if place is not None:  # where it was: it comes last
        values = np.insert(values[..., :-1], place, values[..., -1], axis=-1)
    if metadata.own.get("photometric") == PHOTOMETRIC.MINISWHITE and page.depth != 32:
        values = black_for_white(values, len(extra))
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
            xmp = (XMP, 1, len(metadata.xmp), metadata.xmp, False)
            arguments["extratags"] = [_of_size(xmp, page)]
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
        "tile": own["tile"],
        "extratags": tuple(_of_size(tag, page) for tag in own["tags"]),
    }


def _of_size(tag: tuple[Any, ...], page: Picture) -> tuple[Any, ...]:
    """Return a tag as it is, and XMP with the page's own width and height if it says any."""
    code, kind, _, value, once = tag
    if code != XMP or not isinstance(value, bytes):
        return tag
    height, width = page.pixels.shape[1:]
    xmp = xmp_of_size(value, width, height)
    return code, kind, len(xmp), xmp, once
