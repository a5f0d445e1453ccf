"""Does a network know the same object at another place, and which part of it forgets the place?

Zhang, "Making convolutional networks shift-invariant again", ICML 2019, for the consistency under
moves by one pixel.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from convprior.ground import params, sharing
from convprior.networks.cnn import CNN
from convprior.study.lessons.equivariance import equivariance, told_by_padding
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.material import Material
from convprior.study.trials.plan import Network, StudyError, twin
from convprior.training import judging
from convprior.training.data.scenes import PLACES, Place, Scenes

PLAIN = {"padding": "zeros", "pooling": "max"}  # what a CNN has unless its arguments say otherwise


class Position(params.Section):
    """The part `study.position`: the pixels between two offsets, and how many pictures.

    A ``step`` that is odd shows objects on and off the grids of poolings.
    """

    step: params.Count
    pictures: Annotated[int, Field(ge=2)]
    moves: params.Distinct[params.Count]


def check_room(scenes: Scenes, settings: Position) -> None:
    """Raise StudyError for a step that leads to no second offset, or a move that is another one."""
    size, free = scenes.size, scenes.free
    if settings.step > free:
        raise StudyError(
            f"study.position.step is {settings.step}: objects of {size - free} pixels can be "
            f"moved by {free} in pictures of {size} (compose.side, compose.size): give {free} or "
            "less, or larger pictures"
        )
    most = max(settings.moves)
    if most >= size:
        raise StudyError(
            f"study.position.moves has {most}, in a circle of {size} pixels (compose.size) the "
            f"same as {most % size}: give less than {size}, or larger pictures"
        )


def over_places(
    material: Material, name: str, place: Place, seed: int, settings: Position
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


def _over_places(job: tuple[Material, str, Place, int, Position]) -> dict[str, Any]:
    return over_places(*job)


def _inside(job: tuple[Material, Position]) -> tuple[dict[str, Any], dict[str, Any]]:
    return inside(*job)


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


def measure(material: Material, settings: Position) -> dict[str, Any]:
    """Return accuracies over places, consistency, equivariance, and what padding tells.

    Raises StudyError.
    """
    check_room(material.split("test"), settings)
    plan = material.plan
    jobs = [
        (material, name, place, seed, settings)
        for name in plan.networks
        for place in PLACES
        for seed in plan.seeds
    ]
    found = iter(sharing.in_order(_over_places, jobs))
    networks: dict[str, Any] = {}
    elsewhere: dict[str, np.ndarray] = {}  # of those trained in the corner: seeds, pictures
    for name in plan.networks:
        networks[name] = {}
        for place in PLACES:
            runs = [next(found) for _ in plan.seeds]
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
    ((layers, padding),) = sharing.in_order(_inside, [(material, settings)])
    borders = {name: plan.networks[name].arguments.get("padding", "zeros") for name in padding}
    return {
        "chance": 1 / len(material.data.classes),
        "offsets": list(range(0, material.split("test").free + 1, settings.step)),
        "networks": networks,
        "borders": borders,
        "heads": heads(plan.networks),
        "altered": gained_by_altering(alterations(plan.networks), elsewhere),
        "moved": gained_by_moving(plan.networks, elsewhere),
        "equivariance": layers,
        "padding": padding,
    }


def gained_by_altering(
    names: dict[tuple[str, ...], str], elsewhere: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Return what `alterations` bring at other places, each alone and both, and beyond the sum."""
    if not names:
        return {}
    plain = elsewhere[names[()]]
    altered = {" and ".join(parts): name for parts, name in names.items() if parts}
    alone = sum(elsewhere[names[part,]] - plain for part in PLAIN)
    return {
        "plain": names[()],
        "networks": altered,
        "gained": {parts: difference(elsewhere[name], plain) for parts, name in altered.items()},
        "beyond the sum": difference(elsewhere[names[tuple(PLAIN)]] - plain, alone),
    }


def gained_by_moving(
    networks: Mapping[str, Network], elsewhere: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Return what it brings at other places that the objects are moved in training."""
    return {
        name: {"without": still, "gained": difference(elsewhere[name], elsewhere[still])}
        if still
        else {}
        for name, still in moved_and_not(networks).items()
    }


def inside(material: Material, settings: Position) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the equivariance of layers, and what padding tells, where layers follow one another.

    Of the first seed, trained on objects at all places.
    """
    test = material.split("test")[: settings.pictures]
    pictures = test.at(test.free // 2, test.free // 2)
    layers, padding = {}, {}
    for name, of in material.plan.networks.items():
        if of.class_ not in (CNN.__name__, "Local"):
            continue
        ready = material.network(name, "uniform", material.plan.seeds[0])
        normalise, network = ready.children()
        shown = normalise(pictures)
        layers[name] = equivariance(network, shown, settings.moves)
        if of.class_ == CNN.__name__:
            padding[name] = told_by_padding(network, tuple(shown.shape[1:]))
    return layers, padding


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each network's accuracy in the corner that it was trained at, and elsewhere."""
    return [
        {"network": name}
        | {shown: of["corner"][shown]["mean"] for shown in ("corner", "elsewhere")}
        for name, of in metrics["networks"].items()
    ]
