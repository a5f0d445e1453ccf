"""How matrices, kernels and layers are written on a command line, and what is refused."""

import re

import torch

from convprior.study.lessons.operations import MOST, Kernel, Matrix

KERNELS = {
    "sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "laplace": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "blur": ((1 / 9,) * 3,) * 3,
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}
LARGEST = 1e9  # of the numbers, by their size: sums of them stay finite and can be read


def matrix_of(text: str) -> Matrix:
    """Return the matrix of ``0 1; 2 3``, a row after each semicolon. Raises ValueError."""
    written = text.replace("\n", ";").split(";")
    if any(re.search(r"\d,\d", row) and re.search(r"[\d,]\s+[-+.\d]", row) for row in written):
        raise ValueError(
            f"'{text[:60]}': a comma is between numbers, and no decimal point: write 0.5 for a half"
        )
    rows = [row.replace(",", " ").split() for row in written]
    rows = [row for row in rows if row]
    if not rows or len({len(row) for row in rows}) != 1:
        raise ValueError(f"'{text[:60]}' is no matrix: write rows of one length, as '0 1; 2 3'")
    try:
        matrix = torch.tensor(
            [[float(value) for value in row] for row in rows], dtype=torch.float64
        )
    except ValueError:
        raise ValueError(f"'{text[:60]}': a matrix has numbers, as '0 1; 2 3'") from None
    if max(matrix.shape) > MOST:
        height, width = matrix.shape
        raise ValueError(
            f"'{text[:60]}' is {height}×{width}: at most {MOST}×{MOST} can be followed"
        )
    if not (matrix.abs() <= LARGEST).all():  # also where it is nan
        raise ValueError(f"'{text[:60]}': numbers go from {-LARGEST:.0e} to {LARGEST:.0e}, no nan")
    return matrix


def kernel_of(text: str) -> Kernel:
    """Return a named kernel, or that of a text. Raises ValueError."""
    if text in KERNELS:
        return torch.tensor(KERNELS[text], dtype=torch.float64)
    try:
        return matrix_of(text)
    except ValueError as error:
        raise ValueError(f"{error}; or one of {', '.join(KERNELS)}") from None


def layers_of(text: str) -> list[tuple[str, int, int]]:
    """Return (name, window, stride) of ``conv3,pool2,conv3/2``. Raises ValueError."""
    found = []
    for part in text.split(","):
        name, _, stride = part.strip().partition("/")
        kind = name.rstrip("0123456789")
        window = name.removeprefix(kind)
        if kind not in ("conv", "pool") or not window or (stride and not stride.isdecimal()):
            raise ValueError(
                f"'{part.strip()}' is no layer: write conv3, conv3/2 (a stride of 2) or pool2, "
                "with commas between"
            )
        moved = int(stride) if stride else int(window) if kind == "pool" else 1
        if not (1 <= int(window) <= MOST and 1 <= moved <= MOST):
            raise ValueError(f"'{part.strip()}': window and stride must be from 1 to {MOST}")
        found.append((part.strip(), int(window), moved))
    return found
