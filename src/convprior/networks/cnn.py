"""Convolutional baselines, with the choices whose difference is the point.

After LeCun et al. 1998: convolutions share their weights over position, pooling halves the size.
Sharing makes the features follow the object; only a head that pools over position too makes the
class independent of the place. The textbook's flattened head has weights for every place again, and
has learned those of the places it was shown. Halving drops every second place: blurred first, it
drops less (Zhang, "Making convolutional networks shift-invariant again", ICML 2019); and zeros
around a picture tell where its border is, which a circular border does not.
"""

from collections.abc import Sequence
from typing import Literal

import kornia.filters
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Padding = Literal["zeros", "circular"]
Pooling = Literal["max", "blur"]


class BlurPool(nn.Module):
    """Halve the size by 2×2 maxima at every place, blurred by a 3×3 binomial; borders circular."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        """Return the smaller map; h and w must be even."""
        pairs = torch.maximum(x, x.roll(-1, 3))
        largest = torch.maximum(pairs, pairs.roll(-1, 2))
        # kornia pads with zeros: what they touch is cut off again.
        around = F.pad(largest, (2, 2, 2, 2), mode="circular")
        blurred: Tensor = kornia.filters.blur_pool2d(around, 3, stride=2)
        return blurred[..., 1:-1, 1:-1]


class CNN(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes).

    ``channels`` are those of each convolution with a square ``kernel``, each followed by a halving
    of the size. ``head``: `flatten` puts ``hidden`` fully connected neurons on the flattened map,
    `pool` averages the map over position (Lin et al. 2014) and goes on to the classes through as
    many neurons.
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
        kernel: int = 3,
        padding: Padding = "zeros",
        pooling: Pooling = "max",
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
            blocks.append(
                nn.Conv2d(
                    inputs,
                    outputs,
                    kernel,
                    padding=kernel // 2,
                    padding_mode=padding,
                    bias=not batch_norm,
                )
            )
            if batch_norm:
                blocks.append(nn.BatchNorm2d(outputs))
            # ReLU after pooling gives the same as before it, from a quarter of the values (with
            # blurred pooling: nearly the same).
            blocks += [nn.MaxPool2d(2) if pooling == "max" else BlurPool(), nn.ReLU()]
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
