"""What happens to a batch of pictures before a network sees it: cropped, normalised, and changed at
random.

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
from convprior.ground.errors import InputError
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


class Crop(params.Section):
    """What of the prepared squares a network sees; ``side`` null: all of it.

    In training a random box of ``area`` to all of the square and of 3:4 to 4:3, resized to
    ``side`` (Szegedy et al., CVPR 2015, section 6); else the central square of that side.
    """

    side: params.Count | None
    area: Annotated[float, Field(gt=0, le=1)]

    def seen(self, data: Card) -> int:
        """Return the side of what a network sees, in pixels. Raises InputError."""
        if self.side is None:
            return data.size
        if self.side > data.size:
            raise InputError(
                f"train.crop.side is {self.side}, and the prepared pictures have {data.size} "
                "pixels a side: choose a smaller one, or a larger prepare.size"
            )
        return self.side

    def build(self) -> nn.Sequential:
        """Return the random crop as a module of batches (n, c, h, w); nothing without a side."""
        if self.side is None:
            return nn.Sequential()
        # Resampled all at once: kornia's other way cuts out picture after picture.
        return nn.Sequential(
            K.RandomResizedCrop(
                (self.side, self.side), scale=(self.area, 1.0), cropping_mode="resample"
            )
        )


def central(pictures: UInt8[Tensor, "n c h w"], side: int) -> UInt8[Tensor, "n c side side"]:
    """Return the central square of pictures."""
    top, left = ((length - side) // 2 for length in pictures.shape[2:])
    return pictures[..., top : top + side, left : left + side]


NONE = Augmentation(shift=0.0, rotation=0.0, scale=1.0, flip=False)
