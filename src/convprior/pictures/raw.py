"""Camera raw: LibRaw develops it, with rawpy, which the extra [raw] brings.

All are developed in one way: the camera's white balance, no automatic brightening, AHD between the
colours of the sensor, sRGB. White is what LibRaw finds where sensors are full, which is less than
some cameras say: clouds would be magenta.
"""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image

from convprior.pictures.decoding import check_size
from convprior.pictures.kinds import CAMERA
from convprior.pictures.picture import ImageError, Metadata, Picture, from_values

SRGB = (2.4, 12.92)  # one over the exponent, and the slope near black: IEC 61966-2-1
STDERR = 2
# Of EXIF what says who, when, where and how: other tags are of the sensor and of the file.
SAID = (
    ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model,
    ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright,
)  # fmt: skip
POINTING = (ExifTags.Base.MakerNote, ExifTags.IFD.Interop)  # to where they lay in the file

_silence = threading.Lock()


def read(data: bytes, where: str, most_pixels: int) -> Picture:
    """Return the developed picture of a camera's raw file: 16 bits, upright. Raises ImageError."""
    import rawpy

    try:
        with _silent(), rawpy.imread(io.BytesIO(data)) as raw:
            check_size(raw.sizes.raw_width, raw.sizes.raw_height, where, most_pixels)
            values = raw.postprocess(
                demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
                use_camera_wb=True,
                no_auto_bright=True,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=SRGB,
                output_bps=16,
            )
    except rawpy.LibRawError as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ImageError(
            f"{where}: broken, or a raw file that LibRaw does not know ({why}): develop it to a "
            "16-bit TIFF, as with darktable or RawTherapee"
        ) from None
    exif, of_exif = _exif(data)
    notes = (
        "developed with the camera's white balance and no brightening, as sRGB; its noise is a "
        "camera's, which neighbours share",
        of_exif,
    )
    return Picture(from_values(values), depth=16, metadata=Metadata(CAMERA, exif=exif), notes=notes)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what LibRaw writes to standard error, beside what it raises, from whoever reads that."""
    with _silence, Path(os.devnull).open("wb") as nowhere:
        heard = os.dup(STDERR)
        try:
            os.dup2(nowhere.fileno(), STDERR)
            yield
        finally:
            os.dup2(heard, STDERR)
            os.close(heard)


def _exif(data: bytes) -> tuple[bytes | None, str]:
    """Return the EXIF of what was made of a raw file, and what is said of the rest."""
    came, kept = Image.Exif(), Image.Exif()
    try:
        came.load(data)
        kept.update({tag: came[tag] for tag in SAID if tag in came})
        for folder in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            found = came.get_ifd(folder)
            kept.get_ifd(folder).update({t: v for t, v in found.items() if t not in POINTING})
        return kept.tobytes(), "the maker's own notes in its EXIF are not kept"
    except Exception:  # a parser of its own, which raises anything; some raw files are no TIFF
        return None, "its EXIF is not kept"
