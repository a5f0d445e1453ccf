"""How many pictures does each network need to see? The same number of steps over fewer pictures."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from convprior.ground import params
from convprior.study.trials.intervals import interval
from convprior.study.trials.material import Material
from convprior.study.trials.runs import Run, judge_on_test, train_all


class SampleSize(params.Section):
    """The part `study.sample_size`."""

    steps: params.Count
    networks: params.Distinct[str]
    pictures: Annotated[params.Distinct[params.Count], Field(min_length=2)]


def measure(material: Material, settings: SampleSize) -> dict[str, Any]:
    """Return each network's accuracy by the number of training pictures."""
    there = len(material.split("train"))
    sizes = sorted({min(size, there) for size in settings.pictures})
    budget = material.plan.budget.model_copy(update={"steps": settings.steps})
    runs = [
        replace(
            Run.of(material, "sample_size", name, "uniform", seed), pictures=size, budget=budget
        )
        for name in settings.networks
        for size in sizes
        for seed in material.plan.seeds
    ]
    judged = iter(train_all(material, runs, judge_on_test))
    return {
        "chance": 1 / len(material.data.classes),
        "steps": settings.steps,
        "classes": {name: material.planned(name).class_ for name in settings.networks},
        "networks": {
            name: {
                str(size): interval([next(judged)["right"] for _ in material.plan.seeds])
                for size in sizes
            }
            for name in settings.networks
        },
    }


def curve(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the networks' accuracies by the number of pictures."""
    networks = metrics["networks"]
    return [
        {"pictures": int(size)} | {name: of[size]["mean"] for name, of in networks.items()}
        for size in next(iter(networks.values()))
    ]
