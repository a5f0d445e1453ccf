"""AlexNet with the layers of the paper on one device, for pictures of about 224×224.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NeurIPS 2012, section 3.5. With ``groups`` 2 its second, fourth and fifth convolutions see half of
the channels each, as the paper's two devices did: 61.0 million weights; with 1 they see all.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

SMALLEST = 63  # pixels a side: less leaves nothing after the third pooling


class AlexNet(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes)."""

    def __init__(
        self, picture_shape: Sequence[int], classes: int, *, groups: int, dropout: float
    ) -> None:
        super().__init__()
        channels, height, width = picture_shape
        if min(height, width) < SMALLEST:
            raise ValueError(
                f"AlexNet needs pictures of at least {SMALLEST} pixels a side, came "
                f"{height}×{width}: prepare larger ones"
            )
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

        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(256 * left(height) * left(width), 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.head(self.features(pictures))
        return scores
