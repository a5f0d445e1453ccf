"""When to stop without the clean picture.

A few known pixels are kept out of the loss. The network learns the picture before it learns the
damage, so the error of its average at those pixels, which is the true error plus the constant
variance of the noise, falls, turns and rises. Its minimum is where to stop; no noise level and no
reference are needed. What is returned is the latest average that is not clearly worse than the one
at the minimum: by no more than one standard error of their difference, as in the rule for pruning
trees of Breiman et al., "Classification and Regression Trees", 1984. Averages get worse slowly, and
the few held-out pixels tend to turn too soon. Noise that neighbours share would reach a held-out
pixel through them: then they are left out of the loss too (fit.py).

A stopper is told each judged step: `update` says whether to keep its average, `stops_at` at which
step to stop unless a better one comes. A rule of your own needs the same two, and `kept_step`.
"""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.problem.noise import Noise
from convprior.problem.observation import temper, variance


@dataclass
class HeldOutStopper:
    """Watch the held-out errors of the average and stop once their minimum is surely behind.

    ``patience`` is a share of the steps taken to the minimum: a fit that took long to improve is
    given long to improve again. ``least_patience`` (steps) bridges the bumps of the first steps.
    ``outlier`` deviations off, an error counts linearly, so that the few pixels that are foreign to
    the picture do not decide; 0: never. Errors are means over ``channels``. ``tolerance`` is in
    standard errors.
    """

    patience: float
    least_patience: int
    outlier: float = 0.0
    channels: int = 1
    tolerance: float = 1.0
    kept_step: int = field(default=0, init=False)
    stops_at: int = field(init=False)
    # The errors at the lowest step.
    lowest: Float[Tensor, " n"] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.stops_at = self.least_patience

    def update(self, step: int, errors: Float[Tensor, " n"]) -> bool:
        """Take the squared errors of the held-out pixels; return whether to keep this average."""
        worse = errors if self.lowest is None else self._worse(errors, self.lowest)
        mean, standard_error = worse.mean(), worse.std(correction=0) / math.sqrt(len(worse))
        if mean < 0 or (self.lowest is None and torch.isfinite(mean)):
            self.lowest = errors
            self.stops_at = step + max(self.least_patience, round(self.patience * step))
        elif self.lowest is None or not mean < self.tolerance * standard_error:
            return False
        self.kept_step = step
        return True

    def _worse(
        self, errors: Float[Tensor, " n"], lowest: Float[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Return by how much each pixel is worse: the noise, which is in both, cancels."""
        if self.outlier:
            limit = self.outlier**2 * variance(lowest, self.channels)
            errors, lowest = temper(errors, limit), temper(lowest, limit)
        return errors - lowest


def typical_steps(noise: Noise, exact: bool) -> float:
    """Return about how many steps a fit takes: the weaker the noise, the more can be learned.

    Of the default recipe: 565, 420, 535, 485 at σ 25 (of 255), 320 to 340 at σ 50, 610 to 940 at
    σ 15, at 256×256. Exact pixels keep gaining.
    """
    if exact or not noise.deviation:
        return 1000.0
    return float(min(500 * (25 / 255 / noise.deviation) ** 0.65, 1000.0))


@dataclass
class LastStep:
    """Stop at a fixed step and keep the latest average: the published recipe."""

    stops_at: int
    kept_step: int = field(default=0, init=False)

    def update(self, step: int, _: Float[Tensor, " n"]) -> bool:
        """Take a step; the latest is always kept."""
        self.kept_step = step
        return True


Stopper = HeldOutStopper | LastStep
