"""What a trained network says of pictures, and of which it is right."""

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from convprior.training.augmentation import Normalise, central
from convprior.training.data.card import Card

AT_ONCE = 256  # pictures
FASTEST = torch.channels_last  # in training and judging, on a CPU


class Central(nn.Module):
    """The central square of pictures, of ``side`` pixels."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, pictures: UInt8[Tensor, "n c h w"]) -> UInt8[Tensor, "n c s s"]:
        """Return the central squares."""
        return central(pictures, self.side)


def ready(network: nn.Module, data: Card, side: int | None = None) -> nn.Module:
    """Return a trained network with what comes before it, on the CPU, to be judged.

    It is `Normalise` and the network, after `Central` where a ``side`` in pixels is given.
    """
    judged = nn.Sequential(Normalise(data), network)
    if side is not None:
        judged = nn.Sequential(Central(side), judged)
    return judged.eval().to("cpu", memory_format=FASTEST)  # type: ignore[call-overload, no-any-return]


@torch.inference_mode()
def scores(
    network: nn.Module, pictures: UInt8[Tensor, "n 3 h w"], device: torch.device
) -> Float[Tensor, "n *scores"]:
    """Return the scores of many pictures, of each class or of each pixel, on the CPU."""
    network.to(device)
    parts = [
        network(part.to(device, memory_format=FASTEST)).cpu() for part in pictures.split(AT_ONCE)
    ]
    return torch.cat(parts)


def right(
    network: nn.Module,
    pictures: UInt8[Tensor, "n 3 h w"],
    labels: Int[Tensor, "n"],
    device: torch.device,
) -> Bool[Tensor, "n"]:
    """Return of which pictures the class comes first."""
    return scores(network, pictures, device).argmax(1) == labels
