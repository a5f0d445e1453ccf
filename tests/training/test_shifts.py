"""Accuracy after moves: each picture is moved as asked, and every right answer counts once."""

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convprior.training import shifts
from convprior.training.data.storing import Form

DEVICE = torch.device("cpu")


class Bright(nn.Module):
    """Class 1 if the pixel of one place is bright, else class 0."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.place = row, column

    def forward(self, pictures: Tensor) -> Tensor:
        bright = (pictures[:, 0, *self.place] > 100).float()
        return torch.stack([1 - bright, bright], 1)


def test_objects_of_any_size_move_on_their_backgrounds(tmp_path: Path) -> None:
    sizes = [(1, 1), (2, 1), (1, 3)]
    rows = {
        "label": [1, 1, 0],
        "cutout": [np.full((*size, 4), 255, np.uint8).tobytes() for size in sizes],
        "cutout_height": [height for height, _ in sizes],
        "cutout_width": [width for _, width in sizes],
        "background": [bytes(4 * 4 * 3)] * 3,
    }
    datasets.Dataset.from_dict(rows).save_to_disk(str(tmp_path / "parts"))
    moves = [(0, 0), (1, 0), (2, 1)]
    found = shifts.accuracy(Bright(1, 0), tmp_path, Form(4), moves, DEVICE)
    # Row 1, column 0 is of the second object in place, and of all three one row further down.
    assert found == {(0, 0): 2 / 3, (1, 0): 2 / 3, (2, 1): 1 / 3}
    with pytest.raises(ValueError, match="1×3 pixels at row 0, column 2 leaves a picture of 4×4"):
        shifts.accuracy(Bright(1, 0), tmp_path, Form(4), [(0, 2)], DEVICE)


def test_pictures_without_parts_move_as_a_whole(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[0, 1] = 255
    rows = {"label": [1], "pixels": [picture.tobytes()]}
    datasets.Dataset.from_dict(rows).save_to_disk(str(tmp_path / "val"))
    found = shifts.accuracy(Bright(2, 1), tmp_path, Form(4), [(0, 0), (2, 0)], DEVICE)
    assert found == {(0, 0): 0.0, (2, 0): 1.0}
