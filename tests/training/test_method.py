"""How weights are fitted: what each parameter does, in numbers."""

import pytest
import torch
from torch import nn

from convprior.training.method import FIRST, Method

PLAIN = Method(
    optimiser="adamw", momentum=0.9, warm_up=0.0, label_smoothing=0.0, clip=0.0, average=0.0
)


def rates(method: Method, steps: int) -> list[float]:
    """Return the learning rate of each step, from 1."""
    optimiser = method.optimise(nn.Linear(1, 1).parameters(), 1.0, 0.0)
    schedule = method.schedule(optimiser, steps)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_the_rate_rises_and_then_falls_to_zero() -> None:
    found = rates(PLAIN.model_copy(update={"warm_up": 0.2}), 50)
    assert found[0] == pytest.approx(FIRST)
    assert found[10] == max(found) == pytest.approx(1.0)
    assert found[:11] == sorted(found[:11])
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] < 0.01
    assert found[30] == pytest.approx(0.5)


def test_without_warming_up_it_only_falls() -> None:
    assert rates(PLAIN, 50) == sorted(rates(PLAIN, 50), reverse=True)


def test_a_step_of_sgd_has_momentum() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimiser = PLAIN.model_copy(update={"optimiser": "sgd"}).optimise([weight], 0.1, 0.0)
    for _ in range(2):
        weight.grad = torch.ones(1)
        optimiser.step()
    assert weight.item() == pytest.approx(-0.1 - 0.1 * 1.9)


def test_the_average_follows_the_weights() -> None:
    network = nn.BatchNorm1d(1)
    average = PLAIN.model_copy(update={"average": 0.75}).averaged(network)
    assert average is not None
    for value in (2.0, 6.0):
        network.weight.data.fill_(value)
        network.running_mean.fill_(value)  # type: ignore[union-attr]
        average.update_parameters(network)
    assert average.module.weight.item() == pytest.approx(3.0)  # type: ignore[union-attr,operator]
    assert average.module.running_mean.item() == pytest.approx(3.0)  # type: ignore[union-attr,operator]
    assert not any(weight.requires_grad for weight in average.parameters())
    assert PLAIN.averaged(network) is None
