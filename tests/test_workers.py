"""Runs are shared out, end in the same bits, and fail with the first error."""

import pytest
import torch

from convprior import workers
from convprior.trainer import EnvironmentVariableError


def draw(seed: int) -> tuple[int, float, int]:
    if seed < 0:
        raise ValueError(f"no seed {seed}")
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(300, 300, generator=generator)
    return seed, float((matrix @ matrix).sum()), torch.get_num_threads()


def test_processes_give_the_same_bits_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for processes in ("1", "2"):
        monkeypatch.setenv("CONVPRIOR_PROCESSES", processes)
        found.append(workers.each(draw, [3, 1, 2]))
    assert found[0] == found[1]
    assert [seed for seed, _, _ in found[0]] == [3, 1, 2]
    with pytest.raises(ValueError, match="no seed -1"):
        workers.each(draw, [1, -1])
    assert workers.each(draw, [5])[0][0] == 5  # new processes after a failure


def test_a_number_of_processes_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVPRIOR_PROCESSES", "many")
    with pytest.raises(EnvironmentVariableError, match="CONVPRIOR_PROCESSES is 'many'"):
        workers.each(draw, [1])
