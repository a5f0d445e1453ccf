"""`convprior explain`: words on the terminal, steps as an animation, one clear error."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from conftest import colourful
from convprior.cli import app
from convprior.errors import InputError


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_without_more_it_is_the_texts_example() -> None:
    assert "0   893   893  -893" in run("conv")


@pytest.mark.parametrize("operation", ["pool", "receptive-field", "flatten", "share"])
def test_every_operation_is_told(operation: str) -> None:
    assert len(run(operation).splitlines()) > 4


@pytest.mark.parametrize(("operation", "steps"), [("conv", 16), ("pool", 9)])
@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_steps_are_an_animation(
    operation: str, steps: int, suffix: str, tmp_path: Path
) -> None:
    target = tmp_path / f"steps{suffix}"
    run(operation, "-o", target)
    with Image.open(target) as animation:
        assert animation.n_frames == steps  # type: ignore[attr-defined]


def test_a_picture_becomes_a_picture(tmp_path: Path) -> None:
    colourful(20, 16).save(tmp_path / "in.png")
    assert "16×20 became 14×18" in run(
        "conv", tmp_path / "in.png", "--kernel", "laplace", "-o", tmp_path / "edges.png"
    )
    with Image.open(tmp_path / "edges.png") as edges:
        assert edges.size == (18, 14)
    assert "960" in run("share", tmp_path / "in.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["conv", "1 2; 3"], "rows of one length"),
        (["conv", "--kernel", "edge"], "or one of sobel"),
        (["conv", "1 2; 3 4"], "does not fit"),
        (["conv", "-o", "{}/steps.jpg"], "an animation ends in .gif"),
        (["conv", " ".join("1" * 17), "--kernel", "1", "-o", "{}/a.gif"], "at most 16×16"),
        (["conv", "{}/in.png"], "say with -o"),
        (["flatten", "{}/in.png"], "with a small matrix"),
        (["pool", "-o", "{}/in.png"], "exists already"),
        (["receptive-field", "--layers", "conv"], "is no layer"),
    ],
)
def test_what_cannot_be_explained_is_said(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    colourful(20, 16).save(tmp_path / "in.png")
    filled = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    with pytest.raises(InputError, match=message):
        run(*filled)
