"""How a picture is stored to be trained on: decoded, brought to a size, as pixels or as a JPEG.

Pixels need no decoder at training, and some ten times the disk of JPEGs.
"""

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

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


def squares(rows: dict[str, list[Any]], form: Form) -> list[bytes]:
    """Return the central square of each of a table's rows as bytes of uint8 (size, size, 3)."""
    if form.store == "jpeg":
        return [_central(np.asarray(decode(data)), form.size) for data in rows["pixels"]]
    if form.shape == "square":
        return rows["pixels"]
    return [
        _central(np.frombuffer(data, np.uint8).reshape(height, width, 3), form.size)
        for data, height, width in zip(rows["pixels"], rows["height"], rows["width"], strict=True)
    ]


def decode(data: bytes) -> Image.Image:
    """Return a stored JPEG as RGB."""
    return Image.open(io.BytesIO(data), formats=("JPEG",))


def _central(pixels: np.ndarray, size: int) -> bytes:
    top, left = ((side - size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + size, left : left + size].tobytes()
