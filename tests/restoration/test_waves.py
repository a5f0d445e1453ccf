"""A wave over the whole picture is found and taken out, and what is drawn or woven is not."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.pictures.picture import Picture
from convprior.problem import metrics
from convprior.restoration import levels, waves
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.settings import Settings
from tests.conftest import all_known, bricks, discs

SIDE = 160
DOWN, RIGHT = (torch.arange(SIDE)[:, None], torch.arange(SIDE))


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS["chelsea"].load(), SIDE))


def wave(down: float, right: float, amplitude: float) -> torch.Tensor:
    """Return a wave of so many 255ths, frequencies in cycles a pixel."""
    return amplitude / 255 * torch.sin(2 * math.pi * (down * DOWN + right * RIGHT))


def in_bytes(picture: torch.Tensor) -> torch.Tensor:
    return (picture.clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize(("down", "right"), [(0.19, 0.23), (-0.1234, 0.3), (0.3, 0.0871)])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_found_with_its_frequency_and_strength(
    channels: int, down: float, right: float, photo: torch.Tensor
) -> None:
    picture = photo[:channels]
    (found,) = waves.find(in_bytes(picture + wave(down, right, 12)), all_known(photo))
    assert found.frequency == pytest.approx((down, right), abs=2e-4)
    error = found.offsets - wave(down, right, 12)
    assert float(error.square().mean().sqrt()) < 2 / 255


def test_two_are_found_one_after_the_other(photo: torch.Tensor) -> None:
    both = in_bytes(photo + wave(0.19, 0.23, 14) + wave(-0.31, 0.11, 10))
    first, second = waves.find(both, all_known(photo))
    assert str(first).startswith("a wave of 14/255, 3.4 pixels")
    assert second.frequency == pytest.approx((-0.31, 0.11), abs=2e-4)


def chess() -> torch.Tensor:
    return in_bytes(0.3 + 0.4 * ((DOWN // 4 + RIGHT // 4) % 2)[None])


def grid() -> torch.Tensor:
    return in_bytes(0.8 - 0.3 * ((DOWN % 6 == 0) | (RIGHT % 5 == 0)).float()[None])


def cloth() -> torch.Tensor:
    """A slanted weave on a part of the picture, which turns a little."""
    turned = wave(0.19, 0.23, 20) * (DOWN < SIDE // 2)
    return in_bytes(0.5 + turned + 0.5 * functional.pad(discs(), (0, 96, 0, 96)))


CLEAN = {"bricks": bricks, "chess": chess, "grid": grid, "cloth": cloth}


@pytest.mark.parametrize("clean", [*CLEAN, *PHOTOGRAPHS])
def test_what_is_drawn_or_woven_is_none(clean: str) -> None:
    if clean in CLEAN:
        picture = CLEAN[clean]()
    else:
        picture = decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS[clean].load(), 256))
    assert waves.find(picture, all_known(picture)) == ()


def test_none_is_looked_for_where_something_is_missing(photo: torch.Tensor) -> None:
    waved = in_bytes(photo + wave(0.19, 0.23, 14))
    known = all_known(photo)
    known[3, 4] = False
    assert waves.find(waved, known) == ()
    scratch = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    scratch[60:63] = True
    assert torch.equal(levels.look(Picture(waved), scratch).observation.observed, waved)


def test_a_file_comes_back_without_it(photo: torch.Tensor, tmp_path: Path) -> None:
    waved = in_bytes(photo + wave(0.19, 0.23, 14))
    files.write(tmp_path / "waved.png", Picture(waved))
    job = Job(tmp_path / "waved.png", tmp_path / "out.png", Settings(task="denoise", noise=1))
    (page,) = restore_one(job, "cpu", Watcher()).pages
    assert page.reason == "a wave of 14/255, 3.4 pixels long, taken out; as asked"
    after = files.read(job.target).pixels
    assert metrics.psnr(photo, after) > metrics.psnr(photo, waved) + 5
