"""Which gaps need a network: wide ones, in pieces with what is around them."""

import torch

from convprior.ground import seeds
from convprior.restoration import gaps


def known(height: int = 640, width: int = 480) -> torch.Tensor:
    return torch.ones(height, width, dtype=torch.bool)


def test_scratches_and_specks_need_none() -> None:
    scratched = known()
    scratched[100:104] = False
    scratched[110:, 200:203] = False
    scratched[300:305, 300:304] = False
    assert gaps.wide(scratched) == []
    assert gaps.wide(known()) == []


def test_a_hole_has_its_surroundings_and_two_near_ones_are_one_piece() -> None:
    broken = known()
    broken[100:130, 100:130] = False
    broken[150:180, 200:220] = False
    broken[520:560, 400:470] = False
    places = gaps.wide(broken)
    assert len(places) == 2
    inside = torch.zeros_like(broken)
    for rows, columns in places:
        assert not inside[rows, columns].any()  # none overlap
        inside[rows, columns] = True
    assert inside[~broken].all()
    assert inside[100 - gaps.CELL : 180 + gaps.CELL, 100 - gaps.CELL : 220 + gaps.CELL].all()
    assert not inside[300:400].any()


def test_scratches_that_meet_are_wide_and_not_deep() -> None:
    broken = known()
    broken[100:108, 50:90] = False
    assert gaps.wide(broken)
    assert gaps.deep(broken) == []
    broken[300:340, 200:240] = False
    assert gaps.deep(broken) == [(slice(224, 416), slice(128, 320))]


def test_many_missing_pixels_are_one_piece_to_the_edges() -> None:
    few = torch.rand(101, 67, generator=seeds.generator("few")) < 0.4
    assert gaps.wide(few) == [(slice(0, 101), slice(0, 67))]


def test_a_hole_is_found_with_its_width_and_not_what_is_thin() -> None:
    broken = known()
    broken[100:152, 200:290] = False
    broken[300:304] = False  # a scratch, beside which patches of the picture are whole
    broken[500:512, 100:112] = False
    (hole,) = gaps.hollow(broken)
    marked = torch.zeros_like(broken)
    marked[hole.piece] = hole.pixels
    expected = torch.zeros_like(broken)
    expected[100:152, 200:290] = True
    assert hole.width == 52
    assert torch.equal(marked, expected)
    assert [hole.width for hole in gaps.hollow(broken, "patches")] == [52, 12]
    assert gaps.hollow(broken, "network") == []


def test_a_hole_with_nothing_around_it_to_copy_is_left_to_others() -> None:
    broken = ~known()
    broken[:3] = True
    assert gaps.hollow(broken) == []
