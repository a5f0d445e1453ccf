"""Dust: light specks that are alike, among which hardly any are of other kinds.

A picture's own specks, lights, letters and the dots of a texture, are of all kinds; dust is of one
lightness, near the end of the range, and falls anywhere. So some specks must be evident, more than
are grey, or crowded: those that would be evident if they were white, or if they lay on even ground.
Those that are but likely speak for dust where they are as light as the evident ones, and against it
where they are not. The light in an eye is one of two.

The weights are those of a logistic regression, rounded: of specks of dust that was made up on
pictures, against the pictures' own.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from convprior.restoration.scratches.covering import grown
from convprior.restoration.scratches.specks import EVIDENCE, Specks, covered, specks

WEIGHTS = {"strength": 1.7, "lightness": 9.4, "uneven": -4.9, "elsewhere": -2.3}
FROM = 9.8
EVIDENT, LIKELY = 1.0, -1.0  # odds of a speck that tells of dust, and of dust where there is some
POSSIBLE, SAME = -4.0, 0.12  # and where there are scratches too, if it is as light, of the range
FEW = 6  # evident ones at least, where there are no scratches: fewer may be the light in eyes;
HARDLY = 0.1  # where there are some: one, and so many more for each that is but likely
# Where there are none, a likely one that is as light counts in part, at most so many for each that
# is evident, for the gaps of a texture are alike, too; for each other so many more are needed.
KIN, MOST_KIN, DOUBTFUL = 0.5, 3, 0.9
WHITE, GREY = 0.9, 0.7  # the lightness given to a grey one, which has less than the latter
CROWDED = 2.0  # odds on even ground of one that counts as crowded
ALIKE = 0.15  # of the range: the mean distance of the evident ones' lightness from its median
LARGER = 4.0  # so many times the usual area of the evident ones may one of the kind have
APART, RANK = 4, 1e-9  # pixels from one speck to the next; odds that the first of equals is better
DOUBLE = 2.0  # odds that a doubled sensitivity stands for


def dust(
    light: Float[Tensor, "h w"],
    scratched: Bool[Tensor, "h w"],
    sensitivity: float,
    *,
    expected: bool,
) -> Bool[Tensor, "h w"]:
    """Return the pixels of light specks, if they are dust; those at scratches are left out.

    Dust is ``expected`` in a picture that has scratches: one evident speck is enough there.
    """
    found = specks(light, grown(scratched, 2))
    evidence = torch.cat([each.evidence for each in found])
    odds = evidence @ torch.tensor([WEIGHTS[name] for name in EVIDENCE]) - FROM
    odds += DOUBLE * math.log2(sensitivity)
    single = _single(found, odds, light.shape)
    evident = single & (odds >= EVIDENT)
    if not evident.any():
        return torch.zeros_like(scratched)
    lightness = evidence[:, EVIDENCE.index("lightness")]
    area = torch.cat([each.area for each in found])
    small = area <= LARGER * area[evident].median()
    apart = (lightness - lightness[evident].median()).abs()
    alike = small & (apart <= SAME)
    likely = single & (odds >= LIKELY) & ~evident
    number, kin = int(evident.sum()), int((likely & alike).sum())
    kin = min(kin, MOST_KIN * number)
    doubtful = int(likely.sum()) - kin
    grey, crowded = _others(found, odds, evidence, light.shape)
    if expected:
        least, needed = POSSIBLE, max(grey, 1 + HARDLY * doubtful)
    else:
        least, needed = LIKELY, max(grey, crowded, FEW + DOUBTFUL * doubtful)
    if number + KIN * kin < needed or float(apart[evident].mean()) > ALIKE:
        return torch.zeros_like(scratched)
    return covered(light, found, single & small & ((odds >= LIKELY) | alike & (odds >= least)))


def _others(
    found: list[Specks], odds: Float[Tensor, " m"], evidence: Float[Tensor, "m k"], size: torch.Size
) -> tuple[int, int]:
    """Return how many specks are grey, and how many crowded."""
    _, lightness, uneven, elsewhere = evidence.T
    if_white = odds + WEIGHTS["lightness"] * (WHITE - lightness)
    grey = _single(found, if_white, size) & (if_white >= EVIDENT) & (lightness < GREY)
    penalty = WEIGHTS["uneven"] * uneven + WEIGHTS["elsewhere"] * elsewhere.clamp(min=0)
    if_even = odds - penalty
    crowded = _single(found, if_even, size) & (if_even >= CROWDED) & (odds < EVIDENT)
    return int(grey.sum()), int(crowded.sum())


def _single(found: list[Specks], odds: Float[Tensor, " m"], size: torch.Size) -> Bool[Tensor, " m"]:
    """Return which specks have the best odds of all nearer than APART; the first of equals.

    A speck of which several pixels are clipped, or that rings of two sizes show, is one.
    """
    rows, columns = torch.cat([each.places for each in found]).T
    ranked = odds.double() - RANK * torch.arange(len(odds))
    best = torch.full(size, -math.inf, dtype=torch.double).flatten()
    best = best.scatter_reduce(0, rows * size[1] + columns, ranked, "amax").view(size)
    near = functional.max_pool2d(best[None, None], 2 * APART + 1, 1, APART)[0, 0]
    return ranked >= near[rows, columns]
