"""From one damaged picture to one restored picture: what the command and the Python call share."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from convprior.ground import machine
from convprior.prior.ensemble import Averaged, restore_runs
from convprior.prior.restore import Iterate
from convprior.prior.stopping import Stopper
from convprior.problem.observation import Observation
from convprior.restoration import memory, recipes
from convprior.restoration.settings import Precision, Task

FEW_STEPS = 100  # for a single pixel


def observe(picture: Tensor, known: Tensor | None, task: Task) -> Observation:
    """Return the observation of a task; ``known`` is bool (h, w), None where all is known."""
    if picture.ndim != 3 or not picture.is_floating_point():
        raise ValueError(
            f"a picture is float (c, h, w) in [0, 1], came {picture.dtype} {tuple(picture.shape)}"
        )
    if known is None:
        known = torch.ones(picture.shape[1:], dtype=torch.bool)
    return Observation(picture.float(), known, exact=task == "inpaint")


def restore(
    observation: Observation,
    task: Task,
    *,
    runs: int = 1,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "float32",
    budget: int | None = None,
    time_limit: float = math.inf,
    max_steps: int | None = None,
    watch: Callable[[int, Iterate, Stopper], None] = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> Averaged:
    """Restore with the recipe that params.yaml gives the task; see `restore_runs`.

    A picture that does not fit into ``budget`` bytes of memory, by default a share of what is free,
    is fitted in tiles; if they do not fit after all, in smaller ones. ``say`` is told.
    """
    recipe = recipes.load().of(task)
    if max_steps is not None:
        recipe = replace(recipe, max_steps=max_steps)
    if int(observation.known.sum()) < 2:  # there is none to hold out
        recipe = replace(recipe, held_out=0.0, max_steps=min(recipe.max_steps, FEW_STEPS))
    on = machine.choose(device)
    dtype: torch.dtype = getattr(torch, precision)
    budget = budget or memory.free(on)
    tile, needed = memory.largest_tile(observation, budget, dtype, runs)
    if tile is not None:
        say(f"in tiles of {tile} pixels, for {needed / 1e9:.1f} GB of memory")
    if needed > budget:
        say(f"warning: that is more than the {budget / 1e9:.1f} GB that may be used")
    while True:
        try:
            return restore_runs(
                observation,
                recipe,
                runs=runs,
                seed=seed,
                device=on,
                precision=dtype,
                tile=tile,
                time_limit=time_limit,
                watch=watch,
            )
        except (MemoryError, RuntimeError) as error:
            smaller = [side for side in memory.SIDES if side < (tile or max(observation.size))]
            if not _out_of_memory(error) or not smaller:
                raise
            tile = smaller[0]
        say(f"out of memory: once more, in tiles of {tile} pixels")
        if on.type == "cuda":
            torch.cuda.empty_cache()


def _out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )
