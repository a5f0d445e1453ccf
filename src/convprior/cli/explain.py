"""`convprior explain`: what an operation does to a small matrix or a picture, step by step."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLE = "Example:  convprior explain conv '0 0 9 9; 0 0 9 9; 0 0 9 9' --kernel sobel -o steps.gif"

# A matrix may begin with a minus: what looks like an option and is none is looked at here.
SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}

OPERATIONS = ("conv", "pool", "receptive-field", "flatten", "share")
DRAWN = OPERATIONS[:3]
DEFAULT = "0 0 0 255 255 0; 0 0 0 255 255 0; 127 127 127 255 255 127; 127 127 127 255 255 127; "
DEFAULT += "0 0 0 255 255 0; 0 0 0 127 127 0"  # the texts' example
SIDE = 256  # pixels of the picture that `share` counts on
FILE = re.compile(r"[/\\]|\.[a-zA-Z]{2}\w*$")  # in a path, and in no matrix


def explain(
    context: typer.Context,
    operation: Annotated[
        str, typer.Argument(metavar="OPERATION", help=f"{', '.join(OPERATIONS)}.")
    ],
    given: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="A matrix as '0 1; 2 3', or a picture file.",
        ),
    ] = None,
    kernel: Annotated[
        str, typer.Option(metavar="KERNEL", help="sobel, laplace, blur, identity, or a matrix.")
    ] = "sobel",
    stride: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Pixels from place to place: 1; pool: its size."),
    ] = None,
    padding: Annotated[
        int, typer.Option(min=0, metavar="N", help="Around it: zeros, in max pooling -∞.")
    ] = 0,
    size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The window: of pool 2, of share 3.")
    ] = None,
    layers: Annotated[
        str, typer.Option(metavar="LAYERS", help="receptive-field: conv3, conv3/2, pool2, …")
    ] = "conv3,conv3,pool2,conv3,conv3,pool2",
    neurons: Annotated[int, typer.Option(min=1, metavar="N", help="share: how many.")] = 10_000,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="conv, pool, receptive-field: steps as GIF or PNG.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that exists.")
    ] = False,
) -> None:
    """Show what an operation of a convolutional network does, step by step.

    conv: as the libraries compute it (correlation) and as mathematics defines it. pool: maxima and
    means. receptive-field: what a unit of each layer sees. flatten: what is lost. share: weights.
    Of a picture, conv and pool write the result to -o; of a small matrix, an animation.
    """
    came = [*([] if given is None else [given]), *context.args]
    for text in came:
        if text.startswith("--"):
            raise typer.BadParameter(f"no such option: {text}")
    if len(came) > 1:
        raise typer.BadParameter(f"one INPUT was expected, in quotes: got also '{came[1][:60]}'")
    if operation not in OPERATIONS:
        raise typer.BadParameter(f"'{operation}' is none of {', '.join(OPERATIONS)}")
    if output is not None and operation not in DRAWN:
        raise typer.BadParameter(f"-o draws {', '.join(DRAWN)}; {operation} is told in words")
    if operation == "receptive-field" and given is not None:
        raise typer.BadParameter(f"receptive-field takes --layers, no INPUT: got '{given[:60]}'")

    from convprior.ground.errors import InputError
    from convprior.study.lessons import notation, telling

    size = size or (3 if operation == "share" else 2)
    stride = stride or (size if operation == "pool" else 1)
    try:
        path = None if given is None or not FILE.search(given) else _picture(given)
        if output is not None:
            _check_target(output, path, overwrite)
        if operation == "receptive-field":
            _receptive_field(layers, output)
        elif operation == "share":
            _share(given, path, neurons, size)
        elif path is not None:
            _explain_picture(operation, path, kernel, stride, padding, size, output)
        else:
            matrix = notation.matrix_of(DEFAULT if given is None else given)
            if operation == "flatten":
                told = telling.flatten(matrix)
            elif operation == "pool":
                told = telling.pooling(matrix, size, stride, padding)
            else:
                told = telling.conv(matrix, notation.kernel_of(kernel), stride, padding)
            print("\n\n".join(told))
            if output is not None:
                _animate(operation, matrix, kernel, stride, padding, size, output)
    except (ValueError, InputError) as error:
        raise typer.BadParameter(str(error)) from None


def _picture(given: str) -> Path:
    """Return the path of a picture file. Raises ValueError if there is none."""
    if not Path(given).is_file():
        raise ValueError(f"'{given[:60]}': no such file; a matrix is written as '0 1; 2 3'")
    return Path(given)


def _check_target(output: Path, picture: Path | None, overwrite: bool) -> None:
    """Raise ValueError if ``output`` may not or cannot be written."""
    if output.exists() and picture is not None and output.samefile(picture):
        raise ValueError(f"{output}: is the input itself, which is never replaced")
    if output.exists() and not overwrite:
        raise ValueError(f"{output}: exists already: choose another -o, or --overwrite")
    if not output.parent.is_dir():
        raise ValueError(f"{output}: the folder {output.parent} does not exist: create it first")


def _slid(
    operation: str, matrix: "Tensor", kernel: str, stride: int, padding: int, size: int
) -> tuple["Tensor", tuple[int, int]]:
    """Return the result of a convolution or a max pooling, and the window's height and width."""
    from convprior.study.lessons import notation, operations

    if operation == "pool":
        return operations.pool(matrix, "max", size, stride, padding), (size, size)
    weights = notation.kernel_of(kernel).to(matrix.dtype)
    result = operations.correlate(matrix, weights, stride, padding)
    return result, (weights.shape[0], weights.shape[1])


def _animate(
    operation: str,
    matrix: "Tensor",
    kernel: str,
    stride: int,
    padding: int,
    size: int,
    output: Path,
) -> None:
    """Write the steps of a convolution or a pooling of a small matrix."""
    from convprior.study.lessons import drawing, operations

    result, window = _slid(operation, matrix, kernel, stride, padding, size)
    title, border = ("max pooling", -math.inf) if operation == "pool" else ("correlation", 0.0)
    seen = operations.padded(matrix, padding, border)
    each = operations.windows(seen, result, window, stride)
    drawing.write(output, seen, result, each, title)
    print(f"\n{output}: the same, step by step")


def _receptive_field(layers: str, output: Path | None) -> None:
    """Say what a unit of each layer sees, and draw how it grows."""
    from convprior.study.lessons import notation, telling

    found = notation.layers_of(layers)
    print("\n\n".join(telling.receptive_field(found)))
    if output is not None:
        from convprior.study.lessons import drawing, operations

        drawing.write_fields(output, operations.receptive_fields(found))
        print(f"\n{output}: the same, layer by layer")


def _share(given: str | None, path: Path | None, neurons: int, window: int) -> None:
    """Say what sharing saves on a picture file, or on one of ``SIDE`` by ``SIDE`` pixels."""
    from convprior.pictures import files
    from convprior.study.lessons import telling

    if path is not None:
        channels, height, width = files.read(path).pixels.shape
    elif given is None:
        channels, height, width = 3, SIDE, SIDE
    else:
        raise ValueError(
            f"share takes a picture file, or no INPUT for {SIDE}×{SIDE}×3: got '{given[:60]}'"
        )
    print("\n\n".join(telling.share((height, width, channels), neurons, window)))


def _explain_picture(
    operation: str,
    path: Path,
    kernel: str,
    stride: int,
    padding: int,
    size: int,
    output: Path | None,
) -> None:
    """Write what becomes of a picture's grey values, and say so."""
    from convprior.pictures import files
    from convprior.pictures.picture import Picture

    if operation == "flatten":
        raise ValueError(f"flatten takes a small matrix, as '0 1; 2 3', and no picture: got {path}")
    if output is None:
        raise ValueError(f"{path}: is a picture: say with -o where the result goes")
    grey = files.read(path).pixels.mean(0)
    height, width = grey.shape
    result, _ = _slid(operation, grey, kernel, stride, padding, size)
    kind = (
        "max pooling"
        if operation == "pool"
        else "correlation, which the libraries call convolution; a true one flips the kernel"
    )
    files.write(output, Picture(result.abs().clamp(0, 1)[None]))
    print(
        f"{output}: {kind}; {height}×{width} became {result.shape[0]}×{result.shape[1]}; values "
        f"from {float(result.min()):.3f} to {float(result.max()):.3f}, drawn by their size (0 to 1)"
    )
