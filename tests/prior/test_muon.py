"""Orthogonalised momentum."""

import copy

import pytest
import torch

from convprior.prior.muon import Muon, orthogonalise


def test_singular_values_become_about_one_and_vectors_stay() -> None:
    stream = torch.Generator().manual_seed(0)
    shapes = [(8, 20), (20, 8), (8, 9), (3, 64)]
    matrices = [torch.randn(*shape, generator=stream) for shape in shapes]
    for matrix, result in zip(matrices, orthogonalise(matrices), strict=True):
        assert result.shape == matrix.shape
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        values = torch.linalg.svdvals(result)
        assert ((values > 0.6) & (values < 1.3)).all()
        # In the singular basis of the input, the result is diagonal.
        diagonal = u.mT @ result @ v.mT
        assert (diagonal - diagonal.diagonal().diag()).abs().max() < 1e-4


def test_it_is_the_published_iteration() -> None:
    matrix = torch.randn(12, 40, generator=torch.Generator().manual_seed(0))
    x = matrix / matrix.norm()
    for _ in range(5):  # Jordan et al. 2024, written out
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    torch.testing.assert_close(orthogonalise([matrix])[0], x, rtol=1e-3, atol=1e-4)


def test_a_zero_matrix_stays_zero() -> None:
    assert torch.equal(orthogonalise([torch.zeros(3, 4)])[0], torch.zeros(3, 4))


@pytest.mark.fitted
def test_it_solves_a_least_squares_problem_and_skips_what_has_no_gradient() -> None:
    stream = torch.Generator().manual_seed(0)
    target = torch.randn(6, 4, 3, 3, generator=stream)
    kernel = torch.zeros_like(target, requires_grad=True)
    idle = torch.ones(2, 2, requires_grad=True)
    optimiser = Muon([kernel, idle], learning_rate=0.1)
    for _ in range(200):
        loss = (kernel - target).square().sum()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert loss < 0.01 * target.square().sum()  # the worst of twenty seeds: 0.0002
    assert torch.equal(idle, torch.ones(2, 2))


def test_its_state_survives_a_round_trip() -> None:
    kernel = torch.ones(3, 3, requires_grad=True)
    optimiser = Muon([kernel], learning_rate=0.1)
    kernel.sum().backward()
    optimiser.step()
    twin = kernel.detach().clone().requires_grad_()
    other = Muon([twin], learning_rate=0.1)
    other.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    for parameter, moved in ((kernel, optimiser), (twin, other)):
        parameter.grad = torch.eye(3)
        moved.step()
    assert torch.equal(kernel, twin)
