"""Metrics against closed forms and scikit-image."""

from collections.abc import Iterator

import pytest
import torch
from skimage.metrics import structural_similarity

from convprior.problem import metrics


def test_an_error_of_a_tenth_everywhere_is_20_db() -> None:
    reference = torch.full((3, 12, 9), 0.4)
    assert metrics.psnr(reference, reference + 0.1) == pytest.approx(20.0, abs=1e-4)


def test_psnr_counts_only_where_asked() -> None:
    reference = torch.zeros(3, 8, 8)
    restored = torch.full_like(reference, 0.9)
    where = torch.zeros(8, 8, dtype=torch.bool)
    where[2, 3] = True
    restored[:, 2, 3] = 0.01
    assert metrics.psnr(reference, restored, where) == pytest.approx(40.0, abs=1e-3)


def test_equal_pictures_are_infinitely_close() -> None:
    assert metrics.psnr(torch.ones(1, 4, 4), torch.ones(1, 4, 4)) == float("inf")


def test_ssim_equals_scikit_image() -> None:
    stream = torch.Generator().manual_seed(0)
    reference = torch.rand(3, 40, 33, generator=stream)
    restored = (reference + 0.2 * torch.rand(3, 40, 33, generator=stream)).clamp(0, 1)
    expected = structural_similarity(
        reference.numpy(), restored.numpy(), channel_axis=0, data_range=1.0,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11,
    )  # fmt: skip
    assert metrics.ssim(reference, restored) == pytest.approx(expected, abs=2e-4)


@pytest.fixture
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads_as_before")
def test_the_number_of_threads_changes_no_digit() -> None:
    stream = torch.Generator().manual_seed(0)
    for _ in range(8):
        # So many pixels that threads share the sums; single precision gives each its own digits.
        reference, restored = torch.rand(2, 3, 160, 150, generator=stream)
        found = []
        for threads in (1, 2, 3, 4):
            torch.set_num_threads(threads)
            found.append((metrics.psnr(reference, restored), metrics.ssim(reference, restored)))
        assert len(set(found)) == 1


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match=r"at least 11×11.*\(10, 30\)"):
        metrics.ssim(torch.zeros(1, 10, 30), torch.zeros(1, 10, 30))
