"""A camera's raw file made by hand: a DNG is a TIFF of what a sensor counts, colours in turn."""

import io
import struct

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2
from PIL.TiffTags import ASCII, BYTE, LONG, RATIONAL, SHORT, SIGNED_RATIONAL

COLOURS, CFA, GREY = 262, 32803, 1
BLACK, WHITE = 512, 16383
XYZ_TO_SRGB = (
    3.2404542, -1.5371385, -0.4985314, -0.969266, 1.8760108, 0.041556, 0.0556434, -0.2040259,
    1.0572252,
)  # fmt: skip
NEUTRAL = (0.5, 1.0, 0.8)  # what this sensor counts of grey


def dng(light: np.ndarray, orientation: int = 1) -> bytes:
    """Return the file of a camera whose colours are sRGB's; ``light`` (h, w, 3) is linear."""
    counted = light * NEUTRAL
    height, width = light.shape[:2]
    rows, columns = np.mgrid[:height, :width] % 2
    mosaic = np.take_along_axis(counted, (rows + columns)[..., None], 2)[..., 0]
    values = np.round(BLACK + mosaic * (WHITE - BLACK)).astype(np.uint16)
    tags = ImageFileDirectory_v2()
    camera = np.array(XYZ_TO_SRGB) * np.repeat(NEUTRAL, 3)
    for tag, kind, value in (
        (271, ASCII, "Maker"), (272, ASCII, "Made by hand"), (274, SHORT, orientation),
        (33421, SHORT, (2, 2)), (33422, BYTE, bytes((0, 1, 1, 2))),
        (50706, BYTE, bytes((1, 4, 0, 0))), (50708, ASCII, "Made by hand"),
        (50714, SHORT, BLACK), (50717, SHORT, WHITE),
        (50721, SIGNED_RATIONAL, tuple(IFDRational(round(x * 10_000), 10_000) for x in camera)),
        (50728, RATIONAL, tuple(IFDRational(round(x * 10), 10) for x in NEUTRAL)),
    ):  # fmt: skip
        tags.tagtype[tag] = kind
        tags[tag] = value
    tags.tagtype[34665] = LONG
    tags[34665] = {0x9003: "2026:11:29 06:00:00", 0x829A: IFDRational(1, 60), 0x927C: b"notes"}
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF", tiffinfo=tags)
    named = struct.pack("<HHII", COLOURS, 3, 1, GREY)
    assert file.getvalue().count(named) == 1
    return file.getvalue().replace(named, struct.pack("<HHII", COLOURS, 3, 1, CFA))
