"""Does a network know the same object at another place, and which part of it forgets the place?

Kayhan and van Gemert, "On translation invariance in CNNs", CVPR 2020, for what zero padding tells;
Zhang, ICML 2019, for the consistency under moves by one pixel.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from convprior.ground import params, sharing
from convprior.networks.cnn import CNN
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.material import Material
from convprior.study.trials.plan import Network, twin
from convprior.training import judging
from convprior.training.data.scenes import PLACES, Place

GREY = 0.3  # of the constant picture, in normalised units
PLAIN = {"padding": "zeros", "pooling": "max"}  # what a CNN has unless its arguments say otherwise


class Settings(params.Section):
    """The part `study.position`: the pixels between two offsets, and how many pictures.

    A ``step`` that is odd shows objects on and off the grids of poolings.
    """

    step: params.Count
    pictures: Annotated[int, Field(ge=2)]
    moves: list[params.Count]


def over_places(
    material: Material, name: str, place: Place, seed: int, settings: Settings
) -> dict[str, Any]:
    """Return what one trained network gets right at each offset, and its consistency."""
    network = material.network(name, place, seed)
    test = material.split("test")[: settings.pictures]
    offsets = range(0, test.free + 1, settings.step)
    right = [
        [
            judging.right(network, test.at(top, left), test.labels, sharing.device()).tolist()
            for left in offsets
        ]
        for top in offsets
    ]
    # The object moves by one pixel, along a row in the middle.
    middle = test.free // 2
    seen = [
        judging.scores(network, test.at(middle, left), sharing.device()).argmax(1)
        for left in range(test.free + 1)
    ]
    same = torch.stack([a == b for a, b in pairwise(seen)]).float().mean(0)
    return {"right": right, "same": same.tolist()}


def _over_places(job: tuple[Material, str, Place, int, Settings]) -> dict[str, Any]:
    return over_places(*job)


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


def alterations(networks: Mapping[str, Network]) -> dict[tuple[str, ...], str]:
    """Return the first CNN with plain padding and pooling, and its like, by what is altered.

    Empty unless there is one for each alteration alone and one for both.
    """
    for plain in networks.values():
        wanted = (CNN.__name__, plain.moved, plain.augmentation, PLAIN | plain.arguments)
        found = {}
        for name, network in networks.items():
            given = PLAIN | network.arguments
            if (network.class_, network.moved, network.augmentation, given | PLAIN) == wanted:
                found[tuple(part for part in PLAIN if given[part] != PLAIN[part])] = name
        if len(found) == 2 ** len(PLAIN):
            return found
    return {}


def heads(networks: Mapping[str, Network]) -> dict[str, str]:
    """Return the first two CNNs that differ in their head alone, by head; empty if none do."""
    for name, of in networks.items():
        if of.class_ == CNN.__name__ and of.arguments["head"] == "flatten":
            pooled = {"arguments": of.arguments | {"head": "pool"}}
            if other := twin(networks, of, pooled):
                return {"flatten": name, "pool": other}
    return {}


def moved_and_not(networks: Mapping[str, Network]) -> dict[str, str | None]:
    """Return the networks whose objects are moved in training, each with its like without."""
    return {
        name: twin(networks, network, {"moved": False})
        for name, network in networks.items()
        if network.moved
    }


def measure(material: Material, settings: Settings) -> dict[str, Any]:
    """Return accuracies over places, consistency, equivariance, and what padding tells."""
    plan = material.plan
    seeds = plan.seeds
    jobs = [
        (material, name, place, seed, settings)
        for name in plan.networks
        for place in PLACES
        for seed in seeds
    ]
    found = iter(sharing.each(_over_places, jobs))
    networks: dict[str, Any] = {}
    elsewhere: dict[str, np.ndarray] = {}  # of those trained in the corner: seeds, pictures
    for name in plan.networks:
        networks[name] = {}
        for place in PLACES:
            runs = [next(found) for _ in seeds]
            right = torch.tensor([run["right"] for run in runs])  # seeds, rows, columns, pictures
            away = right.double().flatten(1, 2)[:, 1:].mean(1).numpy()  # from the corner
            if place == "corner":
                elsewhere[name] = away
            networks[name][place] = {
                "map": right.float().mean((0, 3)).tolist(),
                "elsewhere": interval(away),
                "corner": interval(right[:, 0, 0].numpy()),
                "consistency": interval([run["same"] for run in runs]),
            }
    altered: dict[str, Any] = {}
    if names := alterations(plan.networks):
        plain = elsewhere[names[()]]
        gained = {parts: elsewhere[name] - plain for parts, name in names.items()}
        alone = sum(gained[part,] for part in PLAIN)
        altered = {
            "plain": names[()],
            "networks": {" and ".join(parts): name for parts, name in names.items() if parts},
            "gained": {
                " and ".join(parts): difference(elsewhere[name], plain)
                for parts, name in names.items()
                if parts
            },
            "beyond the sum": difference(gained[tuple(PLAIN)], alone),
        }
    moved = {
        name: {"without": still, "gained": difference(elsewhere[name], elsewhere[still])}
        if still
        else {}
        for name, still in moved_and_not(plan.networks).items()
    }
    test = material.split("test")[: settings.pictures]
    middle = test.free // 2
    layers, padding = {}, {}
    for name, network in plan.networks.items():
        built = material.network(name, "uniform", seeds[0])
        if network.class_ in (CNN.__name__, "Local"):  # whose layers follow one another
            shown = built[0](test.at(middle, middle))  # type: ignore[index]
            layers[name] = equivariance(built[1], shown, settings.moves)  # type: ignore[index]
        if network.class_ == CNN.__name__:
            padding[name] = told_by_padding(built[1], tuple(shown.shape[1:]))  # type: ignore[index]
    return {
        "chance": 1 / len(material.data.classes),
        "offsets": list(range(0, test.free + 1, settings.step)),
        "networks": networks,
        "borders": {
            name: plan.networks[name].arguments.get("padding", "zeros") for name in padding
        },
        "heads": heads(plan.networks),
        "altered": altered,
        "moved": moved,
        "equivariance": layers,
        "padding": padding,
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each network's accuracy in the corner that it was trained at, and elsewhere."""
    return [
        {"network": name}
        | {shown: of["corner"][shown]["mean"] for shown in ("corner", "elsewhere")}
        for name, of in metrics["networks"].items()
    ]
