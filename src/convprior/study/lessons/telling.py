"""What the layers of a convolutional network do, in words and numbers, one step at a time."""

from collections.abc import Iterator

import torch

from convprior.study.lessons.operations import (
    Kernel,
    Matrix,
    Result,
    Window,
    convolve,
    correlate,
    padded,
    pool,
    receptive_fields,
    windows,
)

MOST_STEPS = 36  # that are written out


def number(value: float) -> str:
    """Return a number without needless places."""
    text = f"{value:.3f}".rstrip("0").rstrip(".").replace("inf", "∞")
    return "0" if text == "-0" else text


def drawn(matrix: Matrix) -> str:
    """Return a matrix as aligned text."""
    cells = [[number(value) for value in row] for row in matrix.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join("  " + "  ".join(cell.rjust(width) for cell in row) for row in cells)


def _size(matrix: Matrix) -> str:
    return f"{matrix.shape[0]}×{matrix.shape[1]}"


def conv(matrix: Matrix, kernel: Kernel, stride: int, padding: int) -> Iterator[str]:
    """Tell what a convolution does: as the libraries compute it, and as mathematics defines it."""
    found = correlate(matrix, kernel, stride, padding)
    yield f"picture, {_size(matrix)}:\n{drawn(matrix)}"
    if padding:
        yield f"with {padding} rows and columns of zeros around:\n{drawn(padded(matrix, padding))}"
    yield f"kernel, {_size(kernel)}:\n{drawn(kernel)}"
    yield (
        f"moved by {stride}, it fits at {_size(found)} places: "
        f"⌊({matrix.shape[0]} + 2·{padding} - {kernel.shape[0]}) / {stride}⌋ + 1 = "
        f"{found.shape[0]} rows, and {found.shape[1]} columns.\n"
        "At each, what lies under it times its weights:"
    )
    shape = (kernel.shape[0], kernel.shape[1])
    yield steps(windows(padded(matrix, padding), found, shape, stride), kernel, found)
    yield f"correlation, which the libraries call convolution:\n{drawn(found)}"
    flipped = kernel.flip(0, 1)
    if torch.equal(flipped, kernel):
        yield "true convolution flips the kernel first; this one is the same flipped: same result."
    else:
        yield (
            "true convolution flips the kernel first, (F*I)(x, y) = ΣΣ F(i, j) I(x - i, y - j):\n"
            f"{drawn(flipped)}\n\ntrue convolution:\n"
            f"{drawn(convolve(matrix, kernel, stride, padding))}"
        )
    places, weights = found.numel(), kernel.numel()
    yield (
        f"{weights} weights are used at all {places} places; fully connected, {places} neurons "
        f"would have {places * matrix.numel():,}."
    )


def steps(each: Iterator[Window], kernel: Kernel, found: Result) -> str:
    """Return the sums of the first places."""
    lines = []
    for count, window in enumerate(each):
        if count == MOST_STEPS:
            lines.append(f"  … and {found.numel() - MOST_STEPS:,} places more")
            break
        terms = [
            f"{number(value)}·{f'({number(weight)})' if weight < 0 else number(weight)}"
            for value, weight in zip(
                window.seen.flatten().tolist(), kernel.flatten().tolist(), strict=True
            )
            if weight
        ]
        lines.append(
            f"  row {window.top}, column {window.left}: {' + '.join(terms) or 0} = "
            f"{number(window.value)}"
        )
    return "\n".join(lines)


def pooling(matrix: Matrix, size: int, stride: int, padding: int) -> Iterator[str]:
    """Tell what pooling does."""
    yield f"picture, {_size(matrix)}:\n{drawn(matrix)}"
    for kind, meaning, border in (("max", "the largest", -torch.inf), ("average", "the mean", 0.0)):
        found = pool(matrix, kind, size, stride, padding)
        if padding:
            yield (
                f"for the {kind}, in a border of {number(border)}, {padding} wide:\n"
                f"{drawn(padded(matrix, padding, border))}"
            )
        yield (
            f"{kind} pooling, {meaning} of every {size}×{size} at a stride of {stride}: "
            f"{_size(found)}\n{drawn(found)}"
        )
    moved = matrix.roll(1, 1)
    if torch.equal(moved, matrix):
        yield "Moved by one pixel in a circle, this picture is as it was: so is what is pooled."
        return
    maxima = (pool(each, "max", size, stride, padding) for each in (matrix, moved))
    same = float(torch.eq(*maxima).double().mean())
    yield f"Moved by one pixel in a circle, {same:.0%} of the maxima stay as they are: " + (
        "pooling forgives much of this small move, and does not forget the place."
        if same >= 0.5
        else "pooling forgives a small move where neighbours are alike, and here few are."
    )


def receptive_field(layers: list[tuple[str, int, int]]) -> Iterator[str]:
    """Tell how much of the picture a unit of each layer sees."""
    yield "field ← field + (window - 1)·jump, jump ← jump·stride, from 1 and 1:"
    yield "\n".join(
        f"  {reach.name:12} sees {reach.field}×{reach.field} pixels; its neighbour's centre is "
        f"{reach.jump} pixel{'s' * (reach.jump > 1)} on"
        for reach in receptive_fields(layers)
    )
    yield (
        "That is what it could see. What moves it is less: the centre is reached by many paths, "
        "the border by few (the report's chapter “What it sees” measures it)."
    )


def flatten(matrix: Matrix) -> Iterator[str]:
    """Tell what flattening loses."""
    height, width = matrix.shape
    yield f"picture, {_size(matrix)}:\n{drawn(matrix)}"
    yield "flattened, row by row:\n  " + "  ".join(map(number, matrix.flatten().tolist()))
    lost = (
        f"Row 0, column 0 and row 1, column 0 are neighbours in the picture, and {width} places "
        "apart in the list. The numbers are all there; that they were neighbours is not"
        if min(height, width) > 1
        else "Of a single line, neighbours stay neighbours. But nothing says that they are"
    )
    yield f"{lost}: a fully connected layer on this list would learn as well from any other order."
    yield f"Each neuron on it has {height * width:,} weights, one for each place."


def share(shape: tuple[int, int, int], neurons: int, window: int) -> Iterator[str]:
    """Tell what sharing saves on a picture of (height, width, channels). Raises ValueError."""
    height, width, channels = shape
    if window > min(height, width):
        raise ValueError(f"a window of {window}×{window} does not fit into {height}×{width}")
    dense, kernel = height * width * channels, window**2 * channels
    yield f"picture: {height}×{width}×{channels}, {dense:,} numbers"
    yield (
        f"one fully connected neuron:  {dense:,} weights\n{neurons:,} of them:  {dense * neurons:,}"
    )
    yield (
        f"one {window}×{window} kernel:  {kernel:,} weights, for a map of {height * width:,} "
        "places\n"
        f"{neurons:,} of them:  {kernel * neurons:,}"
    )
    yield (
        f"Without sharing, but as local (a kernel for every place), one map has "
        f"{kernel * height * width:,} weights. Sharing saves weights, not work: the map takes "
        f"{kernel * height * width:,} multiply-adds either way."
    )
