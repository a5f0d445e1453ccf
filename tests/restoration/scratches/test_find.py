"""Scratches and dust are found, also blurred, off-white and compressed; all else is left alone."""

import io

import pytest
import torch
from kornia.filters import gaussian_blur2d
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from convprior.ground import seeds
from convprior.pictures import decoding
from convprior.restoration.scratches.find import scratches_and_dust
from tests.conftest import bricks

SIDE = 160
WHITE, OFF_WHITE, DARK = (255, 255, 255), (240, 240, 233), (14, 11, 15)


def scene(seed: int, channels: int = 3) -> Tensor:
    """Return a picture of soft shades, a dark and a light disc with sharp edges, and some grain."""
    generator = seeds.generator("scratches", seed)
    coarse = torch.randn(1, channels, 8, 8, generator=generator)
    shades = functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic")[0]
    picture = 0.45 + 0.09 * shades
    down, right = torch.meshgrid(torch.arange(1.0 * SIDE), torch.arange(1.0 * SIDE), indexing="ij")
    for value, middle in ((0.1, 40), (0.8, 120)):
        row, column, radius = torch.rand(3, generator=generator).tolist()
        away = (down - 30 - 100 * row).hypot(right - middle - 10 * column)
        inside = away < 12 + 15 * radius
        picture[:, inside] = value + 0.1 * (picture[:, inside] - 0.45)
    return (picture + 0.01 * torch.randn(picture.shape, generator=generator)).clamp(0, 1)


def scratched(picture: Tensor, colour: tuple[int, int, int], width: int, seed: int) -> tuple:
    """Return a picture with four scratches across, and where they are."""
    ends = torch.rand(4, 4, generator=seeds.generator("ends", seed))
    damaged = decoding.to_pillow(picture)
    truth = Image.new("L", (SIDE, SIDE))
    for one, other, turned, _ in ends.tolist():
        a, b = 10 + 140 * one, 10 + 140 * other
        line = (a, 5, b, 150) if turned < 0.5 else (5, a, 150, b)
        fill = colour if damaged.mode == "RGB" else colour[0]
        ImageDraw.Draw(damaged).line(line, fill=fill, width=width)
        ImageDraw.Draw(truth).line(line, fill=255, width=width)
    return decoding.from_pillow(damaged), decoding.from_pillow(truth)[0] > 0.5


def compressed(picture: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    decoding.to_pillow(picture).save(file, "JPEG", quality=quality)
    return decoding.from_pillow(Image.open(file))


def softened(picture: Tensor, sigma: float) -> Tensor:
    return gaussian_blur2d(picture[None], (5, 5), (sigma, sigma))[0]


def rates(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return which share of the truth was found, and which of the pixels farther than 1 is not."""
    near = functional.max_pool2d(truth[None, None].float(), 3, 1, 1)[0, 0] > 0
    return float(found[truth].float().mean()), float((found & ~near).float().mean())


KINDS = {
    "white": (WHITE, 2, lambda p: p),
    "off-white, grey": (OFF_WHITE, 2, lambda p: p.mean(0, keepdim=True)),
    "dark": (DARK, 2, lambda p: p),
    "thin and blurred": (WHITE, 1, lambda p: softened(p, 0.5)),
    "wide and blurred": (OFF_WHITE, 5, lambda p: softened(p, 0.8)),
    "compressed": (WHITE, 2, lambda p: compressed(p, 90)),
    "dark, blurred and compressed": (DARK, 3, lambda p: compressed(softened(p, 0.5), 92)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_scratches_are_found_and_hardly_anything_else(kind: str) -> None:
    colour, width, change = KINDS[kind]
    measured = []
    for seed in range(3):
        damaged, truth = scratched(scene(seed), colour, width, seed)
        measured.append(rates(scratches_and_dust(change(damaged)), truth))
    found, besides = torch.tensor(measured).mean(0).tolist()
    assert found > 0.8
    assert besides < (0.02 if "wide" in kind else 0.003)  # its soft edges reach farther


@pytest.mark.parametrize("change", [lambda p: p, lambda p: p.mean(0, keepdim=True)])
def test_a_picture_without_damage_is_left_alone(change) -> None:
    for seed in range(3):
        assert not scratches_and_dust(change(scene(seed))).any()
        assert not scratches_and_dust(compressed(change(scene(seed)), 85)).any()


def specked(picture: Tensor, *name: str | int) -> tuple[Tensor, Tensor]:
    """Return a picture with 20 white specks of 2×2 pixels, a little blurred, and where they are."""
    damaged, truth = picture.clone(), torch.zeros(SIDE, SIDE, dtype=torch.bool)
    places = (torch.rand(20, 2, generator=seeds.generator(*name)) * 140 + 10).long()
    for row, column in places.tolist():
        truth[row : row + 2, column : column + 2] = True
    damaged[:, truth] = torch.tensor([0.95, 0.94, 0.92])[:, None]
    return softened(damaged, 0.4), truth


def test_specks_are_dust_if_many_are_alike() -> None:
    damaged, truth = specked(scene(0), "dust")
    found, besides = rates(scratches_and_dust(damaged), truth)
    assert found > 0.8
    assert besides < 0.003


def test_specks_that_are_but_likely_in_texture_speak_for_dust_if_they_are_alike() -> None:
    measured = []
    for seed in range(6):
        rough = 0.1 * torch.randn(1, SIDE, SIDE, generator=seeds.generator("rough", seed))
        rough[:, :, :60] = 0
        damaged, truth = specked((scene(seed % 5) + rough).clamp(0, 1), "small dust", seed)
        measured.append(rates(scratches_and_dust(damaged), truth))
    found, besides = torch.tensor(measured).mean(0).tolist()
    assert found > 0.75
    assert besides < 0.001


def dusty(picture: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return a picture with 20 specks of one to three discs, 2 to 8 pixels across, and where."""
    generator = seeds.generator("dust of all forms", seed)
    down, right = torch.meshgrid(torch.arange(1.0 * SIDE), torch.arange(1.0 * SIDE), indexing="ij")
    cover = torch.zeros(SIDE, SIDE)
    for number in range(20):
        row, column, size, fainter, *places = torch.rand(10, generator=generator).tolist()
        across, discs = 2 + 6 * size, 1 + number % 3
        width = across if discs == 1 else across / 2 + 0.5
        for one, other in zip(places[:discs], places[3:], strict=False):
            away = (down - 10 - 140 * row - (across - width) * (one - 0.5)).hypot(
                right - 10 - 140 * column - (across - width) * (other - 0.5)
            )
            disc = (1 - 0.1 * fainter) * (width / 2 + 0.5 - away).clamp(0, 1)
            cover = torch.maximum(cover, disc)
    damaged = softened(picture * (1 - cover) + 0.97 * cover, 0.7)
    return compressed(damaged, 90), cover >= 0.5


@pytest.mark.parametrize("texture", [0.0, 0.04])
def test_dust_of_all_forms_is_found(texture: float) -> None:
    measured = []
    for seed in range(3):
        rough = torch.randn(1, SIDE, SIDE, generator=seeds.generator("rough", seed))
        pixels, truth = dusty(scene(seed) + texture * rough, seed)
        measured.append(rates(scratches_and_dust(pixels), truth))
    found, besides = torch.tensor(measured).mean(0).tolist()
    assert found > 0.85
    assert besides < 0.001


def test_the_lights_in_two_eyes_are_no_dust() -> None:
    face = scene(1) * 0 + torch.tensor([0.8, 0.62, 0.52])[:, None, None]
    down, right = torch.meshgrid(torch.arange(1.0 * SIDE), torch.arange(1.0 * SIDE), indexing="ij")
    for column in (50, 110):
        away = (down - 70).hypot(right - column)
        face[:, away < 10] = torch.tensor([0.3, 0.4, 0.5])[:, None]
        face[:, away < 4] = 0.05
        face[:, (down - 68).hypot(right - column - 1) < 1.5] = 0.98
    assert not scratches_and_dust(softened(face, 0.5)).any()


def test_stars_of_all_strengths_are_no_dust() -> None:
    generator = seeds.generator("stars")
    sky = torch.zeros(1, SIDE, SIDE)
    strengths = (0.02 / torch.rand(300, generator=generator)).clamp(max=6)
    places = (torch.rand(300, 2, generator=generator) * SIDE).long()
    sky[0, places[:, 0], places[:, 1]] = strengths
    sky = softened(sky, 0.9) + 0.05 + 0.01 * torch.randn(sky.shape, generator=generator)
    assert float(scratches_and_dust(sky.clamp(0, 1)).float().mean()) < 0.001


def test_letters_are_no_scratches() -> None:
    page = Image.new("RGB", (200, 120), (246, 243, 236))
    for row in range(8, 110, 14):
        ImageDraw.Draw(page).text((8, row), "Illinois, till 1117: lifting it", fill=(25, 25, 30))
    assert float(scratches_and_dust(decoding.from_pillow(page)).float().mean()) < 0.001


def test_a_wall_of_bricks_is_no_scratch() -> None:
    assert not scratches_and_dust(bricks(3, 120, 144)).any()


def test_a_coloured_line_is_no_scratch() -> None:
    pixels, _ = scratched(scene(2), (250, 40, 40), 2, 2)
    assert not scratches_and_dust(pixels).any()


def test_the_unit_of_the_values_does_not_matter() -> None:
    pixels, _ = scratched(scene(0), WHITE, 2, 0)
    found = scratches_and_dust(pixels)
    other = scratches_and_dust(1000 * pixels - 300)
    assert float((found ^ other).float().mean()) < 0.001


def test_more_sensitivity_finds_fainter_ones() -> None:
    counts = dict.fromkeys((0.25, 1.0, 4.0), 0)
    for seed in range(3):
        pixels, truth = scratched(scene(seed), (140, 140, 140), 1, seed)
        for sensitivity in counts:
            counts[sensitivity] += int(scratches_and_dust(pixels, sensitivity)[truth].sum())
    assert 1.2 * counts[0.25] < counts[1.0] < 1.02 * counts[4.0]


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (35, 37), (101, 67)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    generator = seeds.generator("size")
    assert scratches_and_dust(torch.rand(3, *size, generator=generator)).shape == size
    assert not scratches_and_dust(torch.full((1, *size), 0.5)).any()
