"""Outliers do not move what is measured on the residual; details in it are found."""

import pytest
import torch

from convprior.prior import robust


def normal(*size: int) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_variance_is_that_of_the_noise_whatever_the_outliers(channels: int) -> None:
    errors = (0.1 * normal(channels, 50_000)).square().mean(0)
    assert float(robust.variance(errors, channels)) == pytest.approx(0.01, rel=0.05)
    errors[::20] = 1.0
    errors[5::20] = torch.nan  # of no pixel
    assert float(robust.variance(errors, channels)) == pytest.approx(0.01, rel=0.15)


def test_errors_beyond_the_limit_grow_linearly_and_without_a_kink() -> None:
    error = torch.tensor([0.0, 0.1, 0.2, 0.4], requires_grad=True)
    tempered = robust.temper(error.square(), torch.tensor(0.04))
    assert tempered.tolist() == pytest.approx([0.0, 0.01, 0.04, 0.12])
    tempered.sum().backward()
    assert error.grad is not None
    assert error.grad.tolist() == pytest.approx([0.0, 0.2, 0.4, 0.4])


@pytest.mark.parametrize("detail", [0.0, 0.02, 0.1])
def test_the_share_of_picture_in_the_residual_is_the_best_one(detail: float) -> None:
    noise, missed = 0.05 * normal(1, 100_000), detail * normal(2, 100_000)[1:]
    learned = 0.3  # the fit has learned so much of the noise at the fitted pixels
    fitted = (noise - (learned * noise - missed)).square().mean(0)
    held_out = (normal(3, 100_000)[2:] * 0.05 + missed - learned * 0.05).square().mean(0)
    error = (learned * 0.05) ** 2 + detail**2
    share = robust.picture_share(fitted, held_out, 0.05)
    best = (error - learned * 0.05**2) / float(fitted.mean())
    assert share == pytest.approx(max(best, 0.0), abs=0.03)


def test_all_of_a_clean_residual_is_picture_and_none_where_noise_is_unknown() -> None:
    errors = normal(1000).square()
    assert robust.picture_share(errors, errors, 0.0) == 1.0
    assert robust.picture_share(errors, errors, float("inf")) == 0.0
    assert robust.picture_share(torch.zeros(5), torch.zeros(5), 0.0) == 0.0


def test_no_share_can_be_told_without_pixels_of_both_kinds() -> None:
    errors, none = torch.ones(5), torch.empty(0)
    assert robust.picture_share(errors, none, 0.1) == 0.0
    assert robust.picture_share(none, errors, 0.1) == 0.0
