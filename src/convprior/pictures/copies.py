"""Smaller copies of a picture in its file: told from pictures, and made anew in the result's."""

from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from convprior.pictures.picture import Picture

REDUCED = 1  # of the kind of a TIFF's page: a smaller copy of another one


def found(pages: list[Picture]) -> list[Picture]:
    """Return the pages that are pictures of their own, each with its smaller copies.

    A copy is said to be one (NewSubfileType 1), and follows its picture; what cannot be made anew
    of its picture is no copy of it.
    """
    if all(page.metadata.own["subfiletype"] & REDUCED for page in pages):
        return pages
    whole: list[Picture] = []
    before: list[Picture] = []  # a thumbnail may also come first
    for page in pages:
        if not page.metadata.own["subfiletype"] & REDUCED:
            whole.append(_with_copy(page, before))
            before = []
        elif whole:
            whole[-1] = _with_copy(whole[-1], [page])
        else:
            before.append(page)
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


def _with_copy(page: Picture, copies: list[Picture]) -> Picture:
    for copy in copies:
        height, width = copy.pixels.shape[1:]
        note = f"its smaller copy of {width}×{height} pixels is "
        if _kind(copy) == _kind(page):
            page = replace(page, copies=(*page.copies, replace(copy, known=None)))
            note += "made anew"
        else:
            note += "of another kind, and not kept"
        page = replace(page, notes=(*page.notes, note))
    return page


def _kind(page: Picture) -> tuple[Any, ...]:
    stored = None if page.stored is None else page.stored.dtype
    return len(page.pixels), page.alpha is None, page.depth, stored
