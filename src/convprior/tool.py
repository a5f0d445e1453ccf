"""From one damaged picture to one restored picture: what the command and the Python call share."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from convprior import devices, recipes
from convprior.observation import Observation
from convprior.prior import Iterate
from convprior.recipes import Task
from convprior.runs import Averaged, restore_runs
from convprior.stopping import Stopper

Precision = Literal["float32", "bfloat16"]


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
    time_limit: float = math.inf,
    max_steps: int | None = None,
    watch: Callable[[int, Iterate, Stopper], None] = lambda *_: None,
) -> Averaged:
    """Restore with the recipe that params.yaml gives the task; see `restore_runs`."""
    recipe = recipes.load().of(task)
    if max_steps is not None:
        recipe = replace(recipe, max_steps=max_steps)
    return restore_runs(
        observation,
        recipe,
        runs=runs,
        seed=seed,
        device=devices.choose(device),
        precision=getattr(torch, precision),
        time_limit=time_limit,
        watch=watch,
    )
