"""A convolutional baseline, with the two heads whose difference is the point.

After LeCun et al. 1998: convolutions share their weights over position, pooling halves the size.
Sharing makes the features follow the object; only a head that pools over position too makes the
class independent of the place. The textbook's flattened head has weights for every place again, and
has learned those of the places it was shown.
"""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn


class CNN(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes).

    ``channels`` are those of each 3×3 convolution, each followed by 2×2 max pooling. ``head``:
    `flatten` puts ``hidden`` fully connected neurons on the flattened map, `pool` averages the map
    over position (Lin et al. 2014) and goes on to the classes through as many neurons.
    """

    def __init__(
        self,
        picture_shape: Sequence[int],
        classes: int,
        *,
        channels: Sequence[int],
        head: Literal["flatten", "pool"],
        hidden: int,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        inputs, height, width = picture_shape
        scale = 2 ** len(channels)
        if min(height, width) < scale:
            raise ValueError(
                f"{len(channels)} poolings need pictures of at least {scale} pixels a side, "
                f"came {height}×{width}: use fewer channels or larger pictures"
            )
        blocks: list[nn.Module] = []
        for outputs in channels:
            blocks.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm))
            if batch_norm:
                blocks.append(nn.BatchNorm2d(outputs))
            # ReLU after pooling gives the same as before it, from a quarter of the values.
            blocks += [nn.MaxPool2d(2), nn.ReLU()]
            inputs = outputs
        self.features = nn.Sequential(*blocks)
        places = (height // scale) * (width // scale)
        over_position: list[nn.Module] = [nn.Flatten()]
        if head == "pool":
            over_position, places = [nn.AdaptiveAvgPool2d(1), nn.Flatten()], 1
        self.head = nn.Sequential(
            *over_position,
            nn.Linear(inputs * places, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores
