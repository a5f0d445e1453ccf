"""Which parts of a PNG, JPEG or WebP file do not go out again, in words for its owner.

Pillow reads past what it does not know: the parts of a file are listed from its bytes.
"""

from collections.abc import Iterator

from PIL import Image

IHDR_START = 8  # bytes of a PNG's signature
# What of each format is kept, or made anew; other parts are named.
KEPT = {
    "PNG": {"IHDR", "PLTE", "tRNS", "IDAT", "IEND", "iCCP", "gAMA", "cHRM", "sRGB", "eXIf", "pHYs",
            "tEXt", "zTXt", "iTXt"},
    "WEBP": {"VP8 ", "VP8L", "VP8X", "ALPH", "ICCP", "EXIF", "XMP "},
}  # fmt: skip


def named(image: Image.Image, data: bytes) -> list[str]:
    """Return what is to be said of the parts of a file that do not go out again."""
    notes = []
    if image.format in KEPT:
        parts = _png_chunks(data) if image.format == "PNG" else _webp_chunks(data)
        lost = [part for part in dict.fromkeys(parts) if part not in KEPT[image.format]]
        if lost:
            notes.append(f"its parts {', '.join(lost)} are not kept")
    if "aspect" in image.info:
        notes.append("that its pixels are not square is not kept")
    for marker, content in getattr(image, "applist", []):
        if content.startswith(b"http://ns.adobe.com/xmp/extension/"):
            notes.append("the second part of its XMP is not kept")
        elif marker not in ("APP0", "APP1", "APP2", "APP13", "APP14"):
            notes.append(f"its part {marker} is not kept")
    return list(dict.fromkeys(notes))


def _png_chunks(data: bytes) -> Iterator[str]:
    at = IHDR_START
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8].decode("latin-1")
        at += length + 12


def _webp_chunks(data: bytes) -> Iterator[str]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4].decode("latin-1")
        at += 8 + length + length % 2
