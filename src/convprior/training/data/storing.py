"""How a picture is stored to be trained on: decoded, brought to a size, as pixels or as a JPEG.

Pixels need no decoder at training, and some ten times the disk of JPEGs.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps
from pyarrow import ChunkedArray, Table

Shape = Literal["square", "whole"]  # the central square, or all of it
Store = Literal["pixels", "jpeg"]
QUALITY = 90  # of a JPEG
RESAMPLING = (
    Image.Resampling.BILINEAR
)  # as published ImageNet numbers; bicubic takes half as long again


@dataclass(frozen=True)
class Form:
    """``size`` is the side of a square, or the shorter side of a whole picture, in pixels."""

    size: int
    shape: Shape = "square"
    store: Store = "pixels"


def fit(image: Image.Image, size: int) -> Image.Image:
    """Return the central square scaled to ``size`` (antialiased)."""
    return ImageOps.fit(image, (size, size), RESAMPLING)


def scale(image: Image.Image, size: int) -> Image.Image:
    """Return the whole picture, its shorter side scaled to ``size`` (antialiased)."""
    shorter = min(image.size)
    sides = (max(round(side * size / shorter), size) for side in image.size)
    width, height = sides
    return image.resize((width, height), RESAMPLING)


def row(image: Image.Image, form: Form) -> dict[str, Any]:
    """Return what a table keeps of an RGB picture."""
    if form.store == "jpeg":
        written = io.BytesIO()
        image.save(written, "JPEG", quality=QUALITY)
        return {"pixels": written.getvalue()}
    pixels = {"pixels": image.tobytes()}
    if form.shape == "square":
        return pixels
    return pixels | {"height": image.height, "width": image.width}


def squares(rows: Table, form: Form) -> list[np.ndarray]:
    """Return the central square of each of a table's rows, uint8 (size, size, 3).

    Stored pixels are not copied but shown where they lie, and must not be changed.
    """
    stored = list(_values(rows["pixels"]))
    if form.store == "jpeg":
        return [_central(np.asarray(decode(data.tobytes())), form.size) for data in stored]
    shapes: Iterable[tuple[int, int]] = repeat((form.size, form.size), len(stored))
    if form.shape == "whole":
        shapes = zip(rows["height"].to_pylist(), rows["width"].to_pylist(), strict=True)
    return [
        _central(data.reshape(*shape, 3), form.size)
        for data, shape in zip(stored, shapes, strict=True)
    ]


def _values(column: ChunkedArray) -> Iterator[np.ndarray]:
    """Yield the bytes of each of a column's values: Arrow's scalars would be copies."""
    for chunk in column.chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        stored = np.frombuffer(data, np.uint8)
        yield from (stored[begin:end] for begin, end in pairwise(ends.tolist()))


def decode(data: bytes) -> Image.Image:
    """Return a stored JPEG as RGB."""
    return Image.open(io.BytesIO(data), formats=("JPEG",))


def _central(pixels: np.ndarray, size: int) -> np.ndarray:
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + size, left : left + size]
