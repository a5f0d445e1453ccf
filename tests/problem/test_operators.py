"""How a clean picture becomes what was observed: linear, with an adjoint, of the right size."""

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convprior.ground import seeds
from convprior.problem import operators
from convprior.problem.operators import IDENTITY, Operator, blur, downsampling, gaussian_kernel

OPERATORS = {
    "identity": IDENTITY,
    "by 2": downsampling(2),
    "by 3": downsampling(3),
    "by 4": downsampling(4),
    "gaussian": blur(gaussian_kernel(1.5)),
    "motion": blur(torch.eye(5)),
}


def drawn(*shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=seeds.generator("operators", *shape))


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 13), width=st.integers(1, 17), channels=st.integers(1, 4))
def test_an_operator_and_its_adjoint_satisfy_the_dot_product_identity(
    name: str, height: int, width: int, channels: int
) -> None:
    operator = OPERATORS[name]
    x = drawn(channels, height * operator.scale, width * operator.scale)
    shown, adjoint = operator.apply(x), operator.transposed(x)
    assert shown.shape == (channels, height, width)
    y = drawn(*shown.shape)
    assert float((shown * y).sum()) == pytest.approx(float((x * adjoint(y)).sum()), rel=1e-5)


def test_the_identity_is_told_also_when_it_comes_from_another_process() -> None:
    assert pickle.loads(pickle.dumps(IDENTITY)).is_identity
    assert not any(operator.is_identity for operator in OPERATORS.values() if operator != IDENTITY)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_flat_picture_stays_flat(name: str) -> None:
    operator = OPERATORS[name]
    shown = operator.apply(torch.full((3, 12 * operator.scale, 9 * operator.scale), 0.3))
    assert shown.flatten().tolist() == pytest.approx([0.3] * shown.numel(), abs=1e-5)


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing_reaches_farther_than_an_operator_says(name: str) -> None:
    operator: Operator = OPERATORS[name]
    side = 31
    picture = torch.zeros(1, side * operator.scale, side * operator.scale)
    middle = slice(15 * operator.scale, 16 * operator.scale)
    picture[:, middle, middle] = 1.0
    seen = operator.apply(picture)[0].abs() > 1e-6
    rows = seen.any(1).nonzero().flatten()
    assert int((rows - 15).abs().max()) <= operator.reach
    assert int(rows[0]) < 15 or operator.reach == 0  # and it says no more than is so


def test_a_blurred_point_is_the_picture_of_the_kernel() -> None:
    kernel = torch.tensor([[0.0, 0, 4, 2, 1]])
    point = torch.zeros(1, 1, 11)
    point[0, 0, 5] = 1
    assert blur(kernel).apply(point)[0, 0, 3:8].tolist() == pytest.approx(
        [0, 0, 4 / 7, 2 / 7, 1 / 7]
    )


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (torch.ones(2, 3), "a kernel of 2×3 has no centre: both sides must be odd"),
        (torch.zeros(3, 3), "must be finite and sum to more than 0"),
        (torch.full((3, 3), torch.nan), "must be finite and sum to more than 0"),
    ],
)
def test_a_kernel_that_is_none_is_refused(kernel: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blur(kernel)


@pytest.mark.parametrize("deviation", [0.0, 51.0, 1e9])
def test_a_gaussian_that_nothing_can_be_sharpened_from_is_refused(deviation: float) -> None:
    with pytest.raises(ValueError, match="σ must be above 0 and at most 50 pixels"):
        gaussian_kernel(deviation)


def test_pictures_of_many_sizes_leave_no_matrices_behind() -> None:
    for side in range(8, 60, 2):
        downsampling(2).apply(torch.zeros(1, side, side))
    assert operators._reduction.cache_info().currsize <= 4
