"""Missing pixels filled by alike patches: the others stay as they are."""

import pytest
import torch

from convprior.ground import seeds
from convprior.prior.patches import filling
from convprior.prior.patches.filling import Filling, filled
from convprior.problem import classical, metrics
from convprior.problem.observation import Observation
from tests.conftest import bricks, discs


def half_of(picture: torch.Tensor) -> Observation:
    known = torch.rand(picture.shape[1:], generator=seeds.generator("known")) < 0.5
    return Observation(torch.where(known, picture, torch.nan), known, exact=True)


def test_what_repeats_is_filled_better_than_smoothly() -> None:
    wall = bricks(height=64, width=64)
    observation = half_of(wall)
    found = Filling(observation).done()
    assert torch.equal(found[:, observation.known], wall[:, observation.known])
    smooth = classical.baseline(observation)
    missing = ~observation.known
    # The worst of twenty seeds gains 3.5 dB.
    assert metrics.psnr(wall, found, missing) > metrics.psnr(wall, smooth, missing) + 1.5


def test_a_start_is_gone_on_from() -> None:
    wall = bricks(height=64, width=64)
    observation = half_of(wall)
    start = wall + 0.02 * torch.randn(wall.shape, generator=seeds.generator("start"))
    found = Filling(observation, start, 0.03).done()
    missing = ~observation.known
    # The worst of twenty seeds gains 17 dB.
    assert metrics.psnr(wall, found, missing) > metrics.psnr(wall, start, missing) + 8


def test_cells_without_gaps_are_not_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CELL", 32)
    known = torch.ones(100, 100, dtype=torch.bool)
    known[40:44, 10:50] = False  # in two cells of sixteen
    picture = torch.rand(1, 100, 100, generator=seeds.generator("cells"))
    work = Filling(Observation(torch.where(known, picture, 0.0), known, exact=True))
    assert len(work.cells) == 2
    found = work.done()
    assert torch.equal(found[:, known], picture[:, known])
    assert torch.isfinite(found).all()


def test_between_cells_there_are_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = torch.nn.functional.interpolate(discs()[None], scale_factor=2, mode="bicubic")[0]
    known = torch.ones(128, 128, dtype=torch.bool)
    known[::9] = False
    known[:, ::7] = False
    observation = Observation(torch.where(known, clean, torch.nan), known, exact=True)
    found = {}
    for cell in (32, 128):
        monkeypatch.setattr(filling, "CELL", cell)
        found[cell] = Filling(observation).done()
    assert metrics.psnr(found[32], found[128]) > 45
    assert metrics.psnr(clean, found[32]) > metrics.psnr(clean, found[128]) - 1


def test_a_hole_as_large_as_a_cell_becomes_something_finite() -> None:
    known = torch.zeros(400, 330, dtype=torch.bool)
    known[:40], known[-50:] = True, True
    picture = torch.rand(1, 400, 330, generator=seeds.generator("hole"))
    work = Filling(Observation(torch.where(known, picture, torch.nan), known, exact=True))
    assert torch.isfinite(work.picture()).all()
    found = work.done()
    assert torch.isfinite(found).all()
    assert torch.equal(found[:, known], picture[:, known])
    assert float(found.min()) > -0.5
    assert float(found.max()) < 1.5


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (40, 40)])
def test_a_single_known_pixel_is_enough(size: tuple[int, int]) -> None:
    known = torch.zeros(size, dtype=torch.bool)
    known[-1, 0] = True
    observed = torch.where(known, 0.25, torch.nan).expand(2, *size)
    found = Filling(Observation(observed, known, exact=True)).done()
    assert torch.allclose(found, torch.full((2, *size), 0.25), atol=1e-3)


def test_a_guess_is_the_mean_of_what_is_near_however_far_that_is() -> None:
    picture = torch.tensor([[[0.0, 0.2, 0.4], [0.1, torch.nan, 0.5], [0.2, 0.4, 0.6]]])
    known = torch.isfinite(picture[0])
    assert float(filled(picture, known)[0, 1, 1]) == pytest.approx(0.3)
    wide = torch.full((1, 70, 90), torch.nan)
    wide[:, :, 0], wide[:, :, -1] = 0.2, 0.6
    guess = filled(wide, torch.isfinite(wide[0]))
    assert torch.isfinite(guess).all()
    assert float(guess.min()) >= 0.199
    assert float(guess.max()) <= 0.601
