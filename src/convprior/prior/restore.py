"""Deep Image Prior: fit an untrained network to one damaged picture and stop before the damage.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018: minimise the misfit between the observed
picture and network(latent) over the weights, from random weights, with the latent fixed but for a
little jitter; return the running average of the iterates. On top: held-out pixels say when to stop
(stopping.py), orthogonalised momentum gets there in a fraction of the steps (muon.py), channels
dropped at random make the average that of an ensemble (networks/hourglass.py), a blind spot lets
the network see exact pixels without learning them by heart (fit.py), and what it has left is put
back where alike patches agree on it (refinement.py).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.prior.recipe import Recipe
from convprior.prior.stopping import HeldOutStopper, LastStep, Stopper
from convprior.prior.tiles import Tiles
from convprior.problem.observation import Observation

JUDGE_EVERY = 5  # steps between two looks at the errors: a look makes a GPU wait for the CPU
SNAPSHOT_EVERY = 50  # steps; a roll-back loses at most twice as many
SPIKE = 10.0  # a misfit this many times its recent mean is a spike
MOST_ROLLBACKS = 5

Ending = Literal["stopped", "max steps", "time limit", "interrupted", "diverged"]
State = dict[str, Any]


@dataclass(frozen=True)
class Iterate:
    """What the fit has reached at one step. Pictures are (c, h, w) in (0, 1), on the device."""

    step: int
    picture: Float[Tensor, "c H W"]
    average: Float[Tensor, "c H W"]
    misfit: float
    errors: Float[Tensor, " n"]  # squared errors of the average at the held-out pixels
    held_out: float  # their mean; NaN where none are held out


@dataclass(frozen=True)
class Restored:
    """What `restore` returns: the picture, float32 (c, h, w) in [0, 1] on the CPU, and its story.

    ``average`` is what the network alone made of it, of step ``best_step`` of ``steps``.
    """

    picture: Float[Tensor, "c H W"]
    average: Float[Tensor, "c H W"]
    best_step: int
    steps: int
    ended: Ending


class DivergedError(RuntimeError):
    """The fit kept spiking; ``best`` is what it had before, or None."""

    best: Restored | None = None


class Iterates:
    """Fit the network and yield every fifth iterate, up to the recipe's last step.

    A non-finite misfit or a spike rolls network, optimisers and average back to a healthy snapshot
    and halves the learning rates; after five times `DivergedError` is raised. `load_state_dict` of
    another one's `state_dict` goes on where that one was, to the same bits on one machine's CPU.
    """

    def __init__(
        self,
        observation: Observation,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
        tile: int | None = None,
    ) -> None:
        self.tiles = Tiles(observation, recipe, seed, torch.device(device), precision, tile)
        self.last_step = recipe.max_steps
        self.step, self.rollbacks = 0, 0
        self.recent = [math.inf] * len(self.tiles.fits)  # the misfit of each tile
        # A blow-up can hide in the newest snapshot: it is trusted once the next one is due.
        self.trusted = self.newest = self.tiles.state_dict()

    def __iter__(self) -> "Iterates":
        return self

    def __next__(self) -> Iterate:
        if self.step >= self.last_step:
            raise StopIteration
        while True:  # until an iterate is healthy
            steps = max(1, min(JUDGE_EVERY, self.last_step - self.step))
            picture, average, misfits = self.tiles.advance(steps)
            self.step += steps
            errors = self.tiles.observation.errors(average)[self.tiles.held_out]
            held_out, *now = torch.stack([errors.mean(), *misfits]).tolist()
            if not all(m < SPIKE * r for m, r in zip(now, self.recent, strict=True)):
                self._roll_back(max(now, key=lambda m: math.inf if math.isnan(m) else m))
                continue
            self.recent = [
                m if math.isinf(r) else 0.8 * r + 0.2 * m
                for m, r in zip(now, self.recent, strict=True)
            ]
            if self.step % SNAPSHOT_EVERY == 0:
                self.trusted, self.newest = self.newest, self.tiles.state_dict()
            return Iterate(self.step, picture, average, fmean(now), errors, held_out)

    def _roll_back(self, misfit: float) -> None:
        if self.rollbacks == MOST_ROLLBACKS:
            raise DivergedError(
                f"the fit diverged at step {self.step} (misfit {misfit:.3g}) after "
                f"{self.rollbacks} roll-backs, each with half the step: try a smaller learning rate"
            )
        self.rollbacks += 1
        self.tiles.load_state_dict(self.trusted)
        self.tiles.shrink_steps(0.5)
        self.trusted = self.newest = self.tiles.state_dict()

    def state_dict(self) -> State:
        """Return all that decides what comes next, as tensors and plain values."""
        return {
            "tiles": self.tiles.state_dict(),
            **{name: getattr(self, name) for name in self._KEPT},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from a `state_dict` of the same observation, recipe and seed."""
        self.tiles.load_state_dict(state["tiles"])
        for name in self._KEPT:
            setattr(self, name, state[name])

    _KEPT = ("step", "recent", "rollbacks", "trusted", "newest")


def restore(
    observation: Observation,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
    tile: int | None = None,
    time_limit: float = math.inf,
    watch: Callable[[Iterate, Stopper], None] = lambda *_: None,
    saved: State | None = None,
    save: Callable[[State], None] | None = None,
) -> Restored:
    """Restore one picture and stop without having seen the clean one.

    ``precision`` is of the network's arithmetic: bfloat16 is faster where the device has it.
    ``tile`` is the largest side, in pixels, that is fitted at once; None takes the picture whole.
    ``time_limit`` is in seconds, for the fit; alike patches are filtered once after it. ``watch``
    sees every iterate after the stopper has judged it. ``save`` is given the state every 50 steps,
    as tensors and plain values; ``saved`` goes on from one. Ctrl-C ends the fit and returns the
    best so far, unfiltered; `DivergedError` carries it.
    """
    start = time.monotonic()
    iterates = Iterates(
        observation, recipe, seed=seed, device=device, precision=precision, tile=tile
    )
    stopper: Stopper = (
        HeldOutStopper(
            recipe.patience,
            recipe.least_patience,
            outlier=iterates.tiles.outlier,
            # Held-out pixels are too few then to call the later of two the better.
            tolerance=0.0 if iterates.tiles.noise.shared else 1.0,
        )
        if recipe.held_out
        else LastStep(recipe.max_steps)
    )
    best: Tensor | None = None
    if saved is not None:
        iterates.load_state_dict(saved["iterates"])
        vars(stopper).update(saved["stopper"])
        best = saved["best"]

    def end(ended: Ending) -> Restored:
        assert best is not None
        # Who is out of time or patience does not wait for many rounds of patches.
        rounds = {"time limit": 1, "interrupted": 0}.get(ended, recipe.patch_rounds)
        try:
            refined = iterates.tiles.refine(best, rounds)
        except KeyboardInterrupt:
            ended, refined = "interrupted", iterates.tiles.refine(best, 0)
        return Restored(refined.cpu(), best.cpu(), stopper.kept_step, iterates.step, ended)

    try:
        for latest in iterates:
            if stopper.update(latest.step, latest.errors):
                best = latest.average
            watch(latest, stopper)
            if latest.step >= min(stopper.stops_at, recipe.max_steps):
                break
            if time.monotonic() - start > time_limit:
                return end("time limit")
            if save and latest.step % SNAPSHOT_EVERY == 0:
                save(
                    {
                        "iterates": iterates.state_dict(),
                        "stopper": dict(vars(stopper)),
                        "best": best,
                    }
                )
    except KeyboardInterrupt:
        if best is None:
            raise
        return end("interrupted")
    except DivergedError as error:
        error.best = None if best is None else end("diverged")
        raise
    return end("max steps" if iterates.step >= recipe.max_steps else "stopped")
