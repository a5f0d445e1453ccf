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


def wrapped(
    x: Float[Tensor, "n c h w"], before: int, after: int
) -> Float[Tensor, "n c h+{before+after} w+{before+after}"]:
    """Return a map with so many rows and columns of the opposite border before and after it.

    What F.pad(mode="circular") returns, in less than half of its time on a CPU.
    """
    wide = torch.cat([x[..., x.shape[3] - before :], x, x[..., :after]], 3)
    return torch.cat([wide[:, :, x.shape[2] - before :], wide, wide[:, :, :after]], 2)


class CircularConv2d(nn.Conv2d):
    """A convolution to which left and right borders, and upper and lower, are neighbours."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o h w"]:
        """Return a map of the same size."""
        margin = self.kernel_size[0] // 2
        mapped: Tensor = super().forward(wrapped(x, margin, margin))
        return mapped


class BlurPool(nn.Module):
    """Halve the size by 2×2 maxima at every place, blurred by a 3×3 binomial; borders circular."""

    kernel_size, stride = 4, 2  # pixels that a maximum of two and a blur of three see

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h//2 w//2"]:
        """Return the smaller map; h and w must be even."""
        largest = F.max_pool2d(wrapped(x, 2, 3), 2, stride=1)
        # kornia pads with zeros: what they touch is cut off again.
        blurred: Tensor = kornia.filters.blur_pool2d(largest, 3, stride=2)
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
        if pooling == "blur" and (height % scale or width % scale):
            raise ValueError(
                f"{len(channels)} blurred poolings need sides that {scale} divides, came "
                f"{height}×{width}: use other pictures, fewer channels, or pooling `max`"
            )
        blocks: list[nn.Module] = []
        for outputs in channels:
            circular = padding == "circular"
            convolution = CircularConv2d if circular else nn.Conv2d
            margin = 0 if circular else kernel // 2
            blocks.append(convolution(inputs, outputs, kernel, padding=margin, bias=not batch_norm))
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
