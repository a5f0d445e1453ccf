"""Deep Image Prior: fit an untrained network to one damaged picture and stop before the damage.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018: minimise the misfit between the observed
picture and network(latent) over the weights, from random weights, with the latent fixed but for a
little jitter. Two ideas on top: held-out pixels say when to stop, and orthogonalised momentum
(muon.py) gets there in a tenth of the steps. What is returned is the running average of iterates.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from convprior import seeds
from convprior.muon import Muon
from convprior.networks.hourglass import Hourglass, Upsampling
from convprior.observation import Observation
from convprior.stopping import HeldOutStopper, LastStep, Stopper

LATENT_RANGE = 0.1  # the latent is uniform in [0, 0.1]: published code, utils/common_utils.py
JUDGE_EVERY = 5  # steps between two looks at the errors: a look makes a GPU wait for the CPU
SNAPSHOT_EVERY = 50  # steps; a roll-back loses at most twice as many
SPIKE = 10.0  # a misfit this many times its recent mean is a spike
MOST_ROLLBACKS = 5

Ending = Literal["stopped", "max steps", "time limit", "interrupted", "diverged"]


@dataclass(frozen=True)
class Recipe:
    """The numbers of one configuration of the method; params.yaml says what each one does."""

    channels: tuple[int, ...]
    skip_channels: int
    upsampling: Upsampling
    latent_channels: int
    jitter: float
    learning_rate: float
    muon_learning_rate: float
    max_steps: int
    average: float
    held_out: float
    patience: float
    least_patience: int

    def __post_init__(self) -> None:
        shares = {"average": self.average, "held_out": self.held_out}
        counts = {
            "max_steps": self.max_steps,
            "latent_channels": self.latent_channels,
            **{f"channels[{i}]": width for i, width in enumerate(self.channels)},
        }
        amounts = {
            "skip_channels": self.skip_channels,
            "jitter": self.jitter,
            "learning_rate": self.learning_rate,
            "muon_learning_rate": self.muon_learning_rate,
            "patience": self.patience,
            "least_patience": self.least_patience,
        }
        wrong = [
            *(f"{k} is {v}, expected 0 <= {k} < 1" for k, v in shares.items() if not 0 <= v < 1),
            *(f"{k} is {v}, expected at least 1" for k, v in counts.items() if v < 1),
            *(f"{k} is {v}, expected at least 0" for k, v in amounts.items() if not v >= 0),
            *([] if self.channels else ["channels is empty, expected one number a scale"]),
        ]
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True)
class Iterate:
    """What the fit has reached at one step. Pictures are (c, h, w) in (0, 1), on the device."""

    step: int
    picture: Tensor
    average: Tensor
    misfit: float
    held_out: float  # misfit of the average at the held-out pixels; NaN where none are


@dataclass(frozen=True)
class Restored:
    """What `restore` returns: the picture, float32 (c, h, w) in [0, 1] on the CPU, and its story.

    ``best_step`` is the step of the returned average, ``steps`` how many were taken.
    """

    picture: Tensor
    best_step: int
    steps: int
    ended: Ending


class DivergedError(RuntimeError):
    """The fit kept spiking; ``best`` is what it had before, or None."""

    best: Restored | None = None


class _Fit:
    """Everything that a step changes: the network, its optimisers, and the average."""

    def __init__(
        self, observation: Observation, recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        channels, self.height, self.width = observation.observed.shape
        with torch.random.fork_rng(devices=[]):  # layers draw from torch's global stream
            torch.manual_seed(seeds.seed("network", seed))
            self.network = Hourglass(
                recipe.latent_channels,
                channels,
                recipe.channels,
                recipe.skip_channels,
                recipe.upsampling,
            ).to(device)
        size = self.network.latent_size(self.height, self.width)
        self.latent = LATENT_RANGE * torch.rand(
            1, recipe.latent_channels, *size, generator=seeds.generator("latent", seed)
        ).to(device)
        self.jitter_stream = seeds.generator("jitter", seed, device=device)
        kernels = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim == 1]
        self.optimisers: list[torch.optim.Optimizer] = (
            [Muon(kernels, recipe.muon_learning_rate), torch.optim.Adam(others)]
            if recipe.muon_learning_rate
            else [torch.optim.Adam(kernels + others)]
        )
        for group in self.optimisers[-1].param_groups:
            group["lr"] = recipe.learning_rate
        self.rates = [optimiser.param_groups[0]["lr"] for optimiser in self.optimisers]
        self.recipe = recipe
        self.average: Tensor | None = None

    def step(self, misfit_of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Take one step; return the picture before it, the average with it, and its misfit."""
        noise = torch.empty_like(self.latent).normal_(generator=self.jitter_stream)
        output = self.network(self.latent + self.recipe.jitter * noise)
        picture = output[0, :, : self.height, : self.width]
        misfit = misfit_of(picture)
        misfit.backward()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        picture = picture.detach()
        self.average = (
            picture if self.average is None else picture.lerp(self.average, self.recipe.average)
        )
        return picture, self.average, misfit.detach()

    def state(self) -> Any:
        """Return a copy that later steps do not change."""
        optimisers = [optimiser.state_dict() for optimiser in self.optimisers]
        return copy.deepcopy((self.network.state_dict(), optimisers, self.average))

    def roll_back(self, state: Any, shrink: float) -> None:
        """Return to ``state`` with the recipe's learning rates times ``shrink``."""
        network, optimisers, self.average = copy.deepcopy(state)
        self.network.load_state_dict(network)
        for optimiser, saved, rate in zip(self.optimisers, optimisers, self.rates, strict=True):
            optimiser.load_state_dict(saved)
            optimiser.param_groups[0]["lr"] = rate * shrink


def iterates(
    observation: Observation, recipe: Recipe, *, seed: int, device: torch.device | str = "cpu"
) -> Iterator[Iterate]:
    """Fit the network and yield every fifth iterate, up to the recipe's last step.

    A non-finite misfit or a spike rolls network, optimisers and average back to a healthy snapshot
    and halves the steps; after five times `DivergedError` is raised.
    """
    device = torch.device(device)
    fitted, held_out = observation.split(recipe.held_out, seeds.generator("held out", seed))
    observation, fitted, held_out = observation.to(device), fitted.to(device), held_out.to(device)
    fit = _Fit(observation, recipe, seed, device)
    # A blow-up can hide in the newest snapshot: it is trusted once the next one is due.
    trusted = newest = fit.state()
    recent, rollbacks = math.inf, 0

    for step in itertools.count(1):
        picture, average, misfit = fit.step(lambda picture: observation.misfit(picture, fitted))
        if step % JUDGE_EVERY and step < recipe.max_steps:
            continue
        judged = torch.stack([misfit, observation.misfit(average, held_out)])
        misfit_now, held_out_now = judged.tolist()

        if not misfit_now < SPIKE * recent:
            if rollbacks == MOST_ROLLBACKS:
                raise DivergedError(
                    f"the fit diverged at step {step} (misfit {misfit_now:.3g}) after "
                    f"{rollbacks} roll-backs, each with half the step: try a smaller learning rate"
                )
            rollbacks += 1
            fit.roll_back(trusted, shrink=0.5**rollbacks)
            newest = trusted
            continue
        recent = misfit_now if math.isinf(recent) else 0.8 * recent + 0.2 * misfit_now
        yield Iterate(step, picture, average, misfit_now, held_out_now)
        if step >= recipe.max_steps:
            return
        if step % SNAPSHOT_EVERY == 0:
            trusted, newest = newest, fit.state()


def restore(
    observation: Observation,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    time_limit: float = math.inf,
    watch: Callable[[Iterate, Stopper], None] = lambda *_: None,
) -> Restored:
    """Restore one picture and stop without having seen the clean one.

    ``time_limit`` is in seconds. ``watch`` sees every iterate after the stopper has judged it.
    Ctrl-C ends the fit and returns the best so far; `DivergedError` carries it.
    """
    start = time.monotonic()
    stopper: Stopper = (
        HeldOutStopper(recipe.patience, recipe.least_patience)
        if recipe.held_out
        else LastStep(recipe.max_steps)
    )
    best: Iterate | None = None
    latest: Iterate | None = None

    def end(ended: Ending) -> Restored:
        assert best is not None
        assert latest is not None
        picture = observation.keep_known(best.average.cpu())
        return Restored(picture, best.step, latest.step, ended)

    try:
        for latest in iterates(observation, recipe, seed=seed, device=device):
            if stopper.update(latest.step, latest.held_out):
                best = latest
            watch(latest, stopper)
            if latest.step >= recipe.max_steps:
                return end("max steps")
            if latest.step >= stopper.stops_at:
                return end("stopped")
            if time.monotonic() - start > time_limit:
                return end("time limit")
    except KeyboardInterrupt:
        if best is None:
            raise
        return end("interrupted")
    except DivergedError as error:
        error.best = end("diverged") if best else None
        raise
    raise AssertionError("the last iterate ends the loop")
