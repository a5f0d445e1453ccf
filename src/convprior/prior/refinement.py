"""From the fit's average to the restored picture: put details back, let alike patches agree.

The average has lost what the network had not learned when it stopped, and has errors of its own.
The first is still in what was observed; the second differ from patch to patch.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.prior import patches, robust
from convprior.problem.noise import FAINT, Noise
from convprior.problem.observation import Observation
from convprior.problem.operators import IDENTITY

# Groups of patches are given so much of what was observed: their agreement cancels most noise.
SHOWN = 0.6
CALMER = 0.8  # from one round to the next, the variance of the errors that are filtered


def refine(
    average: Float[Tensor, "c H W"],
    observation: Observation,
    fitted: Bool[Tensor, "h w"],
    held_out: Bool[Tensor, "h w"],
    noise: Noise,
    *,
    similar: int,
    rounds: int,
) -> Float[Tensor, "c H W"]:
    """Return the restored picture, clipped to [0, 1].

    Exact known pixels are put back as they are. Of noisy ones the share of the residual is put back
    that makes the expected error least, but for pixels foreign to the picture. Then groups of
    ``similar`` patches are filtered together, ``rounds`` times (either may be 0: not at all), which
    starts from more of the observed noise than a single patch could bear. An operator other than
    the identity leaves nothing to put back: then the average is returned.
    """
    if observation.operator is not IDENTITY:
        return average.clamp(0, 1)
    errors = observation.errors(average)
    if observation.exact:
        where, share, variance = observation.known, 1.0, float(errors[held_out].mean())
    else:
        spread = robust.variance(errors[observation.known], len(average))
        where = observation.known & (errors <= robust.FOREIGN**2 * spread.clamp(min=FAINT**2))
        share = robust.picture_share(
            errors[where & fitted], errors[where & held_out], noise.deviation
        )
        variance = SHOWN**2 * min(float(spread), noise.deviation**2)
        if noise.shared or (noise.of_blocks and share <= SHOWN):
            # Alike patches would agree on it: they only get the average, whose errors are a part
            # of the noise.
            share, variance = 0.0, (SHOWN * noise.deviation) ** 2
        elif share > SHOWN:  # the guide would miss more than there is noise
            rounds = 0
        elif similar and rounds:
            share = SHOWN

    def shown(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        return torch.where(where, picture.lerp(observation.observed, share), picture)

    # Without held-out pixels nothing tells the errors at missing ones.
    if not (similar and rounds) or math.isnan(variance):
        return shown(average).clamp(0, 1)
    for turn in range(rounds):
        level = variance * CALMER**turn
        average = patches.wiener(shown(average), average, level, similar)
    return observation.keep_known(average).clamp(0, 1)
