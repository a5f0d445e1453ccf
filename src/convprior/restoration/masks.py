"""Which pixels to repair: a mask file, the transparency, a colour, or what is plainly broken."""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from kornia.morphology import dilation
from torch import Tensor

from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.pictures.picture import ImageError, Picture
from convprior.restoration.scratches.find import scratches_and_dust

OUTSIDE = 2.0  # times the range of its neighbours: so far off lies a dead or stuck pixel,
FAINT = 0.1  # and at least this share of the picture's range
NEIGHBOURS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])  # of a pixel


class MaskError(InputError):
    """A mask that cannot be meant."""


def read(
    source: str,
    picture: Picture,
    path: Path,
    invert: bool,
    most_pixels: int = files.MOST_PIXELS,
    sensitivity: float = 1.0,
) -> tuple[Bool[Tensor, "h w"] | None, list[str]]:
    """Return the pixels to repair, None if ``auto`` finds none, and what there is to say of them.

    ``source`` is a mask file, a folder of masks with the pictures' names, ``alpha``, a colour like
    ``#ff00ff``, or ``auto``; ``path`` is the picture's file. ``sensitivity`` is that of ``auto``:
    1, or more to find fainter scratches. Raises MaskError or ImageError.
    """
    said: list[str] = []
    file: Path | None = None
    if picture.absent is not None:  # a number that stands for "no value" is no dead pixel
        picture = replace(picture, pixels=torch.where(picture.absent, torch.nan, picture.pixels))
    if source == "alpha":
        if picture.alpha is None:
            raise MaskError(f"{path}: has no transparency: --mask alpha repairs transparent pixels")
        repair = picture.alpha < 0.5
    elif source == "auto":
        repair = broken(picture.pixels, sensitivity)
        if not bool(repair.any()):
            return None, [f"{path}: no dead pixels, scratches or dust found"]
    elif source.startswith("#"):
        repair = _of_colour(source, picture, path)
    else:
        file = file_of(Path(source), path)
        painted = files.read(file, most_pixels=most_pixels)
        mask, marks = _marks(painted)
        if bool(((mask > 0.02) & (mask < 0.98)).any()):
            said.append(f"{file}: has greys; what is lighter than half is repaired")
        if marks:
            said.append(f"{file}: {marks}")
        repair = mask >= 0.5
        if repair.shape != picture.pixels.shape[1:]:
            height, width = picture.pixels.shape[1:]
            raise ImageError(
                f"{file}: is {repair.shape[1]}×{repair.shape[0]} pixels, the picture "
                f"{width}×{height}: make a mask of the picture's size"
            )
    where = file or source
    if invert:
        repair = ~repair
    colour = "black" if invert else "white"
    hint = f"; {colour} means repair" if file else ""
    if file and not invert:
        hint += _lightest(painted)
    if bool(repair.all()):
        raise MaskError(f"{where}: marks every pixel of {path}: nothing would be known{hint}")
    if not bool(repair.any()):
        raise MaskError(f"{where}: marks no pixel of {path}: there is nothing to repair{hint}")
    share = float(repair.float().mean())
    if share > 0.5:
        hint = "" if invert else "; --invert-mask if it marks what is to stay"
        said.append(f"{where}: {share:.0%} of the picture is to be repaired{hint}")
    return repair, said


def _marks(painted: Picture) -> tuple[Float[Tensor, "h w"], str]:
    """Return what a mask's file marks, 1 for white, and what is to be said of it.

    What is transparent marks nothing. Where nothing opaque is white, but something has been painted
    on transparency, that is what was meant, whatever its colour.
    """
    light = painted.pixels.mean(0)
    if painted.alpha is None or bool((painted.alpha == 1).all()):
        return light, ""
    white = light * painted.alpha
    if bool((white >= 0.5).any()) or not bool((painted.alpha >= 0.5).any()):
        return white, ""
    return painted.alpha, "has no white; what is painted on its transparency is repaired"


def _lightest(painted: Picture) -> str:
    """Return what is to be said of a mask that has no white."""
    lightest = float(painted.pixels.amax())
    if painted.depth == 32 or lightest >= 0.5:
        return ""
    white = 2**painted.depth - 1
    return f", which is {white:,} here, and its largest value is {round(lightest * white):,}"


def file_of(source: Path, path: Path) -> Path:
    """Return the mask's file: the source, or the one in it that is named as the picture."""
    if not source.is_dir():
        return source
    found = sorted(
        file
        for file in source.iterdir()
        if file.stem == path.stem and file.suffix.lower() in files.SUFFIXES
    )
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


def broken(pixels: Float[Tensor, "c h w"], sensitivity: float = 1.0) -> Bool[Tensor, "h w"]:
    """Return dead and stuck pixels, scratches and dust; pixels without a value are none of them.

    A stuck pixel lies outside of all its neighbours' values, by more than twice their own range.
    ``sensitivity`` is that for scratches and dust, 1 unless asked for.
    """
    missing = ~torch.isfinite(pixels).all(0)
    if bool(missing.all()):
        return torch.zeros_like(missing)
    if bool(missing.any()):
        # What has no value is as its neighbours are: it is no extreme, and makes none of them one.
        usual = pixels[:, ~missing].median(1).values[:, None, None]
        pixels = torch.where(missing, usual, pixels)
    return (_stuck(pixels) | scratches_and_dust(pixels, sensitivity)) & ~missing


def _stuck(pixels: Float[Tensor, "c h w"]) -> Bool[Tensor, "h w"]:
    found = torch.zeros(pixels.shape[1:], dtype=torch.bool)
    faintest = FAINT * float(pixels.amax() - pixels.amin())
    for channel in pixels:
        most: Tensor = dilation(channel[None, None], NEIGHBOURS, max_val=torch.inf)[0, 0]
        least: Tensor = -dilation(-channel[None, None], NEIGHBOURS, max_val=torch.inf)[0, 0]
        outside = torch.maximum(channel - most, least - channel)
        found |= outside > (OUTSIDE * (most - least)).clamp(min=faintest)
    return found
