"""Does a network know an object that is turned, smaller or larger? And when is it wrong to?

Convolution commutes with moving a picture, not with turning or scaling it. Augmentation can teach
that, at the price of examples and capacity; and where a turn makes another class of an object, as
half a turn does of a six, it teaches something wrong.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, model_validator
from sklearn.datasets import load_digits
from torch import Tensor, nn

from convprior.ground import params, seeds, sharing, tracking
from convprior.study.trials import loop
from convprior.study.trials.intervals import difference, interval
from convprior.study.trials.loop import Budget
from convprior.study.trials.material import Material
from convprior.study.trials.runs import Run, train_all
from convprior.training import judging
from convprior.training.augmentation import Augmentation
from convprior.training.data.card import Card

PAIRS = {"six or nine": (6, 9), "one or seven": (1, 7)}  # a turn makes the other of the first
KINDS = ("as they are", "turned and scaled", "turned and scaled, longer")


class Orientation(params.Section):
    """The part `study.orientation`; ``longer``: so many times the steps, the third time.

    ``digit_runs`` are trained of each kind: digits are few, and runs differ.
    """

    network: str
    angles: Annotated[params.Distinct[Annotated[float, Field(ge=0, le=360)]], Field(min_length=2)]
    scales: Annotated[params.Distinct[Annotated[float, Field(gt=0, le=16)]], Field(min_length=2)]
    augmentation: Augmentation
    longer: params.Count
    digits: Budget
    digit_runs: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _as_they_are(self) -> "Orientation":
        for name, values, unchanged in (("angles", self.angles, 0), ("scales", self.scales, 1)):
            if unchanged not in values:
                raise ValueError(f"`{name}` need {unchanged} too: objects as they are")
        return self

    def taught(self, change: str) -> list[str]:
        """Return the angles or scales that augmentation shows in training."""
        if change == "angle":
            most = self.augmentation.rotation
            return [f"{v:g}" for v in self.angles if min(v, 360 - v) <= most]
        most = self.augmentation.scale
        return [f"{v:g}" for v in self.scales if 1 / most <= v <= most]


def judge(
    settings: Orientation, material: Material, _: Run, network: nn.Module
) -> dict[str, dict[str, list[bool]]]:
    """Return what is right at each angle and at each scale."""
    test = material.split("test")
    turns: dict[str, dict[str, list[bool]]] = {"angle": {}, "scale": {}}
    for kind, values in (("angle", settings.angles), ("scale", settings.scales)):
        for value in values:
            change = (value, 1.0) if kind == "angle" else (0.0, value)
            shown = test.on_background(test.transformed(*change))
            right = judging.right(network, shown, test.labels, sharing.device())
            turns[kind][f"{value:g}"] = right.tolist()
    return turns


def digits(pair: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return scikit-learn's digits of two kinds: uint8 (n, 3, 8, 8), and 0 or 1."""
    found = load_digits()
    wanted = np.isin(found.target, pair)
    pixels = torch.from_numpy(found.images[wanted] * 255 / 16).round().to(torch.uint8)
    return pixels[:, None].repeat(1, 3, 1, 1), torch.from_numpy(
        found.target[wanted] == pair[1]
    ).long()


def _tell_apart(job: tuple[Material, Orientation, str, int, bool]) -> list[bool]:
    """Train on half of two kinds of digit, turned by any angle or not; judge on the other half."""
    material, settings, name, seed, turned = job
    pictures, labels = digits(PAIRS[name])
    half = len(pictures) // 2
    scaled = pictures[:half].double() / 255
    data = Card(
        8, ["0", "1"], name.split(" or "), [float(scaled.mean())] * 3, [float(scaled.std())] * 3, ""
    )
    network = material.planned(settings.network)
    blueprint = network.blueprint(data)
    if "channels" in network.arguments:
        channels = network.arguments["channels"][:2]  # digits are small
        blueprint = blueprint.with_arguments({"channels": channels})
    recorded = {"digits": name, "seed": seed, "turned": turned} | settings.digits.model_dump()
    tags = {"question": "orientation"}
    about = f"A small network that tells the digits {name} apart, trained as they are or turned."
    with tracking.run("study", f"{name} {seed}", recorded, tags, about=about) as run:
        torch.manual_seed(seeds.seed("digits", name, seed))
        trained = loop.learn(
            blueprint.build(),
            data,
            pictures[:half],
            labels[:half],
            settings.digits,
            learning_rate=material.learning_rates[settings.network],
            weight_decay=material.plan.weight_decay,
            seed=seeds.seed("digits", seed),
            device=sharing.device(),
            augmentation=Augmentation(shift=0, rotation=180 if turned else 0, scale=1, flip=False),
        )
        right = judging.right(trained, pictures[half:], labels[half:], sharing.device())
        run.metrics({"accuracy": float(right.float().mean())})
    found: list[bool] = right.tolist()
    return found


def told_apart(material: Material, settings: Orientation) -> dict[str, Any]:
    """Return how well each pair of digits is told apart, trained as they are and turned."""
    numbers = range(settings.digit_runs)
    jobs = [
        (material, settings, name, number, way)
        for name in PAIRS
        for way in (False, True)
        for number in numbers
    ]
    judged = iter(sharing.in_order(_tell_apart, jobs))
    found = {}
    for name in PAIRS:
        as_they_are, turned = ([next(judged) for _ in numbers] for _ in range(2))
        found[name] = {
            "as they are": interval(as_they_are),
            "turned by any angle": interval(turned),
            "lost": difference(as_they_are, turned),
        }
    return found


def measure(material: Material, settings: Orientation) -> dict[str, Any]:
    """Return accuracy by angle and by scale, with and without augmentation; and the digits'."""
    plan_seeds = material.plan.seeds
    budget = material.plan.budget
    much = budget.model_copy(update={"steps": settings.longer * budget.steps})
    taught = {"augmentation": settings.augmentation}
    changes: tuple[dict[str, Any], ...] = ({}, taught, taught | {"budget": much})
    runs = [
        replace(Run.of(material, "orientation", settings.network, "uniform", seed), **change)
        for change in changes
        for seed in plan_seeds
    ]
    judged = train_all(material, runs, partial(judge, settings))
    turned: dict[str, Any] = {}
    for number, kind in enumerate(KINDS):
        mine = judged[number * len(plan_seeds) : (number + 1) * len(plan_seeds)]
        turned[kind] = {
            change: {
                value: interval([run[change][value] for run in mine]) for value in mine[0][change]
            }
            for change in ("angle", "scale")
        }
    # What augmentation changes, mean of the angles or scales that it shows.
    gained: dict[str, Any] = {kind: {} for kind in KINDS[1:]}
    for change in ("angle", "scale"):
        every = np.array(
            [[run[change][value] for value in settings.taught(change)] for run in judged],
            dtype=float,
        ).mean(1)
        plain, *others = every.reshape(len(KINDS), len(plan_seeds), -1)
        for kind, other in zip(KINDS[1:], others, strict=True):
            gained[kind][change] = difference(other, plain)
    return {
        "network": settings.network,
        "chance": 1 / len(material.data.classes),
        "longer": settings.longer,
        "taught": {change: settings.taught(change) for change in ("angle", "scale")},
        "turned": turned,
        "gained": gained,
        "digits": told_apart(material, settings),
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
