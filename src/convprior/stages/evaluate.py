"""Measure a baseline's accuracy on the validation objects, at the corner and moved away from it.

    python -m convprior.stages.evaluate mlp data/prepared models/mlp reports/evaluate/mlp

The same object on the same background, moved right, down, and both. Where the prepared data does
not keep objects apart, the whole picture is moved and what is uncovered filled by reflection.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

import datasets
import numpy as np
import torch
from pydantic import Field
from torch import nn

from convprior.ground import atomic, machine, params, tracking
from convprior.stages import StageError, arguments, start
from convprior.training.augmentation import Normalise
from convprior.training.blueprint import load
from convprior.training.data import scenes
from convprior.training.data.card import Description


class Settings(params.Section):
    """The section `evaluate`."""

    shifts: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


DIRECTIONS = {"right": (0, 1), "down": (1, 0), "diagonal": (1, 1)}

BATCH = 64  # larger ones make the C library return and fetch memory all the time

Rows = dict[str, list[Any]]
Move = Callable[[Rows, int, int], list[np.ndarray]]


def open_scenes(prepared: Path, size: int) -> tuple[datasets.Dataset, Move]:
    """Return the validation rows and how to show a batch of them moved by (down, right) pixels."""

    def move_objects(rows: Rows, down: int, right: int) -> list[np.ndarray]:
        columns = ("cutout", "cutout_height", "cutout_width", "background")
        return [
            scenes.paste(pixels(ground, size, size, 3), pixels(cut, height, width, 4), down, right)
            for cut, height, width, ground in zip(*(rows[name] for name in columns), strict=True)
        ]

    def move_pictures(rows: Rows, down: int, right: int) -> list[np.ndarray]:
        return [scenes.shift(pixels(p, size, size, 3), down, right) for p in rows["pixels"]]

    if (prepared / "parts").is_dir():
        return datasets.load_from_disk(str(prepared / "parts")), move_objects
    return datasets.load_from_disk(str(prepared / "val")), move_pictures


def pixels(data: bytes, *shape: int) -> np.ndarray:
    """Return the uint8 pixels that a table keeps as bytes."""
    return np.frombuffer(data, np.uint8).reshape(shape)


@torch.inference_mode()
def measure(
    network: nn.Module,
    data: Description,
    table: datasets.Dataset,
    move: Move,
    moves: Collection[tuple[int, int]],
    device: torch.device,
) -> dict[tuple[int, int], float]:
    """Return, for each move by (down, right), the share of pictures whose class comes first."""
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    normalise = Normalise(data).to(device)
    correct = dict.fromkeys(moves, 0)
    for rows in table.iter(BATCH):
        labels = torch.tensor(rows["label"])
        for down, right in moves:
            # Height, width, channels in memory and (n, c, h, w) in shape is channels_last.
            pictures = torch.from_numpy(np.stack(move(rows, down, right))).permute(0, 3, 1, 2)
            scores = network(normalise(pictures.to(device)))
            correct[down, right] += int((scores.argmax(1).cpu() == labels).sum())
    return {place: right / len(table) for place, right in correct.items()}


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "prepared", "model", "report", network="its name")
    settings = params.load(args.params, "evaluate", Settings)
    data = Description.read(args.prepared)
    blueprint, network = load(args.model)
    if blueprint.classes != data.classes or blueprint.picture_shape[1] != data.size:
        raise StageError(
            f"{args.model} was trained on other data than {args.prepared}: train again"
        )
    table, move = open_scenes(args.prepared, data.size)
    moves = {
        (down * shift, right * shift): None
        for shift in settings.shifts
        for down, right in DIRECTIONS.values()
    }
    with tracking.run(
        "evaluate", args.network, settings.model_dump(), {"data": data.content}
    ) as run:
        try:
            found = measure(network, data, table, move, moves, machine.choose())
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


if __name__ == "__main__":
    start(main)
