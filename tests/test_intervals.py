"""Intervals hold what they say."""

import numpy as np
import pytest

from convprior.study.intervals import interval


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        # Each seed has a level of its own, each picture a difficulty.
        level = 0.6 + 0.05 * random.standard_normal((8, 1))
        right = random.random((8, 150)) < level
        found = interval(right)
        held += found["low"] <= 0.6 <= found["high"]
    assert held >= 50  # of 60; few seeds make it a little too narrow


def test_seeds_that_disagree_make_it_wider() -> None:
    alike = interval([[True] * 50 + [False] * 50] * 4)
    apart = interval([[True] * 100] * 2 + [[False] * 100] * 2)
    assert alike["mean"] == apart["mean"] == pytest.approx(0.5)
    assert apart["high"] - apart["low"] > 2 * (alike["high"] - alike["low"])


def test_three_seeds_are_as_wide_as_they_should_be_and_no_share_is_above_one() -> None:
    random = np.random.default_rng(1)
    levels = random.standard_normal((300, 3, 1))
    widths = [found["high"] - found["low"] for found in map(interval, levels)]
    # The deviation of the mean of three, unbiased, and not the two thirds of it that are drawn.
    deviations = levels[..., 0].std(1, ddof=1) / np.sqrt(3)
    assert np.median(widths / deviations) > 3
    nearly = interval([[True] * 99 + [False], [True] * 100, [True] * 100])
    assert nearly["high"] <= 1
    assert interval([[True, False]])["low"] == 0
