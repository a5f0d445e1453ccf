"""The residual networks for pictures of about 224×224: ResNet-18, 34, 50, 101 and 152.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1 and figure 5. A
bottleneck halves the size in its 3×3 convolution and not in the 1×1 before it (known as v1.5),
which the published 76.1 % of ResNet-50 are of. The small one for small pictures is in resnet.py.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (64, 128, 256, 512)  # of the four stages
WIDENED = 4  # so many times as many leave a bottleneck


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution without bias, which the batch norm behind it has."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    # He et al., ICCV 2015: the variance of the gradients stays the same through all layers.
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(outputs)]


class _Block(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1; and what came in."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        self.stride = stride
        self.outputs = width * WIDENED if bottleneck else width
        parts = (
            [
                _convolution(inputs, width, 1),
                _convolution(width, width, 3, stride),
                _convolution(width, self.outputs, 1),
            ]
            if bottleneck
            else [_convolution(inputs, width, 3, stride), _convolution(width, width, 3)]
        )
        layers = [layer for part in parts for layer in (*part, nn.ReLU())]
        self.residual = nn.Sequential(*layers[:-1])
        self.skip = (
            nn.Identity()
            if (inputs, stride) == (self.outputs, 1)
            else nn.Sequential(*_convolution(inputs, self.outputs, 1))
        )

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        # As in resnet.py: a 1×1 kernel with a stride may end torch 2.13 on a CPU.
        kept = x[..., :: self.stride, :: self.stride]
        joined: Tensor = self.residual(x) + self.skip(kept)
        return joined.relu()


class ResNet(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes).

    ``blocks`` are those of each of the four stages: 2, 2, 2, 2 are ResNet-18; 3, 4, 6, 3 with
    ``bottleneck`` are ResNet-50.
    """

    def __init__(
        self, picture_shape: Sequence[int], classes: int, *, blocks: Sequence[int], bottleneck: bool
    ) -> None:
        super().__init__()
        if len(blocks) != len(CHANNELS) or min(blocks) < 1:
            raise ValueError(f"blocks is {list(blocks)}: expected four numbers from 1")
        inputs = CHANNELS[0]
        layers: list[nn.Module] = [
            *_convolution(picture_shape[0], inputs, 7, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        for stage, width in enumerate(CHANNELS):
            for index in range(blocks[stage]):
                block = _Block(inputs, width, 2 if stage and not index else 1, bottleneck)
                layers.append(block)
                inputs = block.outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores
