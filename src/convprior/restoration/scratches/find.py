"""Find scratches and dust in one picture: bright ones and dark ones, each by the same look.

Scratches and dust take all colours: where they are bright, the darkest channel is, and where they
are dark, the brightest is. So a coloured line is none.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from convprior.restoration.scratches import covering, judging
from convprior.restoration.scratches.dust import dust
from convprior.restoration.scratches.lines import lines

FEW = 0.001  # share of the values beyond each end of what counts as the picture's range
LOOKED_AT = 1_000_000  # values: enough to tell it
MOST = 0.025  # length of all scratches per area, 1/pixels: more is no damage but a wall of bricks
EDGES = 2  # pixels of soft edges, at both sides together


def scratches_and_dust(
    pixels: Float[Tensor, "c h w"], sensitivity: float = 1.0
) -> Bool[Tensor, "h w"]:
    """Return where scratches and dust are, of 1 to some 6 pixels, with their soft edges.

    ``pixels`` are finite, in any unit. Scratches are at least 12 pixels long. ``sensitivity`` is
    1, more to find fainter ones, at the price of other lines and specks, or less.
    """
    found = torch.zeros(pixels.shape[1:], dtype=torch.bool)
    values = pixels.flatten()
    values = values[:: -(-len(values) // LOOKED_AT)]
    low, high = torch.quantile(values, torch.tensor([FEW, 1 - FEW])).tolist()
    if high <= low:
        return found
    kinds = [(pixels - low).amin(0) / (high - low), (high - pixels).amin(0) / (high - low)]
    seen = [lines(light) for light in kinds]
    scratched: list[Bool[Tensor, "h w"]] = []
    for light, own, other in zip(kinds, seen, reversed(seen), strict=True):
        chosen, width = judging.scratches(own, other, sensitivity)
        marked = torch.zeros_like(found)
        if chosen.any():
            marked = covering.covered(light, own, chosen, width)
            if float(marked.float().mean()) > MOST * (width + EDGES):
                marked = torch.zeros_like(found)
        scratched.append(marked)
        found |= marked
    damaged = bool(found.any())
    for light, marked in zip(kinds, scratched, strict=True):
        found |= dust(light, marked, sensitivity, expected=damaged)
    return found
