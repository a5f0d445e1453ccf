"""TIFF and OME-TIFF with tifffile: pictures become pages as the file that came had them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC
from torch.nn import functional

from convprior.pictures.picture import Picture, xmp_of_size
from convprior.pictures.tiff import XMP, alpha_of, black_for_white


def write_pages(path: Path, pages: list[Picture]) -> None:
    """Write pictures as the pages of a TIFF file. Raises OSError and what tifffile raises."""
    own = pages[0].metadata.own if pages[0].metadata.format == "TIFF" else {}
    order = own.get("byteorder", "<")
    large = order.endswith("8") or sum(page.pixels.numel() for page in pages) * 4 > 2**31
    with tifffile.TiffWriter(path, byteorder=order[0], bigtiff=large) as file:
        for page in pages:
            for written in (page, *(_smaller(page, copy) for copy in page.copies)):
                file.write(**_written(written))


def _smaller(page: Picture, copy: Picture) -> Picture:
    """Return a smaller copy of a page with the page's pixels.

    Where numbers stand for "no value" the nearest is taken: none may be mixed with others.
    """
    channels = torch.cat([page.pixels, *([] if page.alpha is None else [page.alpha[None]])])[None]
    size = copy.pixels.shape[1:]
    if page.absent is None:
        small = functional.interpolate(channels, size, mode="bilinear", antialias=True)[0]
    else:
        small = functional.interpolate(channels, size, mode="nearest-exact")[0]
    pixels, alpha = (small, None) if page.alpha is None else (small[:-1], small[-1])
    return replace(copy, pixels=pixels, alpha=alpha)


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
