"""The method: what it never reads, what it never changes, and how it ends."""

import io
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from convprior.ground import seeds
from convprior.prior import restore
from convprior.prior.follower import Follower
from convprior.prior.iterates import DivergedError, Iterate, State
from convprior.prior.runs import restore_runs
from convprior.prior.stopping import HeldOutStopper
from convprior.prior.where import Where
from convprior.problem import metrics
from convprior.problem.observation import Observation
from convprior.problem.operators import Operator
from tests.conftest import TINY, all_known, bricks, discs


class Following(Follower):
    """Does something at each iterate; counts the runs, keeps the states."""

    def __init__(self, do: Callable[[int, Iterate], None] = lambda *_: None) -> None:
        self.do, self.runs, self.states = do, [], []

    def see(self, iterate: Iterate, _: object) -> None:
        if self.run not in self.runs:
            self.runs.append(self.run)
        self.do(self.run, iterate)

    def keep(self, state: Callable[[], State]) -> None:
        self.states.append(state())


def known_half(picture: torch.Tensor) -> torch.Tensor:
    return torch.rand(picture.shape[1:], generator=seeds.generator("half")) < 0.5


def test_nan_in_the_unknown_pixels_changes_nothing(photograph: torch.Tensor) -> None:
    known = known_half(photograph)
    poisoned = torch.where(known, photograph, torch.nan)
    clean = restore.restore(Observation(photograph, known, exact=True), TINY, seed=1)
    dirty = restore.restore(Observation(poisoned, known, exact=True), TINY, seed=1)
    assert torch.isfinite(dirty.picture).all()
    assert torch.equal(clean.picture, dirty.picture)


def test_the_observation_is_never_modified(photograph: torch.Tensor) -> None:
    before = photograph.clone()
    restore.restore(Observation(photograph, all_known(photograph)), TINY, seed=0)
    assert torch.equal(photograph, before)


def test_the_seed_decides_every_bit_and_global_streams_none(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph))
    torch.manual_seed(1)
    first = restore.restore(observation, TINY, seed=5).picture
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    assert torch.equal(restore.restore(observation, TINY, seed=5).picture, first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(restore.restore(observation, TINY, seed=6).picture, first)


@pytest.mark.parametrize("size", [(1, 1), (2, 600), (16, 16), (37, 53)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_size_never_changes(size: tuple[int, int], channels: int) -> None:
    recipe = replace(TINY, max_steps=2, held_out=0.0)
    picture = torch.rand(channels, *size, generator=seeds.generator("size"))
    restored = restore.restore(Observation(picture, all_known(picture)), recipe, seed=0)
    assert restored.picture.shape == picture.shape
    assert ((restored.picture >= 0) & (restored.picture <= 1)).all()


class Scripted(HeldOutStopper):
    """A stopper that keeps the averages of the first ten steps and ends at the twentieth."""

    def __post_init__(self) -> None:
        self.stops_at = 20

    def update(self, step: int, errors: torch.Tensor) -> bool:
        if step <= 10:
            self.kept_step = step
        return step <= 10


def test_it_stops_when_the_stopper_says_so_and_returns_what_that_kept(
    photograph: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    averages: dict[int, torch.Tensor] = {}

    def see(_: int, iterate: Iterate) -> None:
        averages[iterate.step] = iterate.average

    monkeypatch.setattr(restore, "HeldOutStopper", Scripted)
    observation, recipe = (
        Observation(photograph, all_known(photograph)),
        replace(TINY, max_steps=40),
    )
    restored = restore.restore(observation, recipe, seed=0, follower=Following(see))
    assert (restored.ended, restored.best_step, restored.steps) == ("stopped", 10, 20)
    assert torch.equal(restored.average, averages[10])
    assert not torch.equal(restored.average, averages[20])


@pytest.mark.fitted
def test_restoring_noise_gives_a_better_picture() -> None:
    down, right = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 48), indexing="ij")
    reference = torch.stack([down, right, ((down - 0.5).hypot(right - 0.5) < 0.3).float()])
    noise = torch.randn(reference.shape, generator=seeds.generator("noise"))
    noisy = (reference + 25 / 255 * noise).clamp(0, 1)
    recipe = replace(TINY, channels=(16, 16, 16), max_steps=100, average=0.95, least_patience=60)
    restored = restore.restore(Observation(noisy, all_known(noisy)), recipe, seed=0)
    # The worst of twenty seeds gains 6.4 dB; the network alone, unfiltered, 4.5.
    assert metrics.psnr(reference, restored.picture) > metrics.psnr(reference, noisy) + 5


@pytest.mark.fitted
def test_exact_pixels_come_back_and_missing_ones_are_filled(photograph: torch.Tensor) -> None:
    known = known_half(photograph)
    observed = torch.where(known, photograph, 0.0)
    recipe = replace(TINY, max_steps=150, least_patience=150)
    restored = restore.restore(Observation(observed, known, exact=True), recipe, seed=0).picture
    assert torch.equal(restored[:, known], photograph[:, known])
    before = metrics.psnr(photograph, observed, ~known)
    # The worst of twenty seeds gains 18.4 dB; the mean of the known pixels in the gaps at most 5.7.
    assert metrics.psnr(photograph, restored, ~known) > before + 14


def test_the_published_recipe_stops_at_its_last_step_and_returns_it(
    photograph: torch.Tensor,
) -> None:
    recipe = replace(TINY, held_out=0.0, muon_learning_rate=0.0, max_steps=12)
    restored = restore.restore(Observation(photograph, all_known(photograph)), recipe, seed=0)
    assert (restored.best_step, restored.steps, restored.ended) == (12, 12, "max steps")


def test_a_time_limit_ends_it_with_the_best_so_far(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph))
    recipe = replace(TINY, max_steps=10_000, least_patience=10_000)
    follower = Follower()
    follower.until = time.monotonic() + 0.2
    restored = restore.restore(observation, recipe, seed=0, follower=follower)
    assert restored.ended == "time limit"
    assert 0 < restored.steps < 10_000


def test_ctrl_c_returns_the_best_so_far(photograph: torch.Tensor) -> None:
    def interrupt(_: int, iterate: Iterate) -> None:
        if iterate.step == 10:
            raise KeyboardInterrupt

    observation = Observation(photograph, all_known(photograph))
    restored = restore.restore(observation, TINY, seed=0, follower=Following(interrupt))
    assert (restored.ended, restored.steps) == ("interrupted", 10)


def test_ctrl_c_while_both_are_combined_returns_what_patches_made(
    photograph: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "combine_exact", interrupt)
    known = torch.rand(photograph.shape[1:], generator=seeds.generator("known")) < 0.5
    observation = Observation(photograph, known, exact=True)
    restored = restore.restore(observation, TINY, seed=0)
    assert restored.ended == "interrupted"
    assert restored.patches is not None
    assert torch.equal(restored.picture, restored.patches)


@pytest.mark.fitted
def test_bfloat16_hardly_changes_the_first_steps(photograph: torch.Tensor) -> None:
    # Later the two go ways of their own, as two seeds do; how they end is for the benchmark.
    recipe = replace(TINY, max_steps=10, held_out=0.0, patches=False)
    observation = Observation(photograph, all_known(photograph))
    exact = restore.restore(observation, recipe, seed=0).picture
    in_bfloat16 = Where(torch.device("cpu"), torch.bfloat16)
    rough = restore.restore(observation, recipe, 0, in_bfloat16).picture
    assert rough.dtype == torch.float32
    assert not torch.equal(exact, rough)
    # The worst of twenty seeds is 45.3 dB apart; two seeds are never nearer than 22.6.
    assert metrics.psnr(exact, rough) > 38


def observe_breaking(photograph: torch.Tensor, bad_calls: range) -> Observation:
    """An observation whose operator returns NaN in some of its calls."""
    calls = iter(range(1_000_000))

    def operator(picture: torch.Tensor) -> torch.Tensor:
        return picture * torch.nan if next(calls) in bad_calls else picture

    return Observation(photograph, all_known(photograph), Operator(operator))


@pytest.mark.fitted
def test_a_spike_rolls_back_and_the_fit_recovers(photograph: torch.Tensor) -> None:
    recipe = replace(TINY, max_steps=170, held_out=0.0, patches=False)
    # NaN gradients poison every weight: without a roll-back nothing finite ever comes again.
    observation = observe_breaking(photograph, range(130, 135))
    restored = restore.restore(observation, recipe, seed=0)
    assert restored.ended == "max steps"
    assert torch.isfinite(restored.picture).all()
    assert metrics.psnr(photograph, restored.picture) > 20  # the worst of twenty seeds: 23.2


def test_a_fit_that_keeps_breaking_ends_with_the_best_so_far(photograph: torch.Tensor) -> None:
    observation = observe_breaking(photograph, range(130, 1_000_000))
    recipe = replace(TINY, max_steps=500, held_out=0.0, patches=False)
    best = restore.restore(observation, recipe, seed=0)
    assert best.ended == "diverged"
    assert best.steps < 500
    assert torch.isfinite(best.picture).all()
    broken = observe_breaking(photograph, range(130, 1_000_000))
    averaged = restore_runs(broken, recipe, runs=3, seed=0)
    assert [run.ended for run in averaged.runs] == ["diverged"]


def test_a_fit_that_breaks_at_once_has_no_picture(photograph: torch.Tensor) -> None:
    broken = observe_breaking(photograph, range(1_000_000))
    with pytest.raises(DivergedError, match=r"5 roll-backs.*smaller learning rate"):
        restore.restore(broken, replace(TINY, patches=False), seed=0)


def test_interrupted_and_resumed_equals_uninterrupted(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph))
    recipe = replace(TINY, max_steps=130, least_patience=200)
    follower = Following()
    whole = restore.restore(observation, recipe, seed=3, follower=follower)
    assert len(follower.states) == 2
    file = io.BytesIO()
    torch.save(follower.states[0], file)
    file.seek(0)
    follower.saved = torch.load(file, weights_only=True)
    resumed = restore.restore(observation, recipe, seed=3, follower=follower)
    assert torch.equal(resumed.picture, whole.picture)
    assert (resumed.best_step, resumed.steps) == (whole.best_step, whole.steps)


@pytest.mark.parametrize(
    ("field", "value"),
    [("average", 1.0), ("held_out", -0.1), ("max_steps", -1), ("jitter", -1.0), ("channels", ()),
     ("learning_rate", float("nan")), ("channels", (8, 0))],
)  # fmt: skip
def test_a_recipe_refuses_numbers_that_make_no_sense(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"Recipe\n{field}[.\d]*\n  .*should"):
        replace(TINY, **{field: value})


def test_a_recipe_without_steps_needs_patches() -> None:
    assert replace(TINY, max_steps=0).patches
    with pytest.raises(ValueError, match="without patches the network needs at least one step"):
        replace(TINY, max_steps=0, patches=False)


def noisy_bricks(sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a wall (3, 64, 64), and the same with noise."""
    wall = bricks(height=64, width=64)
    return wall, wall + sigma * torch.randn(wall.shape, generator=seeds.generator("bricks"))


@pytest.mark.fitted
def test_a_network_that_has_learned_nothing_yet_does_not_spoil_the_patches() -> None:
    wall, noisy = noisy_bricks(0.1)
    observation = Observation(noisy, all_known(noisy))
    recipe = replace(TINY, max_steps=5, least_patience=5)
    restored = restore.restore(observation, recipe, seed=0)
    assert restored.patches is not None
    assert restored.average is not None
    of_patches, of_network, of_both = (
        metrics.psnr(wall, p) for p in (restored.patches, restored.average, restored.picture)
    )
    # Of twenty seeds the network is 13.5 dB worse at least, and none lost anything by it.
    assert of_network < of_patches - 8
    assert of_both > of_patches - 0.3


def test_patches_alone_need_no_step_and_the_network_alone_no_patches() -> None:
    _, noisy = noisy_bricks(0.1)
    observation = Observation(noisy, all_known(noisy))
    alone = restore.restore(observation, replace(TINY, max_steps=0), seed=0)
    assert (alone.average, alone.steps, alone.ended) == (None, 0, "patches")
    network = restore.restore(observation, replace(TINY, patches=False), seed=0)
    assert network.patches is None
    assert network.steps > 0


def test_where_nothing_is_missing_nothing_is_fitted(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph), exact=True)
    restored = restore.restore(observation, TINY, seed=0)
    assert restored.average is None
    assert torch.equal(restored.picture, photograph)


@pytest.mark.parametrize("stop", ["time", "Ctrl-C"])
def test_patches_can_be_left_with_the_best_so_far(stop: str) -> None:
    noise = torch.randn(3, 64, 64, generator=seeds.generator("left"))
    noisy = discs() + 0.1 * noise

    class Leaving(Follower):
        def see_patches(self, done: float, _: object) -> None:
            if done > 0.5 and stop == "Ctrl-C":
                raise KeyboardInterrupt
            if done > 0.5:
                self.until = 0.0

    restored = restore.restore(Observation(noisy, all_known(noisy)), TINY, 0, follower=Leaving())
    assert restored.ended == {"time": "time limit", "Ctrl-C": "interrupted"}[stop]
    assert restored.average is None
    # The worst of twenty seeds gains 11.3 dB.
    assert metrics.psnr(discs(), restored.picture) > metrics.psnr(discs(), noisy) + 4
