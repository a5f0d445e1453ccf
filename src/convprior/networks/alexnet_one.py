"""AlexNet on one device, as it is trained today: fewer kernels, no response normalisation.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5. The
paper of 2012 is in alexnet.py.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

SMALLEST = 63  # pixels a side: less leaves nothing after the third pooling


class AlexNet(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes): 61,100,840 weights for 1,000."""

    def __init__(self, picture_shape: Sequence[int], classes: int, *, dropout: float) -> None:
        super().__init__()
        channels, height, width = picture_shape
        if min(height, width) < SMALLEST:
            raise ValueError(
                f"AlexNet needs pictures of at least {SMALLEST} pixels a side, came "
                f"{height}×{width}: prepare larger ones"
            )
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
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
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
