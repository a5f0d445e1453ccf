"""What layers do when a picture moves, and what padding tells them of where they are.

Kayhan and van Gemert, "On translation invariance in CNNs", CVPR 2020, for what zero padding tells.
"""

import math

import torch
from torch import Tensor, nn

GREY = 0.3  # of the constant picture, in normalised units


@torch.inference_mode()
def equivariance(
    network: nn.Module, normalised: Tensor, moves: list[int]
) -> dict[str, dict[str, float]]:
    """Return ‖f(Tx) − Tf(x)‖ / ‖f(x)‖ of each layer of ``network.features``, for each move T.

    T moves the picture in a circle, and the features by as many of their own pixels. Only moves by
    multiples of a layer's stride are moves of its features; others are held against the nearest.
    """
    found: dict[str, dict[str, float]] = {}
    size = normalised.shape[-1]
    for move in moves:
        x, moved = normalised, normalised.roll(move, 3)
        for number, layer in enumerate(network.features):  # type: ignore[arg-type]
            x, moved = layer(x), layer(moved)
            if not isinstance(layer, nn.ReLU):
                continue
            stride = size // x.shape[-1]
            expected = x.roll(math.floor(move / stride + 0.5), 3)
            error = float((moved - expected).norm() / x.norm())
            found.setdefault(f"after {number + 1} layers, stride {stride}", {})[str(move)] = error
        # What the head sees: the flattened map, or its average over position.
        head = next(iter(network.head))  # type: ignore[arg-type]
        pooled, expected = head(moved).flatten(1), head(x).flatten(1)
        found.setdefault("what the head sees", {})[str(move)] = float(
            (pooled - expected).norm() / expected.norm()
        )
    return found


@torch.inference_mode()
def told_by_padding(network: nn.Module, shape: tuple[int, ...]) -> list[list[float]]:
    """Return how far features on a constant picture are from what they are in the middle.

    A map of the last layer before the head: root mean square over channels, a share of that of the
    whole layer.
    """
    x = network.features(torch.full((1, *shape), GREY))  # type: ignore[operator]
    rows, columns = x.shape[2:]
    away = x - x[:, :, rows // 2, None, columns // 2, None]
    share: Tensor = away[0].square().mean(0).sqrt() / x.square().mean().sqrt()
    return share.tolist()
