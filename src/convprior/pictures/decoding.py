"""From a file's bytes to a Pillow image, whatever the bytes are; between Pillow and tensors.

Training pictures come through `decode_rgb`, which ignores EXIF orientation as published ImageNet
numbers do.
"""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from convprior.pictures.picture import ImageError, from_values, to_values

DECODED = ("PNG", "JPEG", "TIFF", "WEBP")  # the only decoders that a training picture reaches
MOST_PIXELS = 100_000_000  # a decompression bomb is refused before it is decoded


def decode(
    data: bytes, where: str, most_pixels: int, formats: tuple[str, ...] = DECODED
) -> Image.Image:
    """Decode a file's bytes wholly; every way in which this can fail becomes one ImageError."""
    if not data:
        raise ImageError(f"{where}: the file is empty")
    try:
        with _our_limit_alone():
            image = Image.open(io.BytesIO(data), formats=formats)
            check_size(image.width, image.height, where, most_pixels)
            image.load()
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{where}: not a picture that can be read (expected {', '.join(formats)})"
        ) from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error
        raise ImageError(f"{where}: broken or truncated picture ({error})") from None
    return image


def check_size(width: int, height: int, where: str, most_pixels: int) -> None:
    """Raise ImageError if a picture that is not decoded yet has more pixels than may be read."""
    if width * height > most_pixels:
        raise ImageError(
            f"{where}: {width}×{height} pixels are more than {most_pixels:,}: crop it, scale it "
            "down, or allow more with --max-pixels"
        )


@contextmanager
def _our_limit_alone() -> Iterator[None]:
    pillow, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = pillow


def decode_rgb(data: bytes, where: str) -> Image.Image:
    """Decode a file's bytes to 8-bit RGB as stored: no EXIF rotation, transparency over white.

    The format is told by the content, not by the name. Raises ImageError.
    """
    image = decode(data, where, MOST_PIXELS)
    if image.mode in ("I;16", "I;16B", "I", "F"):
        values = np.asarray(image, dtype=np.float32)
        scale = 255.0 if image.mode == "F" else 1 / 257
        image = Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, coloured)
    return image.convert("RGB")


def describe(data: bytes) -> tuple[str, str, int, int]:
    """Return (format, mode, width, height) of a file's bytes as they were stored."""
    with Image.open(io.BytesIO(data), formats=DECODED) as image:
        return str(image.format), image.mode, image.width, image.height


def to_pillow(picture: Float[Tensor, "c h w"]) -> Image.Image:
    """Return an 8-bit Pillow image: grey, RGB, and with one more channel LA or RGBA."""
    return Image.fromarray(to_values(picture))


def data_uri(picture: Float[Tensor, "c h w"], *, optimize: bool = False) -> str:
    """Return a picture as a PNG in a data URI; ``optimize`` makes it smaller, and takes longer."""
    return png_uri(to_pillow(picture), optimize=optimize)


def png_uri(image: Image.Image, *, optimize: bool = False) -> str:
    """Return a Pillow image of any mode as `data_uri` does a picture."""
    data = io.BytesIO()
    image.save(data, "PNG", optimize=optimize)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def from_pillow(image: Image.Image) -> Float[Tensor, "c h w"]:
    """Return an 8-bit grey or RGB Pillow image as float32 in [0, 1]."""
    return from_values(np.asarray(image))


def fit_square(image: Image.Image, size: int) -> Image.Image:
    """Return the central square, scaled to ``size`` pixels with Lanczos (antialiased)."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square if side == size else square.resize((size, size), Image.Resampling.LANCZOS)
