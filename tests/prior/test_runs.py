"""Several runs: averaged, and kept whatever ends the next one."""

import pytest
import torch

from convprior.ground import seeds
from convprior.prior import restore
from convprior.prior.iterates import DivergedError, Iterate
from convprior.prior.runs import restore_runs
from convprior.problem.observation import Observation
from tests.conftest import TINY, all_known
from tests.prior.test_restore import Following


def test_runs_are_averaged_and_their_spread_told(photograph: torch.Tensor) -> None:
    noise = torch.randn(photograph.shape, generator=seeds.generator("noise"))
    observation = Observation(photograph + 25 / 255 * noise, all_known(photograph))
    follower = Following()
    averaged = restore_runs(observation, TINY, runs=3, seed=4, follower=follower)
    pictures = torch.stack([run.picture for run in averaged.runs])
    assert torch.equal(pictures[0], restore.restore(observation, TINY, seed=4).picture)
    assert not torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[1], pictures[2])
    assert torch.allclose(averaged.picture, pictures.mean(0))
    assert torch.allclose(averaged.spread, pictures.std(0))
    assert not restore_runs(observation, TINY, runs=1, seed=4).spread.any()
    assert follower.runs == [0, 1, 2]


def test_half_a_run_does_not_spoil_the_whole_ones(photograph: torch.Tensor) -> None:
    def interrupt(run: int, iterate: Iterate) -> None:
        if run == 2 and iterate.step == 10:
            raise KeyboardInterrupt

    observation = Observation(photograph, all_known(photograph))
    averaged = restore_runs(observation, TINY, runs=4, seed=0, follower=Following(interrupt))
    two = restore_runs(observation, TINY, runs=2, seed=0)
    assert len(averaged.runs) == 2
    assert averaged.runs[-1].ended == "interrupted"
    assert torch.equal(averaged.picture, two.picture)


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (KeyboardInterrupt, "interrupted"),
        (DivergedError, "diverged"),
        (MemoryError, "failed"),
        (RuntimeError, "failed"),
    ],
)
def test_the_runs_that_are_done_count_whatever_ends_the_next(
    error: type[BaseException], ended: str, photograph: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    observation = Observation(photograph, all_known(photograph))
    two = restore_runs(observation, TINY, runs=2, seed=0)
    begun = iter(range(9))
    fit = restore.Iterates

    def failing(*given: object) -> restore.Iterates:
        if next(begun) == 2:
            raise error("before there was a picture")
        return fit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(restore, "Iterates", failing)
    averaged = restore_runs(observation, TINY, runs=4, seed=0)
    assert torch.equal(averaged.picture, two.picture)
    assert [run.ended for run in averaged.runs] == ["max steps", ended]
    begun = iter((2,))  # the first
    with pytest.raises(error):
        restore_runs(observation, TINY, runs=4, seed=0)
