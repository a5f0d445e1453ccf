"""Measure what one question of the study asks.

    python -m convprior.stages.study \
        position data/scenes models/learn reports/learn reports/study/position

The questions are the modules of ``convprior.study``.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

from convprior.ground import atomic, params, tracking
from convprior.stages import StageError, arguments, start
from convprior.study.trials.material import Material
from convprior.study.trials.plan import Plan
from convprior.training.data.card import Card


def question(name: str) -> ModuleType:
    """Return a question's module. Raises StageError."""
    place = f"convprior.study.{name}"
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise StageError(f"no question '{name}': see convprior/study") from None


def settings_of(module: ModuleType) -> type[params.Section]:
    """Return the type that a question's ``measure`` takes as its settings."""
    found: type[params.Section] = get_type_hints(module.measure)["settings"]
    return found


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(
        __doc__, argv, "scenes", "models", "learned", "report", question="a part of `study`"
    )
    module = question(args.question)
    settings = params.load(args.params, f"study.{args.question}", settings_of(module))
    plan = params.load(args.params, "learn", Plan)
    rates = {}
    for name in plan.networks:
        path = args.learned / name / "metrics.json"
        try:
            rates[name] = float(json.loads(path.read_text(encoding="utf-8"))["learning_rate"])
        except (OSError, ValueError, KeyError) as error:
            raise StageError(f"{path}: cannot be read ({error}): run `learn` first") from None
    tags = {"question": args.question, "data": Card.read(args.scenes).content}
    recorded = tracking.flat(settings.model_dump())
    asked = str(module.__doc__).split("\n")[0]
    with (
        tracking.run("study", args.question, recorded, tags, about=asked),
        atomic.scratch(Path(".convprior")) as tried,
    ):
        material = Material(args.scenes, args.models, tried, plan, rates)
        metrics = module.measure(material, settings)
        atomic.write_json(args.report / "metrics.json", metrics)
        atomic.write_csv(args.report / "curve.csv", module.curve(metrics))


if __name__ == "__main__":
    start(main)
