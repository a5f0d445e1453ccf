"""`convprior explain`: what an operation does to a small matrix or a picture, step by step."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLE = "Example:  convprior explain conv '0 0 9 9; 0 0 9 9; 0 0 9 9' --kernel sobel -o steps.gif"

OPERATIONS = ("conv", "pool", "receptive-field", "flatten", "share")
DEFAULT = "0 0 0 255 255 0; 0 0 0 255 255 0; 127 127 127 255 255 127; 127 127 127 255 255 127; "
DEFAULT += "0 0 0 255 255 0; 0 0 0 127 127 0"  # the texts' example
SIDE = 256  # pixels of the picture that `share` counts on


def explain(
    operation: Annotated[
        str, typer.Argument(metavar="OPERATION", help=f"{', '.join(OPERATIONS)}.")
    ],
    given: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="A matrix as '0 1; 2 3', or a picture file.",
        ),
    ] = DEFAULT,
    kernel: Annotated[
        str, typer.Option(metavar="KERNEL", help="sobel, laplace, blur, identity, or a matrix.")
    ] = "sobel",
    stride: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Pixels from place to place: 1; pool: its size."),
    ] = None,
    padding: Annotated[int, typer.Option(min=0, metavar="N", help="Zeros around it.")] = 0,
    size: Annotated[int, typer.Option(min=1, metavar="N", help="pool, share: the window.")] = 2,
    layers: Annotated[
        str, typer.Option(metavar="LAYERS", help="receptive-field: conv3, conv3/2, pool2, …")
    ] = "conv3,conv3,pool2,conv3,conv3,pool2",
    neurons: Annotated[int, typer.Option(min=1, metavar="N", help="share: how many.")] = 10_000,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="conv, pool: steps as GIF or PNG."),
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
    if operation not in OPERATIONS:
        raise typer.BadParameter(f"'{operation}' is none of {', '.join(OPERATIONS)}")
    if output is not None and operation not in ("conv", "pool"):
        raise typer.BadParameter(f"-o draws conv and pool; {operation} is told in words")

    from convprior import explaining
    from convprior.errors import InputError

    if output is not None and output.exists() and not overwrite:
        raise InputError(f"{output}: exists already: choose another -o, or --overwrite")
    try:
        path = Path(given)
        if len(given) < 200 and path.suffix and path.is_file():
            _explain_picture(operation, path, kernel, stride, padding, size, neurons, output)
            return
        matrix = explaining.matrix_of(given)
        if operation == "receptive-field":
            told = explaining.receptive_field(explaining.layers_of(layers))
        elif operation == "share":
            told = explaining.share((SIDE, SIDE, 3), neurons, max(size, 3))
        elif operation == "flatten":
            told = explaining.flatten(matrix)
        elif operation == "pool":
            told = explaining.pooling(matrix, size, stride or size, padding)
        else:
            told = explaining.conv(matrix, explaining.kernel_of(kernel), stride or 1, padding)
        print("\n\n".join(told))
        if output is not None:
            _animate(operation, matrix, kernel, stride, padding, size, output)
    except ValueError as error:
        raise InputError(str(error)) from None


def _animate(
    operation: str,
    matrix: "Tensor",
    kernel: str,
    stride: int | None,
    padding: int,
    size: int,
    output: Path,
) -> None:
    """Write the steps of a convolution or a pooling of a small matrix."""
    from convprior import animation, explaining, operations

    if operation == "conv":
        weights = explaining.kernel_of(kernel)
        window, moved = (weights.shape[0], weights.shape[1]), stride or 1
        result = operations.correlate(matrix, weights, moved, padding)
        title = "correlation"
    else:
        window, moved = (size, size), stride or size
        result = operations.pool(matrix, "max", size, moved, padding)
        title = "max pooling"
    each = operations.windows(matrix, result, window, moved, padding)
    animation.write(output, operations.padded(matrix, padding), result, each, title)
    print(f"\n{output}: the same, step by step")


def _explain_picture(
    operation: str,
    path: Path,
    kernel: str,
    stride: int | None,
    padding: int,
    size: int,
    neurons: int,
    output: Path | None,
) -> None:
    """Say what becomes of a picture's grey values, and write it where that is asked for."""
    from convprior import explaining, images, operations
    from convprior.errors import InputError
    from convprior.picture import Picture

    pixels = images.read(path).pixels
    channels, height, width = pixels.shape
    grey = pixels.mean(0).double()
    if operation == "share":
        print("\n\n".join(explaining.share((height, width, channels), neurons, max(size, 3))))
        return
    if operation == "conv":
        result = operations.correlate(grey, explaining.kernel_of(kernel), stride or 1, padding)
    elif operation == "pool":
        result = operations.pool(grey, "max", size, stride or size, padding)
    else:
        raise InputError(f"{operation} is explained with a small matrix, not with a picture")
    if output is None:
        raise InputError(f"{path}: is a picture: say with -o where the result goes")
    images.write(output, Picture(result.abs().clamp(0, 1)[None].float()))
    print(
        f"{output}: {height}×{width} became {result.shape[0]}×{result.shape[1]}; values from "
        f"{float(result.min()):.3f} to {float(result.max()):.3f}, drawn by their size (0 to 1)"
    )
