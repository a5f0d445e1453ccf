"""Which lines of a picture are scratches: the kind is told by the plainest, the others by the kind.

A picture's scratches are of one kind: light or dark, of like lightness and width. So a line passes
that is evidently a scratch, and then those that are like it, on less evidence. How much is evident
depends on the picture: one rich in lines that are nearly scratches, as wires and bricks are, or in
plain lines of the other kind, has more of them by chance. That is the idea of a number of
false alarms (Desolneux, Moisan and Morel, "Meaningful alignments", IJCV 2000), but counted in the
picture itself.

The weights are those of two logistic regressions, rounded: of lines in pictures of scikit-image
with made-up scratches, against the pictures' own lines. What speaks for a thin line, and against
one of another width, was set so that more of both kinds, on 27 sources, is found and less besides.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.restoration.scratches.lines import EVIDENCE, Lines

EVIDENT = {  # weights of the evidence that a line is a scratch, whatever the others are
    "length": 1.3,
    "lightness": 3.3,
    "change": -18.7,
    "uneven": -2.5,
    "contrast": 1.4,
    "crooked": -8.0,
    "elsewhere": -1.5,
    "variation": -0.6,
    "sides": 16.5,
    "above": 4.7,
    "thin": 5.0,
}
EVIDENT_FROM = 11.1
LIKE = {  # and that it is one in a picture that has some
    "length": 1.0,
    "lightness": 4.0,
    "change": -5.6,
    "uneven": -2.1,
    "contrast": 1.0,
    "crooked": -8.2,
    "elsewhere": -1.2,
    "variation": -0.4,
    "sides": 11.3,
    "above": 4.5,
    "thin": 4.0,
}
LIKE_FROM, UNLIKE = 8.3, 4.4  # the latter per difference in lightness, of at most
APART = 0.4
AS_WIDE = 3.0  # evidence that is lost per logarithm of how many times wider or thinner it is

LONG, LIGHT = 20, 0.5  # pixels and share of the range: a scratch by itself has at least so much
NEARLY = (-8.0, -5.0)  # evidence of the lines that are counted, and
SOME = 3  # more of them, so that the logarithm of none is not minus infinity
RICH = 4.4  # logarithm to base 2 of their number at which evidence must be positive
OTHER = 3.0  # evidence by which the other kind's plainest line must be exceeded
PLAIN = 1.5  # evidence that is enough in any picture
DOUBLE = 2.0  # evidence that a doubled sensitivity stands for
RICH_IN_LIKE, PER_DOUBLE = 6.1, 0.9  # as RICH, of lines like the plain ones
# What goes on straight where a scratch has ended is the rest of it: evidence that it stands for; so
# far aside at most, in pixels and per pixel between their centres; sine of the turn between them
STRAIGHT, ASTRAY, TURN = 2.5, (1.0, 0.05), 0.12


def evident(found: list[Lines]) -> Float[Tensor, " m"]:
    """Return the evidence that each line is a scratch, a logarithm of odds; scales follow."""
    return _weighted(_evidence(found), EVIDENT) - EVIDENT_FROM


def scratches(
    found: list[Lines], other: list[Lines], sensitivity: float
) -> tuple[Bool[Tensor, " m"], float]:
    """Return which lines are scratches, of all scales, and the usual width of those, in pixels.

    ``other`` are the lines of the other kind: dark ones if these are light. ``sensitivity`` of 2
    lets lines pass that have a seventh of the odds.
    """
    odds, evidence = evident(found), _evidence(found)
    bonus = DOUBLE * math.log2(sensitivity)
    control = evident(other)[_may_be_alone(_evidence(other))]
    least, most = NEARLY
    rich = math.log2(SOME + int(((odds > least) & (odds <= most)).sum()))
    plainest = float(control.max()) if len(control) else -math.inf
    needed = min(max(rich - RICH, plainest + OTHER), PLAIN) - bonus
    plain = (odds >= needed) & _may_be_alone(evidence)
    if not plain.any():
        return plain, 0.0
    share = torch.cat([each.count for each in found]) * plain
    share = share / share.sum()
    lightness = evidence[:, EVIDENCE.index("lightness")]
    apart = (lightness - (share * lightness).sum()).abs().clamp(max=APART)
    width = torch.cat([each.width for each in found])
    usual = float((share * width).sum())
    like = _weighted(evidence, LIKE) - LIKE_FROM - UNLIKE * apart
    like -= AS_WIDE * (width / usual).log().abs()
    as_wide = (width < max(2 * usual, 3.5)) & (width > usual / 2.5)
    needed = min(PER_DOUBLE * (rich - RICH_IN_LIKE), 0.0) - bonus
    chosen = (plain | (like >= needed)) & as_wide
    nearly = (like >= needed - STRAIGHT) & as_wide & ~chosen
    return chosen | _straight_on(found, chosen, nearly), usual


def _straight_on(
    found: list[Lines], chosen: Bool[Tensor, " m"], nearly: Bool[Tensor, " m"]
) -> Bool[Tensor, " m"]:
    """Return which of those that are nearly scratches go on where one that is has ended."""
    centre = torch.cat([each.centre for each in found])
    direction = torch.cat([each.direction for each in found])
    others, straight = nearly.nonzero()[:, 0], torch.zeros_like(chosen)
    for own, (sin, cos) in zip(centre[chosen], direction[chosen], strict=True):
        down, right = (centre[others] - own).T
        aside = (down * cos - right * sin).abs()
        turn = (direction[others, 0] * cos - direction[others, 1] * sin).abs()
        most = ASTRAY[0] + ASTRAY[1] * down.hypot(right)
        straight[others] |= (aside <= most) & (turn <= TURN)
    return straight


def _evidence(found: list[Lines]) -> Float[Tensor, "m k"]:
    return torch.cat([torch.empty(0, len(EVIDENCE)), *(each.evidence for each in found)])


def _weighted(evidence: Float[Tensor, "m k"], weights: dict[str, float]) -> Float[Tensor, " m"]:
    return evidence @ torch.tensor([weights[name] for name in EVIDENCE])


def _may_be_alone(evidence: Float[Tensor, "m k"]) -> Bool[Tensor, " m"]:
    length, lightness = (evidence[:, EVIDENCE.index(name)] for name in ("length", "lightness"))
    return (length >= math.log(LONG)) & (lightness >= LIGHT)
