"""Stopping on synthetic walks whose best step is known."""

import math
import random

import pytest
import torch

from convprior.prior.stopping import HeldOutStopper, LastStep
from convprior.problem.observation import temper


def valley(step: int, bottom: int) -> float:
    """Fall to ``bottom``, then rise slowly, as the held-out error does."""
    return 1 + (math.log(step) - math.log(bottom)) ** 2


def walk(stopper: HeldOutStopper, error: object, last: int = 5000) -> int:
    for step in range(5, last, 5):
        stopper.update(step, torch.full((3,), error(step)))  # type: ignore[operator]
        if step >= stopper.stops_at:
            return step
    raise AssertionError("it never stopped")


@pytest.mark.parametrize("bottom", [20, 100, 400, 1000])
def test_finds_the_bottom_and_stops_a_quarter_later(bottom: int) -> None:
    stopper = HeldOutStopper(0.25, 60)
    stopped = walk(stopper, lambda step: valley(step, bottom))
    assert stopper.kept_step == bottom
    assert stopper.stops_at == bottom + max(60, round(bottom / 4))
    assert stopped == pytest.approx(stopper.stops_at, abs=5)


def test_bumps_shorter_than_the_patience_do_not_stop_it() -> None:
    stream = random.Random(0)
    stopper = HeldOutStopper(0.25, 60)
    walk(stopper, lambda step: valley(step, 500) * (1 + 0.002 * stream.random()))
    assert valley(stopper.kept_step, 500) < 1.01


def test_a_flat_error_stops_after_the_least_patience() -> None:
    stopper = HeldOutStopper(0.25, 60)
    assert walk(stopper, lambda step: 1.0) == 65
    assert stopper.kept_step == 5


def test_nan_is_never_the_best() -> None:
    stopper = HeldOutStopper(0.25, 10)
    assert not stopper.update(5, torch.tensor([math.nan, 0.0]))
    assert stopper.update(10, torch.tensor([1.0, 1.0]))
    assert not stopper.update(15, torch.tensor([math.nan, 0.0]))
    assert stopper.kept_step == 10


def test_of_averages_that_cannot_be_told_apart_the_latest_is_kept() -> None:
    noise = torch.rand(400, generator=torch.Generator().manual_seed(0))
    other = torch.rand(400, generator=torch.Generator().manual_seed(1)) - 0.5
    standard_error = float(other.std()) / 20
    stopper = HeldOutStopper(0.25, 60)
    assert stopper.update(100, noise)
    for step, difference, kept in ((105, 0.5, True), (110, 1.5, False), (115, 0.9, True)):
        worse = other - other.mean() + difference * standard_error
        assert stopper.update(step, noise + worse) == kept
    assert (stopper.kept_step, stopper.stops_at) == (115, 160)
    assert not stopper.update(120, noise + 0.01)  # little, but at every pixel
    assert stopper.kept_step == 115


def test_without_tolerance_only_a_better_average_is_kept() -> None:
    stopper = HeldOutStopper(0.25, 60, tolerance=0.0)
    noise = torch.rand(400, generator=torch.Generator().manual_seed(0))
    assert stopper.update(100, noise)
    assert not stopper.update(105, noise + 1e-4 * (torch.arange(400) % 2))
    assert stopper.update(110, noise - 1e-6)
    assert stopper.kept_step == 110


def test_foreign_pixels_do_not_decide() -> None:
    # Every tenth pixel is an impulse, far off whatever the picture is; the others improve.
    before, after = torch.full((100,), 0.02), torch.full((100,), 0.015)
    before[::10], after[::10] = 0.5, 0.55
    assert after.mean() > before.mean()
    for outlier, better in ((0.0, False), (2.5, True)):
        stopper = HeldOutStopper(0.25, 60, outlier=outlier, tolerance=0.0)
        stopper.update(5, before)
        assert stopper.update(10, after) == better


def test_the_last_step_is_the_published_rule() -> None:
    stopper = LastStep(1800)
    assert stopper.update(5, torch.empty(0))
    assert stopper.update(10, torch.empty(0))
    assert (stopper.kept_step, stopper.stops_at) == (10, 1800)


def test_an_outlier_is_as_many_deviations_off_in_colour_as_in_grey() -> None:
    noise = torch.randn(3, 20_000, generator=torch.Generator().manual_seed(0))
    for channels in (1, 3):
        errors = noise[:channels].square().mean(0)
        stopper = HeldOutStopper(0.25, 60, outlier=2.0, channels=channels)
        stopper.update(5, errors)
        # The variance is 1: beyond two deviations, ten count as 4 + 2 · 2 · (10 − 2).
        worse = stopper._worse(torch.full_like(errors, 100.0), errors)
        counted = worse + temper(errors, torch.tensor(4.0))
        assert float(counted.mean()) == pytest.approx(36, rel=0.03)
