"""What a restored picture leaves of the observation: noise, some outliers, and a rest of picture.

Errors here are squared, one per pixel: their mean over the channels, as `Observation.errors` gives.
"""

from jaxtyping import Float
from torch import Tensor

FOREIGN = 8.0  # deviations: what lies beyond is neither noise nor a detail that the fit missed
FLOOR = 1e-10  # a squared error of zero would have a root of infinite slope


def variance(errors: Float[Tensor, "*n"], channels: int = 1) -> Float[Tensor, ""]:
    """Return the variance of the errors as their median tells it: outliers do not move it."""
    # The median of a mean of squares of normal numbers: Wilson and Hilferty, 1931.
    return errors.nanmedian() / (1 - 2 / (9 * channels)) ** 3


def temper(errors: Float[Tensor, "*n"], limit: Float[Tensor, ""]) -> Float[Tensor, "*n"]:
    """Let squared errors beyond the limit grow with the error, not its square (Huber, 1964)."""
    limit = limit.clamp(min=FLOOR)
    beyond = errors.clamp(min=limit).sqrt() - limit.sqrt()
    return errors.clamp(max=limit) + 2 * limit.sqrt() * beyond


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
