"""What a picture is here: pixels, and all that has to go out again with the restored ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.ground.errors import InputError

Depth = Literal[8, 16, 32]

STRIP = 512  # rows
# GeoTIFF's tags: size of a pixel, a point that is tied to the ground, the whole transformation.
OF_THE_GROUND = (33550, 33922, 34264)


class ImageError(InputError):
    """A picture that cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture.

    ``exif`` and ``xmp`` are as stored, with the orientation reset: pixels are upright. ``dpi`` is
    (across, down) in pixels per inch. ``own`` holds what only the file's own ``format`` can keep:
    JPEG's tables, PNG's text, the tags of TIFF.
    """

    format: str = ""
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    own: Mapping[str, Any] = field(default_factory=dict)

    def enlarged(self, scale: int) -> "Metadata":
        """Return that of a picture with ``scale`` times as many pixels a side on the same area.

        Raises ImageError where tags say the size in a language of their own.
        """
        if "<OME" in str(self.own.get("description")):
            raise ImageError(
                "an OME-TIFF says its size in XML, which would be wrong afterwards: "
                "--strip-metadata leaves it out"
            )
        if any(tag[0] in OF_THE_GROUND for tag in self.own.get("tags", ())):
            raise ImageError(
                "a GeoTIFF says how large its pixels are on the ground, which would be wrong "
                "afterwards: --strip-metadata leaves it out"
            )
        own = dict(self.own)
        if own.get("resolution"):
            own["resolution"] = tuple((top * scale, below) for top, below in own["resolution"])
        dpi = self.dpi and (self.dpi[0] * scale, self.dpi[1] * scale)
        return replace(self, dpi=dpi, own=own)

    def of_colours(self) -> "Metadata":
        """Return what says which colours the numbers are, and how the file is laid out."""
        left_out: dict[str, Any] = {
            "description": None, "tags": (), "resolution": None, "text": {},
            "comment": b"", "captions": b"",
        }  # fmt: skip
        own = {key: left_out.get(key, value) for key, value in self.own.items()}
        return Metadata(self.format, icc=self.icc, own=own)


@dataclass(frozen=True)
class Picture:
    """A picture from a file, or for one.

    ``pixels`` are in [0, 1] where the file holds unsigned integers of ``depth`` 8 or 16 bits, and
    its own numbers where it holds any others: that is depth 32. ``alpha`` is (h, w) in [0, 1] or
    None. ``known`` is (h, w), False where the file has no value, or None where it has them all;
    ``absent`` is (h, w), True where its number stands for "no value" and is to stay. ``stored`` are
    the file's numbers, as ``values`` returns them, where floats of 32 bits are not their type.
    ``copies`` are smaller ones of the same picture, made anew where it is written. ``notes`` say
    what of the file cannot be kept.
    """

    pixels: Float[Tensor, "c h w"]
    alpha: Float[Tensor, "h w"] | None = None
    depth: Depth = 8
    known: Bool[Tensor, "h w"] | None = None
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()
    absent: Bool[Tensor, "h w"] | None = None
    stored: np.ndarray | None = None
    copies: tuple["Picture", ...] = ()

    def values(self) -> np.ndarray:
        """Return (h, w[, c]) as a file of this depth holds them, transparency last."""
        alpha = self.alpha
        pixels = self.pixels if alpha is None else torch.cat([self.pixels, alpha[None]])
        values = to_values(pixels, self.depth)
        return values if self.stored is None else _in_their_type(values, self.stored)


XMP_CONTINUED = re.compile(rb"\s*xmpNote:HasExtendedXMP=(\"[^\"]*\"|'[^']*')")  # elsewhere
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")


def upright_xmp(xmp: bytes) -> bytes:
    """Return XMP that says that its picture is upright, and that it is whole."""
    xmp = XMP_CONTINUED.sub(lambda found: b" " * len(found[0]), xmp)
    return XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


XMP_SIZE = re.compile(
    rb"((?:exif:Pixel(?P<across>X|Y)Dimension|tiff:Image(?P<side>Width|Length))(?:=[\"']|>))\d+"
)


def xmp_of_size(xmp: bytes, width: int, height: int) -> bytes:
    """Return XMP that says these numbers of pixels, where it says any."""

    def renewed(found: re.Match[bytes]) -> bytes:
        across = found["across"] == b"X" or found["side"] == b"Width"
        return found[1] + str(width if across else height).encode()

    return XMP_SIZE.sub(renewed, xmp)


def from_values(values: np.ndarray) -> Float[Tensor, "c h w"]:
    """Return uint8 or uint16 (h, w[, c]) as float32 in [0, 1], floats as they are."""
    channels = values if values.ndim == 3 else values[..., None]
    scale = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    scaled = channels.astype(np.float32) / np.float32(scale)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def to_values(picture: Float[Tensor, "c h w"], depth: Depth = 8) -> np.ndarray:
    """Return (h, w[, c]): integers of 8 or 16 bits, clipped to [0, 1] before, or float32 as is."""
    kind = {8: np.uint8, 16: np.uint16, 32: np.float32}[depth]
    whole = np.empty((*picture.shape[1:], len(picture)), kind)
    for top in range(0, len(whole), STRIP):  # doubles of a large picture are half a gigabyte
        values = picture[:, top : top + STRIP].cpu().permute(1, 2, 0)
        if depth != 32:
            values = (values.clamp(0, 1).double() * (2**depth - 1)).round()
        whole[top : top + STRIP] = values.numpy()
    return whole[..., 0] if whole.shape[-1] == 1 else whole


def as_floats(stored: np.ndarray) -> np.ndarray:
    """Return numbers of any type as floats of 32 bits, infinite beyond their range."""
    with np.errstate(over="ignore"):
        return stored.astype(np.float32)


def _in_their_type(values: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Return floats of 32 bits in the type of the numbers that came, those unchanged to the bit."""
    restored = values.astype(np.float64)
    if stored.dtype.kind in "iu":
        limits = np.iinfo(stored.dtype)
        restored = np.clip(np.rint(restored), limits.min, limits.max)
    with np.errstate(over="ignore"):
        restored = restored.astype(stored.dtype)
    if stored.shape != values.shape:  # enlarged: none of them is there any more
        return restored
    return np.where(values == as_floats(stored), stored, restored)


TURNED = (5, 6, 7, 8)  # of EXIF's orientations, those that swap the sides


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Return (h, w[, c]) turned and mirrored as EXIF's orientation, 1 to 8, asks for."""
    if orientation in TURNED:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values
