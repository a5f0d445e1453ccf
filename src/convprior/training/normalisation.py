"""Bring 8-bit pictures to mean 0 and deviation 1 of each channel over the training pictures."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convprior.training.data.card import Description


class Normalise(nn.Module):
    """Map 8-bit pictures (n, c, h, w) to floats; it has no weights and is saved with none."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, data: Description) -> None:
        super().__init__()
        for name in ("mean", "deviation"):
            values = torch.tensor(getattr(data, name)).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, pictures: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the pictures normalised."""
        # In place: fetching new memory for each step takes longer than the arithmetic.
        return (pictures / 255).sub_(self.mean).div_(self.deviation)
