"""Which lines are scratches: the rest of one, what is as wide as one, and what is very thin."""

import math

import pytest
import torch

from convprior.restoration.scratches.judging import scratches
from convprior.restoration.scratches.lines import EVIDENCE, Lines

PLAIN = {
    "length": math.log(80), "lightness": 0.95, "change": 0.02, "uneven": 0.1, "contrast": 0.3,
    "crooked": 0.01, "elsewhere": 0.2, "variation": -3.0, "sides": 0.1, "above": 0.2,
    "thin": 0.0,
}  # fmt: skip
# As where it runs along an edge: its sides differ, and what lies farther aside goes on otherwise.
ALONG_AN_EDGE = PLAIN | {"length": math.log(40), "uneven": 1.9, "elsewhere": 2.5}
DOUBTFUL = PLAIN | {"length": math.log(40), "uneven": 1.7, "elsewhere": 1.0, "change": 0.1}
FAINT = PLAIN | {
    "length": math.log(30), "lightness": 0.6, "contrast": 0.1, "above": 0.05, "change": 0.1,
}  # fmt: skip


def _lines(
    evidence: list[dict[str, float]],
    widths: tuple[float, float],
    centre: tuple[float, float],
    sine: float = 0.0,
) -> Lines:
    """Return a line that goes down right through (40, 40), and one through a centre, turned."""
    turn = math.asin(sine)
    return Lines(
        scale=1,
        light=torch.zeros(100, 100),
        places=torch.zeros(0, 2, dtype=torch.long),
        of=torch.zeros(0, dtype=torch.long),
        contrast=torch.zeros(0),
        evidence=torch.tensor([[line[name] for name in EVIDENCE] for line in evidence]),
        width=torch.tensor(widths),
        count=torch.tensor([80.0, 40.0]),
        centre=torch.tensor([[40.0, 40.0], centre]),
        direction=torch.tensor(
            [[math.sin(math.pi / 4 + t), math.cos(math.pi / 4 + t)] for t in (0.0, turn)]
        ),
    )


@pytest.mark.parametrize(
    ("centre", "sine", "taken"),
    [((80.0, 80.0), 0.0, True), ((110.0, 80.0), 0.0, False), ((80.0, 80.0), 0.5, False)],
)
def test_the_rest_of_a_scratch_needs_less_evidence(
    centre: tuple[float, float], sine: float, taken: bool
) -> None:
    both = _lines([PLAIN, ALONG_AN_EDGE], (2.0, 2.0), centre, sine)
    chosen, width = scratches([both], [], sensitivity=1.0)
    assert chosen.tolist() == [True, taken]
    assert width == 2.0


@pytest.mark.parametrize(("width", "taken"), [(2.0, True), (1.9, True), (3.5, False)])
def test_scratches_are_about_as_wide_as_each_other(width: float, taken: bool) -> None:
    both = _lines([PLAIN, DOUBTFUL], (2.0, width), (110.0, 80.0))
    chosen, _ = scratches([both], [], sensitivity=1.0)
    assert chosen.tolist() == [True, taken]


@pytest.mark.parametrize(("thin", "taken"), [(0.0, False), (0.6, True)])
def test_hardly_anything_but_a_scratch_is_so_thin(thin: float, taken: bool) -> None:
    alone = _lines([FAINT | {"thin": thin}, ALONG_AN_EDGE], (1.0, 1.0), (110.0, 80.0))
    chosen, _ = scratches([alone], [], sensitivity=1.0)
    assert bool(chosen[0]) == taken
