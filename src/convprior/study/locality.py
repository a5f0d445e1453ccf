"""Does it matter which pixels are neighbours? All pixels of all pictures in one other order.

To a network on flattened pixels the order of its inputs is a matter of naming: its accuracy must
not change, which checks the code too. A convolution loses what it is built on.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from convprior import params
from convprior.study.intervals import interval
from convprior.study.material import Material, judge_on_test, train_all

STEPS = ("MLP", "Local", "CNN")  # neighbourhood comes with the second, sharing with the third


class Settings(params.Section):
    """The part `study.locality`."""

    networks: list[str]


def measure(material: Material, settings: Settings) -> dict[str, Any]:
    """Return each network's accuracy with and without the permutation, and the difference."""
    runs = [
        material.run("locality", name, "uniform", seed, permuted=order)
        for name in settings.networks
        for order in (False, True)
        for seed in material.plan.seeds
    ]
    judged = iter(train_all(material, runs, judge_on_test))
    found = {}
    of_class: dict[str, tuple[str, np.ndarray]] = {}  # the first network of each
    for name in settings.networks:
        as_they_are, mixed = (
            np.array([next(judged)["right"] for _ in material.plan.seeds], dtype=float)
            for _ in range(2)
        )
        kind = material.planned(name).class_
        of_class.setdefault(kind, (name, as_they_are))
        found[name] = {
            "class": kind,
            "as they are": interval(as_they_are),
            "in another order": interval(mixed),
            "lost": interval(as_they_are - mixed),
        }
    gained = {}
    if set(STEPS) <= set(of_class):
        gained = {
            what: {
                "from": of_class[before][0],
                "to": of_class[after][0],
                "gained": interval(of_class[after][1] - of_class[before][1]),
            }
            for what, (before, after) in zip(
                ("neighbourhood", "sharing"), pairwise(STEPS), strict=True
            )
        }
    return {"networks": found, "gained": gained}


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each network loses by the permutation."""
    return [
        {"network": name, "lost": of["lost"]["mean"]} for name, of in metrics["networks"].items()
    ]
