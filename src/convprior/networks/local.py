"""Locality without sharing: every place has a kernel of its own.

The locally connected layers of LeCun 1989 ("Generalization and network design strategies"): the
same neighbourhoods as a convolution's, but what is learned at one place is known at no other. What
separates this network from the CNN of the same plan is sharing; from the MLP, locality.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class LocalConv2d(nn.Module):
    """A convolution's plan with weights of its own for each of height × width places."""

    def __init__(self, inputs: int, outputs: int, kernel: int, height: int, width: int) -> None:
        super().__init__()
        self.kernel = kernel
        fan_in = inputs * kernel**2
        self.weight = nn.Parameter(torch.empty(height * width, fan_in, outputs))
        self.bias = nn.Parameter(torch.empty(outputs, height, width))
        bound = fan_in**-0.5  # as nn.Conv2d draws them
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h w"]:
        """Return the map; borders are zeros."""
        height, width = x.shape[2:]
        margin, taps = self.kernel // 2, range(self.kernel)
        # With the places first, a neighbour is a slice: twice as fast as F.unfold on a CPU.
        around = F.pad(x.permute(2, 3, 0, 1), (0, 0, 0, 0) + 4 * (margin,))
        seen = torch.cat([around[r : r + height, c : c + width] for r in taps for c in taps], 3)
        mapped = torch.bmm(seen.flatten(0, 1), self.weight)
        if mapped.requires_grad:  # bmm goes back place by place where its gradient has gaps
            mapped.register_hook(torch.Tensor.contiguous)
        pictures_first = mapped.unflatten(0, (height, width)).permute(2, 3, 0, 1)
        # Channels last: what follows works on neighbours in memory.
        values: Tensor = pictures_first.contiguous(memory_format=torch.channels_last) + self.bias
        return values


class Local(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes).

    ``channels`` are those of each 3×3 locally connected layer, each followed by 2×2 max pooling;
    then ``hidden`` fully connected neurons.
    """

    def __init__(
        self,
        picture_shape: Sequence[int],
        classes: int,
        *,
        channels: Sequence[int],
        hidden: int,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        inputs, height, width = picture_shape
        blocks: list[nn.Module] = []
        for outputs in channels:
            if min(height, width) < 2:
                raise ValueError(
                    f"{len(channels)} poolings need pictures of at least {2 ** len(channels)} "
                    f"pixels a side, came {picture_shape[1]}×{picture_shape[2]}: use fewer channels"
                )
            blocks.append(LocalConv2d(inputs, outputs, 3, height, width))
            if batch_norm:
                blocks.append(nn.BatchNorm2d(outputs))
            blocks += [nn.MaxPool2d(2), nn.ReLU()]
            inputs, height, width = outputs, height // 2, width // 2
        self.features = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(inputs * height * width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores
