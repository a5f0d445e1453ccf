"""Restore an observation in the memory that there is: whole, in tiles, or in smaller ones."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from convprior.ground import machine
from convprior.prior.ensemble import Averaged, restore_runs
from convprior.prior.recipe import Recipe
from convprior.prior.restore import Follower
from convprior.prior.where import Where
from convprior.problem.observation import Observation
from convprior.restoration import memory, recipes
from convprior.restoration.settings import Settings, Task

FEW_STEPS = 100  # for a single pixel


def restore_within_memory(
    observation: Observation,
    task: Task,
    settings: Settings,
    device: str = "auto",
    follower: Follower | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Averaged:
    """Restore with the recipe that the package's params.yaml gives the task; see `restore_runs`.

    Of the settings, those count that say how well and how long. A picture that does not fit into
    their ``memory``, by default a share of what is free, is fitted in tiles; if they do not fit
    after all, in smaller ones. ``say`` is told. Raises MachineError, and what `prior.restore` does.
    """
    follower = follower or Follower()
    follower.until = time.monotonic() + settings.time_limit
    recipe = _recipe(observation, task, settings.max_steps)
    where = Where(machine.choose(device), getattr(torch, settings.precision))
    budget = settings.memory or memory.free(where.device)
    tile, needed = memory.largest_tile(observation, budget, where.precision, settings.runs)
    if tile is not None:
        say(f"in tiles of {tile} pixels, for {needed / 1e9:.1f} GB of memory")
    if needed > budget:
        say(f"warning: that is more than the {budget / 1e9:.1f} GB that may be used")
    while True:
        where = replace(where, tile=tile)
        try:
            return restore_runs(observation, recipe, settings.runs, settings.seed, where, follower)
        except (MemoryError, RuntimeError) as error:
            smaller = [side for side in memory.SIDES if side < (tile or max(observation.size))]
            if not _out_of_memory(error) or not smaller:
                raise
            tile = smaller[0]
        say(f"out of memory: once more, in tiles of {tile} pixels")
        if where.device.type == "cuda":
            torch.cuda.empty_cache()


def _recipe(observation: Observation, task: Task, max_steps: int | None) -> Recipe:
    """Return the task's recipe, ended earlier where that is asked for or enough."""
    recipe = recipes.load().of(task)
    if max_steps is not None:
        recipe = replace(recipe, max_steps=max_steps)
    if int(observation.known.sum()) < 2:  # there is none to hold out
        recipe = replace(recipe, held_out=0.0, max_steps=min(recipe.max_steps, FEW_STEPS))
    return recipe


def _out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )
