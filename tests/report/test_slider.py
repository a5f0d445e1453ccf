"""The page with a slider: whole in itself, honest about what it shows."""

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from convprior.ground.errors import InputError
from convprior.pictures import files
from convprior.report import slider
from tests.conftest import colourful, run_command


def pictures(page: str) -> list[np.ndarray]:
    data = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(d)))) for d in data]


def test_the_page_needs_nothing_else_and_shows_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = colourful(20, 10), colourful(20, 10).rotate(180)
    one.save(tmp_path / "<one>.png")
    other.save(tmp_path / "other.png")
    pair = tmp_path / "<one>.png", tmp_path / "other.png"
    for code in (0, 1):
        assert run_command("compare", *pair, "-o", tmp_path / "page.html") == code
    assert "exists already: choose another -o" in capsys.readouterr().err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;one&gt;.png → other.png" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    restored, observed = pictures(page)
    assert np.array_equal(observed, np.asarray(one))
    assert np.array_equal(restored, np.asarray(other))
    difference = np.asarray(one, float) - np.asarray(other, float)
    assert f"differ by {np.sqrt((difference**2).mean()):.1f}/255" in page


def test_what_a_mask_marks_is_shown_red(tmp_path: Path) -> None:
    Image.new("L", (20, 10), 100).save(tmp_path / "one.png")
    mask = Image.new("L", (20, 10))
    mask.putpixel((3, 2), 255)
    mask.save(tmp_path / "mask.png")
    page = slider.page(tmp_path / "one.png", tmp_path / "one.png", tmp_path / "mask.png")
    assert "red: 1 marked" in page
    restored, observed, marked = pictures(page)
    assert (restored == 100).all()
    assert (observed == 100).all()
    assert marked[2, 3].tolist() == [230, 25, 25, 153]
    assert not np.delete(marked.reshape(-1, 4), 43, 0).any()
    assert 'id="mask"' in page
    assert 'id="mask"' not in slider.page(tmp_path / "one.png", tmp_path / "one.png")
    Image.new("L", (9, 9)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=r"has other pages or another size than .*one\.png"):
        slider.page(tmp_path / "one.png", tmp_path / "one.png", tmp_path / "mask.png")


def test_an_enlarged_picture_lies_over_its_pixels(tmp_path: Path) -> None:
    colourful(20, 10).save(tmp_path / "small.png")
    colourful(60, 30).save(tmp_path / "large.png")
    page = slider.page(tmp_path / "small.png", tmp_path / "large.png")
    assert 'class="observed coarse"' in page
    assert [p.shape for p in pictures(page)] == [(30, 60, 3), (10, 20, 3)]


def test_pages_and_floats_are_shown_over_one_range(tmp_path: Path) -> None:
    values = np.linspace(-5, 5, 2 * 6 * 7, dtype=np.float32).reshape(2, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", values * 0.5, photometric="minisblack")
    shown = pictures(slider.page(tmp_path / "a.tif", tmp_path / "b.tif"))
    assert len(shown) == 4
    assert shown[1].min() == 0  # the observed one has the wider range
    assert shown[3].max() == 255
    assert shown[0].min() == 128


def test_pictures_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    colourful(20, 10).save(tmp_path / "a.png")
    colourful(30, 10).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"is 20×10 with 3 channels, .* 30×10 with 3: compare a"):
        slider.page(tmp_path / "a.png", tmp_path / "b.png")
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((2, 9, 9), np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match=r"a\.png has 1 pages, .*c\.tif 2"):
        slider.page(tmp_path / "a.png", tmp_path / "c.tif")


def test_what_has_no_value_does_not_count_in_the_difference(tmp_path: Path) -> None:
    values = torch.rand(1, 8, 8)
    files.write_float(tmp_path / "after.tif", values)
    holed = values.clone()
    holed[0, 3, 3] = torch.nan
    files.write_float(tmp_path / "before.tif", holed)
    page = slider.page(tmp_path / "before.tif", tmp_path / "after.tif")
    assert "the two differ by 0.0/255" in page


def test_what_stands_for_no_value_does_not_press_the_others_together(tmp_path: Path) -> None:
    ground = np.linspace(100, 200, 72, dtype=np.int16).reshape(8, 9)
    ground[0, 0] = -9999
    for name in ("a.tif", "b.tif"):
        tags = [(42113, 2, 0, "-9999", True)]
        tifffile.imwrite(tmp_path / name, ground, extratags=tags, metadata=None)
    shown, _ = pictures(slider.page(tmp_path / "a.tif", tmp_path / "b.tif"))
    assert (shown[0, 0], shown[0, 1], shown[-1, -1]) == (0, 0, 255)
    assert 120 < shown[4, 0] < 135


def test_a_name_that_is_no_text_is_shown_as_well_as_can_be(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    colourful(8, 8).save(tmp_path / name)
    assert "caf?.png → caf?.png" in slider.page(tmp_path / name, tmp_path / name)
