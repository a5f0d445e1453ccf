"""What an operator has lost, told by alike patches and by what was observed."""

import pytest
import torch
from torch.nn import functional

from convprior.ground import seeds
from convprior.prior import restore
from convprior.prior.patches import inverting
from convprior.prior.patches.inverting import Belief, Inverting
from convprior.problem import metrics
from convprior.problem.observation import Observation
from convprior.problem.operators import Operator, blur, downsampling, gaussian_kernel
from convprior.restoration import recipes
from tests.conftest import all_known, bricks

WALL = bricks(height=48, width=48).repeat_interleave(2, 1).repeat_interleave(2, 2)
SOFT = blur(gaussian_kernel(1.0))


def observe(operator: Operator, sigma: float, seed: int = 0) -> Observation:
    seen = operator.apply(WALL)
    noise = torch.randn(seen.shape, generator=seeds.generator("noise", seed))
    seen = seen + sigma * noise
    return Observation(seen, all_known(seen), operator)


def test_what_repeats_is_enlarged_better_than_smoothly() -> None:
    observation = observe(downsampling(2), 0.0)
    work = Inverting(observation)
    smooth = functional.interpolate(observation.observed[None], scale_factor=2, mode="bicubic")[0]
    torch.testing.assert_close(work.picture(), smooth)
    # With noise of 0.005 on it, the worst of twenty seeds gains 7.4 dB.
    assert metrics.psnr(WALL, work.done()) > metrics.psnr(WALL, smooth) + 4


def test_a_blur_is_undone_without_its_noise() -> None:
    observation = observe(SOFT, 0.03)
    work = Inverting(observation)
    torch.testing.assert_close(work.picture(), observation.observed)
    # The worst of twenty seeds gains 17.8 dB.
    assert metrics.psnr(WALL, work.done()) > metrics.psnr(WALL, observation.observed) + 12


@pytest.mark.parametrize("operator", [SOFT, downsampling(2)])
def test_what_is_left_at_any_time_is_no_worse_than_what_came(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverting, "ROUNDS", 8)
    monkeypatch.setattr(inverting, "FEW_ROUNDS", 3)
    work = Inverting(observe(operator, 0.05))
    came = metrics.psnr(WALL, work.picture())
    # The least of any moment and of twenty seeds is as good as what came: trials change nothing.
    assert all(metrics.psnr(WALL, work.picture()) > came - 0.1 for _ in work)


def test_pixels_that_were_held_out_tell_how_far_the_noise_is_to_be_believed() -> None:
    clean, noisy = Inverting(observe(SOFT, 0.0)), Inverting(observe(SOFT, 0.05))
    for work in (clean, noisy):
        work.done()
    assert clean.belief is not None
    assert noisy.belief is not None
    assert clean.belief.deviation < 0.02 < noisy.belief.deviation  # the worst of twenty: 0.055


def test_pixels_that_nobody_knows_change_nothing() -> None:
    observation = observe(downsampling(2), 0.0)
    known = torch.rand(48, 48, generator=seeds.generator("known")) < 0.9
    found = [
        Inverting(
            Observation(torch.where(known, observation.observed, value), known, downsampling(2)),
            belief=Belief(inverting.LEAST_NOISE, True),
            rounds=3,
        ).done()
        for value in (0.0, 1.0)
    ]
    assert torch.equal(*found)


def test_a_picture_of_a_few_pixels_is_enlarged_too() -> None:
    small = torch.rand(3, 5, 4, generator=seeds.generator("few"))
    found = Inverting(Observation(small, all_known(small), downsampling(3))).done()
    assert found.shape == (3, 15, 12)
    assert torch.isfinite(found).all()


def test_no_network_is_fitted_where_patches_do_far_better() -> None:
    observation = observe(SOFT, 0.03)
    restored = restore.restore(observation, recipes.load().of("deblur"), seed=0)
    assert (restored.steps, restored.ended) == (0, "patches")
    assert restored.average is None


@pytest.mark.parametrize("operator", [SOFT, downsampling(2)])
def test_the_bits_are_the_same_for_any_number_of_threads(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverting, "ROUNDS", 3)
    monkeypatch.setattr(inverting, "FEW_ROUNDS", 2)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(Inverting(observe(operator, 0.03)).done())
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
