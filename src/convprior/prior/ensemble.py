"""Several independent restorations of one picture, averaged, and where they disagree."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.recipe import Recipe
from convprior.prior.restore import Follower, Restored, restore
from convprior.prior.where import CPU, Where
from convprior.problem.observation import Observation


@dataclass(frozen=True)
class Averaged:
    """What `restore_runs` returns: the mean of several runs, (c, h, w) on the CPU, and their story.

    ``spread`` is the standard deviation over the runs, (c, h, w), zero for a single one: where the
    runs disagree, the picture is the network's guess.
    """

    picture: Tensor
    spread: Tensor
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

    The first run is that of `prior.restore`. When time is over, on Ctrl-C, or when a fit diverges,
    the runs that are done count, a half one only if it is the first.
    """
    follower = follower or Follower()
    done: list[Restored] = []
    for run in range(runs):
        follower.begin(run)
        own = seeds.seed("run", seed, run) if run else seed
        restored = restore(observation, recipe, own, where, follower)
        cut_off = restored.ended in ("time limit", "interrupted", "diverged")
        if not (cut_off and done):
            done.append(restored)
        if cut_off:
            done[-1] = replace(done[-1], ended=restored.ended)
            break
    pictures = torch.stack([restored.picture for restored in done])
    return Averaged(pictures.mean(0), pictures.std(0, correction=0), tuple(done))
