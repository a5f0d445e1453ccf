"""Intervals hold what they say."""

import numpy as np
import pytest

from convprior.study.trials.intervals import difference, interval


@pytest.mark.parametrize(("seeds", "pictures"), [(2, 1), (3, 1), (3, 300), (8, 50)])
def test_an_interval_holds_the_truth_as_often_as_it_says(seeds: int, pictures: int) -> None:
    random = np.random.default_rng(0)
    held, runs = 0, 400
    for _ in range(runs):
        # Each seed has a level of its own, each picture a difficulty, and chance the rest.
        level = 0.05 * random.standard_normal((seeds, 1))
        difficulty = 0.3 * (pictures > 1) * random.standard_normal((1, pictures))
        rest = 0.3 * random.standard_normal((seeds, pictures))
        found = difference(level + difficulty + rest, np.full((seeds, pictures), 0.6))
        held += found["low"] <= -0.6 <= found["high"]
    assert 0.93 * runs <= held <= 0.99 * runs


def test_seeds_that_disagree_make_it_wider() -> None:
    alike = interval([[True] * 50 + [False] * 50] * 4)
    apart = interval([[True] * 100] * 2 + [[False] * 100] * 2)
    assert alike["mean"] == apart["mean"] == pytest.approx(0.5)
    assert apart["high"] - apart["low"] > 2 * (alike["high"] - alike["low"])


def test_shares_stay_shares_and_differences_do_not() -> None:
    nearly = [[True] * 99 + [False], [True] * 100, [True] * 100]
    assert interval(nearly)["high"] == 1
    assert interval([[True, False]])["low"] == 0
    decibels = difference([[0.3], [0.6], [0.98]], [[0.0]] * 3)
    assert decibels["high"] > 1
    assert decibels["mean"] == pytest.approx(0.6267, abs=1e-3)


def test_three_values_have_students_interval() -> None:
    found = difference([[1.0], [2.0], [3.0]], [[0.0]] * 3)
    assert found["high"] - found["mean"] == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
