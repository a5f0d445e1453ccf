"""Salt and pepper: pixels that hold nothing but an end of the range, thrown over a picture.

What such a pixel was is not in it, so it is missing, and the others may be as good as ever. A black
letter, a light in an eye, a sky that is white throughout are at an end of the range as well; but
what draws a picture hangs together, and impulses lie anywhere, beside each other only by chance.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.prior.patches.filling import filled
from convprior.problem.noise import measure
from convprior.problem.scales import mean_around

UNLIKE = 0.04  # of the range, at least, an impulse differs from the pixels around it
FAR = 4.0  # times the deviation of the others around it
AROUND = 7  # pixels
SAMPLE = 2**20  # pixels
STRIP = 32  # rows
MIDST = 4  # of the eight pixels around one
LEAST = 0.01  # of the pixels: fewer are dead ones, stars, lights
FEW = 30  # how they lie tells nothing
MOST = 0.6  # of the pixels at the ends of the range: more are drawn in black and white
TOGETHER = 1.6  # times as often beside each other as strewn ones, in any direction,
BY_CHANCE = 0.02  # and so much more often: what is drawn has lines


def find(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Return which known pixels are salt and pepper, in any unit; none unless they are many.

    They strike all channels of a pixel, or each channel by itself.
    """
    every = -(-known.numel() // SAMPLE)
    strips = torch.arange(len(known)).split(STRIP)[every // 2 :: every]
    if every > 1 and strips:  # some of a large picture tells whether the rest is to be looked at
        rows = torch.cat(strips)
        if known[rows].any() and not _find(pixels[:, rows], known[rows]).any():
            return torch.zeros_like(known)
    return _find(pixels, known)


def _find(pixels: Float[Tensor, "c h w"], known: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    low, high = pixels[:, known].amin(), pixels[:, known].amax()
    dark, light = pixels == low, pixels == high
    if float(((dark | light).all(0) & known).sum()) > MOST * float(known.sum()):
        return torch.zeros_like(known)
    dark, light = _thin(dark), _thin(light)
    whole = (dark.all(0) | light.all(0)).expand_as(pixels)
    for at_an_end in (whole, dark | light):
        found = _strewn(pixels, known, at_an_end & known, UNLIKE * float(high - low))
        if found is not None:
            return found
    return torch.zeros_like(known)


def _thin(at_an_end: Bool[Tensor, "c h w"]) -> Bool[Tensor, "c h w"]:
    """Return those that are not in the midst of others: an area of one value is of the picture."""
    around = 9 * functional.avg_pool2d(at_an_end[None].float(), 3, 1, 1)[0]  # itself too
    return at_an_end & (around < MIDST + 1)


def _strewn(
    pixels: Float[Tensor, "c h w"],
    known: Bool[Tensor, "h w"],
    at_an_end: Bool[Tensor, "c h w"],
    least: float,
) -> Bool[Tensor, "h w"] | None:
    """Return which pixels at an end of the range are unlike the others, if chance strewed them."""
    candidates, of = at_an_end.any(0), int(known.sum())
    if not LEAST * of <= int(candidates.sum()) < of:
        return None
    others = known & ~candidates
    around = filled(pixels, others)
    unlike = (pixels - around).abs()
    # Noise that is clipped is at an end of the range as well, but no farther off than other noise.
    sure = (at_an_end & (unlike > (FAR * _spread(pixels, others)).clamp(min=least))).any(0)
    share = float(sure.sum()) / of
    if share < LEAST or int(sure.sum()) < FEW or _together(sure) > TOGETHER * share + BY_CHANCE:
        return None
    noise = measure(pixels, others).deviation
    if math.isfinite(noise):
        least = max(least, FAR * noise)
    return (at_an_end & (unlike > least)).any(0)


def _spread(pixels: Float[Tensor, "c h w"], others: Bool[Tensor, "h w"]) -> Float[Tensor, "c h w"]:
    """Return by how much the others around each pixel vary, in each channel."""
    apart = pixels - pixels[:, others].mean(1)[:, None, None]
    mean, energy = (mean_around(p, others, AROUND) for p in (apart, apart.square()))
    return (energy - mean.square()).clamp(min=0).sqrt()


def _together(found: Bool[Tensor, "h w"]) -> float:
    """Return how often one has another beside it, in the direction in which that is most often."""
    pairs = [
        found[:, 1:] & found[:, :-1],
        found[1:] & found[:-1],
        found[1:, 1:] & found[:-1, :-1],
        found[1:, :-1] & found[:-1, 1:],
    ]
    return max(float(pair.sum()) for pair in pairs) / float(found.sum())
