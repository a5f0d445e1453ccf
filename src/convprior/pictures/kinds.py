"""Kinds of picture files: how their names end, how their bytes begin, and what becomes of each."""

import struct
from importlib.util import find_spec
from pathlib import Path

from convprior.pictures import exif

CAMERA, OTHER = "camera raw", "other"
SUFFIXES = {
    ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF",
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jif": "JPEG", ".jfif": "JPEG",
    ".bmp": "BMP", ".dib": "BMP", ".gif": "GIF", ".avif": "AVIF",
    ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".j2c": "JPEG2000", ".jpx": "JPEG2000",
}  # fmt: skip
WRITTEN = ("PNG", "JPEG", "WEBP", "TIFF")  # the others are only read, and go out as PNG
WRITABLE = tuple(suffix for suffix, kind in SUFFIXES.items() if kind in WRITTEN)

# Kinds that are read where an extra is installed: its name, and the module that it brings.
EXTRAS = {"HEIC": ("heic", "pi_heif"), CAMERA: ("raw", "rawpy")}
OF_EXTRAS = {
    ".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC",
    **dict.fromkeys(
        (".dng", ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".erf", ".fff", ".iiq", ".kdc", ".mef",
         ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
         ".srf", ".srw", ".x3f"), CAMERA),
}  # fmt: skip
HERE = {kind for kind, (_, module) in EXTRAS.items() if find_spec(module)}
SUFFIXES |= {suffix: kind for suffix, kind in OF_EXTRAS.items() if kind in HERE}
# Pictures that are not read: whoever has them is to know, and to be told the way.
REFUSED = {
    **{suffix: kind for suffix, kind in OF_EXTRAS.items() if kind not in HERE},
    ".jxl": "JPEG XL",
    **dict.fromkeys(
        (".bpg", ".czi", ".dcm", ".dds", ".djvu", ".exr", ".fit", ".fits", ".hdr", ".jls", ".jxr",
         ".lif", ".mrc", ".nd2", ".oib", ".pbm", ".pcx", ".pdf", ".pgm", ".pnm", ".ppm", ".psb",
         ".psd", ".sgi", ".tga", ".vsi", ".wdp", ".xcf"), OTHER),
}  # fmt: skip
ADVICE = {
    "HEIC": "convert it first, as by 'heif-convert photo.heic photo.png', or have the phone save "
    "JPEG",
    "JPEG XL": "convert it first, as by 'djxl photo.jxl photo.png'",
    CAMERA: "develop it to a 16-bit TIFF first, as with darktable or RawTherapee",
    OTHER: "save it as PNG or TIFF with the program that made it",
}
NOT_READ = ADVICE.keys() - HERE


def advice(kind: str) -> str:
    """Return what is to be said of a file of a kind that is not read."""
    named = "a kind of picture that" if kind == OTHER else f"{kind}, which"
    extra = f"pip install 'convprior[{EXTRAS[kind][0]}]' reads it, or " if kind in EXTRAS else ""
    return f"{named} is not read: {extra}{ADVICE[kind]}"


def written_name(path: Path) -> Path:
    """Return the path with the ending of what is written of such a file."""
    kind = SUFFIXES.get(path.suffix.lower())
    return path if kind is None or kind in WRITTEN else path.with_suffix(".png")


def of(data: bytes) -> str | None:
    """Return the kind that a file's first bytes name, None if it is none of these."""
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return CAMERA if data[8:12] == b"CR\2\0" or _is_dng(data) else "TIFF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _of_brands(data[8 : min(int.from_bytes(data[:4]), 400)])
    begins = {
        b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8": "JPEG", b"GIF87a": "GIF", b"GIF89a": "GIF",
        b"BM": "BMP", b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000", b"\xff\x4f\xff\x51": "JPEG2000",
        b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
        **dict.fromkeys(
            (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"II\x1a\0\0\0HEAPCCDR",
             b"\0MRM", b"FOVb"), CAMERA),
    }  # fmt: skip
    return next((kind for begin, kind in begins.items() if data.startswith(begin)), None)


def _of_brands(brands: bytes) -> str | None:
    """Return what a file of boxes is, by what it says that it can be read as."""
    named = {brands[at : at + 4] for at in range(0, len(brands), 4) if at != 4}
    if named & {b"avif", b"avis"}:
        return "AVIF"
    if brands[:3] == b"crx":
        return CAMERA
    return "HEIC" if named & {b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"} else None


DNG_VERSION, COLOURS, FURTHER = 50706, 262, 330  # tags of a TIFF
OF_A_SENSOR = (32803, 34892)  # colours side by side, or apart but as they were counted


def _is_dng(data: bytes) -> bool:
    """Return whether a TIFF is a DNG whose pixels are a sensor's: here, or in a further directory.

    One that is called a DNG but holds a plain picture is read as the TIFF that it is, too.
    """
    read = exif.Reader(data)
    try:
        places = dict(read.tags(read.number("I", 4)))
        sensors = COLOURS in places and read.number("H", places[COLOURS] + 8) in OF_A_SENSOR
    except struct.error:
        return False
    return DNG_VERSION in places and (sensors or FURTHER in places)
