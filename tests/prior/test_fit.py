"""One network being fitted: what it sees and what it is judged by."""

from dataclasses import replace

import pytest
import torch

from convprior.ground import seeds
from convprior.prior import restore
from convprior.prior.fit import Fit
from convprior.prior.where import CPU
from convprior.problem.observation import Observation
from tests.conftest import TINY, all_known


def test_total_variation_counts_beside_the_root_of_the_misfit(
    photograph: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    observation = Observation(photograph, all_known(photograph))
    ramp = torch.arange(20.0).expand(3, 24, 20) / 20  # its neighbours differ by 1/20, across only
    losses: list[float] = []
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: losses.append(loss.item()))
    monkeypatch.setattr(Observation, "misfit", lambda *_: torch.tensor(0.01))
    for weight, expected in ((0.0, 0.01), (0.5, 0.1 + 0.5 * 0.05)):
        fit = Fit(observation, observation.known, replace(TINY, total_variation=weight), 0, CPU)
        size = fit.latent.shape[2:]
        shown = torch.zeros(1, 3, *size)
        shown[..., :24, :20] = ramp
        monkeypatch.setattr(fit.network.to_picture, "forward", lambda _, shown=shown: shown)
        fit.step()
        assert losses.pop() == pytest.approx(expected, rel=1e-4)


def test_a_latent_that_is_a_grid_says_where_a_pixel_lies(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph))
    latent = Fit(observation, observation.known, replace(TINY, latent="grid"), 0, CPU).latent
    assert latent.shape[1] == 2
    assert latent[0, :, 0, 0].tolist() == [0, 0]
    assert latent[0, :, -1, 0].tolist() == [1, 0]
    assert latent[0, :, 0, -1].tolist() == [0, 1]


def test_a_fit_goes_back_to_the_very_state_with_smaller_steps(photograph: torch.Tensor) -> None:
    known = all_known(photograph)
    fit = Fit(Observation(photograph, known), known, TINY, 0, CPU)

    def rates() -> list[float]:
        return [group["lr"] for optimiser in fit.optimisers for group in optimiser.param_groups]

    fit.step()
    saved = fit.state_dict()
    before = [p.clone() for p in fit.network.parameters()]
    full = rates()
    for _ in range(3):
        fit.step()
    assert not torch.equal(before[0], next(fit.network.parameters()))
    fit.load_state_dict(saved)
    fit.shrink_steps(0.5)
    assert all(torch.equal(a, b) for a, b in zip(before, fit.network.parameters(), strict=True))
    assert rates() == [rate / 2 for rate in full]


def test_a_blind_spot_shows_the_other_fitted_pixels_only(photograph: torch.Tensor) -> None:
    known = torch.rand(24, 20, generator=seeds.generator("known")) < 0.5
    observation = Observation(torch.where(known, photograph, torch.nan), known, exact=True)
    fit = Fit(observation, known, replace(TINY, blind_spot=0.3), 0, CPU)
    shares = []
    for _ in range(10):
        inputs, hidden = fit.inputs()
        shown, seen = inputs[0, -4:-1, :24, :20], inputs[0, -1, :24, :20].bool()
        assert torch.equal(hidden | seen, fit.fitted)
        assert not (hidden & seen).any()
        assert torch.equal(shown, torch.where(seen, photograph, 0.0))
        assert not inputs[0, -4:, 24:].any()
        assert not inputs[0, -4:, :, 20:].any()
        shares.append(float(hidden.sum() / fit.fitted.sum()))
    # Half of the picture is gaps, so half of what the random share leaves lies under them.
    assert sum(shares) / 10 == pytest.approx(1 - 0.7 * 0.5, abs=0.05)
    assert len(set(shares)) > 1


def test_a_blind_spot_hides_gaps_of_the_shape_that_is_to_be_filled() -> None:
    known = torch.ones(40, 50, dtype=torch.bool)
    known[10:15, 20:30] = False
    picture = torch.rand(3, 40, 50)
    recipe = replace(TINY, blind_spot=0.001, held_out=0.0)
    fit = Fit(Observation(picture, known, exact=True), known, recipe, 0, CPU)
    for _ in range(5):
        hidden = fit.inputs()[1]
        rows, columns = hidden.float().sum(1), hidden.float().sum(0)
        assert 5 * 10 // 2 < hidden.sum() < 5 * 10 + 15  # some of it may lie on the gap itself
        assert (rows > 3).sum() <= 5
        assert (columns > 2).sum() <= 10


def test_a_blind_spot_hides_at_least_one_pixel() -> None:
    picture = torch.rand(3, 1, 2)
    known = all_known(picture)
    fit = Fit(Observation(picture, known), known, replace(TINY, blind_spot=0.01), 0, CPU)
    assert all(int(fit.inputs()[1].sum()) == 1 for _ in range(5))


def test_a_fit_with_a_blind_spot_resumes_to_the_same_bits(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph), exact=True)
    recipe = replace(TINY, blind_spot=0.3)
    fit, other = (Fit(observation, observation.known, recipe, 0, CPU) for _ in range(2))
    fit.step()
    other.load_state_dict(fit.state_dict())
    assert torch.equal(fit.step()[1], other.step()[1])


@pytest.mark.fitted
@pytest.mark.parametrize("seed", range(6))
def test_a_picture_of_two_pixels_comes_back_finite_whichever_is_held_out(seed: int) -> None:
    picture = torch.tensor([0.5, 1.0]).expand(3, 1, 2)
    observation = Observation(picture, all_known(picture))
    restored = restore.restore(observation, replace(TINY, max_steps=60), seed=seed)
    assert torch.isfinite(restored.picture).all()
