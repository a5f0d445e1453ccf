"""Patches that look alike: what they share stays, what each has alone goes."""

import io
import itertools
import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

from convprior.ground import seeds
from convprior.pictures import decoding
from convprior.prior.patches import denoising as patches_denoising
from convprior.prior.patches.denoising import Denoising
from convprior.problem import classical, metrics
from convprior.problem.noise import Noise, measure
from convprior.problem.observation import Observation
from tests.conftest import all_known, bricks, discs

WHITE = Noise(0.1, 0.0)


def noisy(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    return picture + sigma * torch.randn(picture.shape, generator=seeds.generator("noise"))


def test_what_repeats_is_told_from_noise() -> None:
    wall = bricks(height=96, width=96)
    damaged = noisy(wall, 0.1)
    found = Denoising(damaged, WHITE).done()
    # The worst of twenty seeds gains 20.1 dB on what came, 14.2 on non-local means.
    assert metrics.psnr(wall, found) > metrics.psnr(wall, damaged) + 15
    means = classical.baseline(Observation(damaged, all_known(damaged)))
    assert metrics.psnr(wall, found) > metrics.psnr(wall, means) + 8


def test_noise_that_grows_with_the_light_is_weighed_by_brightness() -> None:
    down, right = torch.arange(128.0)[:, None], torch.arange(128.0)
    wave = (0.1 + 0.9 * right / 128) * (0.8 + 0.2 * torch.sin(down / 5))
    waves = wave.expand(3, 128, 128)
    drawn = torch.randn(waves.shape, generator=seeds.generator("speckle"))
    damaged = waves + 0.2 * waves * drawn
    noise = measure(damaged, all_known(damaged))
    assert noise.curve
    found = Denoising(damaged, noise).done()
    alike = Denoising(damaged, replace(noise, curve=())).done()
    # The worst of twenty seeds gains 8.9 dB.
    assert metrics.psnr(waves, found) > metrics.psnr(waves, alike) + 5


@pytest.mark.parametrize("work", ["some", "all"])
def test_the_bits_are_the_same_for_any_number_of_threads(work: str) -> None:
    damaged = noisy(bricks(height=200, width=70), 0.1)  # two tiles
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 1):
            torch.set_num_threads(threads)
            denoising = Denoising(damaged, WHITE)
            for done in denoising:
                if work == "some" and done > 0.6:
                    break
            assert torch.get_num_threads() == threads or work == "some"
            torch.set_num_threads(threads)
            found.append(denoising.picture())
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_the_observed_picture_is_never_modified_and_progress_only_grows() -> None:
    damaged = noisy(bricks(), 0.1)
    kept = damaged.clone()
    shares = list(Denoising(damaged, WHITE))
    assert torch.equal(damaged, kept)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_there_is_a_whole_picture_at_any_time_and_it_gets_better() -> None:
    wall = bricks(height=128, width=128)
    damaged = noisy(wall, 0.1)
    denoising = Denoising(damaged, WHITE)
    begun = metrics.psnr(wall, denoising.picture())
    psnr = [metrics.psnr(wall, denoising.picture()) for _ in denoising]
    assert psnr[0] >= begun - 0.1
    # Of twenty seeds none lost anything at any step, and the worst gained 15.3 dB.
    assert all(after > before - 0.3 for before, after in itertools.pairwise(psnr))
    assert psnr[-1] > begun + 10


def test_noise_that_neighbours_share_is_told_at_coarser_scales() -> None:
    clean = torch.nn.functional.interpolate(discs()[None], scale_factor=2, mode="bilinear")[0]
    noise = torch.randn(1, 3, 132, 132, generator=seeds.generator("noise"))
    noise = torch.nn.functional.avg_pool2d(noise, 3, 1)[0, :, :128, :128] * 3
    damaged = clean + 0.08 * noise
    seen = Observation(damaged, all_known(damaged)).noise
    assert seen.shared
    told = Denoising(damaged, seen).done()
    untold = Denoising(damaged, Noise(seen.deviation, 0.0)).done()
    # The worst of twenty seeds: +9.1 and +11.8 dB.
    assert metrics.psnr(clean, told) > metrics.psnr(clean, untold) + 5
    assert metrics.psnr(clean, told) > metrics.psnr(clean, damaged) + 5


@pytest.mark.parametrize("deviation", [0.0, 1e-9, 1e-4])
def test_without_noise_a_picture_stays_what_it_is(
    deviation: float, photograph: torch.Tensor
) -> None:
    for shared in (0.0, 0.5):
        found = Denoising(photograph, Noise(deviation, shared)).done()
        assert torch.allclose(found, photograph, atol=1e-4)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 16, 16),
        (3, 17, 40),
        (4, 6, 6),
        (5, 3, 9),
        (3, 1, 60),
        (1, 40, 2),
        (1, 1, 1),
        (2, 99, 70),
    ],
)
def test_any_size_any_number_of_channels(shape: tuple[int, int, int]) -> None:
    picture = torch.rand(shape, generator=seeds.generator("any", *shape))
    for flat in (picture, torch.zeros(shape), torch.ones(shape), 1e-6 * picture):
        found = Denoising(flat, WHITE).done()
        assert found.shape == flat.shape
        assert torch.isfinite(found).all()
    assert float(Denoising(torch.ones(shape), WHITE).done().std(correction=0)) < 1e-5


def test_channels_of_any_kind_help_each_other() -> None:
    wall = (
        bricks(channels=4, height=64, width=64) * torch.tensor([1.0, 0.5, 0.2, 0.8])[:, None, None]
    )
    damaged = noisy(wall, 0.1)
    together = Denoising(damaged, WHITE).done()
    alone = torch.cat([Denoising(plane[None], WHITE).done() for plane in damaged])
    # The worst of twenty seeds: +6.2 dB.
    assert metrics.psnr(wall, together) > metrics.psnr(wall, alone) + 3


def test_where_noise_is_uneven_means_that_know_no_covariance_have_a_say() -> None:
    light = torch.linspace(0.2, 0.9, 128).expand(3, 128, 128)
    drawn = torch.randn(1, 3, 132, 132, generator=seeds.generator("grain"))
    grain = 0.08 * torch.nn.functional.avg_pool2d(drawn, 3, 1)[0, :, :128, :128] * 3
    even = light + grain
    uneven = light + grain * (1.1 - light)  # strongest in the dark, as a camera's
    noise = Noise(0.08, 0.6)
    says = [Denoising(noisy, noise).of_means for noisy in (even, uneven)]
    # Twenty seeds: at most 0.05 and at least 0.25.
    assert says[0] < 0.15 < says[1]
    both, alone = Denoising(uneven, noise), Denoising(uneven, noise)
    shares = list(both)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert both.means is not None
    alone.of_means = 0.0
    expected = alone.done().lerp(both.means.picture(), says[1])
    assert torch.allclose(both.picture(), expected, atol=1e-6)


def photographed_in_jpeg(picture: torch.Tensor, seed: int) -> torch.Tensor:
    noisy = picture + 0.08 * torch.randn(picture.shape, generator=seeds.generator("jpeg", seed))
    file = io.BytesIO()
    decoding.to_pillow(noisy.clamp(0, 1)).save(file, "JPEG", quality=90)  # colours at half the size
    return decoding.from_pillow(Image.open(file))


def test_where_colours_were_stored_at_half_the_size_each_plane_has_its_own_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clean = torch.nn.functional.interpolate(discs()[None], scale_factor=2, mode="bilinear")[0]
    damaged = photographed_in_jpeg(clean, 0)
    noise = measure(damaged, all_known(damaged))
    told = Denoising(damaged, noise).done()
    monkeypatch.setattr(patches_denoising, "BRIGHTER", math.inf)
    untold = Denoising(damaged, noise).done()
    # The worst of twenty seeds: +5.8 dB.
    assert metrics.psnr(clean, told) > metrics.psnr(clean, untold) + 3


@pytest.mark.parametrize("noise", [WHITE, Noise(0.1, 0.1), Noise(0.1, 0.5), Noise(0.1, 0, True)])
def test_black_and_white_stored_in_colour_is_restored_as_one_channel(noise: Noise) -> None:
    grey = noisy(bricks(channels=1, height=96, width=96), 0.1)
    in_colour = Denoising(grey.expand(3, 96, 96), noise).done()
    assert torch.equal(in_colour, Denoising(grey, noise).done().expand(3, 96, 96))


def test_texture_is_not_taken_for_noise_of_the_brightness_alone() -> None:
    wall = noisy(bricks(height=96, width=96), 0.1)  # no block of it is flat
    white = Denoising(wall, WHITE)
    assert white.finest.variance.shape[0] == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_ground_of_clipped_black_does_not_spoil_the_picture(channels: int) -> None:
    light = 0.6 * bricks(channels=channels, height=96, width=96)
    light[:, :, :30] = 0
    drawn = torch.poisson(60 * light, generator=seeds.generator("photons")) / 60
    curve = (0.0, *(0.13 * (place / 16) ** 0.5 for place in range(1, 17)))  # none in the dark
    found = Denoising(drawn, Noise(0.09, 0.0, curve=curve)).done()
    assert torch.isfinite(found).all()
    assert float(found[:, :, :24].abs().max()) < 0.02
    assert torch.equal(Denoising(drawn, Noise(0.0, 0.0)).picture(), drawn)


def test_noise_by_brightness_is_not_taken_for_that_of_brightness_alone() -> None:
    down, right = torch.arange(128.0)[:, None], torch.arange(128.0)
    grey = (0.05 + 0.45 * right / 128) * (0.8 + 0.2 * torch.sin(down / 5))  # no colours
    drawn = torch.randn(3, 128, 128, generator=seeds.generator("desaturated"))
    damaged = grey * (1 + 0.2 * drawn)
    noise = measure(damaged, all_known(damaged))
    assert noise.curve
    assert Denoising(damaged, noise).finest.variance.shape[0] == 1
