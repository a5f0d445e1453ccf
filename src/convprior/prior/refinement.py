"""From the network's picture and that of the patches to the restored one.

Two pictures whose errors differ make a better one together: the network knows texture that does not
repeat, the patches what does. How much each is worth is told by the pixels that were held out.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.patches import colours
from convprior.prior.patches.denoising import Denoising
from convprior.prior.patches.filling import LAST_ERROR, Filling, filled
from convprior.problem.noise import FAINT
from convprior.problem.observation import Observation, variance

FOREIGN = 8.0  # deviations: what lies beyond is neither noise nor a detail that the fit missed
MOSTLY_PICTURE = 0.6  # from this share on, the residual is put back and patches have little to do
NUDGE = 0.3  # of the noise's deviation: that far a pixel is moved to see what comes of it
GONE_ON_FROM = 0.7  # of the error of both together, to go on with patches: more blurs again


def put_back(
    average: Float[Tensor, "c H W"],
    observation: Observation,
    fitted: Bool[Tensor, "h w"],
    held_out: Bool[Tensor, "h w"],
) -> tuple[Float[Tensor, "c H W"], float]:
    """Return the average with the details that the fit missed, and the share that was put back.

    The share of the residual is put back that makes the expected error least, but for pixels
    foreign to the picture. Nothing is known of it where noise is shared by neighbours.
    """
    noise = observation.noise
    if noise.shared:
        return average, 0.0
    where = _own(average, observation)
    errors = observation.errors(average)
    share = picture_share(errors[where & fitted], errors[where & held_out], noise.deviation)
    if noise.of_blocks and share <= MOSTLY_PICTURE:
        return average, 0.0
    return torch.where(where, average.lerp(observation.observed, share), average), share


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


def _own(average: Float[Tensor, "c h w"], observation: Observation) -> Bool[Tensor, "h w"]:
    """Return the known pixels that belong to the picture, not foreign to it."""
    errors = observation.errors(average)
    spread = variance(errors[observation.known], len(average))
    return observation.known & (errors <= FOREIGN**2 * spread.clamp(min=FAINT**2))


def combine_noisy(
    average: Float[Tensor, "c h w"],
    patched: Float[Tensor, "c h w"],
    observation: Observation,
    held_out: Bool[Tensor, "h w"],
) -> Float[Tensor, "c h w"]:
    """Return the network's average and the patches' picture, each with the weight that it is worth.

    Pixels that are missing, or foreign to the picture, are the network's.
    """
    own = _own(average, observation)
    kept = _kept_noise(patched, observation, held_out)
    worth = _worth(average, patched, observation, held_out & own, kept)
    # Few pixels tell: where they leave it open, patches, which need no stop, are believed.
    weight = min(worth.weight + worth.standard_error, 1.0)
    return torch.where(own, average.lerp(patched, weight), average)


def _kept_noise(
    patched: Float[Tensor, "c h w"], observation: Observation, held_out: Bool[Tensor, "h w"]
) -> Float[Tensor, "c h w"]:
    """Return what patches keep of each held-out pixel's own noise, times that noise, in the mean.

    It is the noise's variance times how far a pixel of theirs goes when it is moved alone. All are
    moved at once, each at random up or down: what the others do drops out of the mean (Ramani, Blu
    and Unser, "Monte-Carlo SURE", IEEE TIP 2008).
    """
    noise = observation.noise
    whole = filled(observation.observed, observation.known)
    drawn = torch.rand(whole.shape, generator=seeds.generator("nudge")).to(whole.device)
    if colours.colourless(whole):
        drawn = drawn[:1].expand_as(drawn)  # black and white has its noise in all channels alike
    far = NUDGE * noise.deviation
    nudge = far * torch.where(held_out, (drawn - 0.5).sign(), 0.0)
    gone = Denoising(whole + nudge, noise).done() - patched
    return noise.variance_of(whole) * gone * nudge / far**2


def combine_exact(
    average: Float[Tensor, "c h w"],
    patched: Float[Tensor, "c h w"],
    observation: Observation,
    held_out: Bool[Tensor, "h w"],
) -> Float[Tensor, "c h w"]:
    """Return the two together, where known pixels are exact, gone on with by patches from there."""
    blind = Filling(replace(observation, known=observation.known & ~held_out))
    worth = _worth(average, blind.done(), observation, held_out)
    start = average.lerp(patched, worth.weight)
    return Filling(observation, start, max(GONE_ON_FROM * worth.error, LAST_ERROR)).done()


@dataclass(frozen=True)
class _Worth:
    """The weight of the patches beside the network, in [0, 1], and how surely it is known.

    ``error`` is the deviation by which both together, so weighed, are off at the held-out pixels.
    """

    weight: float
    standard_error: float
    error: float


def _worth(
    average: Float[Tensor, "c h w"],
    patched: Float[Tensor, "c h w"],
    observation: Observation,
    held_out: Bool[Tensor, "h w"],
    kept: Float[Tensor, "c h w"] | None = None,
) -> _Worth:
    """Return what the patches are worth, told by held-out pixels, which the network has not seen.

    Let the network's picture be a and the patches' p, and y = x + n what was observed: of all
    a + w (p − a) the error is least for w = E[(x − a)(p − a)] / E[(p − a)²], of which the upper one
    is E[(y − a)(p − a)] − E[n p], as a knows nothing of n. ``kept`` is the last, where the patches
    have seen those pixels.
    """
    apart = (patched - average)[:, held_out]
    missed = (observation.observed - average)[:, held_out]
    own = torch.zeros_like(apart) if kept is None else kept[:, held_out]
    energy = float(apart.square().sum())
    if not energy:
        return _Worth(1.0, 0.0, float(missed.square().mean()) ** 0.5)
    weight = float((missed * apart - own).sum()) / energy
    each = ((missed - weight * apart) * apart - own).sum(0)  # channels of a pixel go together
    standard_error = float(each.square().sum()) ** 0.5 / energy
    weight = min(max(weight, 0.0), 1.0)
    error = float((missed - weight * apart).square().mean()) ** 0.5
    return _Worth(weight, standard_error, error)
