"""A fully connected baseline: the picture as a flat list of numbers.

Flattening forgets which pixels are neighbours: permute all pixels of all pictures alike and this
network learns exactly as well. Every neuron of the first layer has a weight of its own for every
pixel and channel: 196,608 of them on a 256×256×3 picture.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Map pictures (n, c, h, w) to class scores (n, classes) through fully connected layers.

    ``picture_shape`` is (c, h, w), ``hidden`` the neurons of each hidden layer.
    """

    def __init__(
        self,
        picture_shape: Sequence[int],
        classes: int,
        *,
        hidden: Sequence[int],
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        channels, height, width = picture_shape
        inputs = channels * height * width
        for neurons in hidden:
            layers.append(nn.Linear(inputs, neurons, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(neurons))
            layers += [nn.ReLU(), nn.Dropout(dropout)]
            inputs = neurons
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, classes))

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return the class scores."""
        scores: Tensor = self.layers(pictures)
        return scores
