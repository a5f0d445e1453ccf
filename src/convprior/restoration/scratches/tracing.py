"""Where a scratch goes on: what is seen straight on from it, and is too short to be a line."""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from convprior.restoration.scratches.lines import EVIDENCE, Beside, Lines
from convprior.restoration.scratches.ridges import ASIDE

FARTHEST, GAP = 40, 6  # pixels at its scale: beyond an end; in which nothing is seen: it has ended
DRIFT = (-1, 0, 1)  # pixels aside of the bar: lines are not quite straight
ALONG = (-2, 0, 2)  # pixels over which lightness is smoothed: pieces are short
AS_USUAL = 0.5  # of the line's contrast: so much tells that it goes on,
FAINT, SAME = 0.08, 0.08  # of the range: or a contrast and the line's own lightness


def traced(line: Lines, chosen: Bool[Tensor, " m"]) -> Lines:
    """Return the lines of one scale with the places, too, at which the chosen ones go on."""
    found = [(each, *_seen(line, each)) for each in chosen.nonzero()[:, 0].tolist()]
    return replace(
        line,
        places=torch.cat([line.places, *(places for _, places, _ in found)]),
        of=torch.cat([line.of, *(line.of.new_full((len(on),), each) for each, on, _ in found)]),
        contrast=torch.cat([line.contrast, *(contrast for _, _, contrast in found)]),
    )


def _seen(line: Lines, number: int) -> tuple[Int64[Tensor, "n 2"], Float[Tensor, " n"]]:
    """Return the places at which a line is seen along its bar and beyond both ends, with contrast.

    Of those side by side the one with the highest.
    """
    told = dict(zip(EVIDENCE, line.evidence[number].tolist(), strict=True))
    sin, cos = line.direction[number]
    half = round(math.exp(told["length"]) / 2)
    middle = (line.centre[number] - (line.scale - 1) / 2) / line.scale
    step, aside = torch.arange(-half - FARTHEST, half + FARTHEST + 1)[:, None], torch.tensor(DRIFT)
    place = torch.stack([step * sin + aside * cos, step * cos - aside * sin], 2) + middle
    place = place.round().long()
    beside = Beside(line.light, place.flatten(0, 1), sin, cos)
    light = beside.at(0, ALONG)
    contrast = light - torch.maximum(beside.at(ASIDE, ALONG), beside.at(-ASIDE, ALONG))
    contrast, best = contrast.view(len(step), -1).max(1)
    place, light = place[range(len(step)), best], light.view(len(step), -1)[range(len(step)), best]
    seen = (contrast > FAINT) & ((place >= 0) & (place < torch.tensor(line.light.shape))).all(1)
    seen &= (contrast >= AS_USUAL * told["contrast"]) | (light > told["lightness"] - SAME)
    seen[:FARTHEST] &= _before_a_gap(seen[:FARTHEST].flip(0)).flip(0)
    seen[-FARTHEST:] &= _before_a_gap(seen[-FARTHEST:])
    return place[seen], contrast[seen]


def _before_a_gap(seen: Bool[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Return which steps, outward from an end, come before the first gap."""
    step = torch.arange(len(seen))
    last = torch.where(seen, step, -1).cummax(0).values
    return (step - last <= GAP).cumprod(0) > 0
