"""The fit as an iterator: what it has reached at each step, with roll-backs where it goes wrong.

Whoever drains it judges, records or draws; it knows none of them.
"""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.recipe import Recipe
from convprior.prior.tiles import Tiles
from convprior.prior.where import CPU, Where
from convprior.problem.observation import Observation

JUDGE_EVERY = 5  # steps between two looks at the errors: a look makes a GPU wait for the CPU
SNAPSHOT_EVERY = 50  # steps; a roll-back loses at most twice as many
SPIKE = 10.0  # a misfit this many times its recent mean is a spike
MOST_ROLLBACKS = 5
MARGIN = 2  # so many pixels around a held-out one are not fitted either, where noise is shared,
SPARSER = 8  # and the held-out ones are so many times fewer

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


class DivergedError(RuntimeError):
    """The fit kept spiking."""


class Iterates:
    """Fit the network and yield every fifth iterate, up to the recipe's last step.

    ``noise`` is that of the observation; ``fitted`` and ``held_out`` are (h, w), on the device. A
    non-finite misfit or a spike rolls network, optimisers and average back to a healthy snapshot
    and halves the learning rates; after five times `DivergedError` is raised. `load_state_dict` of
    another one's `state_dict` goes on where that one was, to the same bits on one machine's CPU.
    """

    def __init__(
        self, observation: Observation, recipe: Recipe, seed: int, where: Where = CPU
    ) -> None:
        self.noise = observation.noise
        shared = self.noise.shared
        fitted, held_out = observation.split(
            recipe.held_out / (SPARSER if shared else 1),
            seeds.generator("held out", seed),
            margin=MARGIN if shared else 0,
        )
        self.fitted, self.held_out = fitted.to(where.device), held_out.to(where.device)
        self.observation = observation.to(where.device)
        self.tiles = Tiles(self.observation, self.fitted, recipe, seed, where)
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
            errors = self.observation.errors(average)[self.held_out]
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
