"""How large a piece of a picture can be fitted at once in the memory that there is."""

import torch

from convprior.ground import machine
from convprior.problem.observation import Observation

# Bytes for each pixel of a tile: what a step of the recipes `default` and `exact` keeps to go back
# (`python benchmarks/memory.py --sizes 512 1024`: the difference of the two).
PER_TILE_PIXEL = {torch.float32: 1700, torch.bfloat16: 1300}
# Numbers for each value of the picture: observed, best, latest, snapshots, the filter's sums.
PER_VALUE = 4 * 14
PER_RUN = 4 * 3  # of each run more: its average, its picture, and that among the others
FIXED = 300 * 2**20  # bytes: the program itself
SIDES = (4096, 3072, 2048, 1536, 1024, 768, 512, 384, 256, 192, 128)  # few: the side counts
FREE_SHARE = 0.7  # of what is free: others need some too


def free(device: torch.device) -> int:
    """Return the bytes that may be used on a device: a share of what is free."""
    return int(FREE_SHARE * machine.free_memory(device))


def largest_tile(
    observation: Observation, budget: int, precision: torch.dtype, runs: int = 1
) -> tuple[int | None, int]:
    """Return the largest side of a tile for so many bytes, None for the whole picture.

    Also the bytes that it takes: more than the budget if even the smallest tile does.
    """
    height, width = observation.size
    colours = len(observation.observed)
    kept = FIXED + (PER_VALUE + PER_RUN * (runs - 1)) * colours * height * width

    def needed(side: int) -> int:
        return kept + PER_TILE_PIXEL[precision] * min(side, height) * min(side, width)

    whole = max(height, width)
    if needed(whole) <= budget:
        return None, needed(whole)
    for side in SIDES:
        if side < whole and needed(side) <= budget:
            return side, needed(side)
    return SIDES[-1], needed(SIDES[-1])
