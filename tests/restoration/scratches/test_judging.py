"""What goes on straight where a scratch has ended is the rest of it."""

import math

import pytest
import torch

from convprior.restoration.scratches.judging import scratches
from convprior.restoration.scratches.lines import EVIDENCE, Lines

PLAIN = {
    "length": math.log(80), "lightness": 0.95, "change": 0.02, "uneven": 0.1, "contrast": 0.3,
    "crooked": 0.01, "elsewhere": 0.2, "variation": -3.0, "sides": 0.1, "above": 0.2,
}  # fmt: skip
# As where it runs along an edge: its sides differ, and what lies farther aside goes on otherwise.
ALONG_AN_EDGE = PLAIN | {"length": math.log(40), "uneven": 1.9, "elsewhere": 2.5}


@pytest.mark.parametrize(
    ("centre", "sine", "taken"),
    [((80.0, 80.0), 0.0, True), ((110.0, 80.0), 0.0, False), ((80.0, 80.0), 0.5, False)],
)
def test_the_rest_of_a_scratch_needs_less_evidence(
    centre: tuple[float, float], sine: float, taken: bool
) -> None:
    evidence = torch.tensor([[line[n] for n in EVIDENCE] for line in (PLAIN, ALONG_AN_EDGE)])
    turn = math.asin(sine)
    both = Lines(
        scale=1,
        light=torch.zeros(100, 100),
        places=torch.zeros(0, 2, dtype=torch.long),
        of=torch.zeros(0, dtype=torch.long),
        contrast=torch.zeros(0),
        evidence=evidence,
        width=torch.tensor([2.0, 2.0]),
        count=torch.tensor([80.0, 40.0]),
        centre=torch.tensor([[40.0, 40.0], centre]),
        direction=torch.tensor(
            [[math.sin(math.pi / 4 + t), math.cos(math.pi / 4 + t)] for t in (0.0, turn)]
        ),
    )
    chosen, width = scratches([both], [], sensitivity=1.0)
    assert chosen.tolist() == [True, taken]
    assert width == 2.0
