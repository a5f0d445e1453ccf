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

from convprior.ground.errors import InputError
from convprior.pictures.picture import Picture
from convprior.problem.observation import Observation
from convprior.problem.operators import IDENTITY, Operator
from convprior.restoration import impulses, stripes, waves
from convprior.restoration.settings import Task
from convprior.restoration.stripes import Stripes, taken_out
from convprior.restoration.waves import Wave

MARGIN = 0.05  # of the range, at both ends: noise took the darkest and the lightest from there
STRIP = 256  # rows
PRESSED = 2.0  # a range so many times that of all but a few pixels presses the others together;
WIDE = 0.25  # then they have this share of their own range beside it, for the noise at its ends,
FEW = 0.001  # and at most this share of the pixels lies outside


@dataclass(frozen=True)
class Look:
    """What one look at a picture tells, and the way back from the network's values to its own.

    ``observation`` is what is seen without knowing the task; it carries the noise. ``beyond``
    (h, w) are pixels that the network does not see and that stay as they are: known ones too far
    from all others, and those whose number stands for "no value". ``masked`` says that pixels are
    missing or to be repaired; of these, ``impulses`` are salt and pepper. What is
    ``regular`` was found in the picture, and is not in the observation any more.
    """

    observation: Observation
    beyond: Bool[Tensor, "h w"]
    low: float
    high: float
    masked: bool
    impulses: int = 0
    regular: tuple[Stripes | Wave, ...] = ()

    def as_it_is(self) -> "Look":
        """Return the look at a picture of which every known pixel stays."""
        return replace(self, observation=replace(self.observation, exact=True))

    def with_noise(self, told: float | None, strength: float) -> "Look":
        """Return the look with noise of a deviation that is told, or of that measured, scaled."""
        noise = self.observation.noise
        if told is not None:
            noise = replace(noise, deviation=told, of_blocks=False, curve=())
        noise = replace(
            noise,
            deviation=strength * noise.deviation,
            curve=tuple(strength * each for each in noise.curve),
        )
        return replace(self, observation=replace(self.observation, told=noise))

    def under(self, task: Task, operator: Operator = IDENTITY) -> "Look":
        """Return the look with the observation of a task."""
        if operator.is_identity and task != "inpaint":
            return self
        seen = replace(self.observation, operator=operator, exact=task == "inpaint")
        return replace(self, observation=seen)


def look(picture: Picture, repair: Bool[Tensor, "h w"] | None, *, same_size: bool = True) -> Look:
    """Look once at a picture of which ``repair`` (h, w) is to be repaired: all else follows.

    ``same_size`` says that the result has its pixels, so that those far outside of all others can
    stay as they are. Raises InputError if no pixel is known, or seen, and for a range of values
    beyond that of float32.
    """
    if picture.alpha is not None and not bool((picture.alpha > 0).any()):
        raise InputError("every pixel is transparent: there is nothing that could be seen restored")
    absent = _absent(picture, repair)
    known = _known(picture, repair) & ~absent
    if not known.any():
        raise InputError("no pixel is known: there is nothing to restore from")
    # Whoever marks what is to be repaired keeps the rest.
    struck = impulses.find(picture.pixels, known) if repair is None else torch.zeros_like(known)
    known &= ~struck
    low, high = _range(picture, known, same_size)
    if high - low > torch.finfo(torch.float32).max:
        raise InputError(
            f"the values go from {float(picture.pixels[:, known].min()):g} to "
            f"{float(picture.pixels[:, known].max()):g}, too far for floats of 32 bits: write NaN "
            "where there is no value, or mark those pixels with --mask"
        )
    # Eight bits are taken as they are.
    scaled = picture.pixels if (low, high) == (0.0, 1.0) else (picture.pixels - low) / (high - low)
    beyond = absent | known & ((picture.pixels < low) | (picture.pixels > high)).any(0)
    count = int(struck.sum())
    regular: tuple[Stripes | Wave, ...] = ()
    for kind in (stripes, waves) if repair is None else ():
        found = kind.find(scaled, known & ~beyond)
        scaled = taken_out(scaled, known, [each.offsets for each in found])
        regular += found
    masked = repair is not None or picture.known is not None or count > 0
    return Look(Observation(scaled, known & ~beyond), beyond, low, high, masked, count, regular)


def _known(picture: Picture, repair: Tensor | None) -> Bool[Tensor, "h w"]:
    known = torch.ones(picture.pixels.shape[1:], dtype=torch.bool)
    if picture.known is not None:
        known &= picture.known
    if picture.alpha is not None:
        known &= picture.alpha > 0  # the colour of what is wholly transparent means nothing
    return known if repair is None else known & ~repair


def _absent(picture: Picture, repair: Tensor | None) -> Bool[Tensor, "h w"]:
    """Return what has no value and is to have none."""
    if picture.absent is None:
        return torch.zeros(picture.pixels.shape[1:], dtype=torch.bool)
    return picture.absent if repair is None else picture.absent & ~repair


def _range(picture: Picture, known: Bool[Tensor, "h w"], same_size: bool) -> tuple[float, float]:
    """Return the values that become 0 and 1.

    Of 16 bits and floats, those of a few pixels far outside of all others, dead or stars, do not
    count: they would press the rest together. The network never sees them, and they stay as they
    are. ``same_size``: they can.
    """
    if picture.depth == 8:
        return 0.0, 1.0
    values = picture.pixels[:, known]
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 0.5 * abs(high) or 0.5
    steady_low, steady_high = _steady(picture, known)
    wide = WIDE * (steady_high - steady_low)
    beyond = ((values < steady_low - wide) | (values > steady_high + wide)).any(0)
    pressed = high - low > PRESSED * (steady_high - steady_low) > 0
    if same_size and pressed and float(beyond.float().mean()) <= FEW:
        return steady_low - wide, steady_high + wide
    return low - margin, high + margin


def _steady(picture: Picture, known: Bool[Tensor, "h w"]) -> tuple[float, float]:
    """Return the range of the medians of 3×3 pixels."""
    filled = torch.where(known, picture.pixels, picture.pixels[:, known].median())
    around = functional.pad(filled[None], (1, 1, 1, 1), mode="replicate")
    lows, highs = [], []
    for top in range(0, len(known), STRIP):  # the median of a whole picture takes nine copies of it
        steady = median_blur(around[:, :, top : top + STRIP + 2], 3)[0, :, 1:-1, 1:-1]
        values = steady[:, known[top : top + STRIP]]
        if values.numel():
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    return min(lows), max(highs)


def finish(
    look: Look, picture: Picture, restored: Float[Tensor, "c H W"], opaque: Tensor | None
) -> Picture:
    """Return the picture to be written: the restored pixels in the place of the observed ones.

    Known pixels of an exact observation stay to the bit, but for what is regular and was taken out;
    so do those that the look left out, and the colours of what is wholly transparent. ``opaque``
    (h, w) marks transparent pixels that were repaired to be seen.
    """
    as_it_is = (look.low, look.high) == (0.0, 1.0)
    pixels = restored if as_it_is else restored * (look.high - look.low) + look.low
    scale = look.observation.operator.scale
    alpha, absent = picture.alpha, picture.absent
    if scale == 1:
        kept = look.beyond
        if not look.regular:
            kept = kept | (look.observation.known & look.observation.exact)
        if alpha is not None and opaque is None:
            kept = kept | (alpha == 0)
        pixels = torch.where(kept, picture.pixels, pixels)
    if scale > 1 and absent is not None:
        absent = absent.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
        kept = look.beyond.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
        there = picture.pixels.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
        pixels = torch.where(kept, there, pixels)
    if scale > 1 and alpha is not None:
        grown = functional.interpolate(
            alpha[None, None], scale_factor=scale, mode="bicubic", antialias=True
        )
        alpha = grown[0, 0].clamp(0, 1)
        if opaque is not None:
            opaque = opaque.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    if alpha is not None and opaque is not None:
        alpha = torch.where(opaque, 1.0, alpha)
    metadata = picture.metadata.enlarged(scale) if scale > 1 else picture.metadata
    return replace(
        picture, pixels=pixels, alpha=alpha, known=None, metadata=metadata, absent=absent
    )
