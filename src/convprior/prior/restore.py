"""Deep Image Prior: fit an untrained network to one damaged picture and stop before the damage.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018: minimise the misfit between the observed
picture and network(latent) over the weights, from random weights, with the latent fixed but for a
little jitter; return the running average of the iterates. On top: held-out pixels say when to stop
(stopping.py), orthogonalised momentum gets there in a fraction of the steps (muon.py), channels
dropped at random make the average that of an ensemble (networks/hourglass.py), and a blind spot
lets the network see exact pixels without learning them by heart (fit.py).

A picture also repeats itself, which a convolution has to learn anew at each place: alike patches
are estimated together first (patches/), in seconds, and the pictures of both are combined
(refinement.py). What is to be enlarged or sharpened is left to them.
"""

import math
import time

from jaxtyping import Float
from torch import Tensor

from convprior.prior.follower import Ending, Follower, Restored, by_patches
from convprior.prior.iterates import SNAPSHOT_EVERY, DivergedError, Iterates, State
from convprior.prior.patches.denoising import Denoising
from convprior.prior.patches.filling import Filling, filled
from convprior.prior.patches.inverting import Inverting
from convprior.prior.patches.work import Work
from convprior.prior.recipe import Recipe
from convprior.prior.refinement import MOSTLY_PICTURE, combine_exact, combine_noisy, put_back
from convprior.prior.stopping import HeldOutStopper, LastStep, Stopper
from convprior.prior.where import CPU, Where
from convprior.problem.observation import Observation

# Times as long as patches: in less time a fit has hardly begun, and its steps are too long for it.
FIT_TAKES = 10.0


def restore(
    observation: Observation,
    recipe: Recipe,
    seed: int,
    where: Where = CPU,
    follower: Follower | None = None,
) -> Restored:
    """Restore one picture and stop without having seen the clean one.

    Patches come first: their picture is there in seconds. The network is fitted where it pays, and
    the two are combined. What Ctrl-C, the time or a fit that diverged leaves is the best so far,
    and ``ended`` says so. Where there is no picture yet, KeyboardInterrupt or `DivergedError` is
    raised.
    """
    follower = follower or Follower()
    patched: Tensor | None = None
    begun, took = time.monotonic(), 0.0
    if recipe.patches and patches_apply(observation):
        work = _patches(observation, where)
        set_out = time.monotonic() - begun  # to put together what is done takes about as long
        patched, cut_off = by_patches(work, follower, follower.until - set_out)
        patched = patched.clamp_(0, 1)
        took = time.monotonic() - begun
        nothing_missing = observation.exact and bool(observation.known.all())
        undone = not observation.operator.is_identity  # where patches do far better
        fits = recipe.max_steps and not nothing_missing and not undone
        if fits and not cut_off and follower.until < time.monotonic() + FIT_TAKES * took:
            cut_off = "time limit"
        if cut_off or not fits:
            done: Ending = "nothing to do" if nothing_missing else "patches"
            return Restored(patched.cpu(), patched.cpu(), None, 0, 0, cut_off or done)
    iterates = Iterates(observation, recipe, seed, where)
    until = follower.until - took  # what combines the two works on patches once more
    best, best_step, ended = _by_network(iterates, recipe, follower, until)
    picture = best if patched is None else patched
    if ended != "interrupted":
        try:
            picture = _combined(best, patched, iterates)
        except KeyboardInterrupt:
            ended = "interrupted"
    picture = iterates.observation.keep_known(picture).clamp(0, 1).cpu()
    of_patches = None if patched is None else patched.cpu()
    return Restored(picture, of_patches, best.cpu(), best_step, iterates.step, ended)


def patches_apply(observation: Observation) -> bool:
    """Return whether alike patches can restore it: not where its noise cannot be told."""
    undone = not observation.operator.is_identity
    return undone or observation.exact or math.isfinite(observation.noise.deviation)


def network_adds(observation: Observation) -> bool:
    """Return whether the network can add to what patches make: not where neighbours share noise.

    It learns such noise as it learns the picture, and no pixel can judge it. Nor where it is
    enlarged or sharpened, as patches do far better.
    """
    noise = observation.noise
    return observation.operator.is_identity and not (noise.shared or noise.of_blocks)


def _patches(observation: Observation, where: Where) -> Work:
    """Return the work for alike patches."""
    there = observation.to(where.device)
    if not observation.operator.is_identity:
        return Inverting(there) if observation.told is None else Inverting(there, shares=(1.0,))
    if observation.exact:
        return Filling(there)
    # Missing pixels among noisy ones are guessed before anything is compared.
    return Denoising(filled(there.observed, there.known), there.noise)


def _by_network(
    iterates: Iterates, recipe: Recipe, follower: Follower, until: float
) -> tuple[Tensor, int, Ending]:
    """Return the average that the stopper chose, its step, and what ended the fit."""
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
            if time.monotonic() > until:
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
    return best, stopper.kept_step, ended


def _combined(
    average: Float[Tensor, "c H W"], patched: Tensor | None, iterates: Iterates
) -> Float[Tensor, "c H W"]:
    """Return what network and patches make together."""
    observation, held_out = iterates.observation, iterates.held_out
    if not observation.operator.is_identity:
        return average
    if observation.exact:
        if patched is None or not held_out.any():
            return average
        return combine_exact(average, patched, observation, held_out)
    if patched is not None and not network_adds(observation):
        return patched
    detailed, share = put_back(average, observation, iterates.fitted, held_out)
    # Of a picture with hardly any noise its own details say more than patches.
    if patched is None or share > MOSTLY_PICTURE or not held_out.any():
        return detailed
    return combine_noisy(average, patched, observation, held_out)


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
