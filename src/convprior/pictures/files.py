"""The one door to files: a picture comes in with all that its file says, and goes out with it.

Format, size, bit depth, transparency, colour profile, EXIF, XMP, resolution and JPEG's tables of
the restored file are those of the one that came; what cannot be kept is noted or refused, never
dropped without a word.
"""

import os
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
import torch
from jaxtyping import Bool, Float
from PIL import features
from torch import Tensor

from convprior.ground import atomic
from convprior.pictures import heic, kinds, pillow, pillow_writing, raw, tiff, tiff_writing
from convprior.pictures.decoding import MOST_PIXELS
from convprior.pictures.kinds import SUFFIXES, WRITABLE, WRITTEN
from convprior.pictures.picture import ImageError, Picture

__all__ = ["MOST_PIXELS", "SUFFIXES", "ImageError", "Picture"]  # they are of this door too

OF_PILLOW = {"AVIF": "avif", "JPEG2000": "jpg_2000"}  # which not every Pillow can read
ON_WINDOWS = os.name == "nt"
# Characters, endings and the names of devices: a file called aux.png would be written to nowhere.
REFUSED_BY_WINDOWS = re.compile(
    r'[<>:"|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE
)


def read_pages(
    path: Path, *, most_pixels: int = MOST_PIXELS, accept_truncated: bool = False
) -> list[Picture]:
    """Read a file of one of the `kinds`: its pages, of which only TIFF can have several.

    Pixels are upright. ``accept_truncated`` takes what there is of a damaged file: the missing rows
    are not known. Raises ImageError for what is no such picture, and for what could not be written
    again without loss.
    """
    refused = kinds.REFUSED.get(path.suffix.lower())
    if refused is not None:
        raise ImageError(f"{path}: is {kinds.advice(refused)}")
    data = _bytes(path)
    kind = _kind(data, path)
    if kind == "TIFF":
        return tiff.read_pages(data, str(path), most_pixels)
    try:
        if kind == "HEIC":
            return [heic.read(data, str(path), most_pixels)]
        if kind == kinds.CAMERA:
            return [raw.read(data, str(path), most_pixels)]
        return [pillow.read(data, str(path), most_pixels, accept_truncated)]
    except ImageError:
        raise
    except Exception as error:  # what is behind broken headers is found as late as in a conversion
        raise ImageError(f"{path}: broken picture ({error!r})") from None


def read(path: Path, *, most_pixels: int = MOST_PIXELS) -> Picture:
    """Read the picture of a file that holds one. Raises ImageError."""
    pages = read_pages(path, most_pixels=most_pixels)
    if len(pages) > 1:
        raise ImageError(f"{path}: has {len(pages)} pages: give one picture a file")
    return pages[0]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from None


def _kind(data: bytes, path: Path) -> str:
    """Return what kind of picture a file is. Raises ImageError if it is not read, or ill named."""
    suffix = path.suffix.lower()
    named, found = SUFFIXES.get(suffix), kinds.of(data)
    if found in kinds.NOT_READ:  # whatever its name says
        raise ImageError(f"{path}: is {kinds.advice(found)}")
    if named is None:
        raise ImageError(f"{path}: cannot read '{path.suffix}': expected {', '.join(SUFFIXES)}")
    if not data:
        raise ImageError(f"{path}: the file is empty")
    if found == "TIFF" and named == kinds.CAMERA:
        found = named  # most makers' begin as a TIFF does: the developer finds out
    if found is None:
        expected = ", ".join(dict.fromkeys(SUFFIXES.values()))
        raise ImageError(f"{path}: not a picture that can be read (expected {expected})")
    if found != named:
        raise ImageError(
            f"{path}: is a {found} file by its content, not {named}: rename it to tell the truth"
        )
    if found in OF_PILLOW and not features.check(OF_PILLOW[found]):
        raise ImageError(
            f"{path}: the Pillow that is installed here reads no {found}: save it as PNG"
        )
    return found


def read_mask(path: Path) -> Bool[Tensor, "h w"]:
    """Read a mask file: True where it is white (repair); greys are cut at one half."""
    picture = read(path)
    return picture.pixels.mean(0) >= 0.5


def lost(path: Path, picture: Picture) -> list[str]:
    """Return what ``path``, of another format than the picture came from, will not say any more."""
    metadata, kind = picture.metadata, SUFFIXES.get(path.suffix.lower())
    said = []
    if metadata.exif and kind == "TIFF":
        said.append("EXIF is not kept in a TIFF")
    if picture.copies and kind != "TIFF":
        said.append("its smaller copies are not kept in another format")
    if metadata.format == "TIFF" and kind != "TIFF":
        said.append("the tags of a TIFF are not kept in another format (profile, XMP, dpi are)")
        if 1 in metadata.own.get("extrasamples", ()):
            said.append("its colours were multiplied by the transparency, and stay so")
    if metadata.own.get("captions") and kind != "JPEG":
        said.append("the IPTC captions of a JPEG are not kept in another format")
    if metadata.own.get("comment") and kind != "JPEG":
        said.append(f"the comment of a {metadata.format} is not kept in another format")
    if metadata.format == kind == "JPEG" and "qtables" not in metadata.own:
        said.append(f"written at quality {pillow_writing.QUALITY}: its own tables are those of ink")
    if metadata.format in SUFFIXES.values() and metadata.format not in WRITTEN and kind == "PNG":
        said.append(f"{metadata.format} is only read: what is restored is a PNG")
    if metadata.format == "PNG" and kind != "PNG":
        if metadata.own["text"]:
            said.append(f"the texts of a PNG are not kept ({', '.join(metadata.own['text'])})")
        if metadata.icc is None and (metadata.own["gamma"] or metadata.own["chromaticity"]):
            said.append("the gamma and the primaries of a PNG are not kept: its colours may change")
    if metadata.own.get("cicp") and kind != "PNG":
        said.append("which colours it is in (cICP) is not kept: they will look otherwise")
    return said


def check_target(path: Path, picture: Picture) -> None:
    """Raise ImageError if ``path`` cannot hold a picture like ``picture`` without loss."""
    suffix = path.suffix.lower()
    kind = SUFFIXES.get(suffix)
    if kind not in WRITTEN:
        folder = "" if path.suffix else "; a folder has to be there already"
        raise ImageError(
            f"{path}: cannot write '{path.suffix}': use one of {', '.join(WRITABLE)}{folder}"
        )
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist: create it first")
    if ON_WINDOWS and REFUSED_BY_WINDOWS.search(path.name):
        raise ImageError(f"{path}: Windows refuses the name '{path.name}': choose another")
    if picture.alpha is not None and kind == "JPEG":
        raise ImageError(f"{path}: JPEG cannot keep the transparency: write PNG, TIFF or WebP")
    if picture.depth == 16 and kind not in ("PNG", "TIFF"):
        raise ImageError(f"{path}: {suffix} cannot keep 16 bits: write PNG or TIFF")
    if picture.depth == 32 and kind != "TIFF":
        numbers = "floating-point" if picture.stored is None else picture.stored.dtype
        raise ImageError(f"{path}: {suffix} cannot keep {numbers} values: write TIFF")
    if len(picture.pixels) not in (1, 3) and kind != "TIFF":
        raise ImageError(f"{path}: {suffix} cannot keep {len(picture.pixels)} channels: write TIFF")


def write_pages(
    path: Path,
    pages: list[Picture],
    quality: int | None = None,
    *,
    try_only: bool = False,
    before: Callable[[Path], None] = lambda _: None,
) -> None:
    """Write pictures in the format that the suffix names, whole or not at all.

    A JPEG from a JPEG keeps its quantisation unless ``quality``, 1 to 100, is given; other lossy
    files are written at 95. ``try_only`` leaves nothing: it finds out whether writing would do.
    ``before`` is called with the whole file before it is moved to its place. Raises ImageError.
    """
    for page in pages:
        check_target(path, page)
    if len(pages) > 1 and SUFFIXES[path.suffix.lower()] != "TIFF":
        raise ImageError(f"{path}: only TIFF can keep {len(pages)} pages: write TIFF")
    try:
        with atomic.file(path, keep=not try_only, before=before) as temporary:
            if SUFFIXES[path.suffix.lower()] == "TIFF":
                tiff_writing.write_pages(temporary, pages)
            else:
                pillow_writing.write(temporary, pages[0], quality)
    except (OSError, ValueError, struct.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise ImageError(f"{path}: cannot be written ({error.strerror})") from None
        # An encoder's own: a side or a tag is too large for it.
        raise ImageError(f"{path}: cannot be written in this format ({error})") from None


def write(path: Path, picture: Picture, quality: int | None = None) -> None:
    """Write one picture; see `write_pages`."""
    write_pages(path, [picture], quality)


def without_metadata(picture: Picture) -> Picture:
    """Return the picture with nothing that its file said beside it but what its numbers mean.

    Without its profile, or with another kind of transparency, a picture has other colours.
    """
    return replace(picture, metadata=picture.metadata.of_colours(), notes=(), copies=())


def write_float(path: Path, picture: Float[Tensor, "c h w"]) -> None:
    """Write values as they are, also outside [0, 1], as a float32 TIFF."""
    with atomic.file(path) as temporary:
        tifffile.imwrite(temporary, picture.cpu().numpy(), photometric="minisblack")


def read_float(path: Path) -> Float[Tensor, "c h w"]:
    """Read what `write_float` wrote."""
    values = tifffile.imread(path).astype(np.float32)
    return torch.from_numpy(values if values.ndim == 3 else values[None])
