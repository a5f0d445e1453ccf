"""How far does a network learn its examples by heart, and what helps?

Few pictures, many steps: the gap between training and test accuracy, plain and with each remedy.
"""

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from torch import nn

from convprior.ground import params, sharing
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.material import Material, pictures
from convprior.study.trials.runs import Run, train_all
from convprior.training import judging
from convprior.training.augmentation import Augmentation


class Overfitting(params.Section):
    """The part `study.overfitting`: how strong each remedy is."""

    network: str
    pictures: params.Count
    dropout: params.Share
    weight_decay: Annotated[float, Field(ge=0)]
    augmentation: Augmentation


def judge(material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Return what is right of the training and of the test pictures."""
    known, test = material.split("train")[: run.pictures], material.split("test")
    found = {}
    for name, scenes, drawn in (("train", known, f"train {run.seed}"), ("test", test, "test")):
        shown = pictures(scenes, run.place, drawn)
        found[name] = judging.right(network, shown, scenes.labels, sharing.device()).tolist()
    return found


def measure(material: Material, settings: Overfitting) -> dict[str, Any]:
    """Return training and test accuracy with each remedy."""
    blueprint = material.planned(settings.network).blueprint(material.data)
    bare = {"batch_norm": False, "dropout": 0.0}
    normed = bare | {"batch_norm": True}
    dropped = bare | {"dropout": settings.dropout}
    both = normed | {"dropout": settings.dropout}
    decayed = {"weight_decay": settings.weight_decay}
    moved = {"augmentation": settings.augmentation}
    remedies: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "none": (bare, {"weight_decay": 0.0}),
        "weight decay": (bare, decayed),
        "dropout": (dropped, {"weight_decay": 0.0}),
        "batch norm": (normed, {"weight_decay": 0.0}),
        "augmentation": (bare, {"weight_decay": 0.0} | moved),
        "all": (both, decayed | moved),
    }
    runs = [
        replace(
            Run.of(material, "overfitting", settings.network, "uniform", seed),
            blueprint=blueprint.with_arguments(arguments),
            pictures=settings.pictures,
            **changes,
        )
        for arguments, changes in remedies.values()
        for seed in material.plan.seeds
    ]
    judged = iter(train_all(material, runs, judge))
    found: dict[str, Any] = {}
    bare_right = None
    for remedy in remedies:
        mine = [next(judged) for _ in material.plan.seeds]
        found[remedy] = {
            split: interval([run[split] for run in mine]) for split in ("train", "test")
        }
        right = np.array([run["test"] for run in mine], dtype=float)
        bare_right = right if bare_right is None else bare_right
        found[remedy]["gained"] = difference(right, bare_right)
    return {
        "network": settings.network,
        "pictures": settings.pictures,
        "steps": material.plan.budget.steps,
        "remedies": found,
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return training and test accuracy with each remedy."""
    return [
        {"remedy": name} | {split: of[split]["mean"] for split in ("train", "test")}
        for name, of in metrics["remedies"].items()
    ]
