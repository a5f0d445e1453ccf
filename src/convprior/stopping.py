"""When to stop without the clean picture.

A few known pixels are kept out of the loss. The network learns the picture before it learns the
damage, so the error of its average at those pixels, which is the true error plus the constant
variance of the noise, falls, turns and rises. The minimum is where to stop; no noise level and no
reference are needed.

A stopper is told each judged step: `update` says whether it is the best so far, `stops_at` at which
step to stop unless a better one comes. A rule of your own needs the same two.
"""

import math
from dataclasses import dataclass, field


@dataclass
class HeldOutStopper:
    """Watch the held-out error of the average and stop once its minimum is surely behind.

    ``patience`` is a share of the steps taken to the best so far: a fit that took long to improve
    is given long to improve again. ``least_patience`` (steps) bridges the bumps of the first steps.
    """

    patience: float
    least_patience: int
    best_step: int = field(default=0, init=False)
    best_error: float = field(default=math.inf, init=False)

    def update(self, step: int, held_out: float) -> bool:
        """Take the held-out error at ``step``; return whether it is the best so far."""
        if not held_out < self.best_error:
            return False
        self.best_step, self.best_error = step, held_out
        return True

    @property
    def stops_at(self) -> int:
        """The step at which to stop unless the error improves before."""
        return self.best_step + max(self.least_patience, round(self.patience * self.best_step))


@dataclass
class LastStep:
    """Stop at a fixed step and prefer the latest average: the published recipe."""

    stops_at: int
    best_step: int = field(default=0, init=False)

    def update(self, step: int, _: float) -> bool:
        """Take a step; the latest is always the best."""
        self.best_step = step
        return True


Stopper = HeldOutStopper | LastStep
