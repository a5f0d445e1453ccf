"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?

Convolution commutes with moving a picture, not with turning or scaling it. Augmentation can teach
that, at the price of examples and capacity; and where a turn makes another class of an object, as
half a turn does of a six, it teaches something wrong.
"""

from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from sklearn.datasets import load_digits
from torch import Tensor, nn

from convprior import learning, params, workers
from convprior.augmentation import Augmentation
from convprior.blueprint import Blueprint
from convprior.description import Description
from convprior.learning import Budget
from convprior.study.intervals import interval
from convprior.study.material import Material, Run, train_all

SIX, NINE = 6, 9
KINDS = ("as they are", "turned and scaled", "turned and scaled, longer")


class Settings(params.Section):
    """The part `study.orientation`; ``longer``: so many times the steps, the third time."""

    network: str
    angles: Annotated[list[Annotated[float, Field(ge=0, le=360)]], Field(min_length=2)]
    scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2)]
    augmentation: Augmentation
    longer: params.Count
    digits: Budget


def judge(
    settings: Settings, material: Material, _: Run, network: nn.Module
) -> dict[str, dict[str, list[bool]]]:
    """Return what is right at each angle and at each scale."""
    test = material.split("test")
    turns: dict[str, dict[str, list[bool]]] = {"angle": {}, "scale": {}}
    for kind, values in (("angle", settings.angles), ("scale", settings.scales)):
        for value in values:
            change = (value, 1.0) if kind == "angle" else (0.0, value)
            shown = test.on_background(test.transformed(*change))
            right = learning.right(network, shown, test.labels, workers.device())
            turns[kind][f"{value:g}"] = right.tolist()
    return turns


def digits() -> tuple[Tensor, Tensor]:
    """Return scikit-learn's sixes and nines: uint8 (n, 3, 8, 8), and 0 or 1."""
    found = load_digits()
    wanted = (found.target == SIX) | (found.target == NINE)
    pixels = torch.from_numpy(found.images[wanted] * 255 / 16).round().to(torch.uint8)
    return pixels[:, None].repeat(1, 3, 1, 1), torch.from_numpy(found.target[wanted] == NINE).long()


def _six_or_nine(job: tuple[Material, Settings, int, bool]) -> list[bool]:
    """Train on half of the sixes and nines, turned by any angle or not; judge on the other half."""
    material, settings, seed, turned = job
    pictures, labels = digits()
    half = len(pictures) // 2
    scaled = pictures[:half].double() / 255
    data = Description(
        8, ["6", "9"], ["six", "nine"], [float(scaled.mean())] * 3, [float(scaled.std())] * 3, ""
    )
    network = material.planned(settings.network)
    arguments = dict(network.arguments)
    if "channels" in arguments:
        arguments["channels"] = arguments["channels"][:2]  # digits are small
    blueprint = Blueprint(network.module, network.class_, arguments, (3, 8, 8), data.classes)
    torch.manual_seed(seed)
    trained = learning.learn(
        blueprint.build(),
        data,
        pictures[:half],
        labels[:half],
        settings.digits,
        learning_rate=material.learning_rates[settings.network],
        weight_decay=material.plan.weight_decay,
        seed=seed,
        device=workers.device(),
        augmentation=Augmentation(shift=0, rotation=180 if turned else 0, scale=1, flip=False),
    )
    found: list[bool] = learning.right(
        trained, pictures[half:], labels[half:], workers.device()
    ).tolist()
    return found


def measure(material: Material, settings: Settings) -> dict[str, Any]:
    """Return accuracy by angle and by scale, with and without augmentation; and the digits'."""
    seeds = material.plan.seeds
    budget = material.plan.budget
    much = budget.model_copy(update={"steps": settings.longer * budget.steps})
    taught = {"augmentation": settings.augmentation}
    changes: tuple[dict[str, Any], ...] = ({}, taught, taught | {"budget": much})
    runs = [
        material.run("orientation", settings.network, "uniform", seed, **change)
        for change in changes
        for seed in seeds
    ]
    judged = train_all(material, runs, partial(judge, settings))
    turned: dict[str, Any] = {}
    for number, kind in enumerate(KINDS):
        mine = judged[number * len(seeds) : (number + 1) * len(seeds)]
        turned[kind] = {
            change: {
                value: interval([run[change][value] for run in mine]) for value in mine[0][change]
            }
            for change in ("angle", "scale")
        }
    # What augmentation changes, mean of all angles or scales.
    gained: dict[str, Any] = {kind: {} for kind in KINDS[1:]}
    for change in ("angle", "scale"):
        every = np.array([list(run[change].values()) for run in judged], dtype=float).mean(1)
        plain, *others = every.reshape(len(KINDS), len(seeds), -1)
        for kind, other in zip(KINDS[1:], others, strict=True):
            gained[kind][change] = interval(other - plain)
    jobs = [(material, settings, seed, way) for way in (False, True) for seed in seeds]
    right = np.array(workers.each(_six_or_nine, jobs), dtype=float)
    as_they_are, turned_too = right[: len(seeds)], right[len(seeds) :]
    return {
        "network": settings.network,
        "chance": 1 / len(material.data.classes),
        "longer": settings.longer,
        "turned": turned,
        "gained": gained,
        "digits": {
            "as they are": interval(as_they_are),
            "turned by any angle": interval(turned_too),
            "lost": interval(as_they_are - turned_too),
        },
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return accuracy by angle, trained on objects as they are, on turned ones, and longer."""
    turned = metrics["turned"]
    return [
        {"angle": float(angle)}
        | {
            name: turned[kind]["angle"][angle]["mean"]
            for name, kind in zip(("plain", "taught", "taught_longer"), KINDS, strict=True)
        }
        for angle in turned[KINDS[0]]["angle"]
    ]
