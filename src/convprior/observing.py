"""From a picture of a file to an observation, and from the restored pixels back to such a picture.

The network's pictures are in (0, 1). Eight bits are taken as they are; 16-bit and floating-point
files, which may use any part of their range or lie outside of [0, 1], are mapped to it by what they
hold, and the restored values mapped back: no value is stretched.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from kornia.filters import median_blur
from torch import Tensor
from torch.nn import functional

from convprior.errors import InputError
from convprior.noise import measure
from convprior.observation import Observation
from convprior.operators import IDENTITY, Operator
from convprior.picture import Picture
from convprior.recipes import Task

MARGIN = 0.05  # of the range, at both ends: noise took the darkest and the lightest from there
NOISY = 6 / 255  # from this deviation on, known pixels are not to be trusted: clean ones have ≤ 5.2
STRIP = 256  # rows
COARSE = 25  # mean of JPEG's luminance table, steps that it rounds to: from quality 78 down


@dataclass(frozen=True)
class Work:
    """A picture as the method sees it, and the way back."""

    observation: Observation
    low: float
    high: float


def choose(picture: Picture, repair: Bool[Tensor, "h w"] | None) -> tuple[Task, str]:
    """Return the task for a picture of which ``repair`` (h, w) is to be repaired, and why."""
    known = _known(picture, repair)
    masked = repair is not None or picture.known is not None
    low, high = _range(picture, known)
    noise = measure((picture.pixels - low) / (high - low), known)
    strength = f"noise of {255 * noise.deviation:.0f}/255" if noise.deviation < 1 else "small"
    if masked and noise.deviation <= NOISY:
        return "inpaint", f"some is missing, and hardly any noise: {strength}"
    if masked:
        return "denoise", f"some is missing, and {strength}: both are repaired"
    tables = picture.metadata.own.get("qtables") if picture.metadata.format == "JPEG" else None
    if tables and sum(tables[0]) / len(tables[0]) > COARSE:
        return "dejpeg", "a strongly compressed JPEG"
    return "denoise", f"nothing is missing; {strength}"


def observe(
    picture: Picture, task: Task, repair: Bool[Tensor, "h w"] | None, operator: Operator = IDENTITY
) -> Work:
    """Return what the method is given: unknown is what is to be repaired, and what has no value."""
    known = _known(picture, repair)
    if not known.any():
        raise InputError("no pixel is known: there is nothing to restore from")
    low, high = _range(picture, known)
    scaled = (picture.pixels - low) / (high - low)
    return Work(Observation(scaled, known, operator, exact=task == "inpaint"), low, high)


def _known(picture: Picture, repair: Tensor | None) -> Bool[Tensor, "h w"]:
    known = torch.ones(picture.pixels.shape[1:], dtype=torch.bool)
    if picture.known is not None:
        known &= picture.known
    if picture.alpha is not None and bool((picture.alpha > 0).any()):
        known &= picture.alpha > 0  # the colour of what is wholly transparent means nothing
    return known if repair is None else known & ~repair


def _range(picture: Picture, known: Bool[Tensor, "h w"]) -> tuple[float, float]:
    """Return the values that become 0 and 1; those of single stuck pixels do not count."""
    if picture.depth == 8:
        return 0.0, 1.0
    middle = picture.pixels[:, known].median()
    filled = torch.where(known, picture.pixels, middle)
    around = functional.pad(filled[None], (1, 1, 1, 1), mode="replicate")
    lows, highs = [], []
    for top in range(0, len(known), STRIP):  # the median of a whole picture takes nine copies of it
        steady = median_blur(around[:, :, top : top + STRIP + 2], 3)[0, :, 1:-1, 1:-1]
        values = steady[:, known[top : top + STRIP]]
        if values.numel():
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    low, high = min(lows), max(highs)
    margin = MARGIN * (high - low) or 0.5 * abs(high) or 0.5
    return low - margin, high + margin


def finish(
    work: Work, picture: Picture, restored: Float[Tensor, "c H W"], opaque: Tensor | None
) -> Picture:
    """Return the picture to be written: the restored pixels in the place of the observed ones.

    Known pixels of an exact observation and the colours of what is wholly transparent stay to the
    bit. ``opaque`` (h, w) marks transparent pixels that were repaired in order to be seen.
    """
    pixels = restored * (work.high - work.low) + work.low
    scale = work.observation.operator.scale
    alpha = picture.alpha
    if scale == 1:
        kept = work.observation.known if work.observation.exact else torch.zeros(())
        if alpha is not None and opaque is None:
            kept = kept.bool() | (alpha == 0)
        pixels = torch.where(kept.bool(), picture.pixels, pixels)
    elif alpha is not None:
        grown = functional.interpolate(
            alpha[None, None], scale_factor=scale, mode="bicubic", antialias=True
        )
        alpha = grown[0, 0].clamp(0, 1)
        if opaque is not None:
            opaque = opaque.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    if alpha is not None and opaque is not None:
        alpha = torch.where(opaque, 1.0, alpha)
    metadata = picture.metadata.enlarged(scale) if scale > 1 else picture.metadata
    return replace(picture, pixels=pixels, alpha=alpha, known=None, metadata=metadata)
