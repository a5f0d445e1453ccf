"""`convprior explain`: what an operation does to a small matrix or a picture, step by step."""

import math
from pathlib import Path
from typing import Annotated

import typer

from convprior.cli.command import MatrixCommand

SIDE = 256  # pixels of the picture that `share` counts on


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show what an operation of a convolutional network does, step by step.",
    epilog="Start here:  convprior explain conv",
)

Given = Annotated[
    str | None,
    typer.Argument(
        metavar="INPUT",
        help="A matrix as '0 1; 2 3', or a picture file. Default: the texts' example.",
    ),
]
Padding = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="Put N pixels around: zeros, or -∞ where maxima count."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write a matrix's steps as an animated GIF or PNG, or what becomes of a picture.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")]


@app.command(
    cls=MatrixCommand,
    epilog="Example:  convprior explain conv '0 0 9 9; 0 0 9 9; 0 0 9 9' -o steps.gif",
)
def conv(
    given: Given = None,
    kernel: Annotated[
        str,
        typer.Option(metavar="KERNEL", help="sobel, laplace, blur, identity, or a matrix."),
    ] = "sobel",
    stride: Annotated[
        int, typer.Option(min=1, metavar="N", help="Move the kernel N pixels on.")
    ] = 1,
    padding: Padding = 0,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Add up what lies under a kernel times its weights, place by place.

    As the libraries compute it (correlation), and as mathematics defines it (the kernel flipped).
    """
    from convprior.cli import sliding
    from convprior.study.lessons import notation, operations, telling

    source = sliding.source_of(given, output, overwrite)
    weights = notation.kernel_of(kernel).to(source.matrix.dtype)
    slide = sliding.Slide(
        "correlation",
        "which the libraries call convolution; a true one flips the kernel",
        window=(weights.shape[0], weights.shape[1]),
        stride=stride,
        padding=padding,
        border=0.0,
    )
    result = operations.correlate(source.matrix, weights, stride, padding)
    told = telling.conv(source.matrix, weights, stride, padding)
    sliding.show(source, slide, result, told, output)


@app.command(
    cls=MatrixCommand, epilog="Example:  convprior explain pool '1 2 3 4; 5 6 7 8' -o steps.gif"
)
def pool(
    given: Given = None,
    size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Look through a window of N×N pixels.")
    ] = 2,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Move the window N pixels on. Default: its own size."
        ),
    ] = None,
    padding: Padding = 0,
    output: Output = None,
    overwrite: Overwrite = False,
) -> None:
    """Keep the largest value, or the mean, of each window."""
    from convprior.cli import sliding
    from convprior.study.lessons import operations, telling

    stride = stride or size
    source = sliding.source_of(given, output, overwrite)
    slide = sliding.Slide(
        "max pooling",
        "the largest value of each window",
        window=(size, size),
        stride=stride,
        padding=padding,
        border=-math.inf,
    )
    result = operations.pool(source.matrix, "max", size, stride, padding)
    told = telling.pooling(source.matrix, size, stride, padding)
    sliding.show(source, slide, result, told, output)


@app.command(
    "receptive-field",
    cls=MatrixCommand,
    epilog="Example:  convprior explain receptive-field conv3,pool2 -o growth.gif",
)
def receptive_field(
    layers: Annotated[
        str,
        typer.Argument(
            metavar="LAYERS", help="From the first on; conv3/2 is a window of 3 moved by 2."
        ),
    ] = "conv3,conv3,pool2,conv3,conv3,pool2",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Draw how it grows as an animated GIF or PNG."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say how much of the picture a unit of each layer sees."""
    from convprior.cli import sliding
    from convprior.ground import extras
    from convprior.study.lessons import notation, operations, telling

    if output is not None:
        sliding.check_target(output, None, overwrite)
    found = notation.layers_of(layers)
    print("\n\n".join(telling.receptive_field(found)))
    if output is not None:
        extras.need("explain", "matplotlib")
        from convprior.study.lessons import drawing

        drawing.write_fields(output, operations.receptive_fields(found))
        print(f"\n{output}: the same, layer by layer")


@app.command(cls=MatrixCommand, epilog="Example:  convprior explain flatten '1 2; 3 4'")
def flatten(
    given: Annotated[
        str | None,
        typer.Argument(
            metavar="MATRIX", help="A matrix as '0 1; 2 3'. Default: the texts' example."
        ),
    ] = None,
) -> None:
    """Say what a picture loses as a list of numbers."""
    from convprior.cli import sliding
    from convprior.study.lessons import telling

    print("\n\n".join(telling.flatten(sliding.matrix_of(given))))


@app.command(cls=MatrixCommand, epilog="Example:  convprior explain share photo.png --size 5")
def share(
    picture: Annotated[
        Path | None,
        typer.Argument(
            metavar="PICTURE", help=f"A picture file. Default: {SIDE}×{SIDE} pixels in colour."
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Share a kernel of N×N pixels.")
    ] = 3,
    neurons: Annotated[
        int, typer.Option(min=1, metavar="N", help="Count the weights of N neurons, or kernels.")
    ] = 10_000,
) -> None:
    """Count the weights that sharing a kernel saves."""
    from convprior.pictures import files
    from convprior.study.lessons import telling

    channels, height, width = (
        (3, SIDE, SIDE) if picture is None else files.read(picture).pixels.shape
    )
    print("\n\n".join(telling.share((height, width, channels), neurons, size)))
