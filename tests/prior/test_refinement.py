"""From the average to the restored picture: what comes back, and what does not."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from convprior.ground import seeds
from convprior.prior import restore
from convprior.prior.refinement import _worth, combine_exact, picture_share, put_back
from convprior.problem import metrics
from convprior.problem.observation import Observation
from tests.conftest import TINY, all_known, discs


def halves(known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (fitted, held out): every tenth of the known pixels is held out."""
    held_out = torch.zeros_like(known)
    held_out.view(-1)[::10] = True
    return known & ~held_out, known & held_out


def test_noise_that_neighbours_share_is_not_put_back() -> None:
    noise = torch.randn(1, 3, 66, 66, generator=seeds.generator("noise"))
    observed = discs() + 0.3 * functional.avg_pool2d(noise, 3, 1)[0]
    observation = Observation(observed, all_known(observed))
    assert observation.noise.shared
    found, share = put_back(discs(), observation, *halves(observation.known))
    assert share == 0
    assert torch.equal(found, discs())


def test_details_that_the_fit_missed_are_put_back() -> None:
    clean = discs()
    clean[:, 20:40:2, 5:25] += 0.1
    observation = Observation(clean, all_known(clean))
    found, share = put_back(discs(), observation, *halves(observation.known))
    assert share > 0.9
    assert metrics.psnr(clean, found) > metrics.psnr(clean, discs()) + 15


def test_two_pictures_are_mixed_as_their_errors_say() -> None:
    noise, first, second = torch.randn(3, 3, 64, 64, generator=seeds.generator("errors"))
    observed = discs() + 0.1 * noise
    known = all_known(observed)
    observation = Observation(observed, known)
    _, held_out = halves(known)
    worse, better = discs() + 0.06 * first, discs() + 0.03 * second
    found = _worth(worse, better, observation, held_out)
    # Of twenty seeds 0.72 to 0.88; it should be 0.06² / (0.06² + 0.03²).
    assert found.weight == pytest.approx(0.8, abs=0.15)
    assert found.standard_error == pytest.approx(0.043, rel=0.3)
    assert found.error == pytest.approx(0.1, rel=0.2)  # hardly more than the noise
    assert _worth(better, worse, observation, held_out).weight == pytest.approx(0.2, abs=0.15)
    assert _worth(worse, worse, observation, held_out).weight == 1.0  # the same: no matter


def test_where_pixels_are_exact_both_together_are_no_worse_than_either() -> None:
    known = torch.rand(64, 64, generator=seeds.generator("known")) < 0.5
    observation = Observation(torch.where(known, discs(), torch.nan), known, exact=True)
    errors = torch.randn(2, 3, 64, 64, generator=seeds.generator("errors"))
    average, patched = discs() + 0.03 * errors[0], discs() + 0.02 * errors[1]
    found = combine_exact(average, patched, observation, halves(known)[1])
    assert torch.equal(found[:, known], discs()[:, known])
    # The worst of twenty seeds gains 17 dB.
    assert metrics.psnr(discs(), found, ~known) > metrics.psnr(discs(), patched, ~known) + 8


@pytest.mark.fitted
def test_a_clean_picture_comes_back_nearly_as_it_was() -> None:
    clean = discs()
    clean[:, 20:40:2, 5:25] += 0.1  # a detail that the few steps do not reach
    recipe = replace(TINY, channels=(16, 16, 16), max_steps=80, least_patience=80)
    restored = restore.restore(Observation(clean, all_known(clean)), recipe, seed=0)
    # Of twenty seeds the average reaches 30.7 dB at most, the picture 40.05 at least.
    assert restored.average is not None
    assert metrics.psnr(clean, restored.average) < 33
    assert metrics.psnr(clean, restored.picture) > 37


@pytest.mark.fitted
def test_white_noise_is_not_put_back() -> None:
    noise = torch.randn(3, 64, 64, generator=seeds.generator("noise"))
    noisy = discs() + 25 / 255 * noise
    recipe = replace(TINY, channels=(16, 16, 16))
    recipe = replace(recipe, max_steps=80, least_patience=80)
    restored = restore.restore(Observation(noisy, all_known(noisy)), recipe, seed=0)
    assert restored.average is not None
    before, after = (metrics.psnr(discs(), p) for p in (restored.average, restored.picture))
    # Of twenty seeds the worst are 9.9 and +1.3 dB; put back, the noise would cost 5.7 or more.
    assert before > metrics.psnr(discs(), noisy) + 3
    assert after > before - 0.3


@pytest.mark.fitted
def test_impulses_do_not_spoil_what_is_around_them_and_are_not_put_back() -> None:
    clean = discs()
    drawn = torch.rand(64, 64, generator=seeds.generator("impulses"))
    observed = torch.where(drawn < 0.05, 0.0, torch.where(drawn > 0.95, 1.0, clean))
    observation = Observation(observed, all_known(clean))
    recipe = replace(TINY, channels=(16, 16, 16), max_steps=100, least_patience=100)
    found = {
        outlier: metrics.psnr(
            clean,
            restore.restore(observation, replace(recipe, outlier=outlier), seed=0).picture,
        )
        for outlier in (0.0, 2.5)
    }
    # Of twenty seeds the worst are +1.9 and +21.9 dB.
    assert found[2.5] > found[0.0] + 1
    assert found[2.5] > metrics.psnr(clean, observed) + 10


def normal(*size: int) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("detail", [0.0, 0.02, 0.1])
def test_the_share_of_picture_in_the_residual_is_the_best_one(detail: float) -> None:
    noise, missed = 0.05 * normal(1, 100_000), detail * normal(2, 100_000)[1:]
    learned = 0.3  # the fit has learned so much of the noise at the fitted pixels
    fitted = (noise - (learned * noise - missed)).square().mean(0)
    held_out = (normal(3, 100_000)[2:] * 0.05 + missed - learned * 0.05).square().mean(0)
    error = (learned * 0.05) ** 2 + detail**2
    share = picture_share(fitted, held_out, 0.05)
    best = (error - learned * 0.05**2) / float(fitted.mean())
    assert share == pytest.approx(max(best, 0.0), abs=0.03)


def test_all_of_a_clean_residual_is_picture_and_none_where_noise_is_unknown() -> None:
    errors = normal(1000).square()
    assert picture_share(errors, errors, 0.0) == 1.0
    assert picture_share(errors, errors, float("inf")) == 0.0
    assert picture_share(torch.zeros(5), torch.zeros(5), 0.0) == 0.0


def test_no_share_can_be_told_without_pixels_of_both_kinds() -> None:
    errors, none = torch.ones(5), torch.empty(0)
    assert picture_share(errors, none, 0.1) == 0.0
    assert picture_share(none, errors, 0.1) == 0.0
