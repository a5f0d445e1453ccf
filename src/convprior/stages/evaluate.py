"""Measure a baseline's accuracy on the validation objects, at the corner and moved away from it.

    python -m convprior.stages.evaluate mlp data/prepared models/mlp reports/evaluate/mlp

Moved right, down, and both, each by as many pixels as params.yaml says.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from convprior.ground import atomic, machine, params, tracking
from convprior.stages import StageError, arguments, start
from convprior.training import judging, shifts
from convprior.training.blueprint import load
from convprior.training.data.card import Card


class Evaluate(params.Section):
    """The section `evaluate`."""

    shifts: params.Distinct[Annotated[int, Field(ge=0)]]


DIRECTIONS = {"right": (0, 1), "down": (1, 0), "diagonal": (1, 1)}


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "prepared", "model", "report", network="its name")
    settings = params.load(args.params, "evaluate", Evaluate)
    data = Card.read(args.prepared)
    blueprint, network = load(args.model)
    if blueprint.classes != data.classes or blueprint.picture_shape[1] > data.size:
        raise StageError(
            f"{args.model} was trained on other data than {args.prepared}: train again"
        )
    moves = {
        (down * shift, right * shift): None
        for shift in settings.shifts
        for down, right in DIRECTIONS.values()
    }
    about = f"How often `{args.network}` is right where it was trained, and away from there."
    tags = {"data": data.content}
    with tracking.run("evaluate", args.network, settings.model_dump(), tags, about=about) as run:
        try:
            ready = judging.ready(network, data, blueprint.picture_shape[1])
            found = shifts.accuracy(ready, args.prepared, data.form, moves, machine.choose())
        except ValueError as error:
            raise StageError(f"evaluate.shifts: {error}") from None
        curve = []
        for shift in settings.shifts:
            each = {
                name: found[down * shift, right * shift]
                for name, (down, right) in DIRECTIONS.items()
            }
            curve.append({"shift": shift, "accuracy": float(np.mean(list(each.values()))), **each})
            run.metrics(curve[-1], shift)
        atomic.write_csv(args.report / "curve.csv", curve)
        moved = [row["accuracy"] for row in curve if row["shift"]]
        metrics = {
            "accuracy_in_place": next((r["accuracy"] for r in curve if not r["shift"]), None),
            "accuracy_moved": float(np.mean(moved)) if moved else None,
        }
        atomic.write_json(args.report / "metrics.json", metrics)
        run.metrics({name: value for name, value in metrics.items() if value is not None})


if __name__ == "__main__":
    start(main)
