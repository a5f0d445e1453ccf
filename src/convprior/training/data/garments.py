"""The default data: photographed garments at controlled places on photographic backgrounds.

Written as an ordinary ImageNet-style tree, so that it takes the path of everybody's data. Beside
the pictures, ``parts/`` keeps each validation object (RGBA) and background apart. Garments come
from Fashion-MNIST (see data/garments), backgrounds from the scikit-image wheel (see samples.py).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from convprior.ground import atomic, seeds
from convprior.pictures import decoding
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.pictures.picture import ImageError
from convprior.training.data.scenes import Pixels, Place, paste

SIDE = 28  # pixels of a garment
CORNER = (0, 0)  # top and left of the place that `corner` trains
NAMES = {  # WordNet 3.0
    "n03595614": "T-shirt",
    "n04489008": "trouser",
    "n04021028": "pullover",
    "n03236735": "dress",
    "n03057021": "coat",
    "n04133789": "sandal",
    "n04197391": "shirt",
    "n03472535": "sneaker",
    "n02774152": "bag",
    "n02872752": "ankle boot",
}
BACKGROUNDS = {
    "train": ("astronaut", "chelsea", "coffee", "rocket"),
    "val": ("hubble", "retina"),
}


def are_sheets(folder: Path) -> bool:
    """Return whether a folder holds the sheets of garments, and not a tree of pictures."""
    return all((folder / "train" / f"{name}.png").is_file() for name in NAMES)


def read_sheet(path: Path) -> Pixels:
    """Return the garments of one sheet as uint8 (n, 28, 28). Raises ImageError."""
    if not path.is_file():
        raise ImageError(f"{path}: no such sheet of garments; it comes with the repository")
    sheet = np.asarray(decoding.decode_rgb(path.read_bytes(), str(path)))[..., 0]
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    tiles = sheet.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    return tiles.reshape(-1, SIDE, SIDE)


def cut_out(garment: Pixels, random: np.random.Generator) -> Pixels:
    """Return a grey garment (28, 28) as RGBA with random brightness, contrast and tint.

    The mask is its silhouette: what is not nearly black, with the holes filled.
    """
    inside = ndimage.binary_fill_holes(garment > 20)
    floor, gain = random.uniform(0.0, 0.4), random.uniform(0.3, 0.6)
    tint = random.uniform(0.5, 1.0, size=3)
    colour = (floor + gain * garment[..., None] / 255) * tint * 255
    return np.dstack([colour, inside * 255]).round().astype(np.uint8)


def crop_background(
    photographs: Sequence[Image.Image], size: int, random: np.random.Generator
) -> Pixels:
    """Return a random square of a random photograph, scaled to ``size``, as uint8 RGB.

    Turned, mirrored and with its channels in random order: a few photographs must not be learned by
    heart.
    """
    photograph = photographs[int(random.integers(len(photographs)))]
    side = int(random.integers(size, min(4 * size, *photograph.size) + 1))
    left = int(random.integers(photograph.width - side + 1))
    top = int(random.integers(photograph.height - side + 1))
    square = photograph.crop((left, top, left + side, top + side))
    pixels = np.asarray(decoding.fit_square(square, size))
    pixels = np.rot90(pixels, int(random.integers(4)))[:, :: random.choice([1, -1])]
    turned: Pixels = pixels[..., random.permutation(3)]
    return turned


def make_tree(
    sheets: Path, target: Path, *, size: int, positions: Place, seed: int, most: int | None
) -> None:
    """Write ``target``/{train,val,parts}/<class>/*.png and classes.json from sheets of garments.

    ``size`` is the side of the pictures, ``most`` the most pictures of a class and split.
    Every picture has its own random stream, named by split, class and number.
    """
    if size <= SIDE:
        raise ValueError(f"prepare.size is {size}: garments need more than {SIDE} pixels a side")
    atomic.write_json(target / "classes.json", NAMES)
    for split, names in BACKGROUNDS.items():
        photographs = [PHOTOGRAPHS[name].load() for name in names]
        for sheet in sorted((sheets / split).glob("*.png")):
            folder, parts = target / split / sheet.stem, target / "parts" / sheet.stem
            folder.mkdir(parents=True)
            parts.mkdir(parents=True, exist_ok=True)
            for number, garment in enumerate(read_sheet(sheet)[:most]):
                random = np.random.default_rng(
                    seeds.seed("garments", split, sheet.stem, number, seed)
                )
                cutout = cut_out(garment, random)
                background = crop_background(photographs, size, random)
                place = (
                    CORNER if positions == "corner" else random.integers(size - SIDE + 1, size=2)
                )
                scene = paste(background, cutout, int(place[0]), int(place[1]))
                Image.fromarray(scene).save(folder / f"{number:04}.png", compress_level=1)
                if split == "val":
                    Image.fromarray(cutout).save(parts / f"{number:04}.object.png")
                    Image.fromarray(background).save(parts / f"{number:04}.background.png")
