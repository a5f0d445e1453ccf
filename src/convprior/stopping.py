"""When to stop without the clean picture.

A few known pixels are kept out of the loss. The network learns the picture before it learns the
damage, so the error of its average at those pixels, which is the true error plus the constant
variance of the noise, falls, turns and rises. Its minimum is where to stop; no noise level and no
reference are needed. What is returned is the latest average that is not clearly worse than the one
at the minimum: by no more than one standard error of their difference, as in the rule for pruning
trees of Breiman et al., "Classification and Regression Trees", 1984. Averages get worse slowly, and
the few held-out pixels tend to turn too soon.

A stopper is told each judged step: `update` says whether to keep its average, `stops_at` at which
step to stop unless a better one comes. A rule of your own needs the same two, and `kept_step`.
"""

import math
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor


@dataclass
class HeldOutStopper:
    """Watch the held-out errors of the average and stop once their minimum is surely behind.

    ``patience`` is a share of the steps taken to the minimum: a fit that took long to improve is
    given long to improve again. ``least_patience`` (steps) bridges the bumps of the first steps.
    """

    patience: float
    least_patience: int
    kept_step: int = field(default=0, init=False)
    lowest_step: int = field(default=0, init=False)
    lowest: float = field(default=math.inf, init=False)
    lowest_errors: Tensor | None = field(default=None, init=False)

    def update(self, step: int, errors: Float[Tensor, " n"]) -> bool:
        """Take the squared errors of the held-out pixels; return whether to keep this average."""
        error = float(errors.mean())
        if error < self.lowest:
            self.lowest_step, self.lowest, self.lowest_errors = step, error, errors
        elif not self._is_as_good(errors):
            return False
        self.kept_step = step
        return True

    def _is_as_good(self, errors: Tensor) -> bool:
        if self.lowest_errors is None:
            return False
        # Pixel by pixel, so that the noise, which is in both, cancels.
        worse = errors - self.lowest_errors
        standard_error = worse.std(correction=0) / math.sqrt(len(worse))
        return bool(worse.mean() < standard_error)

    @property
    def stops_at(self) -> int:
        """The step at which to stop unless the error improves before."""
        return self.lowest_step + max(self.least_patience, round(self.patience * self.lowest_step))


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
