"""A picture as tiles of eight bits at every scale: what is seen of it, however large it is."""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from convprior.pictures import files, seen
from convprior.pictures.picture import STRIP, Picture, to_values

TILE = 512  # pixels a side
MOST_BYTES = 10**9  # of views that are kept


@dataclass(frozen=True)
class View:
    """What is seen of one page: uint8 (h, w[, c]), and again and again at half the size.

    ``pages`` is how many its file has, ``stamp`` tells the file from a later one of its name,
    ``low`` and ``high`` are the values that are black and white.
    """

    levels: list[np.ndarray]
    stamp: str
    pages: int
    channels: int
    depth: int
    low: float
    high: float

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels of the picture."""
        return int(self.levels[0].shape[0]), int(self.levels[0].shape[1])

    def weight(self) -> int:
        """Return how many bytes of memory it takes."""
        return sum(level.nbytes for level in self.levels)

    def tile(self, level: int, column: int, row: int) -> bytes:
        """Return a tile as PNG. Raises IndexError for one that is not there."""
        shown = self.levels[level]
        part = shown[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        if min(level, column, row) < 0 or not part.size:
            raise IndexError("no such tile")
        data = io.BytesIO()
        Image.fromarray(part).save(data, "PNG", compress_level=1)
        return data.getvalue()


def view(path: Path, page: int = 0, shades: tuple[float, float] | None = None) -> View:
    """Return the view of a file's page. Raises ImageError, and IndexError for no such page.

    ``shades`` are the values shown black and white; by default those of the page itself.
    """
    stamp = str(path.stat().st_mtime_ns)
    pages = files.read_pages(path)
    if not 0 <= page < len(pages):
        raise IndexError("no such page")
    picture = seen.without_absent(pages[page])
    low, high = shades or seen.range_of(picture)
    levels = [_eight_bits(picture, low, high)]
    while max(levels[-1].shape[:2]) > TILE:
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(2)))
    return View(levels, stamp, len(pages), len(picture.pixels), picture.depth, low, high)


def _eight_bits(picture: Picture, low: float, high: float) -> np.ndarray:
    """Return uint8 (h, w[, c]), with the transparency last."""
    strips = []
    for top in range(0, picture.pixels.shape[1], STRIP):  # a copy of all in floats is large
        strip = seen.shown(picture.pixels[:, top : top + STRIP], low, high)
        if picture.alpha is not None:
            strip = torch.cat([strip, picture.alpha[None, top : top + STRIP]])
        strips.append(to_values(strip))
    return np.concatenate(strips)


class Views:
    """The views that were asked for last, as long as there is room for them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, int, float], View] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: Path, page: int, shades: tuple[float, float] | None = None) -> View:
        """Return the view of a file as it is now; see `view`. Raises OSError where it is gone."""
        key = (path, page, path.stat().st_mtime)
        with self._lock:  # one is read at a time: a large picture takes gigabytes meanwhile
            if key not in self._kept:
                for old in [old for old in self._kept if old[:2] == key[:2]]:
                    del self._kept[old]
                self._kept[key] = view(path, page, shades)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(v.weight() for v in self._kept.values()) > MOST_BYTES:
                self._kept.popitem(last=False)
            return self._kept[key]
