"""What does sharing weights save, and what does it buy at the same cost?

Counted from the built networks, beside the arithmetic of the texts; then each family at one number
of parameters and at one number of multiply-adds, trained alike.
"""

from typing import Any

from convprior import cost, params
from convprior.blueprint import Blueprint
from convprior.study.intervals import interval
from convprior.study.material import Material, judge_on_test, train_all

NEURONS = 10_000  # that the texts put on a 256×256×3 picture
PICTURE = (3, 256, 256)
ALEXNET = {"one device, all channels": 1, "the paper's two halves": 2}
IMAGENET = (3, 224, 224)
CLASSES = 1000


class Settings(params.Section):
    """The part `study.sharing`."""

    families: list[str]
    parameters: params.Count
    multiply_adds: params.Count


def widened(blueprint: Blueprint, factor: float) -> Blueprint:
    """Return the network with so many times the channels and hidden neurons, at least one each."""
    arguments = dict(blueprint.arguments)
    for name in ("channels", "hidden"):
        if name in arguments:
            many = arguments[name]
            arguments[name] = (
                [max(1, round(factor * count)) for count in many]
                if isinstance(many, list)
                else max(1, round(factor * many))
            )
    return Blueprint(
        blueprint.module,
        blueprint.class_name,
        arguments,
        blueprint.picture_shape,
        blueprint.classes,
    )


def fitted(blueprint: Blueprint, what: str, wanted: int) -> Blueprint:
    """Return the network of the width at which ``what`` it costs is nearest to ``wanted``."""
    low, high = 0.0, 1.0
    while cost.total(widened(blueprint, high))[what] < wanted:
        low, high = high, 2 * high
    for _ in range(12):
        middle = (low + high) / 2
        below = cost.total(widened(blueprint, middle))[what] < wanted
        low, high = (middle, high) if below else (low, middle)
    near = (widened(blueprint, low), widened(blueprint, high))
    return min(near, key=lambda network: abs(cost.total(network)[what] - wanted))


def measure(material: Material, settings: Settings) -> dict[str, Any]:
    """Return the counts, and each family's accuracy at equal cost."""
    plan = material.plan
    counted: dict[str, Any] = {}
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
    built = {name: material.blueprint(network) for name, network in plan.networks.items()}
    for name, blueprint in (built | alexnets).items():
        rows = cost.layers(blueprint)
        counted[name] = cost.total(blueprint) | {
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
    neuron = Blueprint(
        "mlp", "MLP", {"hidden": [], "batch_norm": False, "dropout": 0.0}, PICTURE, ["one"]
    )
    weights = cost.total(neuron)["parameters"] - 1  # without its bias
    runs, chosen = [], []
    for what in ("parameters", "multiply_adds"):
        for name in settings.families:
            network = fitted(built[name], what, getattr(settings, what))
            for seed in plan.seeds:
                runs.append(material.run("sharing", name, "uniform", seed, blueprint=network))
                chosen.append((what, name, cost.total(network)))
    judged = train_all(material, runs, judge_on_test)
    equal: dict[str, Any] = {}
    for what in ("parameters", "multiply_adds"):
        equal[what] = {}
        for name in settings.families:
            mine = [i for i, key in enumerate(chosen) if key[:2] == (what, name)]
            equal[what][name] = interval([judged[i]["right"] for i in mine]) | chosen[mine[0]][2]
    return {
        "neuron_weights": weights,
        "layer_neurons": NEURONS,
        "layer_weights": weights * NEURONS,
        "counted": counted,
        "equal": equal,
        "wanted": {what: getattr(settings, what) for what in ("parameters", "multiply_adds")},
    }
