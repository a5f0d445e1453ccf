"""A picture at half its size, and at its own again."""

import torch

from convprior.problem import scales


def test_halving_and_enlarging_keeps_what_is_constant_and_the_size() -> None:
    picture = torch.full((2, 33, 41), 0.4)
    again = scales.enlarged(scales.halved(picture), picture.shape)
    assert again.shape == picture.shape
    assert torch.allclose(again, picture, atol=1e-6)
