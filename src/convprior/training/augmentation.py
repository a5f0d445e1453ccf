"""Random changes of training pictures: what a network is to take for the same object.

Augmentation tells a network what its architecture does not know; wrong where the change makes
another class of it, as half a turn does of a six.
"""

from typing import Annotated

import kornia.augmentation as K
from pydantic import Field
from torch import nn

from convprior.ground import params


class Augmentation(params.Section):
    """How far pictures are changed at random; what is uncovered is filled by reflection.

    ``shift``: share of the side, each way; ``rotation``: degrees, each way; ``scale``: so many
    times smaller or larger at most; ``flip``: mirrored left-right or not.
    """

    shift: params.Share
    rotation: Annotated[float, Field(ge=0, le=180)]
    scale: Annotated[float, Field(ge=1)]
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
