"""Say of every pixel whether it belongs to the object: two networks for dense prediction.

The encoder-decoder goes down by pooling and up by transposed convolutions, with skips (Long et al.,
"Fully convolutional networks", CVPR 2015; Ronneberger et al., "U-Net", MICCAI 2015). The other one
is a single fully connected layer from all values to all pixels, which has to learn each place.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


class FullyConnected(nn.Module):
    """Map pictures (n, c, h, w) to scores of each pixel (n, h, w) by one fully connected layer."""

    def __init__(self, picture_shape: Sequence[int]) -> None:
        super().__init__()
        channels, self.height, self.width = picture_shape
        pixels = self.height * self.width
        self.layer = nn.Sequential(nn.Flatten(), nn.Linear(channels * pixels, pixels))

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
        """Return the scores: positive is object."""
        scores: Tensor = self.layer(pictures).unflatten(1, (self.height, self.width))
        return scores


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class EncoderDecoder(nn.Module):
    """Map pictures (n, c, h, w) to scores of each pixel (n, h, w).

    ``channels`` are those of each scale, finest first; h and w must halve evenly between them.
    """

    def __init__(self, picture_shape: Sequence[int], *, channels: Sequence[int]) -> None:
        super().__init__()
        scale = 2 ** (len(channels) - 1)
        if any(side % scale for side in picture_shape[1:]):
            raise ValueError(
                f"{len(channels)} scales need sides that {scale} divides, came "
                f"{picture_shape[1]}×{picture_shape[2]}: use other pictures or fewer channels"
            )
        inputs = [picture_shape[0], *channels[:-1]]
        self.down = nn.ModuleList(_block(i, o) for i, o in zip(inputs, channels, strict=True))
        pairs = list(pairwise(channels))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(o, i, 2, stride=2) for i, o in pairs)
        self.join = nn.ModuleList(_block(2 * i, i) for i, _ in pairs)
        self.score = nn.Conv2d(channels[0], 1, 1)

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
        """Return the scores: positive is object."""
        x = pictures
        skips: list[Tensor] = []
        for block in self.down:
            x = block(nn.functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        for rise, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([rise(x), skips.pop()], dim=1))
        scores: Tensor = self.score(x)
        return scores[:, 0]
