"""An hourglass, the same with its parts taken away one by one, and a fully connected network.

Each maps a latent (1, l, h, w) to a picture (1, c, h, w) in (0, 1).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from convprior.networks.hourglass import Hourglass
from convprior.networks.mlp import MLP

HOURGLASS, FLAT, UNNORMALISED = "hourglass", "mlp", "no normalisation"


class Flat(nn.Module):
    """A fully connected network from the latent to the picture, of about so many weights.

    Nearly all are those of its outputs, a value of the picture each: few hidden neurons are left.
    """

    def __init__(self, latent_channels: int, shape: tuple[int, ...], weights: int) -> None:
        super().__init__()
        self.shape = shape
        values = math.prod(shape)
        hidden = max(1, (weights - values) // (latent_channels + values + 1))
        # One list of numbers in, as many as a picture's values out: `classes` are pixels here.
        self.layers = MLP(
            (latent_channels, 1, 1), values, hidden=[hidden], batch_norm=False, dropout=0.0
        )

    def forward(self, latent: Float[Tensor, "1 l H W"]) -> Float[Tensor, "1 c H W"]:
        """Return the picture, in (0, 1)."""
        values: Tensor = self.layers(latent.mean((2, 3), keepdim=True))
        return values.sigmoid().view(1, *self.shape)


def without_norm(network: nn.Module) -> None:
    """Take all normalisation away."""
    _replace(network, nn.BatchNorm2d, lambda _: nn.Identity())


def kernels_of_one(network: nn.Module) -> None:
    """Make every kernel 1×1: pixels hear of each other by halving and doubling alone."""
    _replace(
        network,
        nn.Conv2d,
        lambda conv: nn.Conv2d(conv.in_channels, conv.out_channels, 1, conv.stride),
    )


def unlearned_smoothness(network: nn.Module) -> None:
    """Come up by transposed convolutions, which have to learn to be smooth."""
    for scale in network.modules():
        if isinstance(getattr(scale, "up", None), nn.Upsample):
            joined = next(m for m in scale.join.modules() if isinstance(m, nn.Conv2d))  # type: ignore[union-attr]
            first = scale.skip[0].out_channels if scale.skip is not None else 0  # type: ignore[index, union-attr]
            channels = joined.in_channels - int(first)
            scale.up = nn.ConvTranspose2d(channels, channels, 2, stride=2)


def _replace(network: nn.Module, kind: type, make: Callable[[Any], nn.Module]) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, kind):
                setattr(parent, name, make(child))


def variants(
    latent_channels: int, channels: Sequence[int], skip_channels: int
) -> dict[str, Callable[[tuple[int, ...]], nn.Module]]:
    """Return how to build each network for pictures of a shape (c, h, w)."""

    def hourglass(
        change: Callable[[nn.Module], None] = lambda _: None, **arguments: Any
    ) -> Callable[[tuple[int, ...]], nn.Module]:
        def build(shape: tuple[int, ...]) -> nn.Module:
            given: dict[str, Any] = {
                "channels": channels,
                "skip_channels": skip_channels,
                "upsampling": "bilinear",
                "padding": "reflect",
                "join_norm": True,
                "dropout": 0.0,
            }
            network = Hourglass(latent_channels, shape[0], **(given | arguments))
            change(network)
            return network

        return build

    def flat(shape: tuple[int, ...]) -> nn.Module:
        weights = sum(p.numel() for p in hourglass()(shape).parameters())
        return Flat(latent_channels, shape, weights)

    return {
        HOURGLASS: hourglass(),
        FLAT: flat,
        "nearest upsampling": hourglass(upsampling="nearest"),
        "transposed convolutions": hourglass(unlearned_smoothness),
        "one scale": hourglass(channels=channels[:1]),
        "no skips": hourglass(skip_channels=0),
        "1×1 kernels": hourglass(kernels_of_one),
        UNNORMALISED: hourglass(without_norm),
    }
