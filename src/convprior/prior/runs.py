"""Several runs from one observation, averaged: what chance decides differs, and half cancels."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.follower import Ending, Follower, Restored
from convprior.prior.iterates import DivergedError
from convprior.prior.recipe import Recipe
from convprior.prior.restore import restore
from convprior.prior.where import CPU, Where
from convprior.problem.observation import Observation


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
    if len(done) == 1:  # no copy: the picture may be large
        picture = done[0].picture
        return Averaged(picture, picture.new_zeros(1, 1, 1).expand_as(picture), tuple(done))
    pictures = torch.stack([restored.picture for restored in done])
    return Averaged(pictures.mean(0), pictures.std(0), tuple(done))


def _ended_by(error: BaseException) -> Ending:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, DivergedError) else "failed"
