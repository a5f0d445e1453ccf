"""What a sliding window makes of the input of `convprior explain`: told, animated, or a picture."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convprior.ground import extras
from convprior.pictures import files
from convprior.pictures.picture import Picture
from convprior.study.lessons import notation, operations, worked_example

FILE = re.compile(r"[/\\]|\.[a-zA-Z]{2}\w*$")  # in a path, and in no matrix


@dataclass(frozen=True)
class Source:
    """What a window slides over: a matrix, or the grey values of the picture in a file."""

    matrix: Tensor
    picture: Path | None = None


@dataclass(frozen=True)
class Slide:
    """A window of (height, width) that slides over a matrix, and what is computed at each place.

    ``border`` is the value of the ``padding`` pixels that are put around.
    """

    name: str
    meaning: str
    window: tuple[int, int]
    stride: int
    padding: int
    border: float


def matrix_of(text: str | None) -> operations.Matrix:
    """Return the matrix that was typed, or the example of the texts. Raises ValueError."""
    if text is None:
        return torch.tensor(worked_example.PICTURE, dtype=torch.float64)
    return notation.matrix_of(text)


def source_of(text: str | None, output: Path | None, overwrite: bool) -> Source:
    """Return what was typed: a matrix or a picture file. Raises ValueError, InputError.

    ``output``, where the result goes, is looked at before anything is read.
    """
    path = None if text is None or not FILE.search(text) else Path(text)
    if path is not None and not path.is_file():
        raise ValueError(f"'{path}': no such file; a matrix is written as '0 1; 2 3'")
    if output is not None:
        check_target(output, path, overwrite)
    if path is None:
        return Source(matrix_of(text))
    if output is None:
        raise ValueError(f"{path}: is a picture: say with -o where the result goes")
    return Source(files.read(path).pixels.mean(0), path)


def check_target(output: Path, picture: Path | None, overwrite: bool) -> None:
    """Raise ValueError if ``output`` may not or cannot be written."""
    if output.exists() and picture is not None and output.samefile(picture):
        raise ValueError(f"{output}: is the input itself, which is never replaced")
    if output.exists() and not overwrite:
        raise ValueError(f"{output}: exists already: choose another -o, or --overwrite")
    if not output.parent.is_dir():
        raise ValueError(f"{output}: the folder {output.parent} does not exist: create it first")


def show(
    source: Source, slide: Slide, result: Tensor, told: Iterable[str], output: Path | None
) -> None:
    """Write what became of a picture; of a matrix, print what is ``told`` and draw the steps."""
    if source.picture is None:
        print("\n\n".join(told))
        if output is not None:
            _animate(output, source.matrix, slide, result)
    elif output is not None:
        _write(output, source.matrix, slide, result)


def _animate(output: Path, matrix: Tensor, slide: Slide, result: Tensor) -> None:
    extras.need("explain", "matplotlib")
    from convprior.study.lessons import drawing  # matplotlib takes a second, words do not need it

    seen = operations.padded(matrix, slide.padding, slide.border)
    places = operations.windows(seen, result, slide.window, slide.stride)
    drawing.write(output, seen, result, places, slide.name)
    print(f"\n{output}: the same, step by step")


def _write(output: Path, grey: Tensor, slide: Slide, result: Tensor) -> None:
    files.write(output, Picture(result.abs().clamp(0, 1)[None]))
    print(
        f"{output}: {slide.name}, {slide.meaning}; {grey.shape[0]}×{grey.shape[1]} became "
        f"{result.shape[0]}×{result.shape[1]}; values from {float(result.min()):.3f} to "
        f"{float(result.max()):.3f}, drawn by their size (0 to 1)"
    )
