"""Train one network of the study: choose its learning rate, then train it at both places.

    python -m convprior.stages.learn \
        cnn_pool data/scenes models/learn/cnn_pool reports/learn/cnn_pool

Each network has the same pictures, steps and learning rates to try; the rate that is best on the
validation scenes (objects anywhere, first seed) is taken for all its runs. Test scenes measure.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from convprior.ground import atomic, params, sharing, tracking
from convprior.stages import arguments, start
from convprior.study.trials.intervals import interval
from convprior.study.trials.material import Material, pictures
from convprior.study.trials.plan import Plan
from convprior.study.trials.runs import Run, best, train_all, try_rates
from convprior.training import blueprint, cost, judging
from convprior.training.data.scenes import PLACES


def judge(folder: Path, material: Material, run: Run, network: nn.Module) -> dict[str, Any]:
    """Keep a trained network, and return what it gets right where."""
    network = network.cpu()
    blueprint.save(folder / f"{run.place}-{run.seed}", run.blueprint, network[1])  # type: ignore[index]
    scenes = material.split("test")
    shown = {
        **{str(place): pictures(scenes, place, "test") for place in PLACES},
        "nowhere": scenes.backgrounds,
    }
    right = {
        place: judging.right(network, part, scenes.labels, sharing.device()).tolist()
        for place, part in shown.items()
    }
    accuracies = {place: sum(found) / len(found) for place, found in right.items()}
    return {"place": run.place, "right": right, **accuracies}


def measure(material: Material, name: str, models: Path, report: Path) -> None:
    """Choose the learning rate of a network, train and judge it at both places, and keep it."""
    plan = material.plan
    settings = tracking.flat(plan.networks[name].model_dump())
    tags = {"question": "learn", "data": material.data.content}
    about = f"How well `{name}` learns objects in the corner and everywhere, shown at both."
    with tracking.run("learn", name, settings, tags, about=about) as run:
        (tried,) = try_rates(material, [Run.of(material, "learn", name, "uniform", plan.seeds[0])])
        rate = best(tried)
        runs = [
            replace(Run.of(material, "learn", name, place, seed), learning_rate=rate)
            for place in PLACES
            for seed in plan.seeds
        ]
        with atomic.folder(models) as folder:
            judged = train_all(material, runs, partial(judge, folder))
        accuracy = {
            f"{trained_at}_shown_{shown_at}": interval(
                [row["right"][shown_at] for row in judged if row["place"] == trained_at]
            )
            for trained_at in PLACES
            for shown_at in (*PLACES, "nowhere")
        }
        validated = {f"{one:g}": accuracy for one, accuracy in tried.items()}
        counted = cost.total(runs[0].blueprint) | {"learning_rate": rate}
        metrics = counted | {
            "validation_accuracy": validated,
            "accuracy": accuracy,
            "chance": 1 / len(material.data.classes),
            "steps": plan.budget.steps,
            "moved": plan.networks[name].moved,
        }
        atomic.write_json(report / "metrics.json", metrics)
        run.metrics({name: found["mean"] for name, found in accuracy.items()} | counted)


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(
        __doc__, argv, "scenes", "models", "report", network="a name in learn.networks"
    )
    plan = params.load(args.params, "learn", Plan)
    blueprint.find(plan.networks, args.network, "learn.networks")
    with atomic.scratch(Path(".convprior")) as tried:
        material = Material(args.scenes, args.models.parent, tried, plan, {})
        measure(material, args.network, args.models, args.report)


if __name__ == "__main__":
    start(main)
