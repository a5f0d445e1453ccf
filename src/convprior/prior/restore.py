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
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.iterates import SNAPSHOT_EVERY, DivergedError, Iterate, Iterates, State
from convprior.prior.recipe import Recipe
from convprior.prior.refinement import refine
from convprior.prior.stopping import HeldOutStopper, LastStep, Stopper
from convprior.prior.where import CPU, Where
from convprior.problem.observation import Observation

Ending = Literal["stopped", "max steps", "time limit", "interrupted", "diverged", "failed"]


class Follower:
    """Who follows a fit: sees it, keeps it, and says how long it may take; this one does nothing.

    ``until`` is the moment of `time.monotonic` at which the fit ends; alike patches are filtered
    once after it. ``saved`` is a state that another follower was given to keep: the fit goes on
    from there. ``run`` is the number of the run, from 0, where several are averaged.
    """

    until: float = math.inf
    saved: State | None = None
    run: int = 0

    def see(self, iterate: Iterate, stopper: Stopper) -> None:
        """Take an iterate after the stopper has judged it."""

    def keep(self, state: Callable[[], State]) -> None:
        """Take, every 50 steps, what makes the state of the fit: tensors and plain values."""


@dataclass(frozen=True)
class Restored:
    """What `restore` returns: the picture, float32 (c, h, w) in [0, 1] on the CPU, and its story.

    ``average`` is what the network alone made of it, of step ``best_step`` of ``steps``. ``ended``
    of the last of several runs says what ended the next one, if anything did.
    """

    picture: Float[Tensor, "c H W"]
    average: Float[Tensor, "c H W"]
    best_step: int
    steps: int
    ended: Ending


def restore(
    observation: Observation,
    recipe: Recipe,
    seed: int,
    where: Where = CPU,
    follower: Follower | None = None,
) -> Restored:
    """Restore one picture and stop without having seen the clean one.

    What Ctrl-C or a fit that diverged leaves is the best so far, and ``ended`` says so: unfiltered
    after Ctrl-C. Where there is no picture yet, KeyboardInterrupt or `DivergedError` is raised.
    """
    follower = follower or Follower()
    iterates = Iterates(observation, recipe, seed, where)
    stopper = _stopper(iterates, recipe)
    best: Tensor | None = None
    if follower.saved is not None:
        iterates.load_state_dict(follower.saved["iterates"])
        vars(stopper).update(follower.saved["stopper"])
        best = follower.saved["best"]

    def state() -> State:
        return {
            "iterates": iterates.state_dict(), "stopper": dict(vars(stopper)), "best": best,
        }  # fmt: skip

    ended: Ending = "max steps"
    try:
        for latest in iterates:
            if stopper.update(latest.step, latest.errors):
                best = latest.average
            follower.see(latest, stopper)
            if latest.step >= min(stopper.stops_at, recipe.max_steps):
                break
            if time.monotonic() > follower.until:
                ended = "time limit"
                break
            if latest.step % SNAPSHOT_EVERY == 0:
                follower.keep(state)
    except KeyboardInterrupt:
        if best is None:
            raise
        ended = "interrupted"
    except DivergedError:
        if best is None:
            raise
        ended = "diverged"
    if ended == "max steps" and iterates.step < recipe.max_steps:
        ended = "stopped"
    assert best is not None  # the first iterate is the best so far

    def refined(rounds: int) -> Float[Tensor, "c H W"]:
        return refine(
            best, iterates.observation, iterates.fitted, iterates.held_out, iterates.noise,
            similar=recipe.similar_patches, rounds=rounds,
        )  # fmt: skip

    # Who is out of time or patience does not wait for many rounds of patches.
    rounds = {"time limit": 1, "interrupted": 0}.get(ended, recipe.patch_rounds)
    try:
        picture = refined(rounds)
    except KeyboardInterrupt:
        ended, picture = "interrupted", refined(0)
    return Restored(picture.cpu(), best.cpu(), stopper.kept_step, iterates.step, ended)


def _stopper(iterates: Iterates, recipe: Recipe) -> Stopper:
    """Return who says when to stop: the held-out pixels, or nobody before the last step."""
    if not recipe.held_out:
        return LastStep(recipe.max_steps)
    return HeldOutStopper(
        recipe.patience,
        recipe.least_patience,
        outlier=iterates.tiles.outlier,
        channels=len(iterates.observation.observed),
        # Held-out pixels are too few then to call the later of two the better.
        tolerance=0.0 if iterates.noise.shared else 1.0,
    )


@dataclass(frozen=True)
class Averaged:
    """What `restore_runs` returns: the mean of several runs, (c, h, w) on the CPU, and their story.

    ``spread`` is the standard deviation over the runs, (c, h, w), zero for a single one: where the
    runs disagree, the picture is the network's guess.
    """

    picture: Float[Tensor, "c H W"]
    spread: Float[Tensor, "c H W"]
    runs: tuple[Restored, ...]


def restore_runs(
    observation: Observation,
    recipe: Recipe,
    runs: int,
    seed: int,
    where: Where = CPU,
    follower: Follower | None = None,
) -> Averaged:
    """Average independent runs, from other weights and held-out pixels: their errors half cancel.

    The first run is that of `prior.restore`. The runs that are done count, whatever ends the next
    one: no time, Ctrl-C, a fit that diverges, no memory. A half one counts only if it is the first.
    """
    follower = follower or Follower()
    done: list[Restored] = []
    for run in range(runs):
        follower.run = run
        own = seeds.seed("run", seed, run) if run else seed
        try:
            restored = restore(observation, recipe, own, where, follower)
        except (KeyboardInterrupt, DivergedError, MemoryError, RuntimeError) as error:
            if not done:
                raise
            done[-1] = replace(done[-1], ended=_ended_by(error))
            break
        cut_off = restored.ended in ("time limit", "interrupted", "diverged")
        if not (cut_off and done):
            done.append(restored)
        if cut_off:
            done[-1] = replace(done[-1], ended=restored.ended)
            break
    pictures = torch.stack([restored.picture for restored in done])
    spread = pictures.std(0) if len(done) > 1 else torch.zeros_like(pictures[0])
    return Averaged(pictures.mean(0), spread, tuple(done))


def _ended_by(error: BaseException) -> Ending:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, DivergedError) else "failed"
