"""What does a network see: kernels, feature maps, receptive fields, and the texts' example.

The effective receptive field (Luo et al., "Understanding the effective receptive field in deep
convolutional neural networks", NeurIPS 2016) is where the gradient of a unit is large.
"""

from typing import Annotated, Any

import torch
from jaxtyping import Float
from kornia.filters import laplacian, spatial_gradient
from pydantic import Field
from torch import Tensor, nn

from convprior.ground import params
from convprior.networks.cnn import CNN
from convprior.pictures import decoding
from convprior.study.lessons import worked_example
from convprior.study.lessons.operations import receptive_fields, sliding
from convprior.study.trials.material import Material, photograph
from convprior.study.trials.plan import StudyError

HELD = 0.9  # share of the gradient's magnitude that the effective field holds
MAPS = 4  # shown of each layer
DEEPER = "untrained, deeper"


class Sight(params.Section):
    """The part `study.sight`: which network, how many pictures, and which photograph how large."""

    network: str
    pictures: params.Count
    photograph: str
    size: Annotated[int, Field(ge=16, le=4096)]
    deep: Annotated[list[params.Count], Field(min_length=1)]


def stretched(values: Float[Tensor, "h w"]) -> str:
    """Return a map as a picture in text: its least value black, its largest white."""
    least, most = values.min(), values.max()
    return decoding.data_uri(((values - least) / (most - least).clamp(min=1e-12))[None])


def gradient(features: nn.Module, pictures: Tensor) -> tuple[Float[Tensor, "h w"], float]:
    """Return how much each pixel moves the unit at the centre of the map, and where that lies.

    Magnitudes of all channels, summed over pictures; the unit's place is in pixels.
    """
    x = pictures.clone().requires_grad_()
    found = features(x)
    middle = found.shape[-1] // 2
    found[..., middle, middle].sum().backward()
    assert x.grad is not None
    # The middle of the unit's own pixels: between two of them where there is an even number.
    stride = x.shape[-1] // found.shape[-1]
    return x.grad.abs().sum((0, 1)), (middle + 0.5) * stride - 0.5


def effective_field(magnitude: Float[Tensor, "h w"], centre: float) -> int:
    """Return the side of the smallest square about the centre that holds most of the gradient."""
    total = float(magnitude.sum())
    if total == 0:
        return 0
    size = magnitude.shape[-1]
    distance = (torch.arange(size) - centre).abs()
    even = centre != int(centre)
    for side in range(2 if even else 1, 2 * size, 2):
        inside = distance <= (side - 1) / 2
        if float(magnitude[inside][:, inside].sum()) >= HELD * total:
            return side
    return size


def fields(features: nn.Sequential, pictures: Tensor) -> list[dict[str, Any]]:
    """Return theoretical and effective receptive field behind every convolution and pooling.

    With each the gradient as a picture; its square root, so that little is seen too.
    """
    found = []
    for reach in receptive_fields(sliding(features)):
        number = int(reach.name.split()[0].split(".")[0])
        magnitude, centre = gradient(features[: number + 1], pictures)
        found.append(
            {
                "layer": reach.name,
                "theoretical": reach.field,
                "jump": reach.jump,
                "effective": effective_field(magnitude, centre),
                "gradient": stretched(magnitude.sqrt()),
            }
        )
    return found


def by_hand(photograph: Tensor) -> dict[str, Tensor]:
    """Return Laplace's and Sobel's kernels on a grey photograph (h, w), by kornia."""
    batch = photograph[None, None]
    gradients = spatial_gradient(batch, "sobel")[0, 0]
    return {
        "photograph": photograph,
        "Laplace": laplacian(batch, 3)[0, 0],
        "Sobel, across": gradients[0],
        "Sobel, down": gradients[1],
    }


def measure(material: Material, settings: Sight) -> dict[str, Any]:
    """Return kernels, maps and fields of a trained network, and the texts' example."""
    if material.planned(settings.network).class_ != CNN.__name__:
        raise StudyError(
            f"study.sight.network: '{settings.network}' is not a {CNN.__name__}, whose layers "
            "follow one another: name one that is"
        )
    network = material.network(settings.network, "uniform", material.plan.seeds[0])
    features = network[1].features  # type: ignore[index]
    test = material.split("test")[: settings.pictures]
    shown = test.at(test.free // 2, test.free // 2)
    normalised = network[0](shown)  # type: ignore[index]
    kernels = features[0].weight.detach()
    maps = {"picture": decoding.data_uri(shown[0].float() / 255)}
    with torch.no_grad():
        x = normalised[:1]
        for number, layer in enumerate(features):
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                strongest = x[0].mean((1, 2)).argsort(descending=True)[:MAPS]
                for channel in sorted(strongest.tolist()):
                    maps[f"layer {number + 1}, channel {channel}"] = stretched(x[0, channel])
    # Depth makes the field grow, and the share of it that counts shrink: untrained, deeper, wider.
    size = 128
    torch.manual_seed(0)
    deep = CNN(
        (3, size, size), 2, channels=settings.deep, head="pool", hidden=1, batch_norm=False,
        dropout=0.0,
    ).eval()  # fmt: skip
    noise = torch.randn(8, 3, size, size)
    hand = by_hand(photograph(settings.photograph, settings.size).mean(0))
    return {
        "network": settings.network,
        "held": HELD,
        "kernels": [kernel.mean(0).tolist() for kernel in kernels],
        "maps": list(maps.items()),
        "fields": {
            settings.network: fields(features, normalised),
            DEEPER: fields(deep.features, noise),
        },
        "by_hand": [(name, stretched(picture)) for name, picture in hand.items()],
        "photograph": settings.photograph,
        "example": worked_example.compute(),
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the receptive fields by layer of the untrained, deeper network, in pixels."""
    return [
        {"layer": number} | {kind: row[kind] for kind in ("theoretical", "effective")}
        for number, row in enumerate(metrics["fields"][DEEPER], 1)
    ]
