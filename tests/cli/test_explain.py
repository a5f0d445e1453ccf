"""`convprior explain`: words on the terminal, steps as an animation, one clear error."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from convprior.cli import app
from tests.conftest import colourful


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_without_more_it_is_the_texts_example() -> None:
    assert "0   893   893  -893" in run("conv")


@pytest.mark.parametrize("operation", ["pool", "receptive-field", "flatten", "share"])
def test_every_operation_is_told(operation: str) -> None:
    assert len(run(operation).splitlines()) > 4


@pytest.mark.parametrize(
    ("operation", "steps", "suffix"),
    [
        ("conv --stride 2", 4, ".gif"),
        ("pool", 9, ".png"),
        ("pool --padding 1", 16, ".gif"),
        ("receptive-field", 6, ".png"),
    ],
)
def test_the_steps_are_an_animation(
    operation: str, steps: int, suffix: str, tmp_path: Path
) -> None:
    target = tmp_path / f"steps{suffix}"
    run(*operation.split(), "-o", target)
    with Image.open(target) as animation:
        assert animation.n_frames == steps  # type: ignore[attr-defined]


def test_a_picture_becomes_a_picture(tmp_path: Path) -> None:
    colourful(20, 16).save(tmp_path / "in.png")
    said = run("conv", tmp_path / "in.png", "--kernel", "laplace", "-o", tmp_path / "edges.png")
    assert "correlation" in said
    assert "16×20 became 14×18" in said
    with Image.open(tmp_path / "edges.png") as edges:
        assert edges.size == (18, 14)
    assert "960" in run("share", tmp_path / "in.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["conv", "1 2; 3"], "rows of one length"),
        (["conv", "photo.png"], "no such file; a matrix is written as"),
        (["conv", "no/photo"], "no such file"),
        (["conv", "1 2; 3 nan"], "no nan"),
        (["conv", "--kernel", "inf"], "numbers go from"),
        (["conv", "--padding", "100000"], "a padding of 100000 is too large"),
        (["conv", "--stride", "99999999999999999999"], "is too large"),
        (["receptive-field", "conv3,pool2,dense"], "'dense' is no layer"),
        (["share", "512x512"], "512x512: cannot be read (No such file"),
        (["conv", "{}/in.png", "-o", "{}/in.png", "--overwrite"], "is the input itself"),
        (["conv", "-o", "{}/none/a.gif"], "does not exist: create it first"),
        (["conv", "--kernel", "edge"], "or one of sobel"),
        (["conv", "1 2; 3 4"], "does not fit"),
        (["conv", "-o", "{}/steps.jpg"], "an animation ends in .gif"),
        (["receptive-field", "-o", "{}/steps.jpg"], "an animation ends in .gif"),
        (["share", "-o", "{}/steps.gif"], "No such option: -o"),
        (["conv", " ".join("1" * 17), "--kernel", "1", "-o", "{}/a.gif"], "at most 16×16"),
        (["conv", "{}/in.png"], "say with -o"),
        (["flatten", "{}/in.png"], "a matrix has numbers, as '0 1; 2 3'"),
        (["pool", "-o", "{}/in.png"], "exists already"),
        (["receptive-field", "conv"], "is no layer"),
        (["conv", "--strid", "2"], "No such option: --strid"),
        (["conv", "0", "1", "2"], "Got unexpected extra argument(s) (1 2)"),
        (["conv", "--size", "2"], "No such option: --size"),
        (["pool", "--kernel", "sobel"], "No such option: --kernel"),
        (["blur"], "No such command 'blur'"),
    ],
)
def test_what_cannot_be_explained_is_said(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    colourful(20, 16).save(tmp_path / "in.png")
    filled = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    before = sorted(tmp_path.iterdir()), (tmp_path / "in.png").read_bytes()
    done = CliRunner().invoke(app, ["explain", *filled], catch_exceptions=False)
    assert done.exit_code == 2
    assert message in done.output
    assert (sorted(tmp_path.iterdir()), (tmp_path / "in.png").read_bytes()) == before


def test_a_matrix_may_begin_with_a_minus() -> None:
    assert "-1" in run("flatten", "-1 0 1; 2 3 4")
    assert "-0.5" in run("flatten", "-.5 0; 2 3")
    assert "  -2   4\n   0   6" in run("conv", "-1 0 1; 2 -3 4; 1 2 3", "--kernel", "-1 0; 0 1")


@pytest.mark.parametrize(("size", "weights"), [(1, "3 weights"), (2, "12 weights")])
def test_a_small_window_is_shared_too(size: int, weights: str) -> None:
    assert f"one {size}×{size} kernel:  {weights}" in run("share", "--size", size)
