"""Restore an observation in the memory that there is: whole, in tiles, or in smaller ones."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from convprior.ground import machine
from convprior.prior import tiles
from convprior.prior.exemplars.holes import Exemplars
from convprior.prior.follower import Ending, Follower, Restored, by_patches
from convprior.prior.patches.filling import Place
from convprior.prior.recipe import Recipe
from convprior.prior.restore import network_adds, patches_apply
from convprior.prior.runs import Averaged, restore_runs
from convprior.prior.where import Where
from convprior.problem.observation import Observation
from convprior.restoration import gaps, recipes
from convprior.restoration.settings import Settings, Task

FEW_STEPS = 100  # for a single pixel
# Pixels up to which the network is fitted unasked: some two minutes on two cores. Patches alone
# take seconds; a time limit, runs or a number of steps ask for the network at any size.
SMALL = 100_000
# Bytes for each pixel of a tile: what a step of the recipes `default` and `exact` keeps to go back
# (`python benchmarks/memory.py --sizes 512 1024`: the difference of the two).
PER_TILE_PIXEL = {torch.float32: 1700, torch.bfloat16: 1300}
# Numbers for each value of the picture: observed, best, latest, snapshots, the filter's sums.
PER_VALUE = 4 * 14
PER_RUN = 4 * 3  # of each run more: its average, its picture, and that among the others
FIXED = 300 * 2**20  # bytes: the program itself
SIDES = (4096, 3072, 2048, 1536, 1024, 768, 512, 384, 256, 192, 128)  # few: the side counts
FREE_SHARE = 0.7  # of what is free: others need some too


def restore_within_memory(
    observation: Observation,
    task: Task,
    settings: Settings,
    device: str = "auto",
    follower: Follower | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Averaged:
    """Restore with the recipe that the package's params.yaml gives the task; see `restore_runs`.

    Of the settings, those count that say how well and how long. Wide holes are filled with pieces
    of the picture first, and are as good as known then. Where known pixels are exact, the
    network sees the pieces with wide gaps alone. What does not fit into their ``memory``, by
    default a share of what is free, is fitted in tiles; if they do not fit after all, in smaller
    ones. ``say`` is told. Raises MachineError, and what `prior.restore` does.
    """
    follower = follower or Follower()
    follower.until = time.monotonic() + settings.time_limit
    where = Where(machine.choose(device), getattr(torch, settings.precision))
    observation, ended = _without_holes(observation, settings, where, follower)
    if ended:
        picture = observation.observed
        story = Restored(picture, picture, None, 0, 0, ended)
        return Averaged(picture, picture.new_zeros(1, 1, 1).expand_as(picture), (story,))
    recipe = _recipe(observation, task, settings)
    asked = settings.runs > 1 or settings.time_limit < math.inf or settings.max_steps is not None
    places = None
    if observation.exact and recipe.patches:
        few_minutes = asked or observation.known.numel() <= SMALL
        places = gaps.wide(observation.known) if few_minutes else gaps.deep(observation.known)
    pixels = _area(places) if places is not None else _area([_whole(observation)])
    alone = recipe.patches and patches_apply(observation)  # patches can do it
    if alone and recipe.max_steps and (not pixels or (pixels > SMALL and not asked)):
        recipe = replace(recipe, max_steps=0)
        if pixels:
            say("large: by alike patches alone; given a --time-limit, the network has its part too")
    if not places or not recipe.max_steps or places == [_whole(observation)]:
        return _in_tiles(observation, recipe, settings, where, follower, say)
    # Thin gaps are filled everywhere first; then each piece with wide ones is done as a whole.
    done = _in_tiles(observation, replace(recipe, max_steps=0), settings, where, follower, say)
    picture, runs = done.picture.clone(), done.runs
    spread = done.spread if settings.runs == 1 else done.spread.clone()
    for place in places:
        if runs[-1].ended in ("time limit", "interrupted"):
            break
        piece = observation.piece(*place)
        found = _in_tiles(piece, recipe, settings, where, follower, say)
        picture[:, *place], runs = found.picture, found.runs
        if settings.runs > 1:
            spread[:, *place] = found.spread
    return Averaged(picture, spread, runs)


def _without_holes(
    observation: Observation, settings: Settings, where: Where, follower: Follower
) -> tuple[Observation, Ending | None]:
    """Return an observation with its wide holes filled, and what ends the work, if anything does.

    A picture that is all there then, and has no noise, is done.
    """
    if not observation.operator.is_identity:  # a hole in what is looked for is not one of the same
        return observation, None
    holes = gaps.hollow(observation.known, settings.fill)
    if not holes:
        return observation, None
    work = Exemplars(observation.to(where.device), holes, settings.seed)
    picture, ended = by_patches(work, follower, follower.until)
    known = work.there.cpu() if ended is None else torch.ones_like(observation.known)
    # Copies carry the noise of the picture, which was measured where it was seen.
    whole = replace(observation, observed=picture.cpu(), known=known, told=observation.noise)
    done: Ending | None = "patches" if whole.exact and known.all() else None
    return whole, ended or done


def _whole(observation: Observation) -> Place:
    height, width = observation.size
    return slice(0, height), slice(0, width)


def _area(places: list[Place]) -> int:
    """Return the number of pixels of pieces that do not overlap."""
    return sum((r.stop - r.start) * (c.stop - c.start) for r, c in places)


def _in_tiles(
    observation: Observation,
    recipe: Recipe,
    settings: Settings,
    where: Where,
    follower: Follower,
    say: Callable[[str], None],
) -> Averaged:
    """Restore a picture, or a piece of it, as a whole or in tiles, as memory allows."""
    budget = settings.memory or int(FREE_SHARE * machine.free_memory(where.device))
    tile, needed = None, _kept(observation)
    if recipe.max_steps:
        tile, needed = largest_tile(observation, budget, where.precision, settings.runs)
    if tile is not None:
        say(f"in tiles of {tile} pixels, for {needed / 1e9:.1f} GB of memory")
    if needed > budget:
        say(f"warning: that is more than the {budget / 1e9:.1f} GB that may be used")
    runs = settings.runs if recipe.max_steps else 1
    if runs < settings.runs:
        say("one run: by alike patches alone all would be the same")
    while True:
        where = replace(where, tile=tile)
        try:
            return restore_runs(observation, recipe, runs, settings.seed, where, follower)
        except (MemoryError, RuntimeError) as error:
            smaller = _sides(observation, tile or max(observation.size)) if recipe.max_steps else []
            if not _out_of_memory(error) or not smaller:
                raise
            tile = smaller[0]
        say(f"out of memory: once more, in tiles of {tile} pixels")
        if where.device.type == "cuda":
            torch.cuda.empty_cache()


def largest_tile(
    observation: Observation, budget: int, precision: torch.dtype, runs: int = 1
) -> tuple[int | None, int]:
    """Return the largest side of a tile for so many bytes, None for the whole picture.

    Also the bytes that it takes: more than the budget if even the smallest tile does. A picture
    that is hardly larger than the smallest tile, or a blur that reaches too far, is taken whole.
    """
    height, width = observation.size
    kept = _kept(observation, runs)

    def needed(side: int) -> int:
        return kept + PER_TILE_PIXEL[precision] * min(side, height) * min(side, width)

    whole = max(height, width)
    if needed(whole) <= budget:
        return None, needed(whole)
    sides = _sides(observation, whole)
    if not sides:
        return None, needed(whole)
    side = next((side for side in sides if needed(side) <= budget), sides[-1])
    return side, needed(side)


def _kept(observation: Observation, runs: int = 1) -> int:
    """Return the bytes that a picture takes whatever is fitted at once."""
    height, width = observation.size
    values = len(observation.observed) * height * width
    return FIXED + (PER_VALUE + PER_RUN * (runs - 1)) * values


def _sides(observation: Observation, below: int) -> list[int]:
    """Return the sides of tiles that are smaller than ``below`` and can overlap, largest first."""
    return [side for side in SIDES if tiles.least_side(observation) <= side < below]


def _recipe(observation: Observation, task: Task, settings: Settings) -> Recipe:
    """Return the task's recipe, with the steps that are asked for, or that are enough."""
    recipe = recipes.load().of(task)
    if settings.max_steps is not None:
        recipe = replace(recipe, max_steps=settings.max_steps)
    elif recipe.patches and patches_apply(observation) and not network_adds(observation):
        recipe = replace(recipe, max_steps=0)
    if int(observation.known.sum()) < 2:  # there is none to hold out
        recipe = replace(recipe, held_out=0.0, max_steps=min(recipe.max_steps, FEW_STEPS))
    return recipe


def _out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )
