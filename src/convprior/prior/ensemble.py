"""Several independent restorations of one picture, averaged, and where they disagree."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from convprior.ground import seeds
from convprior.prior.recipe import Recipe
from convprior.prior.restore import Iterate, Restored, restore
from convprior.prior.stopping import Stopper
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
    *,
    runs: int,
    seed: int,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
    tile: int | None = None,
    time_limit: float = math.inf,
    watch: Callable[[int, Iterate, Stopper], None] = lambda *_: None,
) -> Averaged:
    """Average independent runs, from other weights and held-out pixels: their errors half cancel.

    The first run is that of `prior.restore`. ``watch`` is also told the number of the run, from 0.
    When time is over or on Ctrl-C the runs that are done count, a half one only if it is the first.
    """
    start = time.monotonic()
    done: list[Restored] = []
    for run in range(runs):
        restored = restore(
            observation,
            recipe,
            seed=seeds.seed("run", seed, run) if run else seed,
            device=device,
            precision=precision,
            tile=tile,
            time_limit=time_limit - (time.monotonic() - start),
            watch=partial(watch, run),
        )
        cut_off = restored.ended in ("time limit", "interrupted")
        if not (cut_off and done):
            done.append(restored)
        if cut_off:
            done[-1] = replace(done[-1], ended=restored.ended)
            break
    pictures = torch.stack([restored.picture for restored in done])
    return Averaged(pictures.mean(0), pictures.std(0, correction=0), tuple(done))
