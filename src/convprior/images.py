"""Read and write pictures: float32 (c, h, w) in [0, 1], c = 1 (grey) or 3 (RGB).

One door for all files. The restored file has the size, bit depth, alpha, colour profile and EXIF of
the one that came; what cannot be kept is refused, never dropped. Training pictures come through
`decode_rgb`, which ignores EXIF orientation as published ImageNet numbers do.
"""

import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from jaxtyping import Bool, Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from convprior import atomic
from convprior.errors import InputError

READABLE = ("PNG", "JPEG", "TIFF", "WEBP")  # the only decoders that a user's file reaches
WRITABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
MOST_PIXELS = 100_000_000  # a decompression bomb is refused before it is decoded


class ImageError(InputError):
    """A picture that cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class Picture:
    """A picture from a file and what has to go out again with the restored one.

    ``alpha`` is (h, w) in [0, 1] or None; ``depth`` is 8 or 16 bits per sample.
    """

    pixels: Float[Tensor, "c h w"]
    alpha: Float[Tensor, "h w"] | None = None
    depth: int = 8
    metadata: dict[str, Any] = field(default_factory=dict)


def _open(data: bytes, where: str) -> Image.Image:
    """Decode ``data`` wholly; every way in which this can fail becomes one ImageError."""
    if not data:
        raise ImageError(f"{where}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=READABLE)
            if image.width * image.height > MOST_PIXELS:
                raise ImageError(
                    f"{where}: {image.width}×{image.height} pixels are more than "
                    f"{MOST_PIXELS:,}: crop it or scale it down first"
                )
            image.load()
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{where}: not a picture that can be read (expected {', '.join(READABLE)})"
        ) from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error
        raise ImageError(f"{where}: broken or truncated picture ({error})") from None
    return image


def decode_rgb(data: bytes, where: str) -> Image.Image:
    """Decode a file's bytes to 8-bit RGB as stored: no EXIF rotation, transparency over white.

    The format is told by the content, not by the name. Raises ImageError.
    """
    image = _open(data, where)
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
    with Image.open(io.BytesIO(data), formats=READABLE) as image:
        return str(image.format), image.mode, image.width, image.height


def _to_tensor(values: np.ndarray) -> Tensor:
    """Return uint8 or uint16 (h, w[, c]) as float32 (c, h, w) in [0, 1]."""
    scale = np.iinfo(values.dtype).max
    channels = values if values.ndim == 3 else values[..., None]
    scaled = channels.astype(np.float32) / np.float32(scale)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def read(path: Path) -> Picture:
    """Read a grey, RGB, palette or 1-bit picture, with alpha or without.

    Raises ImageError for what is not a picture, and for what could not be written again without
    loss: several pages, CMYK, 16-bit colour, floating point.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from None
    image = _open(data, str(path))
    pages = getattr(image, "n_frames", 1)  # only formats that can have several know how many
    if pages > 1:
        raise ImageError(f"{path}: has {pages} pages or frames: give one picture a file")
    kept = ("exif", "icc_profile", "dpi")
    metadata = {key: image.info[key] for key in kept if key in image.info}
    if image.mode in ("I;16", "I;16B", "I;16L"):
        return Picture(_to_tensor(np.asarray(image).astype(np.uint16)), None, 16, metadata)
    # Pillow decodes 16-bit colour to its upper eight bits without a word.
    deep = any(";16" in str(part) for tile in _tiles(data) for part in tile)
    if deep or image.mode in ("CMYK", "I", "F", "LAB", "HSV"):
        kind = "16-bit colour" if deep else f"mode {image.mode}"
        raise ImageError(
            f"{path}: {kind} cannot be kept without loss: convert it to 8-bit RGB or 16-bit grey"
        )
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in ("L", "RGB") and image.has_transparency_data:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    values = _to_tensor(np.asarray(image))
    if image.mode in ("LA", "RGBA"):
        return Picture(values[:-1], values[-1], 8, metadata)
    return Picture(values, None, 8, metadata)


def _tiles(data: bytes) -> list[tuple[Any, ...]]:
    """Return Pillow's decoding plan, which names the raw mode; loading the picture clears it."""
    plan = Image.open(io.BytesIO(data), formats=READABLE).tile
    return [tuple(tile) for tile in plan]


def read_mask(path: Path) -> Bool[Tensor, "h w"]:
    """Read a mask file: True where it is white (repair); greys are cut at one half."""
    picture = read(path)
    return picture.pixels.mean(0) >= 0.5


def _quantise(picture: Float[Tensor, "c h w"], depth: int = 8) -> np.ndarray:
    """Return (h, w, c) integers of 8 or 16 bits; values outside [0, 1] are clipped."""
    largest = 2**depth - 1
    values = (picture.clamp(0, 1) * largest).round().permute(1, 2, 0).cpu().numpy()
    integers: np.ndarray = values.astype(np.uint8 if depth == 8 else np.uint16)
    return integers


def to_pillow(picture: Float[Tensor, "c h w"]) -> Image.Image:
    """Return an 8-bit Pillow image: grey, RGB, and with one more channel LA or RGBA."""
    values = _quantise(picture)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def check_target(path: Path, picture: Picture) -> None:
    """Raise ImageError if ``path`` cannot hold a picture like ``picture`` without loss."""
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise ImageError(f"{path}: cannot write '{path.suffix}': use one of {', '.join(WRITABLE)}")
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist: create it first")
    if picture.alpha is not None and suffix in (".jpg", ".jpeg"):
        raise ImageError(f"{path}: JPEG cannot keep the transparency: write PNG, TIFF or WebP")
    if picture.depth == 16 and suffix not in (".png", ".tif", ".tiff"):
        raise ImageError(f"{path}: {suffix} cannot keep 16 bits: write PNG or TIFF")


def write(path: Path, picture: Picture) -> None:
    """Write ``picture`` in the format that the suffix names, whole or not at all.

    Lossy formats are written at quality 95. Raises ImageError.
    """
    check_target(path, picture)
    suffix = path.suffix.lower()
    if picture.depth == 16:
        image = Image.fromarray(_quantise(picture.pixels, 16)[..., 0])
    elif picture.alpha is not None:
        image = to_pillow(torch.cat([picture.pixels, picture.alpha[None]]))
    else:
        image = to_pillow(picture.pixels)
    options: dict[str, Any] = dict(picture.metadata)
    if suffix in (".jpg", ".jpeg", ".webp"):
        options["quality"] = 95
    if suffix in (".jpg", ".jpeg"):
        options["subsampling"] = 0
    if suffix == ".webp":
        options.pop("dpi", None)
    try:
        with atomic.file(path) as temporary:
            image.save(temporary, **options)
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_float(path: Path, picture: Float[Tensor, "c h w"]) -> None:
    """Write values as they are, also outside [0, 1], as a float32 TIFF."""
    with atomic.file(path) as temporary:
        tifffile.imwrite(temporary, picture.cpu().numpy(), photometric="minisblack")


def read_float(path: Path) -> Float[Tensor, "c h w"]:
    """Read what `write_float` wrote."""
    values = tifffile.imread(path).astype(np.float32)
    return torch.from_numpy(values if values.ndim == 3 else values[None])


def fit_square(image: Image.Image, size: int) -> Image.Image:
    """Return the central square, scaled to ``size`` pixels with Lanczos (antialiased)."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square if side == size else square.resize((size, size), Image.Resampling.LANCZOS)


def from_pillow(image: Image.Image) -> Float[Tensor, "c h w"]:
    """Return an 8-bit grey or RGB Pillow image as float32 in [0, 1]."""
    return _to_tensor(np.asarray(image))
