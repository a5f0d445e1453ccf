"""Votes: a mean of all, and the word of the best."""

import torch

from convprior.ground import seeds
from convprior.prior.exemplars import voting
from convprior.prior.exemplars.matching import Field, Patches


def test_matches_that_agree_give_the_picture_back() -> None:
    picture = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)).repeat(1, 4, 4)
    hole = torch.zeros(32, 32, dtype=torch.bool)
    hole[10:16, 12:20] = True
    field = Field(hole, ~hole, 7, seeds.generator("test"))
    texture = picture.new_zeros(1, 32, 32)
    field.search(Patches(picture, texture, 7), 8, 32)
    assert float(field.errors.median()) == 0  # the exact counterpart was found
    emptied = torch.where(hole, 0.0, picture)
    assert torch.equal(voting.best(emptied, field, hole), picture)
    assert torch.allclose(voting.mean(emptied, field, hole), picture, atol=0.2)
    assert voting.told(field, hole).equal(hole)
