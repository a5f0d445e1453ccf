"""What happens to a batch of pictures before a network sees it: normalised, and changed at random.

Augmentation, in training alone, tells a network what it is to take for the same object, which its
architecture does not know; wrong where the change makes another class of it, as half a turn does
of a six.
"""

from typing import Annotated

import kornia.augmentation as K
import torch
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Tensor, nn

from convprior.ground import params
from convprior.training.data.card import Card


class Normalise(nn.Module):
    """Bring 8-bit pictures (n, c, h, w) to mean 0, deviation 1 of each channel in training.

    It has no weights, and is saved with none.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, data: Card) -> None:
        super().__init__()
        for name in ("mean", "deviation"):
            values = torch.tensor(getattr(data, name)).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.deviation[self.deviation == 0] = 1  # of a channel that is the same in all pictures

    def forward(self, pictures: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the pictures normalised."""
        # In place: fetching new memory for each step takes longer than the arithmetic.
        return (pictures / 255).sub_(self.mean).div_(self.deviation)


class Augmentation(params.Section):
    """How far pictures are changed at random; what is uncovered is filled by reflection.

    ``shift``: share of the side, each way; ``rotation``: degrees, each way; ``scale``: so many
    times smaller or larger at most; ``flip``: mirrored left-right or not.
    """

    shift: params.Share
    rotation: Annotated[float, Field(ge=0, le=180)]
    scale: Annotated[float, Field(ge=1, le=16)]
    flip: bool

    def build(self) -> nn.Sequential:
        """Return the changes as a module of batches (n, c, h, w); none if nothing is asked for."""
        changes: list[nn.Module] = []
        if self.shift or self.rotation or self.scale > 1:
            changes.append(
                K.RandomAffine(
                    self.rotation,
                    translate=(self.shift, self.shift),
                    scale=(1 / self.scale, self.scale),
                    padding_mode="reflection",
                    p=1.0,
                )
            )
        if self.flip:
            changes.append(K.RandomHorizontalFlip())
        return nn.Sequential(*changes)


NONE = Augmentation(shift=0.0, rotation=0.0, scale=1.0, flip=False)
