"""From the fit's average to the restored picture: put details back, let alike patches agree.

The average has lost what the network had not learned when it stopped, and has errors of its own.
The first is still in what was observed; the second differ from patch to patch.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.prior import patches
from convprior.problem.noise import FAINT, Noise
from convprior.problem.observation import Observation, variance
from convprior.problem.operators import IDENTITY

FOREIGN = 8.0  # deviations: what lies beyond is neither noise nor a detail that the fit missed
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
        where, share, level = observation.known, 1.0, float(errors[held_out].mean())
    else:
        spread = variance(errors[observation.known], len(average))
        where = observation.known & (errors <= FOREIGN**2 * spread.clamp(min=FAINT**2))
        share = picture_share(errors[where & fitted], errors[where & held_out], noise.deviation)
        level = SHOWN**2 * min(float(spread), noise.deviation**2)
        if noise.shared or (noise.of_blocks and share <= SHOWN):
            # Alike patches would agree on it: they only get the average, whose errors are a part
            # of the noise.
            share, level = 0.0, (SHOWN * noise.deviation) ** 2
        elif share > SHOWN:  # the guide would miss more than there is noise
            rounds = 0
        elif similar and rounds:
            share = SHOWN

    def shown(picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        return torch.where(where, picture.lerp(observation.observed, share), picture)

    # Without held-out pixels nothing tells the errors at missing ones.
    if not (similar and rounds) or math.isnan(level):
        return shown(average).clamp(0, 1)
    for turn in range(rounds):
        average = patches.wiener(shown(average), average, level * CALMER**turn, similar)
    return observation.keep_known(average).clamp(0, 1)


def picture_share(
    fitted: Float[Tensor, " n"], held_out: Float[Tensor, " m"], noise: float
) -> float:
    """Return which share of the residual is picture, in [0, 1], from errors and noise deviation.

    Let the average a be off the picture x by e and the observation y by n. Adding w (y − a) to a
    leaves e + w (n − e), in the mean least for w = −E[e (n − e)] / E[(y − a)²]. The fitted pixels'
    mean error is F = E[n²] + E[e²] − 2 E[e n], that of the held-out ones, which know nothing of
    their noise, H = E[n²] + E[e²]: so w = ((F + H) / 2 − E[n²]) / F. Without pixels of both kinds
    it cannot be told: 0.
    """
    if not (len(fitted) and len(held_out)):
        return 0.0
    misfit = float(fitted.mean())
    both = (misfit + float(held_out.mean())) / 2
    return min(max((both - noise**2) / misfit, 0.0), 1.0) if misfit else 0.0
