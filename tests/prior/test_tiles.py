"""A picture in tiles: covered wholly, blended without seams, stopped as one."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convprior.ground import seeds
from convprior.prior import restore, tiles
from convprior.prior.recipe import Recipe
from convprior.prior.tiles import Tiles
from convprior.prior.where import Where
from convprior.problem import metrics
from convprior.problem.observation import Observation
from convprior.problem.operators import downsampling
from tests.conftest import TINY, all_known, discs


def tiles_of(observation: Observation, recipe: Recipe, side: int) -> Tiles:
    """Return tiles that are fitted to all that is known but for what is held out."""
    fitted, _ = observation.split(recipe.held_out, seeds.generator("held out", 0))
    return Tiles(observation, fitted, recipe, 0, at_most(side))


def at_most(side: int) -> Where:
    return Where(torch.device("cpu"), tile=side)


@settings(max_examples=200, deadline=None)
@given(
    length=st.integers(1, 3000),
    side=st.integers(70, 1024),
    scale=st.integers(1, 4),
)
def test_pieces_cover_a_length_and_overlap(length: int, side: int, scale: int) -> None:
    length *= scale
    pieces = tiles._spread(length, side, 32, scale)
    assert pieces[0].start == 0
    assert pieces[-1].stop == length
    assert len({piece.stop - piece.start for piece in pieces}) == 1
    assert pieces[0].stop <= side
    assert all(p.start % scale == 0 == p.stop % scale for p in pieces)
    for before, after in pairwise(pieces):
        assert before.stop - after.start >= 32


def test_tiles_that_agree_blend_to_the_picture_itself(photograph: torch.Tensor) -> None:
    picture = torch.nn.functional.interpolate(photograph[None], (150, 131), mode="bilinear")[0]
    parts = tiles_of(Observation(picture, all_known(picture)), TINY, side=64)
    assert len(parts.fits) > 4
    pieces = [picture[:, rows, columns] for rows, columns in parts.places]
    assert float((parts._blend(pieces) - picture).abs().max()) < 1e-6
    # Where two tiles differ by one, the picture goes from one to the other without a step.
    flat = [torch.full_like(p, float(index % 2)) for index, p in enumerate(pieces)]
    blended = parts._blend(flat)
    assert float(blended.diff(dim=1).abs().max()) < 0.1
    assert float(blended.diff(dim=2).abs().max()) < 0.1


def test_one_tile_is_the_whole_picture_to_the_bit(photograph: torch.Tensor) -> None:
    observation = Observation(photograph, all_known(photograph))
    recipe = replace(TINY, max_steps=20)
    whole = restore.restore(observation, recipe, seed=0)
    assert torch.equal(whole.picture, restore.restore(observation, recipe, 0, at_most(24)).picture)


def noisy_scene() -> tuple[torch.Tensor, torch.Tensor]:
    clean = torch.cat([torch.cat([discs(), discs().flip(1)], 1)] * 2, 2)[:, :112, :100]
    noise = torch.randn(clean.shape, generator=seeds.generator("tiles"))
    return clean, clean + 25 / 255 * noise


def test_where_tiles_are_blended_their_errors_half_cancel() -> None:
    picture = torch.zeros(3, 150, 131)
    parts = tiles_of(Observation(picture, all_known(picture)), TINY, side=64)
    stream = seeds.generator("errors")
    shared, pieces = torch.zeros(150, 131), []
    for rows, columns in parts.places:
        shared[rows, columns] += 1
        pieces.append(torch.randn(picture[:, rows, columns].shape, generator=stream))
    errors = parts._blend(pieces).square().mean(0)
    assert float(errors[shared == 1].mean()) == pytest.approx(1, abs=0.1)
    # The weights w and 1 − w go from 0 to 1: the mean of w² + (1 − w)² is 2/3, and less at corners.
    assert 0.4 < float(errors[shared > 1].mean()) < 0.7


@pytest.mark.fitted
def test_a_tiled_picture_is_as_good_as_one_fitted_whole() -> None:
    clean, noisy = (picture[:, 20:68, :90] for picture in noisy_scene())
    observation = Observation(noisy, all_known(noisy))
    recipe = replace(TINY, channels=(16, 16, 16), max_steps=100, least_patience=100)
    whole = restore.restore(observation, recipe, seed=0).picture
    tiled = restore.restore(observation, recipe, 0, at_most(64)).picture
    gained = metrics.psnr(clean, tiled) - metrics.psnr(clean, whole)
    assert gained > -1  # the least of twenty seeds: −0.43


def test_a_tile_within_a_hole_is_left_out_and_takes_the_mean() -> None:
    known = torch.ones(200, 200, dtype=torch.bool)
    known[:, 40:] = False
    observed = torch.where(known, torch.tensor([0.2, 0.5, 0.9])[:, None, None], torch.nan)
    parts = tiles_of(Observation(observed, known), TINY, side=64)
    assert 0 < len(parts.fits) < 16
    assert all(fit.fitted.any() for fit in parts.fits)
    assert max(fit.height for fit in parts.fits) == 64  # none grew: memory is what was counted
    _, average, _ = parts.advance(1)
    assert torch.isfinite(average).all()
    assert average[:, 100, 150].tolist() == pytest.approx([0.2, 0.5, 0.9])


def test_tiles_of_a_picture_to_be_enlarged_lie_on_its_pixels() -> None:
    small = torch.rand(3, 50, 40)
    observation = Observation(small, all_known(small), downsampling(3))
    parts = tiles_of(observation, replace(TINY, held_out=0.0), side=90)
    assert len(parts.fits) > 1
    for (rows, columns), fit in zip(parts.places, parts.fits, strict=True):
        assert rows.start % 3 == columns.start % 3 == 0
        assert fit.observation.observed.shape[1] * 3 == rows.stop - rows.start
        # What depends on pixels beyond a cut is not judged there.
        assert bool(fit.fitted[0].any()) == (rows.start == 0)
        assert bool(fit.fitted[:, -1].any()) == (columns.stop == 120)
    picture, average, misfits = parts.advance(2)
    assert picture.shape == average.shape == (3, 150, 120)
    assert misfits.shape == (len(parts.fits),)


def test_resumed_tiles_give_the_same_bits() -> None:
    _, noisy = noisy_scene()
    observation = Observation(noisy, all_known(noisy))
    one, other = (tiles_of(observation, TINY, side=64) for _ in range(2))
    one.advance(2)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.advance(3)[1], other.advance(3)[1])


def test_tiles_too_small_to_overlap_are_refused() -> None:
    picture = torch.rand(3, 64, 64)
    with pytest.raises(ValueError, match="tiles of 32 pixels are too small to overlap by 32"):
        tiles_of(Observation(picture, all_known(picture)), TINY, side=32)
