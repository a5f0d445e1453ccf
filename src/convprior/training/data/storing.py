"""How a picture is stored to be trained on: decoded, brought to a size, as pixels or as a JPEG.

Pixels need no decoder at training, and four to ten times the disk of JPEGs.
"""

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

from convprior.pictures import decoding

Shape = Literal["square", "whole"]  # the central square, or all of it
Store = Literal["pixels", "jpeg"]
QUALITY = 90  # of a JPEG


@dataclass(frozen=True)
class Form:
    """``size`` is the side of a square, or the shorter side of a whole picture, in pixels."""

    size: int
    shape: Shape = "square"
    store: Store = "pixels"


def fit(image: Image.Image, size: int) -> Image.Image:
    """Return the central square scaled to ``size`` (antialiased)."""
    return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)


def scale(image: Image.Image, size: int) -> Image.Image:
    """Return the whole picture, its shorter side scaled to ``size`` (antialiased)."""
    shorter = min(image.size)
    sides = (max(round(side * size / shorter), size) for side in image.size)
    width, height = sides
    return image.resize((width, height), Image.Resampling.BICUBIC)


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


def square(row: dict[str, Any], form: Form) -> np.ndarray:
    """Return the central square of a row as uint8 (size, size, 3); a whole one is cut."""
    if form.store == "jpeg":
        pixels = np.asarray(decoding.decode_rgb(row["pixels"], "a stored picture"))
    else:
        sides = (row["height"], row["width"]) if form.shape == "whole" else (form.size, form.size)
        pixels = np.frombuffer(row["pixels"], np.uint8).reshape(*sides, 3)
    top, left = ((side - form.size) // 2 for side in pixels.shape[:2])
    return pixels[top : top + form.size, left : left + form.size]
