"""Put an object on a background, by whole pixels, at any place.

A scene keeps object, mask and background apart, so that the same object can be shown where the
network has seen it and where it has not.
"""

from typing import Literal

import numpy as np

Pixels = np.ndarray  # uint8 (h, w, channels)
Positions = Literal["corner", "uniform"]  # where objects lie: always at the top left, or anywhere


def paste(background: Pixels, cutout: Pixels, top: int, left: int) -> Pixels:
    """Return a copy of ``background`` (h, w, 3) with ``cutout`` (h', w', 4: RGB and mask) on it.

    The mask is 0 or 255. A place at which the object would leave the picture raises a ValueError.
    """
    height, width = cutout.shape[:2]
    if top < 0 or left < 0 or top + height > len(background) or left + width > background.shape[1]:
        raise ValueError(
            f"an object of {height}×{width} pixels at row {top}, column {left} leaves a picture of "
            f"{background.shape[0]}×{background.shape[1]}: use smaller shifts"
        )
    picture = background.copy()
    inside = cutout[..., 3] > 127
    picture[top : top + height, left : left + width][inside] = cutout[..., :3][inside]
    return picture


def shift(picture: Pixels, down: int, right: int) -> Pixels:
    """Return ``picture`` moved by whole pixels; what is uncovered is filled by reflection.

    For pictures whose object is not known apart. Both shifts must be non-negative.
    """
    height, width = picture.shape[:2]
    if down >= height or right >= width:
        raise ValueError(
            f"a shift by {down} and {right} leaves a picture of {height}×{width} pixels: "
            "use smaller shifts"
        )
    return np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="reflect")[:height, :width]
