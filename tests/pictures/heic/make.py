"""Make the HEIC files beside this one: nothing that the project needs can write them.

    pip install pillow-heif && python tests/pictures/heic/make.py

pillow-heif 1.8.1 made those that are here; its wheels hold x265, which is GPL.
"""

from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

HERE = Path(__file__).parent
WIDTH, HEIGHT = 64, 48
LIKE = {"quality": 90, "chroma": 444}


def gradient(most: int) -> np.ndarray:
    """Return (h, w, 3) that says where each pixel was: red across, green down, blue the rest."""
    sides = np.linspace(0, 1, HEIGHT), np.linspace(0, 1, WIDTH)
    down, across = np.meshgrid(*sides, indexing="ij")
    return np.stack([across, down, 1 - (across + down) / 2], -1) * most


def main() -> None:
    """Run."""
    pillow_heif.register_heif_opener()
    plain = Image.fromarray(gradient(255).round().astype(np.uint8))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Phone", 6
    exif.get_ifd(0x8825)[1] = "N"
    plain.save(  # a phone's: the file turns its picture, and EXIF says the same once more
        HERE / "turned.heic", exif=exif.tobytes(), xmp=b'<x tiff:Orientation="6"/>',
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), **LIKE,
    )  # fmt: skip
    deep = gradient(65535).round().astype(np.uint16).tobytes()
    pillow_heif.from_bytes("RGB;16", plain.size, deep).save(  # of 10 bits, with ITU-R BT.2100's PQ
        HERE / "deep.heic", color_primaries=9, transfer_characteristics=16,
        matrix_coefficients=9, full_range_flag=1, **LIKE,
    )  # fmt: skip
    seen = np.dstack([np.asarray(plain), np.asarray(plain)[..., 0]])
    Image.fromarray(seen).save(HERE / "transparent.heic", **LIKE)
    pillow_heif.from_bytes("RGBa", plain.size, seen.tobytes()).save(HERE / "multiplied.heic")
    several = pillow_heif.from_pillow(plain.convert("L"))
    several.add_from_pillow(plain)
    several[1].info["pixel_aspect_ratio"] = (2, 1)
    several.save(HERE / "several.heic", primary_index=1, **LIKE)


if __name__ == "__main__":
    main()
