"""AlexNet for pictures of about 224×224, with the layers of the paper and as it is trained today.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NeurIPS 2012, section 3.5; Krizhevsky, "One weird trick for parallelizing convolutional neural
networks", 2014, section 5.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

SMALLEST = 63  # pixels a side: less leaves nothing after the third pooling


class AlexNet(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes), as in 2012, on one device.

    With ``groups`` 2 its second, fourth and fifth convolutions see half of the channels each, as
    the paper's two devices did: 61.0 million weights; with 1 they see all.
    """

    def __init__(
        self, picture_shape: Sequence[int], classes: int, *, groups: int, dropout: float
    ) -> None:
        super().__init__()
        channels, height, width = _checked(picture_shape)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 96, 11, 4, 2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2, groups=groups),
            nn.ReLU(),
            nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )

        def left(side: int) -> int:
            side = (side + 4 - 11) // 4 + 1
            for _ in range(3):
                side = (side - 3) // 2 + 1
            return side

        self.head = _head(256 * left(height) * left(width), classes, dropout)

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores


class AlexNet2014(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes): 61,100,840 weights for 1,000.

    Fewer kernels than in 2012, and no response normalisation.
    """

    def __init__(self, picture_shape: Sequence[int], classes: int, *, dropout: float) -> None:
        super().__init__()
        channels, _, _ = _checked(picture_shape)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 64, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.AdaptiveAvgPool2d(6),  # changes nothing at 224×224
        )
        self.head = _head(256 * 6 * 6, classes, dropout)

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores


def _checked(picture_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, height, width). Raises ValueError for pictures that are too small."""
    channels, height, width = picture_shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"AlexNet needs pictures of at least {SMALLEST} pixels a side, came "
            f"{height}×{width}: prepare larger ones"
        )
    return channels, height, width


def _head(inputs: int, classes: int, dropout: float) -> nn.Sequential:
    """Return the three fully connected layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(inputs, 4096),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )
