"""Stripes are found and taken out, and what a picture has of its own is not."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from convprior.ground import seeds
from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.pictures.picture import Picture
from convprior.problem import metrics
from convprior.restoration import levels, stripes, task
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.settings import Settings
from tests.conftest import all_known, bricks

SIDE = 160


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS["coffee"].load(), SIDE))


def offsets(deviation: float, channels: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(channels, 1, SIDE, generator=seeds.generator("stripes", seed))
    return deviation / 255 * drawn


def in_bytes(picture: torch.Tensor) -> torch.Tensor:
    return (picture.clamp(0, 1) * 255).round() / 255


def without(picture: torch.Tensor) -> torch.Tensor:
    known = all_known(picture)
    offsets = [each.offsets for each in stripes.find(picture, known)]
    return stripes.taken_out(picture, known, offsets)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_they_are_found_in_columns_and_rows(channels: int, rows: bool, photo: torch.Tensor) -> None:
    for seed in range(3):
        drawn = offsets(6, channels, seed)
        striped = in_bytes(photo + (drawn.mT if rows else drawn))
        (found,) = stripes.find(striped, all_known(striped))
        assert str(found).endswith("rows" if rows else "columns")
        # The worst of twenty seeds: 6.5 dB gained.
        assert metrics.psnr(photo, without(striped)) > metrics.psnr(photo, striped) + 4


def test_both_at_once_and_in_grey(photo: torch.Tensor) -> None:
    grey = photo.mean(0, keepdim=True)
    striped = in_bytes(grey + offsets(6, 1, 0) + offsets(4, 1, 1).mT)
    assert len(stripes.find(striped, all_known(striped))) == 2
    assert metrics.psnr(grey, without(striped)) > metrics.psnr(grey, striped) + 3


@pytest.mark.parametrize("shade", [0.0, 0.6])
def test_offsets_come_out_as_they_were_put_in_and_a_shade_is_none(shade: float) -> None:
    calm = (0.2 + shade * torch.linspace(0, 1, SIDE)).expand(1, SIDE, SIDE)
    for seed in range(3):
        drawn = offsets(6, 1, seed)
        (found,) = stripes.find(calm + drawn, all_known(calm))
        error = found.offsets - drawn
        # What is wider than some thirty columns is nobody's. The worst of twenty seeds: 0.45.
        assert float(error.std()) < 0.6 * 6 / 255
        assert found.deviation == pytest.approx(6 / 255, rel=0.3)


def page() -> torch.Tensor:
    image = Image.new("L", (256, 192), 235)
    draw = ImageDraw.Draw(image)
    for line in range(16):
        draw.text((4 + line, 12 * line), "sphinx of black quartz, judge my vow " * 2, fill=20)
    return decoding.from_pillow(image)


def fence() -> torch.Tensor:
    across = torch.arange(SIDE)
    posts = torch.where(across % 6 < 2, -0.1, 0.0).expand(1, SIDE, SIDE)
    return in_bytes(0.5 + posts + torch.linspace(0, 0.2, SIDE)[:, None])


def planks() -> torch.Tensor:
    tones = torch.rand(SIDE // 8, generator=seeds.generator("planks")).repeat_interleave(8)
    noise = torch.randn(1, SIDE, SIDE, generator=seeds.generator("planks", "noise"))
    return in_bytes(0.4 + 0.2 * tones + 0.02 * noise)


def grain() -> torch.Tensor:
    noise = torch.randn(3, SIDE, SIDE, generator=seeds.generator("grain"))
    return in_bytes(0.5 + 0.1 * noise)


def ramp() -> torch.Tensor:
    return in_bytes(torch.linspace(0, 1, SIDE).expand(1, SIDE, SIDE))


CLEAN = {"bricks": bricks, "page": page, "fence": fence, "planks": planks, "grain": grain,
         "ramp": ramp}  # fmt: skip


@pytest.mark.parametrize("clean", [*CLEAN, *PHOTOGRAPHS])
def test_what_is_drawn_is_no_stripe(clean: str) -> None:
    if clean in CLEAN:
        picture = CLEAN[clean]()
    else:
        picture = decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS[clean].load(), 256))
    assert stripes.find(picture, all_known(picture)) == ()
    assert torch.equal(without(picture), picture)


def test_what_is_cut_off_at_the_end_stays_white(photo: torch.Tensor) -> None:
    bright = photo.clone()
    bright[:, :30] = 1.0
    striped = in_bytes(bright + offsets(6, 1, 0))
    after = without(striped)
    assert not torch.equal(after, striped)
    assert float(after[:, :30].clamp(max=1).std()) < 0.7 * float(striped[:, :30].std())


def test_unknown_pixels_are_never_read(photo: torch.Tensor) -> None:
    striped, known = in_bytes(photo + offsets(6, 1, 0)), all_known(photo)
    known[20:40, 30:90] = False
    (found,) = stripes.find(striped, known)
    (other,) = stripes.find(torch.where(known, striped, torch.nan), known)
    assert torch.equal(found.offsets, other.offsets)


def test_a_mask_leaves_them_and_small_pictures_too(photo: torch.Tensor) -> None:
    striped = in_bytes(photo + offsets(6, 1, 0))
    scratch = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    scratch[60:63] = True
    look = levels.look(Picture(striped), scratch)
    assert look.regular == ()
    assert torch.equal(look.observation.observed, striped)
    assert stripes.find(striped[:, :64, :64], all_known(striped)[:64, :64]) == ()


def test_sixteen_bits_of_a_narrow_range(photo: torch.Tensor) -> None:
    picture = Picture(0.3 + 0.05 * (photo + offsets(6, 1, 0)), depth=16)
    look = levels.look(picture, None)
    (found,) = look.regular
    assert task.choose(look, picture.metadata)[1].startswith(f"{found}, taken out; nothing is miss")
    back = levels.finish(look.as_it_is(), picture, look.observation.observed, None)
    error = (back.pixels - 0.3) / 0.05 - photo
    assert float(error.std()) < 0.6 * 6 / 255


def test_a_file_comes_back_without_them(photo: torch.Tensor, tmp_path: Path) -> None:
    striped = in_bytes(photo + offsets(6, 1, 0))
    files.write(tmp_path / "striped.png", Picture(striped))
    job = Job(tmp_path / "striped.png", tmp_path / "out.png", Settings())
    (page,) = restore_one(job, "cpu", Watcher()).pages
    assert page.reason.startswith("stripes of 6/255 in the columns, taken out; ")
    assert page.ended == "regular"
    assert page.changed is not None
    assert 4 < page.changed < 7
    after = files.read(job.target).pixels
    assert metrics.psnr(photo, after) > metrics.psnr(photo, striped) + 4
