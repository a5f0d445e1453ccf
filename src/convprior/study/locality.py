"""Does it matter which pixels are neighbours? All pixels of all pictures in one other order.

To a network on flattened pixels the order of its inputs is a matter of naming: its accuracy must
not change, which checks the code too. A convolution loses what it is built on.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from convprior.ground import params
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.material import Material
from convprior.study.trials.plan import unshared
from convprior.study.trials.runs import Run, judge_on_test, train_all


class Locality(params.Section):
    """The part `study.locality`."""

    networks: params.Distinct[str]


def measure(material: Material, settings: Locality) -> dict[str, Any]:
    """Return each network's accuracy with and without the permutation, and the difference."""
    runs = [
        replace(Run.of(material, "locality", name, "uniform", seed), permuted=order)
        for name in settings.networks
        for order in (False, True)
        for seed in material.plan.seeds
    ]
    judged = iter(train_all(material, runs, judge_on_test))
    found: dict[str, Any] = {}
    right: dict[str, np.ndarray] = {}
    for name in settings.networks:
        right[name], mixed = (
            np.array([next(judged)["right"] for _ in material.plan.seeds], dtype=float)
            for _ in range(2)
        )
        found[name] = {
            "class": material.planned(name).class_,
            "as they are": interval(right[name]),
            "in another order": interval(mixed),
            "lost": difference(right[name], mixed),
        }
    return {"networks": found, "gained": gained(material, right)}


def gained(material: Material, right: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what neighbourhood and then sharing bring, where networks tell them apart."""
    asked = {name: material.planned(name) for name in right}
    flat = next(
        (
            name
            for name, of in asked.items()
            if of.class_ == "MLP" and of.arguments["hidden"] and not of.moved
        ),
        None,
    )
    pair = unshared(asked)
    if flat is None or pair is None:
        return {}
    local, shared = pair
    return {
        what: {"from": before, "to": after, "gained": difference(right[after], right[before])}
        for what, before, after in (
            ("neighbourhood", flat, local), ("sharing", local, shared)
        )
    }  # fmt: skip


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each network loses by the permutation."""
    return [
        {"network": name, "lost": of["lost"]["mean"]} for name, of in metrics["networks"].items()
    ]
