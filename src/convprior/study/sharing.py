"""What does sharing weights save, and what does it buy at the same cost?

Counted from the built networks, beside the arithmetic of the texts; then each family at one number
of parameters and at one number of multiply-adds, trained alike.
"""

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from convprior.ground import params
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.material import Material
from convprior.study.trials.plan import StudyError, unshared
from convprior.study.trials.runs import Run, best, judge_on_test, train_all, try_rates
from convprior.training import cost
from convprior.training.blueprint import Blueprint

NEURONS = 10_000  # that the texts put on a 256×256×3 picture
PICTURE = (3, 256, 256)
ALEXNET = {"one device, all channels": 1, "the paper's two halves": 2}
IMAGENET = (3, 224, 224)
CLASSES = 1000
COSTS = ("parameters", "multiply_adds")


class Sharing(params.Section):
    """The part `study.sharing`; ``sizes`` are sides of pictures that networks are counted at."""

    families: params.Distinct[str]
    parameters: params.Count
    multiply_adds: params.Count
    sizes: params.Distinct[Annotated[int, Field(ge=1, le=4096)]]


def widened(blueprint: Blueprint, factor: float) -> Blueprint:
    """Return the network with so many times the channels and hidden neurons, at least one each."""
    widths: dict[str, Any] = {}
    for name in ("channels", "hidden"):
        if name in blueprint.arguments:
            many = blueprint.arguments[name]
            widths[name] = (
                [max(1, round(factor * count)) for count in many]
                if isinstance(many, list)
                else max(1, round(factor * many))
            )
    return blueprint.with_arguments(widths)


def fitted(blueprint: Blueprint, what: str, wanted: int) -> Blueprint:
    """Return the network of the width at which ``what`` it costs is nearest to ``wanted``.

    Raises StudyError for one without a width, or if the narrowest costs more.
    """
    named = f"{blueprint.class_name} {blueprint.arguments}"
    if widened(blueprint, 2) == blueprint:
        raise StudyError(f"{named} has no width to change: leave it out of study.sharing.families")
    least = cost.total(widened(blueprint, 0))[what]
    if wanted < least:
        raise StudyError(
            f"study.sharing.{what} is {wanted:,}: {named} has {least:,} at its narrowest: give "
            "that or more, or leave it out of study.sharing.families"
        )
    low, high = 0.0, 1.0
    while cost.total(widened(blueprint, high))[what] < wanted:
        low, high = high, 2 * high
    for _ in range(12):
        middle = (low + high) / 2
        below = cost.total(widened(blueprint, middle))[what] < wanted
        low, high = (middle, high) if below else (low, middle)
    # All widths are rounded at once, which is coarse; one of them a step on may be nearer.
    near = [widened(blueprint, low), widened(blueprint, high)]
    near += [other for network in tuple(near) for other in _one_width_on(network)]
    return min(near, key=lambda network: abs(cost.total(network)[what] - wanted))


def _one_width_on(blueprint: Blueprint) -> list[Blueprint]:
    """Return the networks one of whose widths is one more or one less."""
    found = []
    for name in ("channels", "hidden"):
        many = blueprint.arguments.get(name, [])
        widths = many if isinstance(many, list) else [many]
        for place, width in enumerate(widths):
            for other in {max(1, width - 1), width + 1}:
                changed = [*widths[:place], other, *widths[place + 1 :]]
                value = changed if isinstance(many, list) else changed[0]
                found.append(blueprint.with_arguments({name: value}))
    return found


def measure(material: Material, settings: Sharing) -> dict[str, Any]:
    """Return the counts, and each family's accuracy at equal cost. Raises StudyError."""
    firsts = first_runs(material, settings)  # first: none may fit
    networks = material.plan.networks
    built = {name: network.blueprint(material.data) for name, network in networks.items()}
    alexnets = {
        f"alexnet, {how}": Blueprint(
            "alexnet",
            "AlexNet",
            {"groups": groups, "dropout": 0.5},
            IMAGENET,
            [str(number) for number in range(CLASSES)],
        )
        for how, groups in ALEXNET.items()
    }
    neuron = Blueprint(
        "mlp", "MLP", {"hidden": [], "batch_norm": False, "dropout": 0.0}, PICTURE, ["one"]
    )
    weights = cost.total(neuron)["parameters"] - 1  # without its bias
    return {
        "neuron_weights": weights,
        "layer_neurons": NEURONS,
        "layer_weights": weights * NEURONS,
        "counted": {name: counted(blueprint) for name, blueprint in (built | alexnets).items()},
        "by_size": {
            name: {
                str(side): cost.total(replace(blueprint, picture_shape=(3, side, side)))
                for side in settings.sizes
            }
            for name, blueprint in built.items()
        },
        "unshared": unshared(networks),
        "equal": at_equal_cost(material, settings, firsts),
        "wanted": {what: getattr(settings, what) for what in COSTS},
    }


def counted(blueprint: Blueprint) -> dict[str, Any]:
    """Return what a network costs, and each of its layers."""
    rows = cost.layers(blueprint)
    return cost.total(blueprint) | {
        "picture": list(blueprint.picture_shape),
        "neurons": sum(row.neurons for row in rows),
        "memory": sum(row.memory for row in rows),
        "layers": [
            {
                "name": row.name, "kind": row.kind, "parameters": row.parameters,
                "neurons": row.neurons, "multiply_adds": row.multiply_adds,
                "memory": row.memory,
            }
            for row in rows
        ],
    }  # fmt: skip


def first_runs(material: Material, settings: Sharing) -> list[Run]:
    """Return a run of each family at one number of parameters, then at one of multiply-adds."""
    firsts = []
    for what in COSTS:
        for name in settings.families:
            whole = material.planned(name).blueprint(material.data)
            network = fitted(whole, what, getattr(settings, what))
            first = Run.of(material, "sharing", name, "uniform", material.plan.seeds[0])
            firsts.append(replace(first, blueprint=network))
    return firsts


def at_equal_cost(
    material: Material, settings: Sharing, firsts: list[Run]
) -> dict[str, dict[str, Any]]:
    """Return the accuracy of each family at one number of parameters, and of multiply-adds."""
    seeds = material.plan.seeds
    # Another width may want another learning rate.
    rates = [best(tried) for tried in try_rates(material, firsts)]
    runs = [
        replace(first, learning_rate=rate, seed=seed)
        for first, rate in zip(firsts, rates, strict=True)
        for seed in seeds
    ]
    judged = iter(train_all(material, runs, judge_on_test))
    of_each = iter(zip(firsts, rates, strict=True))
    equal: dict[str, Any] = {what: {} for what in COSTS}
    for what in COSTS:
        right: dict[str, np.ndarray] = {}
        for name in settings.families:
            first, rate = next(of_each)
            right[name] = np.array([next(judged)["right"] for _ in seeds], dtype=float)
            counts = cost.total(first.blueprint)
            equal[what][name] = interval(right[name]) | counts | {"learning_rate": rate}
        leader = max(right, key=lambda name: right[name].mean())
        for name, found in right.items():
            equal[what][name]["behind"] = difference(right[leader], found)
    return equal


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each family's accuracy at each cost."""
    equal = metrics["equal"]
    return [
        {"network": name} | {f"at_equal_{what}": equal[what][name]["mean"] for what in COSTS}
        for name in equal[COSTS[0]]
    ]
