"""A small residual network: each block adds to what came in, so that depth costs no gradient.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: 3×3 convolutions
with batch norm, the size halved by stride where the channels change (with a 1×1 projection, their
option B), and an average over position before the classes.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class _Block(nn.Module):
    """Two convolutions, and what came in."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = (
            nn.Identity()
            if (inputs, stride) == (outputs, 1)
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        # A 1×1 kernel moved by the stride; told as such, torch 2.13 ends in a segmentation fault
        # for some shapes on a CPU.
        kept = x[..., :: self.stride, :: self.stride]
        joined: Tensor = self.residual(x) + self.skip(kept)
        return joined.relu()


class ResNet(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes).

    ``channels`` are those of each stage, of which all but the first halve the size; each has
    ``blocks`` blocks.
    """

    def __init__(
        self, picture_shape: Sequence[int], classes: int, *, channels: Sequence[int], blocks: int
    ) -> None:
        super().__init__()
        inputs = channels[0]
        layers: list[nn.Module] = [
            nn.Conv2d(picture_shape[0], inputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
        ]
        for stage, outputs in enumerate(channels):
            for block in range(blocks):
                layers.append(_Block(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores
