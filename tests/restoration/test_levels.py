"""From a file's picture to what the method is given, and back: nothing stretched, nothing lost."""

from dataclasses import replace

import pytest
import torch

from convprior.ground import seeds
from convprior.ground.errors import InputError
from convprior.pictures.picture import Depth, Metadata, Picture
from convprior.problem.noise import Noise
from convprior.problem.operators import downsampling
from convprior.restoration import levels
from convprior.restoration.task import choose, in_words
from tests.conftest import discs


def noise(deviation: float, shape: torch.Size) -> torch.Tensor:
    return deviation * torch.randn(shape, generator=seeds.generator("observing", str(shape)))


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (4096.0, 0.0), (1e-3, 5.0), (30, -7)])
def test_floats_of_any_range_become_zero_to_one_and_return(scale: float, shift: float) -> None:
    picture = Picture(discs() * scale + shift, depth=32)
    look = levels.look(picture, None)
    observed = look.observation.observed
    assert 0 < float(observed.min()) < 0.15
    assert 0.85 < float(observed.max()) < 1
    back = levels.finish(look, picture, observed, None)
    assert back.pixels.flatten().tolist() == pytest.approx(
        picture.pixels.flatten().tolist(), abs=2e-6 * (abs(shift) + scale)
    )


def test_a_hot_pixel_does_not_press_the_rest_together_and_stays() -> None:
    dim = discs() * 0.05
    dim[:, 7, 9] = 1.0
    picture = Picture(dim, depth=16)
    look = levels.look(picture, None)
    observed = look.observation.observed
    assert float(observed.flatten().quantile(0.9) - observed.flatten().quantile(0.1)) > 0.3
    assert not look.observation.known[7, 9]
    assert int(look.beyond.sum()) == 1
    back = levels.finish(look, picture, torch.full((3, 64, 64), 0.5), None)
    assert back.pixels[:, 7, 9].tolist() == [1.0] * 3  # dead or a star: nobody knows
    eight = levels.look(Picture(dim), None).observation.observed
    assert torch.equal(eight, dim)


def test_lines_and_stars_are_within_what_the_network_can_draw() -> None:
    page = torch.full((1, 64, 64), 0.9)
    page[:, 30] = 0.06
    sky = torch.full((1, 64, 64), 0.03)
    sky[:, 5:7, 5:7] = 0.9
    sky[:, 40, 50] = 0.8
    for drawn in (page, sky):
        picture = Picture(drawn, depth=16)
        look = levels.look(picture, None)
        back = levels.finish(look, picture, look.observation.observed.clamp(0, 1), None)
        assert back.pixels.flatten().tolist() == pytest.approx(drawn.flatten().tolist(), abs=1e-5)


def test_a_flat_picture_has_a_range_too() -> None:
    for value in (0.0, 3.5):
        flat = Picture(torch.full((1, 5, 5), value), depth=32)
        look = levels.look(flat, None)
        assert torch.isfinite(look.observation.observed).all()
        back = levels.finish(look, flat, look.observation.observed, None)
        assert back.pixels.flatten().tolist() == pytest.approx([value] * 25)


def test_exact_pixels_stay_to_the_bit_at_every_depth() -> None:
    repair = torch.zeros(64, 64, dtype=torch.bool)
    repair[10:20, 30:40] = True
    for depth, factor in ((8, 1.0), (16, 0.07), (32, 1234.5)):
        picture = Picture(discs() * factor, depth=depth)
        look = levels.look(picture, repair).under("inpaint")
        assert look.observation.exact
        assert torch.equal(look.observation.known, ~repair)
        back = levels.finish(look, picture, torch.rand(3, 64, 64), None).pixels
        assert torch.equal(back[:, ~repair], picture.pixels[:, ~repair])
        assert not torch.equal(back[:, repair], picture.pixels[:, repair])


def test_what_is_wholly_transparent_is_not_looked_at_and_stays() -> None:
    alpha = torch.ones(64, 64)
    alpha[:30] = 0.0
    alpha[30:34] = 0.5
    picture = Picture(discs(), alpha)
    look = levels.look(picture, None)
    assert torch.equal(look.observation.known, alpha > 0)
    back = levels.finish(look, picture, torch.zeros(3, 64, 64), None)
    assert torch.equal(back.pixels[:, :30], picture.pixels[:, :30])
    assert not back.pixels[:, 30:].any()
    assert torch.equal(back.alpha, alpha)
    repaired = levels.finish(look, picture, torch.zeros(3, 64, 64), alpha < 0.5)
    assert not repaired.pixels[:, :30].any()
    assert bool((repaired.alpha[:30] == 1).all())
    with pytest.raises(InputError, match="every pixel is transparent"):
        levels.look(Picture(discs(), torch.zeros(64, 64)), None)


def test_a_range_beyond_that_of_floats_is_refused() -> None:
    values = torch.zeros(1, 16, 16)
    values[0, :8], values[0, 8:] = 3e38, -3e38
    with pytest.raises(InputError, match=r"the values go from .*, too far for floats of 32 bits"):
        levels.look(Picture(values, depth=32), None)


def test_an_enlarged_picture_says_so() -> None:
    own = {"resolution": ((300, 1), (600, 1))}
    metadata = Metadata("TIFF", dpi=(300.0, 600.0), own=own)
    picture = Picture(discs(), alpha=torch.rand(64, 64), metadata=metadata)
    look = levels.look(picture, None, same_size=False).under("superresolve", downsampling(3))
    back = levels.finish(look, picture, torch.rand(3, 192, 192), None)
    assert back.pixels.shape == (3, 192, 192)
    assert back.alpha.shape == (192, 192)
    assert back.metadata.dpi == (900, 1800)
    assert back.metadata.own["resolution"] == ((900, 1), (1800, 1))


def chosen(picture: Picture, repair: torch.Tensor | None) -> tuple[str, str]:
    return choose(levels.look(picture, repair), picture.metadata)


def test_the_task_is_told_by_the_picture() -> None:
    repair = torch.zeros(64, 64, dtype=torch.bool)
    repair[:, 5] = True
    clean, noisy = Picture(discs()), Picture(discs() + noise(0.1, discs().shape))
    assert chosen(clean, repair)[0] == "inpaint"
    task, reason = chosen(noisy, repair)
    assert task == "inpaint"  # who gives a mask gets the rest bit for bit
    assert "its noise of 2" in reason
    assert chosen(clean, None)[0] == chosen(noisy, None)[0] == "denoise"
    assert "hardly any noise" in chosen(clean, None)[1]
    assert "26/255" in chosen(noisy, None)[1] or "25/255" in chosen(noisy, None)[1]
    for table, expected in ((60, "dejpeg"), (6, "denoise")):
        said = Metadata("JPEG", own={"qtables": {0: [table] * 64}})
        assert chosen(replace(clean, metadata=said), None)[0] == expected
    dense = torch.rand(64, 64, generator=seeds.generator("dense")) < 0.5
    assert chosen(clean, dense) == ("inpaint", "some is missing, the rest stays as it is")
    holed = replace(clean, known=~repair)
    assert chosen(holed, None)[0] == "inpaint"


def test_a_picture_of_which_nothing_is_known_is_refused() -> None:
    nothing = torch.ones(64, 64, dtype=torch.bool)
    with pytest.raises(InputError, match="no pixel is known"):
        levels.look(Picture(discs()), nothing)


@pytest.mark.parametrize("depth", [16, 32])
def test_a_mask_over_all_that_can_be_seen_is_refused(depth: Depth) -> None:
    alpha = torch.zeros(64, 64)
    alpha[:20] = 1.0
    with pytest.raises(InputError, match="no pixel is known"):
        levels.look(Picture(discs(), alpha, depth=depth), alpha > 0)


def test_what_stands_for_no_value_is_not_seen_and_stays_unless_it_is_to_be_repaired() -> None:
    pixels = torch.rand(1, 12, 10) * 50 + 100
    absent = torch.zeros(12, 10, dtype=torch.bool)
    absent[3:6, 4:8] = True
    pixels[:, absent] = -9999.0
    picture = Picture(pixels, depth=32, absent=absent)
    seen = levels.look(picture, None)
    assert not seen.masked
    assert seen.low > 0
    assert torch.equal(seen.observation.known, ~absent)
    restored = levels.finish(seen, picture, torch.full((1, 12, 10), 0.5), None).pixels
    assert torch.equal(restored[:, absent], pixels[:, absent])
    assert not (restored[:, ~absent] == pixels[:, ~absent]).any()
    repair = torch.zeros_like(absent)
    repair[3:6, 4:6] = True
    seen = levels.look(picture, repair)
    assert seen.masked
    restored = levels.finish(seen, picture, torch.full((1, 12, 10), 0.5), None).pixels
    assert torch.equal(restored == -9999, (absent & ~repair)[None])
    doubled = levels.look(picture, None, same_size=False).under("superresolve", downsampling(2))
    grown = levels.finish(doubled, picture, torch.full((1, 24, 20), 0.5), None)
    assert grown.absent is not None
    assert torch.equal(grown.pixels == -9999, grown.absent[None])
    assert int(grown.absent.sum()) == 4 * int(absent.sum())


def test_noise_that_is_told_or_scaled_takes_the_place_of_the_measured_one() -> None:
    look = levels.look(Picture(discs() + noise(0.1, discs().shape)), None)
    measured = look.observation.noise.deviation
    assert look.with_noise(17 / 255, 1).observation.noise.deviation == 17 / 255
    assert look.with_noise(None, 0.5).observation.noise.deviation == measured / 2
    uneven = replace(look, observation=replace(look.observation, told=Noise(0.1, 0, curve=(1, 2))))
    assert uneven.with_noise(None, 2).observation.noise == Noise(0.2, 0, curve=(2, 4))
    assert uneven.with_noise(0.3, 1).observation.noise == Noise(0.3, 0)
    assert not look.under("inpaint").with_noise(0.3, 1).observation.noise.deviation


def test_a_texture_is_said_to_be_one() -> None:
    texture = replace(levels.look(Picture(discs()), None).observation, told=Noise(0.0, 0.5))
    look = replace(levels.look(Picture(discs()), None), observation=texture)
    assert choose(look, Metadata())[1].endswith("fine texture, and no grain that would show in it")


def test_what_was_found_of_the_noise_is_said_in_words() -> None:
    assert in_words(Noise(0.1, 0)) == "noise of 26/255"
    assert in_words(Noise(0.1, 0.6)) == "grain of 26/255 that neighbours share"
    wide = Noise(0.1, 0.6, width=1.23)
    assert in_words(wide) == "grain of 26/255, some 1.2 pixels wide, that neighbours share"
    assert in_words(Noise(0.1, 0, of_blocks=True)) == "noise of 26/255 that JPEG made"
    by_light = Noise(0.1, 0, curve=(0.02, 0.04, 0.15))
    assert in_words(by_light) == "noise of 26/255, 5 in the dark and 38 in the light"
