"""How right a network is about objects that are moved away from where it has seen them.

The same object on the same background. Where the prepared data does not keep objects apart, the
whole picture is moved and what is uncovered filled by reflection.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import datasets
import numpy as np
import torch
from pyarrow import Table
from torch import nn

from convprior.training import judging
from convprior.training.data import scenes, storing
from convprior.training.data.scenes import Pixels
from convprior.training.data.storing import Form

BATCH = 64  # larger ones make the C library return and fetch memory all the time

Move = Callable[[Table, int, int], list[Pixels]]


def _open(prepared: Path, form: Form) -> tuple[datasets.Dataset, Move]:
    """Return the validation rows and how to show a batch of them moved by (down, right) pixels."""

    size = form.size

    def move_objects(rows: Table, down: int, right: int) -> list[Pixels]:
        columns = ("cutout", "cutout_height", "cutout_width", "background")
        return [
            scenes.paste(
                _pixels(ground, size, size, 3), _pixels(cut, height, width, 4), down, right
            )
            for cut, height, width, ground in zip(
                *(rows[name].to_pylist() for name in columns), strict=True
            )
        ]

    def move_pictures(rows: Table, down: int, right: int) -> list[Pixels]:
        return [scenes.shift(picture, down, right) for picture in storing.squares(rows, form)]

    apart = (prepared / "parts").is_dir()
    table = datasets.load_from_disk(str(prepared / ("parts" if apart else "val")))
    return table.with_format("arrow"), move_objects if apart else move_pictures


def _pixels(data: bytes, *shape: int) -> Pixels:
    """Return the uint8 pixels that a table keeps as bytes."""
    return np.frombuffer(data, np.uint8).reshape(shape)


def accuracy(
    network: nn.Module,
    prepared: Path,
    form: Form,
    moves: Collection[tuple[int, int]],
    device: torch.device,
) -> dict[tuple[int, int], float]:
    """Return, for each move by (down, right), the share of pictures whose class comes first.

    ``network`` is `judging.ready`. Raises ValueError for a move that leaves a picture.
    """
    table, move = _open(prepared, form)
    correct = dict.fromkeys(moves, 0)
    for rows in table.iter(BATCH):
        labels = torch.tensor(rows["label"].to_pylist())
        for down, right in moves:
            # Height, width, channels in memory and (n, c, h, w) in shape is channels_last.
            pictures = torch.from_numpy(np.stack(move(rows, down, right))).permute(0, 3, 1, 2)
            correct[down, right] += int(judging.right(network, pictures, labels, device).sum())
    return {place: count / len(table) for place, count in correct.items()}
