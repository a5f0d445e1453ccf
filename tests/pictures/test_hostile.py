"""Whatever a file holds, the reader says one clear thing; whatever its size, a picture returns."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from convprior.pictures import files
from convprior.restoration.job import Job, Settings, Watcher
from convprior.restoration.one import restore_one
from tests.conftest import clean_environment


def fuzz(number: int) -> None:
    """Read so many mutated files of each format."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz.py"), str(number)],
        capture_output=True, text=True, timeout=1200, env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    found = re.findall(r"(\w[\w ]+): (\d+) read, (\d+) refused", done.stdout)
    assert [kind for kind, _, _ in found] == [
        "PNG", "WEBP", "TIFF", "JPEG", "BMP", "GIF", "AVIF", "JPEG2000", "HEIC", "camera raw"
    ]  # fmt: skip
    for _, read, refused in found:
        assert int(read) + int(refused) == number
        assert int(refused) > number / 10


def test_a_mutated_file_gives_an_image_error_and_nothing_worse() -> None:
    fuzz(300)


@pytest.mark.slow
def test_thousands_of_mutated_files() -> None:
    fuzz(5000)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    width=st.sampled_from((1, 2, 3, 7, 16, 23, 37)),
    height=st.sampled_from((1, 2, 5, 17, 31)),
    kind=st.sampled_from(("L", "LA", "RGB", "RGBA", "grey 16", "rgb 16", "float", "5 channels")),
    masked=st.booleans(),
    data=st.data(),
)
def test_any_picture_comes_back_with_its_size_and_mode(
    tmp_path: Path, width: int, height: int, kind: str, masked: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shapes = {"grey 16": (), "float": (), "rgb 16": (3,), "5 channels": (5,)}
    shape = (height, width, *shapes.get(kind, ()))
    source = tmp_path / ("in.tif" if kind in shapes else "in.png")
    if kind in shapes:
        values = rng.integers(0, 65536, shape, np.uint16)
        values = values.astype(np.float32) - 9 if kind == "float" else values
        colours = "rgb" if kind == "rgb 16" else "minisblack"
        planes = {} if len(shape) == 2 else {"planarconfig": "contig"}
        tifffile.imwrite(source, values, photometric=colours, **planes)
    else:
        pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
        Image.fromarray(pixels).convert(kind).save(source)
    mask = rng.random((height, width)) < 0.3
    masked = masked and bool(mask.any()) and not bool(mask.all())
    if masked:
        Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    target = tmp_path / f"out{source.suffix}"
    wanted = Settings(
        max_steps=1, mask=str(tmp_path / "mask.png") if masked else None,
        task="inpaint" if masked else "denoise",
    )  # fmt: skip
    restore_one(Job(source, target, wanted, overwrite=True), "cpu", Watcher())
    before, after = files.read(source), files.read(target)
    assert before.pixels.shape == after.pixels.shape
    assert before.depth == after.depth
    assert (before.alpha is None) == (after.alpha is None)
    if before.alpha is not None:
        assert bool((before.alpha == after.alpha).all())
    if masked:
        kept = ~mask if before.alpha is None else ~mask & (before.alpha.numpy() > 0)
        assert bool((before.pixels[:, kept] == after.pixels[:, kept]).all())
