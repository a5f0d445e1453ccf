"""What one run of the study is; how runs are trained, judged, and their learning rates tried."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from convprior.ground import resume, seeds, sharing, tracking
from convprior.study.trials import loop
from convprior.study.trials.loop import Budget, Shown
from convprior.study.trials.material import Material, pictures
from convprior.training import blueprint, judging
from convprior.training.augmentation import NONE, Augmentation
from convprior.training.blueprint import Blueprint
from convprior.training.data.scenes import Place, Scenes


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

    @classmethod
    def of(cls, material: Material, question: str, name: str, place: Place, seed: int) -> "Run":
        """Return the run that trains a network of the plan as the plan says. Raises NetworkError.

        At the learning rate that `learn` has chosen, or else at the first to try.
        """
        plan, network = material.plan, material.planned(name)
        return cls(
            question,
            name,
            network.blueprint(material.data),
            place,
            seed,
            plan.pictures,
            plan.budget,
            material.learning_rates.get(name, plan.learning_rates[0]),
            plan.weight_decay,
            network.augmentation,
            network.moved,
        )

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


Judge = Callable[[Material, Run, nn.Module], dict[str, Any]]


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
        return order(some.at(*some.offsets("uniform", generator)))

    return moving


def trained(material: Material, run: Run) -> nn.Module:
    """Return a run's network ready to be judged.

    It is trained here, unless `learn` or the choice of a learning rate has trained the same.
    """
    same = Run.of(material, "learn", run.name, run.place, run.seed)
    if run.question != "learn" and replace(run, question="learn") == same:
        return material.network(run.name, run.place, run.seed)
    if (tried := _tried(material, run)).exists():
        return judging.ready(blueprint.load(tried)[1], material.data)
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
    right = _right(material, run, network, "test")
    return {"right": right.tolist(), "accuracy": float(right.float().mean())}


def validate(material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Return the accuracy by which a learning rate is chosen; keep the network."""
    right = _right(material, run, network, "validation")
    blueprint.save(_tried(material, run), run.blueprint, network[1])  # type: ignore[index]
    return {"accuracy": float(right.float().mean())}


def _right(material: Material, run: Run, network: nn.Module, split: str) -> Tensor:
    """Return which pictures of a split are right, their objects placed as in training."""
    scenes = material.split(split)
    shown = pictures(scenes, run.place, split)
    shown = permuted(shown) if run.permuted else shown
    return judging.right(network, shown, scenes.labels, sharing.device())


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


def train_all(material: Material, runs: list[Run], judge: Judge) -> list[dict[str, Any]]:
    """Train every run and return what ``judge`` says of it; each is a run in MLflow."""
    return sharing.in_order(_train_one, [(material, run, judge) for run in runs])


def _train_one(job: tuple[Material, Run, Judge]) -> dict[str, Any]:
    material, run, judge = job
    experiment = "learn" if run.question == "learn" else "study"
    tags = {"question": run.question, "data": material.data.content}
    about = f"`{run.name}`, trained with seed {run.seed} for `{run.question}`."
    with tracking.run(
        experiment, f"{run.name} {run.seed}", run.recorded(), tags, about=about
    ) as recorded:
        judged = judge(material, run, trained(material, run))
        numbers = {key: value for key, value in judged.items() if isinstance(value, float)}
        recorded.metrics(numbers)
    return judged
