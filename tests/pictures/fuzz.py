"""Feed so many mutated files of each format to the reader, in a process with limited memory.

    python tests/pictures/fuzz.py 5000

Prints how many files were read and refused. Anything but an ImageError ends it with the file's
number, from which it can be made again; so does a file that takes longer than TOO_LONG.
"""

import contextlib
import io
import random
import resource
import signal
import sys
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from dng import dng  # beside this script
from PIL import Image

from convprior.pictures import files
from convprior.pictures.kinds import CAMERA

HERE = Path(__file__).parent
MEMORY = 6 * 2**30  # bytes of address space: torch alone reserves about 3
TOO_LONG = 10  # seconds
MOST_PIXELS = 1_000_000


def seeds(kind: str) -> list[bytes]:
    """Return valid files of a format, of several modes, depths and with metadata."""
    if kind == "HEIC":
        return [path.read_bytes() for path in sorted(HERE.glob("heic/*.heic"))]
    rng = np.random.default_rng(0)
    if kind == CAMERA:
        return [dng(rng.random((24, 32, 3)), orientation) for orientation in (1, 6)]
    values = rng.integers(0, 256, (19, 23, 4), np.uint8)
    deep = rng.integers(0, 65536, (9, 11, 3), np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    modes = {"L": values[..., 0], "RGB": values[..., :3], "RGBA": values}
    found = []
    said = {"exif": exif.tobytes(), "icc_profile": b"profile" * 9}
    for mode, pixels in modes.items():
        if mode == "RGBA" and kind in ("JPEG", "BMP", "GIF"):
            continue
        for options in ({}, {} if kind in ("BMP", "GIF", "JPEG2000") else said):
            data = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(pixels)).save(data, kind, **options)
            found.append(data.getvalue())
    if kind == "PNG":
        found += [imagecodecs.png_encode(deep), imagecodecs.png_encode(deep[..., 0].copy())]
        data = io.BytesIO()
        Image.fromarray(values[..., :3].copy()).quantize(9).save(data, "PNG")
        found.append(data.getvalue())
    if kind == "TIFF":
        for options in (
            {"compression": "lzw"}, {"compression": "zlib", "predictor": 2}, {"tile": (16, 16)},
            {"compression": "packbits"}, {"planarconfig": "contig", "bigtiff": True},
        ):  # fmt: skip
            data = io.BytesIO()
            tifffile.imwrite(data, deep, photometric="rgb", **options)
            found.append(data.getvalue())
        for numbers in (deep.astype(np.int16), deep.astype(np.float64)):
            data = io.BytesIO()
            tifffile.imwrite(data, numbers, photometric="rgb", extratags=[(42113, 2, 0, "7", True)])
            found.append(data.getvalue())
        data = io.BytesIO()
        tifffile.imwrite(data, np.stack([deep[..., 0]] * 3).astype(np.float32), ome=True)
        found.append(data.getvalue())
    return found


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return the file with some bytes changed, cut, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at = draw.randrange(max(len(changed), 1))
        # Headers decide most: half of the changes hit the first bytes.
        at = at if draw.random() < 0.5 else draw.randrange(min(len(changed), 120) or 1)
        match draw.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                changed[at : at + 4] = draw.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case 2:
                del changed[at : at + draw.randrange(1, 40)]
            case 3:
                changed[at:at] = changed[at : at + draw.randrange(1, 200)]
            case 4:
                del changed[max(at, 1) :]
            case 5:
                changed[at : at + 8] = bytes(draw.randrange(256) for _ in range(8))
    return bytes(changed)


def main() -> None:
    """Run."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind in dict.fromkeys(files.SUFFIXES.values()):
        feed(kind, int(sys.argv[1]))


def feed(kind: str, most: int) -> None:
    """Read mutated files of one format and say what came of them."""
    valid = seeds(kind)
    suffix = next(suffix for suffix, named in files.SUFFIXES.items() if named == kind)
    path = Path(tempfile.mkdtemp()) / f"fuzz{suffix}"
    read = refused = 0
    for number in range(most):
        draw = random.Random(f"{kind} {number}")
        path.write_bytes(mutated(draw.choice(valid), draw))
        signal.alarm(TOO_LONG)
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                files.read_pages(
                    path, most_pixels=MOST_PIXELS, accept_truncated=draw.random() < 0.3
                )
            read += 1
        except files.ImageError:
            refused += 1
        except BaseException:
            print(f"{kind} {number}: {path}", flush=True)
            raise
        signal.alarm(0)
    path.unlink()
    path.parent.rmdir()
    print(f"{kind}: {read} read, {refused} refused")


if __name__ == "__main__":
    main()
