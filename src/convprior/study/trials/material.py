"""What the questions of the study work with: composed scenes, and networks trained on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from convprior.ground import resume, seeds, sharing, tracking
from convprior.pictures import decoding
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.study.trials import loop
from convprior.study.trials.loop import Budget, Shown
from convprior.study.trials.plan import Network, Place, Plan, StudyError
from convprior.training import blueprint
from convprior.training.augmentation import NONE, Augmentation
from convprior.training.blueprint import Blueprint
from convprior.training.data import composition
from convprior.training.data.card import Description
from convprior.training.data.composition import Scenes


@dataclass(frozen=True)
class Run:
    """One network to train; everything that decides its weights, and what it is for.

    ``moved``: with its objects at another place each time they are shown; ``permuted``: with the
    pixels of all pictures in one other order.
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
    moved: bool = False
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
                "moved": self.moved,
                "permuted": self.permuted,
            }
        )


@dataclass(frozen=True)
class Material:
    """Where the scenes and the trained networks are, and the plan they were made by.

    ``tried`` keeps the networks of tried learning rates: the best one's need no second training.
    """

    scenes: Path
    models: Path
    tried: Path
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
        return loop.ready(found, self.data)

    def planned(self, name: str) -> Network:
        """Return a network of the plan. Raises StudyError for a name that is not there."""
        try:
            return self.plan.networks[name]
        except KeyError:
            raise StudyError(
                f"no network '{name}' in learn.networks, but `study` names it; there are: "
                f"{', '.join(self.plan.networks)}"
            ) from None

    def run(self, question: str, name: str, place: Place, seed: int, **changes: Any) -> Run:
        """Return the run that trains a network of the plan, with some of its fields changed."""
        network = self.planned(name)
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
            network.moved,
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


def photograph(name: str, size: int) -> Float[Tensor, "3 {size} {size}"]:
    """Return one of scikit-image's photographs, its central square scaled. Raises StudyError."""
    if name not in PHOTOGRAPHS:
        raise StudyError(f"no photograph '{name}'; there are: {', '.join(PHOTOGRAPHS)}")
    return decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS[name].load(), size))


def permuted(pixels: UInt8[Tensor, "n 3 S S"]) -> UInt8[Tensor, "n 3 S S"]:
    """Return pictures with their pixels in another order, the same for all."""
    order = torch.randperm(pixels[0, 0].numel(), generator=seeds.generator("permutation"))
    return pixels.flatten(2)[:, :, order].view_as(pixels)


def training_pictures(known: Scenes, run: Run) -> UInt8[Tensor, "n 3 S S"] | Shown:
    """Return what a run trains on: the same pictures at every step, or with their objects moved."""
    order = permuted if run.permuted else lambda shown: shown
    if not run.moved:
        return order(pictures(known, run.place, f"train {run.seed}"))
    generator = seeds.generator("moved", run.name, run.seed)

    def moving(batch: Int[Tensor, "batch"]) -> UInt8[Tensor, "batch 3 S S"]:
        some = known[batch]
        return order(some.at(*some.places("uniform", generator)))

    return moving


def trained(material: Material, run: Run) -> nn.Module:
    """Return a run's network ready to be judged.

    It is trained here, unless `learn` or the choice of a learning rate has trained the same.
    """
    same = material.run("learn", run.name, run.place, run.seed)
    if run.question != "learn" and replace(run, question="learn") == same:
        return material.network(run.name, run.place, run.seed)
    if (tried := _tried(material, run)).exists():
        return loop.ready(blueprint.load(tried)[1], material.data)
    known = material.split("train")[: run.pictures]
    torch.manual_seed(seeds.seed("network", run.name, run.seed))
    return loop.learn(
        run.blueprint.build(),
        material.data,
        training_pictures(known, run),
        known.labels,
        run.budget,
        learning_rate=run.learning_rate,
        weight_decay=run.weight_decay,
        seed=seeds.seed("learn", run.name, run.place, run.seed),
        device=sharing.device(),
        augmentation=run.augmentation,
    )


def judge_on_test(material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Return which test pictures are right, their objects placed as in training."""
    test = material.split("test")
    shown = pictures(test, run.place, "test")
    shown = permuted(shown) if run.permuted else shown
    right = loop.right(network, shown, test.labels, sharing.device())
    return {"right": right.tolist(), "accuracy": float(right.float().mean())}


def validate(material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Return the accuracy by which a learning rate is chosen; keep the network."""
    scenes = material.split("validation")
    shown = pictures(scenes, run.place, "validation")
    shown = permuted(shown) if run.permuted else shown
    found = loop.right(network, shown, scenes.labels, sharing.device())
    blueprint.save(_tried(material, run), run.blueprint, network[1])  # type: ignore[index]
    return {"accuracy": float(found.float().mean())}


def _tried(material: Material, run: Run) -> Path:
    return material.tried / resume.fingerprint([run.question, run.name, run.recorded()])


def try_rates(material: Material, runs: list[Run]) -> list[dict[float, float]]:
    """Return each run's accuracy on the validation scenes at every learning rate of the plan."""
    rates = material.plan.learning_rates
    tries = [replace(run, learning_rate=rate) for run in runs for rate in rates]
    found = iter(train_all(material, tries, validate))
    return [{rate: next(found)["accuracy"] for rate in rates} for _ in runs]


def best(tried: dict[float, float]) -> float:
    """Return the learning rate of the highest accuracy."""
    return max(tried, key=lambda rate: tried[rate])


def train_all(
    material: Material, runs: list[Run], judge: Callable[[Material, Run, nn.Module], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Train every run and return what ``judge`` says of it; each is a run in MLflow."""
    return sharing.each(_train_one, [(material, run, judge) for run in runs])


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
