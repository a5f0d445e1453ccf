"""EXIF edited where it lies: all else stays to the byte, as a maker's notes have to.

EXIF is a TIFF without a picture: directories of tags, each with its type, how many numbers, and the
number itself where there is one (CIPA DC-008).
"""

import struct
from collections.abc import Iterator, Mapping

PREFIX = b"Exif\0\0"
ORIENTATION, WIDTH, HEIGHT = 0x0112, 0x0100, 0x0101
FURTHER = 0x8769  # where the directory with most of the tags is
OF_SIZE = {WIDTH: "width", HEIGHT: "height", 0xA002: "width", 0xA003: "height"}
SHORT, LONG = 3, 4
# A thumbnail: where it begins and how long it is, as JPEG or as plain pixels.
THUMBNAIL = ((0x0201, 0x0202), (0x0111, 0x0117))


def upright(exif: bytes) -> bytes:
    """Return EXIF that says that its picture is upright, if it says anything of it."""
    return _with(exif, {ORIENTATION: 1})


def of_size(exif: bytes, width: int, height: int) -> bytes:
    """Return EXIF that says these numbers of pixels, where it says any."""
    sides = {"width": width, "height": height}
    return _with(exif, {tag: sides[side] for tag, side in OF_SIZE.items()})


def without_thumbnail(exif: bytes) -> bytes:
    """Return EXIF without the small picture that it may hold; the very bytes if it holds none."""
    body = bytearray(exif.removeprefix(PREFIX))
    try:
        read = Reader(body)
        first = read.number("I", 4)
        link = first + 2 + 12 * read.number("H", first)
        second = read.number("I", link)
        if not second:
            return exif
        tags = {tag: read.number("I", at + 8) for tag, at in read.tags(second)}
        struct.pack_into(read.order + "I", body, link, 0)
        for begin, length in THUMBNAIL:
            # It lies behind what names it; in a file that lies, nothing is taken out.
            if begin in tags and length in tags and tags[begin] > second:
                _blank(body, tags[begin], tags[begin] + tags[length])
    except struct.error:  # broken: what of it can be understood has been left as it came
        return exif
    return exif[: len(exif) - len(exif.removeprefix(PREFIX))] + bytes(body)


def kept(exif: bytes) -> tuple[bytes, list[str]]:
    """Return EXIF that fits the restored picture, which is upright, and what is said of that."""
    whole = upright(exif)
    small = without_thumbnail(whole)
    said = "the thumbnail in its EXIF, which shows it as it came, is not kept"
    return small, [said] if small != whole else []


def _with(exif: bytes, numbers: Mapping[int, int]) -> bytes:
    """Return EXIF in which those of its tags say these numbers."""
    prefix = PREFIX if exif.startswith(PREFIX) else b""
    body = bytearray(exif.removeprefix(PREFIX))
    try:
        read = Reader(body)
        first = read.number("I", 4)
        places = list(read.tags(first))
        further = [read.number("I", at + 8) for tag, at in places if tag == FURTHER]
        for directory in further[:1]:
            places += read.tags(directory)
        for tag, at in places:
            kind, count = read.number("H", at + 2), read.number("I", at + 4)
            if tag in numbers and kind in (SHORT, LONG) and count == 1:
                short = kind == SHORT and numbers[tag] < 2**16
                values = (SHORT, 1, numbers[tag], 0) if short else (LONG, 1, numbers[tag])
                struct.pack_into(read.order + ("HIHH" if short else "HII"), body, at + 2, *values)
    except struct.error:
        return exif
    return prefix + bytes(body)


def _blank(body: bytearray, begin: int, end: int) -> None:
    """Take bytes out where they are the last ones; others have to keep their places."""
    if end >= len(body):
        del body[begin:]
    else:
        body[begin:end] = bytes(max(end - begin, 0))


class Reader:
    """Reads the numbers and tags of a TIFF; raises struct.error where there are none."""

    def __init__(self, body: bytes | bytearray) -> None:
        self.body = body
        self.order = ">" if body[:2] == b"MM" else "<"

    def number(self, kind: str, at: int) -> int:
        """Return the number at a place, of a type as `struct` names it."""
        return int(struct.unpack_from(self.order + kind, self.body, at)[0])

    def tags(self, directory: int) -> Iterator[tuple[int, int]]:
        """Yield each tag of a directory, and where its entry begins."""
        for number in range(self.number("H", directory)):
            at = directory + 2 + 12 * number
            yield self.number("H", at), at
