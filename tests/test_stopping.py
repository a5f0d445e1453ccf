"""Stopping on synthetic walks whose best step is known."""

import math
import random

import pytest

from convprior.stopping import HeldOutStopper, LastStep


def valley(step: int, bottom: int) -> float:
    """Fall to ``bottom``, then rise slowly, as the held-out error does."""
    return 1 + (math.log(step) - math.log(bottom)) ** 2


def walk(stopper: HeldOutStopper, error: object, last: int = 5000) -> int:
    for step in range(5, last, 5):
        stopper.update(step, error(step))  # type: ignore[operator]
        if step >= stopper.stops_at:
            return step
    raise AssertionError("it never stopped")


@pytest.mark.parametrize("bottom", [20, 100, 400, 1000])
def test_finds_the_bottom_and_stops_a_quarter_later(bottom: int) -> None:
    stopper = HeldOutStopper(0.25, 60)
    stopped = walk(stopper, lambda step: valley(step, bottom))
    assert stopper.best_step == bottom
    assert stopped == pytest.approx(bottom + max(60, bottom / 4), abs=5)


def test_bumps_shorter_than_the_patience_do_not_stop_it() -> None:
    stream = random.Random(0)
    stopper = HeldOutStopper(0.25, 60)
    walk(stopper, lambda step: valley(step, 500) * (1 + 0.002 * stream.random()))
    assert valley(stopper.best_step, 500) < 1.01


def test_a_flat_error_stops_after_the_least_patience() -> None:
    stopper = HeldOutStopper(0.25, 60)
    assert walk(stopper, lambda step: 1.0) == 65
    assert stopper.best_step == 5


def test_nan_is_never_the_best() -> None:
    stopper = HeldOutStopper(0.25, 10)
    assert not stopper.update(5, math.nan)
    assert stopper.update(10, 1.0)
    assert not stopper.update(15, math.nan)
    assert stopper.best_step == 10


def test_the_last_step_is_the_published_rule() -> None:
    stopper = LastStep(1800)
    assert stopper.update(5, math.nan)
    assert stopper.update(10, math.nan)
    assert (stopper.best_step, stopper.stops_at) == (10, 1800)
