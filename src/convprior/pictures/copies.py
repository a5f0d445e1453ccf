"""Smaller copies of a picture in its file: told from pictures, and made anew in the result's."""

from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from convprior.pictures.picture import Picture

ROUNDED = 0.15  # so far off may be the ratio of a thumbnail's few pixels
REDUCED = 1  # of the kind of a TIFF's page: a smaller copy of another one


def found(pages: list[Picture]) -> list[Picture]:
    """Return the pages that are pictures of their own, each with its smaller copies.

    A copy is said to be one (NewSubfileType 1). It follows its picture, or, in a file that begins
    with one, comes before it; it is written behind it.
    """
    reduced = [bool(page.metadata.own["subfiletype"] & REDUCED) for page in pages]
    if all(reduced):
        return pages
    whole = [page for page, is_copy in zip(pages, reduced, strict=True) if not is_copy]
    for number, page in enumerate(pages):
        if reduced[number]:
            so_far = reduced[:number].count(False)
            of = min(so_far, len(whole) - 1) if reduced[0] else so_far - 1
            whole[of] = _with_copy(whole[of], page)
    return whole


def smaller(page: Picture, copy: Picture) -> Picture:
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


def _with_copy(page: Picture, copy: Picture) -> Picture:
    """Return a picture with one more copy; what cannot be made anew of it is left out, and said."""
    height, width = copy.pixels.shape[1:]
    across, down = page.pixels.shape[2] / width, page.pixels.shape[1] / height
    note = f"its smaller copy of {width}×{height} pixels is "
    copies = page.copies
    if _kind(copy) == _kind(page) and abs(across - down) <= ROUNDED * max(across, down):
        copies = (*copies, replace(copy, known=None))
        note += "made anew"
    else:
        note += "of another kind or shape, and not kept"
    return replace(page, copies=copies, notes=(*page.notes, note))


def _kind(page: Picture) -> tuple[Any, ...]:
    stored = None if page.stored is None else page.stored.dtype
    return len(page.pixels), page.alpha is None, page.depth, stored
