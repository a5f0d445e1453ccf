"""The tool as its user meets it: the command, its messages, its files."""

import io
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import convprior
from convprior.cli.options import seconds
from convprior.cli.running import Progress
from convprior.ground.progress import Meter
from convprior.pictures import decoding, files
from convprior.prior.iterates import Iterate
from convprior.restoration import one
from tests.conftest import clean_environment, colourful, run_command

FAST = ("--max-steps", "10", "--device", "cpu")


def convprior_command(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the console script as a user does."""
    return subprocess.run(
        [Path(sys.executable).with_name("convprior"), *map(str, arguments)],
        cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run the command in this process, and return its exit code and what it said."""
    return run_command(*arguments), capsys.readouterr().err


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    colourful(33, 21).save(path)
    return path


def mask_file(folder: Path, size: tuple[int, int], box: tuple[int, int, int, int]) -> Path:
    mask = Image.new("L", size)
    mask.paste(255, box)
    mask.save(folder / "mask.png")
    return folder / "mask.png"


def test_the_console_script_restores(photo: Path) -> None:
    done = convprior_command("restore", photo, "-o", "out.png", *FAST, folder=photo.parent)
    assert done.returncode == 0, done.stderr
    assert re.search(r"out\.png: step \d+ of 10; the last step was reached", done.stderr)
    with Image.open(photo.parent / "out.png") as out:
        assert (out.size, out.mode) == ((33, 21), "RGB")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes_and_alpha_go_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    image = colourful(20, 17).convert(mode)
    if "A" in mode:
        image.putalpha(Image.fromarray(np.arange(340).reshape(17, 20).astype(np.uint8)))
    image.save(tmp_path / "in.png")
    code, said = call(capsys, "restore", tmp_path / "in.png", "-o", tmp_path / "out.png", *FAST)
    assert code == 0, said
    with Image.open(tmp_path / "out.png") as out:
        assert (out.size, out.mode) == (image.size, mode)
        if "A" in mode:
            assert np.array_equal(np.asarray(out)[..., -1], np.asarray(image)[..., -1])


def test_a_mask_repairs_the_white_and_keeps_the_rest(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = mask_file(photo.parent, (33, 21), (5, 5, 12, 9))
    out = photo.parent / "out.png"
    damaged = Image.open(photo)
    damaged.paste((0, 0, 0), (5, 5, 12, 9))
    damaged.save(photo)
    code, said = call(capsys, "restore", photo, "-o", out, "--mask", mask, *FAST)
    assert code == 0, said
    before, after = files.read(photo).pixels, files.read(out).pixels
    repair = files.read_mask(mask)
    assert torch.equal(before[:, ~repair], after[:, ~repair])
    assert not torch.equal(before[:, repair], after[:, repair])


def test_the_default_output_lies_beside_the_input(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = call(capsys, "restore", photo, *FAST)
    assert code == 0
    assert (photo.parent / "photo.restored.png").exists()


def test_the_seed_decides_the_bytes(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A clean picture would come back as it was, whatever the seed.
    clean = decoding.from_pillow(colourful(33, 21))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    decoding.to_pillow((clean + 0.2 * noise).clamp(0, 1)).save(photo)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        call(capsys, "restore", photo, "-o", photo.parent / f"{name}.png", "--seed", seed, *FAST)
    a, b, c = ((photo.parent / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_runs_are_averaged_and_the_spread_written(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, spread = (photo.parent / name for name in ("one.png", "two.png", "spread.tiff"))
    call(capsys, "restore", photo, "-o", one, *FAST)
    options = ("--runs", 2, "--spread", spread, "--precision", "bfloat16")
    code, said = call(capsys, "restore", photo, "-o", two, *options, *FAST)
    assert code == 0, said
    assert "two.png: 2 runs averaged, the last: step 10 of 10" in said
    assert two.read_bytes() != one.read_bytes()
    values = files.read_float(spread)
    assert values.shape == (1, 21, 33)
    assert values.min() >= 0
    assert values.max() > 0


def test_each_mistake_gives_one_clear_error(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photo.parent
    white = folder / "white.png"
    Image.new("L", (33, 21), 255).save(white)
    black = folder / "black.png"
    Image.new("L", (33, 21), 0).save(black)
    small = folder / "small.png"
    Image.new("L", (3, 2), 255).save(small)
    broken = folder / "broken.png"
    broken.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    there = folder / "there.png"
    there.write_bytes(b"precious")
    old = folder / "old.tiff"
    old.write_bytes(b"precious")
    misnamed = folder / "renamed.jpg"
    misnamed.write_bytes(photo.read_bytes())
    out = folder / "out.png"
    cases: list[tuple[tuple, int, str]] = [
        ((photo, "-o", out, "--mask", small), 1,
         "small.png: is 3×2 pixels, the picture 33×21: make a mask of the picture's size"),
        ((photo, "-o", out, "--mask", white), 1, "white.png: marks every pixel of"),
        ((photo, "-o", out, "--mask", black), 1, "there is nothing to repair; white means repair"),
        ((broken, "-o", out), 1, "broken.png: broken or truncated picture"),
        ((folder / "none.png", "-o", out), 1, "none.png: cannot be read (No such file"),
        ((photo, "-o", there), 1, "there.png: exists already: choose another name, or --overwrite"),
        ((photo, "-o", photo, "--overwrite"), 1, "photo.png: is the input itself"),
        ((photo, "-o", folder / "out.gif"), 1, "out.gif: cannot write '.gif': use one of .png"),
        ((photo, "-o", folder / "no" / "out.png"), 1, "does not exist: create it first"),
        ((photo, "-o", out, "--device", "abacus"), 1, "no device 'abacus' here; there are:"),
        ((photo, "-o", out, "--task", "paint"), 2,
         "'--task': Value error, 'paint' is not one of 'auto', 'denoise', 'inpaint'"),
        ((photo, "-o", out, "--task", "inpaint"), 1, "photo.png: nothing is missing, and --task"),
        ((photo, "-o", out, "--time-limit", "soon"), 2,
         "'--time-limit': 'soon' is no duration: write 90, 90s, 2m"),
        ((photo, "-o", out, "--max-steps", "0"), 2,
         "'--max-steps': Input should be greater than or equal to 1"),
        ((photo, "-o", out, "--runs", "0"), 2, "'--runs': Input should be greater than or"),
        ((photo, "-o", out, "--precision", "int8"), 2,
         "'--precision': Value error, 'int8' is not one of 'float32', 'bfloat16'"),
        ((photo, "-o", out, "--spread", "s.tiff"), 2, "--spread needs --runs 2 or more"),
        ((photo, "-o", out, "--runs", 2, "--spread", "s.png"), 2, "end its name in .tiff"),
        ((photo, "-o", out, "--runs", 2, "--spread", old), 1, "old.tiff: exists already"),
        ((photo, "-o", out, "--memory", "lots"), 2,
         "'--memory': 'lots' is no amount of memory: write 500MB or 2GB"),
        ((photo, "-o", out, "--task", "deblur"), 2, "deblur needs --kernel: a file, or gaussian:σ"),
        ((photo, "-o", out, "--task", "deblur", "--kernel", "gaussian:x"), 2,
         "'--kernel': 'gaussian:x' is no kernel: write gaussian:1.5, with σ in pixels"),
        ((photo, "-o", out, "--task", "deblur", "--kernel", "gaussian:99"), 1,
         "σ must be above 0 and at most 50 pixels, came 99.0"),
        ((photo, "-o", out, "--kernel", "gaussian:1"), 2, "--kernel needs --task deblur"),
        ((photo, "-o", out, "--scale", "3"), 2, "--scale needs --task superresolve"),
        ((photo, "-o", folder / f"{'x' * 300}.png"), 1, "File name too long"),
        ((photo, "-o", out, "--task", "deblur", "--kernel", small), 1,
         "a kernel of 2×3 has no centre: both sides must be odd"),
        ((photo, "-o", out, "--invert-mask"), 2, "--invert-mask needs --mask"),
        ((photo, "-o", out, "--mask", "alpha"), 1, "photo.png: has no transparency"),
        ((photo, "-o", out, "--mask", "#12"), 1, "--mask #12: is no colour: write #rrggbb"),
        ((photo, "-o", out, "--mask", "#010203"), 1, "#010203: marks no pixel of"),
        ((photo, "-o", out, "--max-pixels", 0), 2, "'--max-pixels': Input should be"),
        ((photo, "-o", out, "--max-pixels", 600), 1, "33×21 pixels are more than 600: crop it"),
        ((photo, "-o", out, "--max-pixels", 700, "--task", "superresolve"), 1,
         "would have 66×42 pixels, more than 700: enlarge it less"),
        ((misnamed, "-o", out), 1,
         "renamed.jpg: is a PNG file by its content, not JPEG: rename it"),
        ((folder,), 2, "a folder needs -o: where the restored pictures go"),
        ((folder, "-o", folder), 1, "is the folder of the originals: choose another -o"),
        ((folder / "none", "-o", out), 1, "cannot be read"),
        ((photo, "-o", out, "--shard", "1/2"), 2, "--shard takes a folder, or several pictures"),
        ((folder, "-o", folder / "o", "--shard", "0/2"), 2, "--shard 0/2: is no part: write"),
        ((folder, "-o", folder / "o", "--shard", "3/2"), 2, "--shard 3/2: is no part: write"),
        ((photo, "-o", out, "--cluster", "auto"), 2,
         "--cluster takes a folder, or several pictures"),
        ((folder, "-o", folder / "o", "--cluster", "auto", "--device", "cpu"), 2,
         "--cluster and --device: a cluster says itself what it computes on"),
        ((folder, "-o", folder / "o", "--cluster", "127.0.0.1:9"), 1,
         "no Ray cluster at 127.0.0.1:9"),
    ]  # fmt: skip
    for arguments, expected, message in cases:
        code, said = call(capsys, "restore", *arguments)
        flat = " ".join(said.split())
        assert code == expected, (arguments, said)
        assert message in flat, (arguments, said)
        assert "Traceback" not in said
        assert not out.exists()
        assert not (folder / "o").exists()
    assert there.read_bytes() == old.read_bytes() == b"precious"


def test_overwrite_replaces(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = photo.parent / "out.png"
    out.write_bytes(b"old")
    code, _ = call(capsys, "restore", photo, "-o", out, "--overwrite", *FAST)
    assert code == 0
    assert files.read(out).pixels.shape == (3, 21, 33)


def start(photo: Path, **options: object) -> subprocess.Popen:
    return subprocess.Popen(
        [Path(sys.executable).with_name("convprior"), "restore", photo, "-o", "out.png",
         "--device", "cpu", "--task", "denoise"],  # clean as it is
        cwd=photo.parent, env=clean_environment(), **options,
    )  # fmt: skip


def test_ctrl_c_writes_the_best_so_far_and_says_so(tmp_path: Path) -> None:
    colourful(120, 120).save(tmp_path / "photo.png")
    leader, follower = pty.openpty()
    process = start(tmp_path / "photo.png", stderr=follower)
    os.close(follower)
    said = ""
    while "step 10" not in said:
        said += os.read(leader, 4096).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        said += chunk.decode(errors="replace")
    assert process.wait(60) == 130
    assert "interrupted: this is the best picture so far" in said
    assert "held-out error" in said  # the bar of a terminal
    with Image.open(tmp_path / "out.png") as out:
        assert out.size == (120, 120)


def test_elsewhere_than_on_a_terminal_there_are_plain_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = torch.zeros(1, 2, 2)
    seen = Iterate(50, picture, picture, 0.0, torch.tensor([0.01]), 0.01)
    meter = Meter("restoring", terminal=False, every=0.0)
    progress = Progress(meter, verbose=False, max_steps=None, runs=1, preview_every=math.inf)
    progress.start = time.monotonic() - 50
    with progress.meter:
        progress.patches(0, 0.2)
        progress.stepping = time.monotonic() - 50
        progress.step(0, seen, 100.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "restoring: alike patches 20% · 200 s left",
        "restoring: step 50 · held-out error 25.5/255 · 50 s left",
    ]


def test_of_files_that_nobody_watches_there_are_how_many_an_hour(
    capsys: pytest.CaptureFixture[str],
) -> None:
    meter = Meter("restoring", terminal=False, every=0.0)
    progress = Progress(meter, verbose=False, max_steps=None, runs=1, preview_every=math.inf)
    with progress.meter:
        meter.begun = time.monotonic() - 60
        progress.ended(10, 50)
    assert capsys.readouterr().err == "restoring: 10 of 50 pictures, 600 an hour, 4 min left\n"


@pytest.mark.parametrize(
    ("text", "duration"), [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600), ("1h30m5s", 5405)]
)
def test_durations(text: str, duration: float) -> None:
    assert seconds(text) == duration


def test_the_python_call_is_as_short(photograph: torch.Tensor) -> None:
    known = torch.rand(24, 20, generator=torch.Generator().manual_seed(0)) < 0.8
    damaged = torch.where(known, photograph, torch.nan)
    picture = convprior.restore(damaged, known=known, time_limit=0.5, device="cpu")
    assert torch.equal(picture[:, known], photograph[:, known])
    assert torch.isfinite(picture).all()
    with pytest.raises(ValueError, match=r"a picture is float \(c, h, w\).*uint8"):
        convprior.restore(torch.zeros(3, 4, 4, dtype=torch.uint8))


def test_the_last_line_says_how_much_has_changed(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("restore", photo, "--json", *FAST) == 0
    shown = capsys.readouterr()
    with Image.open(photo) as before, Image.open(photo.with_name("photo.restored.png")) as after:
        difference = np.asarray(after).astype(float) - np.asarray(before)
    rms = float(np.sqrt(np.square(difference).mean()))
    changed = json.loads(shown.out)["pages"][0]["changed"]
    assert changed == pytest.approx(rms, abs=0.5)  # that of 8 bits is rounded
    assert f"changed by {changed:.1f}/255 (rms)" in shown.err.splitlines()[-1]


def test_json_is_for_machines_and_quiet_says_nothing(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("restore", photo, "--json", "--quiet", *FAST) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    said = json.loads(shown.out)
    assert said["target"] == str(photo.with_name("photo.restored.png"))
    assert said["error"] is None
    assert said["pages"][0]["steps"] == 10


def test_json_has_a_line_for_what_fails(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = photo.with_name("broken.png")
    broken.write_bytes(photo.read_bytes()[:60])
    for arguments, said in (
        ((photo.with_name("none.png"),), "none.png: cannot be read (No such file"),
        ((broken,), "broken.png: broken or truncated picture"),
        ((photo, "--device", "abacus"), "no device 'abacus' here"),
        ((photo, "-o", "x" * 300 + ".png"), "File name too long"),
        ((photo.with_name("x" * 300 + ".png"),), "File name too long"),
    ):
        assert run_command("restore", "--json", *arguments) == 1
        shown = capsys.readouterr()
        (line,) = shown.out.splitlines()
        assert said in json.loads(line)["error"]
        assert json.loads(line)["source"] == str(arguments[0])
        assert said in shown.err


def test_a_folder_as_output_takes_the_file_s_name(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = photo.parent / "out"
    out.mkdir()
    bitmap = photo.with_name("scan.bmp")
    Image.open(photo).save(bitmap)
    for source in (photo, bitmap):
        code, said = call(capsys, "restore", source, "-o", out, *FAST)
        assert code == 0, said
    assert [path.name for path in sorted(out.iterdir())] == ["photo.png", "scan.png"]
    code, said = call(capsys, "restore", bitmap, *FAST)
    assert code == 0, said
    assert "BMP is only read: what is restored is a PNG" in said
    assert (photo.parent / "scan.restored.png").exists()


def test_several_files_need_a_folder(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = photo.with_name("second.png")
    colourful(20, 20).save(second)
    cases: list[tuple[tuple, int, str]] = [
        ((photo, second), 2, "several pictures need -o: where the restored pictures go"),
        ((photo, second, "-o", "-"), 2, "standard input and output are one picture"),
        ((photo, "-", "-o", "out"), 2, "standard input and output are one picture"),
        ((photo, photo.with_name("none.png"), "-o", "out"), 1, "none.png: cannot be read"),
        ((photo, second, "-o", photo), 1, "photo.png: is a file: name the folder"),
        (("/dev/stdin", "-o", photo.parent), 2, "is a folder, and standard input has no name"),
        ((photo, "-o", photo.parent / "none"), 1, "a folder has to be there already"),
        ((photo, "-o", "-", "--json"), 2, "--json, --preview and --mask auto need -o FILE"),
    ]
    for arguments, expected, message in cases:
        code, said = call(capsys, "restore", *arguments)
        assert code == expected, said
        assert message in " ".join(said.split())
    code, said = call(capsys, "restore", photo, second, "-o", photo.parent / "out", *FAST)
    assert code == 0, said
    assert (photo.parent / "out/photo.png").exists()
    assert (photo.parent / "out/second.png").exists()


@pytest.mark.parametrize(
    "given", [("-",), ("/dev/stdin", "-o", "-"), ("/dev/stdin", "-o", "out.png")]
)
def test_a_picture_comes_through_a_pipe(given: tuple[str, ...], photo: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("convprior"), "restore", *given, *FAST],
        cwd=photo.parent, env=clean_environment(), capture_output=True, timeout=120,
        check=False, input=photo.read_bytes(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stderr.decode()
    assert "standard-input.png: denoise, 33×21" in said
    assert "/tmp" not in said
    data = done.stdout
    if "out.png" in given:
        assert not data
        data = (photo.parent / "out.png").read_bytes()
    else:
        assert "standard-output.png: step" in said
    with Image.open(io.BytesIO(data)) as out:
        assert (out.format, out.size) == ("PNG", (33, 21))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "standard input: is empty: pipe a picture into it"),
        (b"hello", "standard input: not a picture that can be read (expected PNG, "),
        (b"\xff\x0a", "standard input: is JPEG XL, which is not read: convert it first"),
        (b"\x89PNG\r\n\x1a\n", "error: standard-input.png: not a picture that can be read"),
    ],
)
def test_what_is_wrong_in_a_pipe_is_one_line_and_nothing_comes_out(
    data: bytes, said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("convprior"), "restore", "-", "--device", "cpu"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, timeout=120, check=False,
        input=data,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_a_strongly_compressed_jpeg_is_written_better_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jpg"
    colourful(40, 30).save(source, quality=30)
    code, said = call(capsys, "restore", source, *FAST)
    assert code == 0, said
    assert "in.jpg: is written at quality 95, and larger than it came" in said
    for options in (("--quality", 80), ("-o", tmp_path / "out.png"), ("--task", "denoise")):
        code, said = call(capsys, "restore", source, "--overwrite", *options, *FAST)
        assert code == 0, said
        assert "quality" not in said


def test_no_data_and_its_type_go_through_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = np.random.default_rng(0).normal(400, 30, (40, 30)).astype(np.int16)
    ground[10:20, :] = -9999
    tags = [(42113, 2, 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "in.tif", ground, extratags=tags, metadata=None)
    code, said = call(
        capsys, "restore", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--device", "cpu",
        "--time-limit", "4s",
    )  # fmt: skip
    assert code == 0, said
    assert "300 pixels have no value (-9999): they stay so" in said
    assert "nothing is missing" in said
    restored = tifffile.imread(tmp_path / "out.tif")
    assert restored.dtype == np.int16
    assert np.array_equal(restored == -9999, ground == -9999)
    valid = restored[restored != -9999].astype(float)
    assert abs(valid.mean() - 400) < 5
    assert valid.std() < 25


def test_the_best_so_far_lies_beside_the_output_until_it_is_there(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    write = files.write
    monkeypatch.setattr(files, "write", lambda p, *rest: (written.append(p.name), write(p, *rest)))
    out = photo.parent / "out.png"
    code, said = call(capsys, "restore", photo, "-o", out, "--preview", "0s", *FAST)
    assert code == 0, said
    assert written == ["out.preview.png"] * 2  # every fifth step is looked at
    assert out.exists()
    assert not (photo.parent / "out.preview.png").exists()


def test_what_is_broken_is_found_shown_and_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = colourful(60, 40)
    for place in ((10, 10), (30, 25), (50, 5)):
        image.putpixel(place, (255, 255, 255))
    image.save(tmp_path / "in.png")
    code, said = call(
        capsys, "restore", tmp_path / "in.png", "-o", tmp_path / "out.png", "--mask", "auto", *FAST
    )
    assert code == 0, said
    shown = files.read_mask(tmp_path / "out.mask.png")
    assert {(30, 25), (10, 10), (50, 5)} <= {(x, y) for y, x in shown.nonzero().tolist()}
    assert "out.mask.png: what will be repaired" in said
    before, after = files.read(tmp_path / "in.png"), files.read(tmp_path / "out.png")
    if "inpaint" in said:
        assert torch.equal(before.pixels[:, ~shown], after.pixels[:, ~shown])


def test_the_spread_is_in_the_file_s_own_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spreads = []
    for factor in (1, 1000):
        values = factor * torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(0))
        values[:, 6:14, 6:14] = torch.nan
        files.write_float(tmp_path / "in.tif", values)
        code, said = call(
            capsys, "restore", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--runs", 2,
            "--spread", tmp_path / "spread.tif", "--overwrite", "--fill", "network", *FAST,
        )  # fmt: skip
        assert code == 0, said
        spreads.append(files.read_float(tmp_path / "spread.tif"))
    # Rounding makes other fits of it, but not by orders.
    assert float(spreads[1].mean() / spreads[0].mean()) == pytest.approx(1000, rel=0.5)


def test_a_time_limit_is_that_of_all_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", noise, photometric="minisblack", metadata=None)
    begun = time.monotonic()
    code, said = call(
        capsys, "restore", tmp_path / "in.tif", "--time-limit", "3s", "--device", "cpu"
    )
    assert code == 0, said
    assert time.monotonic() - begun < 12  # each page had the whole of it: 18 and more


def test_what_is_too_large_for_its_format_when_enlarged_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    colourful(5000, 4).save(tmp_path / "in.webp")
    monkeypatch.setattr(one, "restore_within_memory", None)
    code, said = call(
        capsys, "restore", tmp_path / "in.webp", "--task", "superresolve", "--scale", 4
    )
    assert code == 1
    assert "in.restored.webp: cannot be written in this format" in said


def test_holes_that_a_file_says_itself_are_filled_without_a_mask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = torch.rand(1, 20, 20)
    values[0, 5, 5:8] = torch.nan
    files.write_float(tmp_path / "in.tif", values)
    code, said = call(
        capsys, "restore", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--task", "inpaint",
        *FAST,
    )  # fmt: skip
    assert code == 0, said
    assert "3 pixels have no value: they are filled in" in said
    restored = files.read_float(tmp_path / "out.tif")
    assert torch.isfinite(restored).all()
    assert torch.equal(restored[~values.isnan()], values[~values.isnan()])


def test_where_not_all_signs_can_be_written_others_stand_for_them(tmp_path: Path) -> None:
    for arguments in (("restore", "--help"), ("explain", "conv")):
        done = subprocess.run(
            [Path(sys.executable).with_name("convprior"), *arguments], cwd=tmp_path,
            env=clean_environment() | {"PYTHONIOENCODING": "cp1252"}, capture_output=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_a_picture_is_enlarged_and_sharpened(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large, sharp = photo.parent / "large.png", photo.parent / "sharp.png"
    code, said = call(
        capsys, "restore", photo, "-o", large, "--task", "superresolve", "--scale", 3, *FAST
    )
    assert code == 0, said
    assert "superresolve, 99×63 (as asked)" in said
    assert files.read(large).pixels.shape == (3, 63, 99)
    options = ("--task", "deblur", "--kernel", "gaussian:0.8")
    code, said = call(capsys, "restore", photo, "-o", sharp, *options, *FAST)
    assert code == 0, said
    assert files.read(sharp).pixels.shape == (3, 21, 33)


def test_a_device_that_computes_wrong_is_not_used(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from convprior.ground import machine
    from convprior.restoration import selftest

    monkeypatch.setattr(machine, "every", lambda _: ["meta"])
    assert not selftest.computes_right(torch.device("meta"))
    code, said = call(capsys, "restore", photo, *FAST)
    assert code == 0, said
    assert "warning: meta computes wrong on a known case: the CPU is used instead" in said


def test_the_doctor_says_what_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from convprior.cli import doctor

    monkeypatch.setattr(doctor, "SECONDS", 0.1)
    monkeypatch.setattr(doctor, "SIDE", 32)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    doctor.command()
    said = capsys.readouterr().out
    assert re.search(r"torch +\d+\.\d+", said)
    assert re.search(r"memory +[\d.]+ GB free of [\d.]+ GB", said)
    assert re.search(
        r"cpu +alike patches: \d+ s for 1, \d+ s for 12, \d+ s for 50 megapixels", said
    )
    assert re.search(
        r"cpu +network, float32: [\d.]+ steps a second .* minutes for a megapixel", said
    )
