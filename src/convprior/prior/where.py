"""Where a fit is computed: facts about the machine, which travel as one."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Where:
    """A device, the precision of the network's arithmetic, and how much is fitted at once.

    ``precision`` bfloat16 is faster where the device has it. ``tile`` is the largest side, in
    pixels of the picture, that is fitted at once; None takes the picture whole.
    """

    device: torch.device
    precision: torch.dtype = torch.float32
    tile: int | None = None


CPU = Where(torch.device("cpu"))
