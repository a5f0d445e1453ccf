"""The problem: unknown pixels are never read, the observation is never modified."""

import pytest
import torch

from convprior.ground import seeds
from convprior.problem.observation import Observation, temper, variance
from convprior.problem.operators import Operator


def checkerboard(height: int, width: int) -> torch.Tensor:
    return (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0


def test_values_of_unknown_pixels_are_never_read(photograph: torch.Tensor) -> None:
    known = checkerboard(24, 20)
    poisoned = torch.where(known, photograph, torch.nan)
    picture = torch.full_like(photograph, 0.3, requires_grad=True)
    clean = Observation(photograph, known).errors(picture)
    dirty = Observation(poisoned, known).errors(picture)
    assert torch.equal(clean, dirty)
    assert (dirty[~known] == 0).all()
    dirty.sum().backward()
    assert picture.grad is not None
    assert torch.isfinite(picture.grad).all()
    assert (picture.grad[:, ~known] == 0).all()
    assert (picture.grad[:, known] != 0).any()


def test_errors_are_squared_and_the_mean_over_channels() -> None:
    picture = torch.full((2, 4, 5), 0.1)
    picture[1, 0] = 0.3
    errors = Observation(torch.zeros(2, 4, 5), torch.ones(4, 5, dtype=torch.bool)).errors(picture)
    assert errors[1:].flatten().tolist() == pytest.approx([0.01] * 15)
    assert errors[0].tolist() == pytest.approx([0.05] * 5)


def test_the_operator_makes_what_is_compared(photograph: torch.Tensor) -> None:
    def halve(picture: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(picture, 2)

    small = halve(photograph)
    known = torch.ones(small.shape[1:], dtype=torch.bool)
    assert not Observation(small, known, Operator(halve, scale=2)).errors(photograph).any()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.999])
def test_split_keeps_known_pixels_apart_and_loses_none(share: float) -> None:
    known = checkerboard(20, 20)
    observation = Observation(torch.rand(3, 20, 20), known)
    fitted, held_out = observation.split(share, seeds.generator("split"))
    assert not (fitted & held_out).any()
    assert torch.equal(fitted | held_out, known)
    assert fitted.any()
    assert held_out.sum() == (0 if share == 0 else min(max(round(share * 200), 1), 199))


def test_split_is_named_by_its_seed() -> None:
    observation = Observation(torch.rand(1, 9, 9), torch.ones(9, 9, dtype=torch.bool))
    first, second, other = (
        observation.split(0.2, seeds.generator("split", seed))[1] for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_keep_known_puts_exact_pixels_back_and_leaves_noisy_ones(photograph: torch.Tensor) -> None:
    known = checkerboard(24, 20)
    found = torch.rand_like(photograph)
    exact = Observation(photograph, known, exact=True).keep_known(found)
    assert torch.equal(exact[:, known], photograph[:, known])
    assert torch.equal(exact[:, ~known], found[:, ~known])
    assert torch.equal(Observation(photograph, known).keep_known(found), found)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_restored_is_refused(photograph: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(24, 20\).*same height and width"):
        Observation(photograph, torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="no pixel is known"):
        Observation(photograph, torch.zeros(24, 20, dtype=torch.bool))
    with pytest.raises(ValueError, match="NaN or infinite"):
        Observation(photograph * torch.nan, torch.ones(24, 20, dtype=torch.bool))
    lonely = torch.zeros(24, 20, dtype=torch.bool)
    lonely[3, 4] = True
    with pytest.raises(ValueError, match="one known pixel cannot be split"):
        Observation(photograph, lonely).split(0.1, seeds.generator("split"))


def test_a_margin_around_the_held_out_pixels_is_not_fitted() -> None:
    observation = Observation(torch.rand(3, 40, 40), torch.ones(40, 40, dtype=torch.bool))
    fitted, held_out = observation.split(0.005, seeds.generator("margin"), margin=2)
    assert held_out.sum() == 8
    for y, x in held_out.nonzero().tolist():
        assert not fitted[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].any()
    assert (~fitted).sum() <= 8 * 25
    crowded = Observation(torch.rand(3, 3, 3), torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="9 known pixels are too few to hold 1 out with a margin"):
        crowded.split(0.01, seeds.generator("margin"), margin=2)


def normal(*size: int) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_variance_is_that_of_the_noise_whatever_the_outliers(channels: int) -> None:
    errors = (0.1 * normal(channels, 50_000)).square().mean(0)
    assert float(variance(errors, channels)) == pytest.approx(0.01, rel=0.05)
    errors[::20] = 1.0
    errors[5::20] = torch.nan  # of no pixel
    assert float(variance(errors, channels)) == pytest.approx(0.01, rel=0.15)


def test_errors_beyond_the_limit_grow_linearly_and_without_a_kink() -> None:
    error = torch.tensor([0.0, 0.1, 0.2, 0.4], requires_grad=True)
    tempered = temper(error.square(), torch.tensor(0.04))
    assert tempered.tolist() == pytest.approx([0.0, 0.01, 0.04, 0.12])
    tempered.sum().backward()
    assert error.grad is not None
    assert error.grad.tolist() == pytest.approx([0.0, 0.2, 0.4, 0.4])
