"""What the numbers of a TIFF's page mean: colours, transparency, or that there is no value."""

import numpy as np
from tifffile import PHOTOMETRIC, TiffPage

from convprior.pictures.picture import ImageError

GDAL_NODATA = 42113  # the tag
INTEGERS = ("uint8", "uint16")  # from black to white; all other numbers mean what they say
PRECISE = ("int32", "uint32", "float64")  # of more digits than floats of 32 bits
NUMBERS = (*INTEGERS, "int8", "int16", *PRECISE, "float16", "float32")


def of(page: TiffPage, where: str) -> np.ndarray:
    """Return the numbers (h, w[, c]) of a page as they are stored. Raises ImageError."""
    values: np.ndarray = page.asarray()
    bits = page.bitspersample
    if bits == 1 and values.dtype in (np.uint8, np.bool_):
        values = (values > 0).astype(np.uint8) * 255
    elif values.dtype.name not in NUMBERS or bits != 8 * values.itemsize:
        raise ImageError(
            f"{where}: samples of {bits} bits ({values.dtype}) cannot be kept: save it as one of "
            f"{', '.join(NUMBERS)}"
        )
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ImageError(f"{where}: axes {page.axes} are not those of a picture")
    return values


def as_seen(page: TiffPage, values: np.ndarray) -> np.ndarray:
    """Return a page's numbers from black to white, and as colours where they name those."""
    if page.photometric == PHOTOMETRIC.MINISWHITE and values.dtype.name in INTEGERS:
        return black_for_white(values, len(page.extrasamples))
    if page.photometric == PHOTOMETRIC.PALETTE:
        assert page.colormap is not None
        values = np.moveaxis(page.colormap[:, values] >> 8, 0, -1).astype(np.uint8)
    return values


def black_for_white(values: np.ndarray, extra: int) -> np.ndarray:
    """Return integers with their colours inverted, but not their ``extra`` samples."""
    inverted = np.iinfo(values.dtype).max - values
    if values.ndim == 3 and extra:
        inverted[..., -extra:] = values[..., -extra:]
    return inverted


def alpha_of(extrasamples: tuple[int, ...], channels: int) -> int | None:
    """Return which channel says how opaque a pixel is, None if none does."""
    first = channels - len(extrasamples)
    found = [first + n for n, kind in enumerate(extrasamples) if kind in (1, 2)]
    return found[0] if len(found) == 1 and first > 0 else None


def no_data(page: TiffPage) -> float | None:
    """Return the number that stands for "no value", as GDAL notes it."""
    tag = page.tags.get(GDAL_NODATA)
    try:
        return None if tag is None else float(tag.value)
    except ValueError:
        return None


def absent(page: TiffPage, values: np.ndarray, nothing: float | None) -> np.ndarray:
    """Return where (h, w) numbers as stored stand for "no value".

    In a colour all three do, as pure red has two zeros; elsewhere one band of them is enough.
    """
    bands = values if values.ndim == 3 else values[..., None]
    if nothing is None:
        return np.zeros(bands.shape[:2], bool)
    bands = (
        bands[..., : bands.shape[-1] - len(page.extrasamples)] if len(page.extrasamples) else bands
    )
    if np.isnan(nothing):
        found = np.isnan(bands)
    else:
        with np.errstate(over="ignore"):
            found = bands == (bands.dtype.type(nothing) if bands.dtype.kind == "f" else nothing)
    together = np.all if page.photometric == PHOTOMETRIC.RGB else np.any
    return np.asarray(together(found, -1))
