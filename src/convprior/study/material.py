"""What the questions of the study work with: composed scenes, and networks trained on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from convprior import blueprint, composition, learning, seeds, tracking, workers
from convprior.augmentation import NONE, Augmentation
from convprior.blueprint import Blueprint
from convprior.composition import Scenes
from convprior.description import Description
from convprior.learning import Budget
from convprior.study.plan import Network, Place, Plan


@dataclass(frozen=True)
class Run:
    """One network to train; everything that decides its weights, and what it is for.

    ``permuted``: with the pixels of all pictures in one other order.
    """

    question: str
    name: str
    blueprint: Blueprint
    place: Place
    seed: int
    pictures: int
    budget: Budget
    learning_rate: float
    weight_decay: float
    augmentation: Augmentation = NONE
    permuted: bool = False

    def recorded(self) -> dict[str, Any]:
        """Return what MLflow shows of the run."""
        return tracking.flat(
            {
                "network": self.blueprint.class_name,
                "arguments": self.blueprint.arguments,
                "place": self.place,
                "seed": self.seed,
                "pictures": self.pictures,
                "budget": self.budget.model_dump(),
                "learning_rate": self.learning_rate,
                "weight_decay": self.weight_decay,
                "augmentation": self.augmentation.model_dump(),
                "permuted": self.permuted,
            }
        )


@dataclass(frozen=True)
class Material:
    """Where the scenes and the trained networks are, and the plan they were made by."""

    scenes: Path
    models: Path
    plan: Plan
    learning_rates: dict[str, float]

    @property
    def data(self) -> Description:
        """Size, classes and statistics of the scenes."""
        return Description.read(self.scenes)

    def split(self, name: str) -> Scenes:
        """Return the scenes of `train`, `validation` or `test`."""
        return _load(self.scenes / f"{name}.safetensors")

    def network(self, name: str, place: Place, seed: int) -> nn.Module:
        """Return one that the stage `learn` has trained, ready to be judged."""
        found = blueprint.load(self.models / name / f"{place}-{seed}")[1]
        return learning.ready(found, self.data)

    def run(self, question: str, name: str, place: Place, seed: int, **changes: Any) -> Run:
        """Return the run that trains a network of the plan, with some of its fields changed."""
        network = self.plan.networks[name]
        run = Run(
            question,
            name,
            self.blueprint(network),
            place,
            seed,
            self.plan.pictures,
            self.plan.budget,
            self.learning_rates.get(name, self.plan.learning_rates[0]),
            self.plan.weight_decay,
            network.augmentation,
        )
        return replace(run, **changes)

    def blueprint(self, network: Network, **arguments: Any) -> Blueprint:
        """Return the blueprint of a network of the plan, with some of its arguments changed."""
        data = self.data
        return Blueprint(
            network.module,
            network.class_,
            network.arguments | arguments,
            (3, data.size, data.size),
            data.classes,
        )


@cache
def _load(path: Path) -> Scenes:
    return composition.load(path)


def pictures(scenes: Scenes, place: Place, name: str) -> UInt8[Tensor, "n 3 S S"]:
    """Return the scenes with their objects where ``place`` says; ``name`` names the drawing."""
    return scenes.at(*scenes.places(place, seeds.generator("place", name)))


def permuted(pixels: UInt8[Tensor, "n 3 S S"]) -> UInt8[Tensor, "n 3 S S"]:
    """Return pictures with their pixels in another order, the same for all."""
    order = torch.randperm(pixels[0, 0].numel(), generator=seeds.generator("permutation"))
    return pixels.flatten(2)[:, :, order].view_as(pixels)


def trained(material: Material, run: Run) -> nn.Module:
    """Train a run's network and return it ready to be judged."""
    known = material.split("train")[: run.pictures]
    shown = pictures(known, run.place, f"train {run.seed}")
    if run.permuted:
        shown = permuted(shown)
    torch.manual_seed(seeds.seed("network", run.name, run.seed))
    return learning.learn(
        run.blueprint.build(),
        material.data,
        shown,
        known.labels,
        run.budget,
        learning_rate=run.learning_rate,
        weight_decay=run.weight_decay,
        seed=seeds.seed("learn", run.name, run.place, run.seed),
        device=workers.device(),
        augmentation=run.augmentation,
    )


def judge_on_test(material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Return which test pictures are right, their objects placed as in training."""
    test = material.split("test")
    shown = pictures(test, run.place, "test")
    shown = permuted(shown) if run.permuted else shown
    right = learning.right(network, shown, test.labels, workers.device())
    return {"right": right.tolist(), "accuracy": float(right.float().mean())}


def train_all(
    material: Material, runs: list[Run], judge: Callable[[Material, Run, nn.Module], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Train every run and return what ``judge`` says of it; each is a run in MLflow."""
    return workers.each(_train_one, [(material, run, judge) for run in runs])


def _train_one(
    job: tuple[Material, Run, Callable[[Material, Run, nn.Module], dict[str, Any]]],
) -> dict[str, Any]:
    material, run, judge = job
    experiment = "learn" if run.question == "learn" else "study"
    tags = {"question": run.question, "data": material.data.content}
    with tracking.run(experiment, f"{run.name} {run.seed}", run.recorded(), tags) as recorded:
        judged = judge(material, run, trained(material, run))
        numbers = {key: value for key, value in judged.items() if isinstance(value, float)}
        recorded.metrics(numbers)
    return judged
