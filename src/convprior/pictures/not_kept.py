"""Which parts of a file do not go out again, in words for its owner; and a PNG's and a box's.

Pillow reads past what it does not know: the parts of a file are listed from its bytes.
"""

from collections.abc import Iterator

from PIL import Image

IHDR_START = 8  # bytes of a PNG's signature
# What of each format is kept, or made anew; other parts are named.
KEPT = {
    "PNG": {"IHDR", "PLTE", "tRNS", "IDAT", "IEND", "iCCP", "cICP", "gAMA", "cHRM", "sRGB", "eXIf",
            "pHYs", "tEXt", "zTXt", "iTXt"},
    "WEBP": {"VP8 ", "VP8L", "VP8X", "ALPH", "ICCP", "EXIF", "XMP "},
    "JPEG2000": {"jP  ", "ftyp", "jp2h", "jp2c"},
}  # fmt: skip


def named(image: Image.Image, data: bytes) -> list[str]:
    """Return what is to be said of the parts of a file that do not go out again."""
    notes = []
    if image.format in KEPT:
        listed = {"PNG": png_chunks, "WEBP": _webp_chunks, "JPEG2000": _boxes}[image.format]
        parts = dict.fromkeys(name for name, _ in listed(data))
        lost = [part for part in parts if part not in KEPT[image.format]]
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


def png_chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each part of a PNG."""
    at = IHDR_START
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8].decode("latin-1"), data[at + 8 : at + 8 + length]
        at += length + 12


def _webp_chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4].decode("latin-1"), data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the boxes of a JPEG 2000; none of a bare stream."""
    at = 0 if data[4:8] == b"jP  " else len(data)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if length == 1:  # then a longer number follows
            length = int.from_bytes(data[at + 8 : at + 16])
        yield data[at + 4 : at + 8].decode("latin-1"), data[at + 8 : at + max(length, 8)]
        if length < 8:  # 0: to the end
            return
        at += length
