"""Which pixels to repair: a mask file, the transparency, a colour, or what is plainly broken."""

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from kornia.filters import median_blur
from kornia.morphology import opening
from torch import Tensor

from convprior import images
from convprior.errors import InputError
from convprior.picture import ImageError, Picture

FOREIGN = 8.0  # deviations of noise from the pixels around: dead and stuck ones
FAINT = 8 / 255  # and at least so far off
WIDEST = 5  # pixels: what is exactly black or white and wider is part of the picture


class MaskError(InputError):
    """A mask that cannot be meant."""


def read(source: str, picture: Picture, path: Path, invert: bool) -> tuple[Tensor, list[str]]:
    """Return the pixels to repair, bool (h, w), and what there is to say about them.

    ``source`` is a mask file, a folder of masks with the pictures' names, ``alpha``, a colour like
    ``#ff00ff``, or ``auto``; ``path`` is the picture's file. Raises MaskError or ImageError.
    """
    said = []
    if source == "alpha":
        if picture.alpha is None:
            raise MaskError(f"{path}: has no transparency: --mask alpha repairs transparent pixels")
        repair = picture.alpha < 0.5
    elif source == "auto":
        repair = broken(picture.pixels)
    elif source.startswith("#"):
        repair = _of_colour(source, picture, path)
    else:
        file = _file(Path(source), path)
        mask = images.read(file).pixels.mean(0)
        if bool(((mask > 0.02) & (mask < 0.98)).any()):
            said.append(f"{file}: has greys; what is lighter than half is repaired")
        repair = mask >= 0.5
        if repair.shape != picture.pixels.shape[1:]:
            height, width = picture.pixels.shape[1:]
            raise ImageError(
                f"{file}: is {repair.shape[1]}×{repair.shape[0]} pixels, the picture "
                f"{width}×{height}: make a mask of the picture's size"
            )
    where = source if source.startswith("#") or source in ("alpha", "auto") else str(file)
    if invert:
        repair = ~repair
    colour = "black" if invert else "white"
    if bool(repair.all()):
        raise MaskError(
            f"{where}: marks every pixel of {path}: nothing would be known; {colour} means repair"
        )
    if not bool(repair.any()):
        raise MaskError(
            f"{where}: marks no pixel of {path}: there is nothing to repair; {colour} means repair"
        )
    share = float(repair.float().mean())
    if share > 0.5:
        hint = "" if invert else "; --invert-mask if it marks what is to stay"
        said.append(f"{where}: {share:.0%} of the picture is to be repaired{hint}")
    return repair, said


def _file(source: Path, path: Path) -> Path:
    """Return the mask's file: the source, or the one in it that is named as the picture."""
    if not source.is_dir():
        return source
    found = sorted(f for f in source.glob(f"{path.stem}.*") if f.suffix.lower() in images.SUFFIXES)
    if len(found) != 1:
        came = "none" if not found else ", ".join(f.name for f in found)
        raise MaskError(f"{source}: expected one mask named {path.stem}, found {came}")
    return found[0]


def _of_colour(source: str, picture: Picture, path: Path) -> Bool[Tensor, "h w"]:
    digits = source[1:]
    try:
        wanted = torch.tensor([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    except ValueError:
        wanted = torch.empty(0)
    if len(digits) != 6 or len(wanted) != 3:
        raise MaskError(f"--mask {source}: is no colour: write #rrggbb, as in #ff00ff")
    if len(picture.pixels) not in (1, 3):
        raise MaskError(f"{path}: has {len(picture.pixels)} channels: a colour needs grey or RGB")
    return (picture.pixels - wanted[:, None, None]).abs().amax(0) < 1 / 500


def broken(pixels: Float[Tensor, "c h w"]) -> Bool[Tensor, "h w"]:
    """Return dead and stuck pixels, and scratches that are exactly black or white.

    A pixel is stuck if it is far from the median of those around it, and these agree; a scratch
    is exactly at an end of the range, at most five pixels wide, and unlike its surroundings.
    """
    around = _median(pixels, 3)
    off = (pixels - around).abs()
    noise = off.flatten(1).median(1).values / 0.6745  # of normal noise, in the median's residual
    agree = _median(off, 3)  # an edge has many pixels that are off, a stuck pixel is alone
    limit = (FOREIGN * noise[:, None, None]).clamp(min=FAINT)
    stuck = ((off > limit) & (off > FOREIGN * agree)).any(0)
    low, high = pixels.amin(), pixels.amax()
    wide = _median(pixels, 4 * WIDEST + 1)
    scratched = torch.zeros_like(stuck)
    for end in (low, high):
        extreme = (pixels == end).all(0)
        solid = opening(extreme[None, None].float(), torch.ones(WIDEST, WIDEST))[0, 0] > 0.5
        unlike = (wide - end).abs().amax(0) > 0.2 * (high - low)
        scratched |= extreme & ~solid & unlike
    return stuck | scratched


def _median(pixels: Float[Tensor, "c h w"], size: int) -> Float[Tensor, "c h w"]:
    reach = size // 2
    around = torch.nn.functional.pad(pixels[None], (reach,) * 4, mode="replicate")
    filtered: Tensor = median_blur(around, size)[0, :, reach:-reach, reach:-reach]
    return filtered
