"""How much of made-up scratches and dust `--mask auto` finds, and how much else it marks.

    python benchmarks/scratches.py PICTURE_OR_FOLDER...

Writes reports/benchmarks/scratches.json: for each kind of damage the share that was found, and the
share of the other pixels that were marked, except those within one pixel of the damage; and the
share that was marked of each clean picture. Each picture is scaled to at most 512 pixels and takes
its damage from its name, one draw of each kind. Costs some 30 seconds a picture on one core.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from kornia.filters import gaussian_blur2d
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import decoding, files
from convprior.restoration import masks
from damages import compressed

SIDE = 512
LINES = 5


@dataclass(frozen=True)
class Kind:
    """A kind of damage: of ``value`` (1 is white), ``width`` the scratches', in pixels, 0 for none.

    There are so many ``specks``, discs of 3 to 6 pixels, ``lumps``, of no form, of 2 to 8, and
    ``hairs``, which bend; ``uneven`` is how much darker some of them are. Then the picture is
    blurred, in pixels, gets grain, of 255, before, and is compressed to a ``quality``, if any.
    """

    value: float
    width: int = 0
    blur: float = 0.0
    grain: int = 0
    quality: int | None = None
    specks: int = 0
    lumps: int = 0
    hairs: int = 0
    uneven: float = 0.0


KINDS = {
    "white, sharp": Kind(1.0, 2),
    "off-white, scanned": Kind(0.93, 2, 0.5, 3),
    "thin": Kind(0.95, 1, 0.4),
    "wide, blurred": Kind(0.95, 5, 0.8),
    "JPEG 90": Kind(0.97, 2, 0.3, quality=90),
    "dark, JPEG 95": Kind(0.05, 2, 0.4, 3, 95),
    "in grain": Kind(0.95, 3, 0.5, 10),
    "dust": Kind(0.95, 0, 0.4, 2, specks=25),
    "dark dust": Kind(0.06, 0, 0.4, 2, specks=25),
    "dust of all forms, JPEG 90": Kind(0.97, 0, 0.7, 0, 90, lumps=40, uneven=0.1),
    "the same, and hairs": Kind(0.97, 0, 0.7, 0, 90, lumps=40, hairs=4, uneven=0.1),
}


def drawn(picture: Tensor, kind: Kind, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with its damage, and where that is."""
    size = picture.shape[1:]
    cover = torch.zeros(size)
    for _ in range(LINES if kind.width else 0):
        angle, along, bend, row, column = torch.rand(5, generator=generator).tolist()
        t = torch.linspace(-0.5, 0.5, 3 * max(size))
        length = (0.2 + 0.8 * along) * max(size)
        aside = 0.2 * (bend - 0.5) * 4 * t.square()
        angle = torch.tensor(3.1416 * angle)
        rows = row * size[0] + length * (t * angle.sin() + aside * angle.cos())
        columns = column * size[1] + length * (t * angle.cos() - aside * angle.sin())
        cover = torch.maximum(cover, _stroke(size, rows, columns, kind.width))
    for _ in range(kind.specks):
        row, column, radius = torch.rand(3, generator=generator).tolist()
        disc = _stroke(
            size, torch.tensor([row * size[0]]), torch.tensor([column * size[1]]), 2 + 3 * radius
        )
        cover = torch.maximum(cover, disc)
    for one in range(kind.lumps + kind.hairs):
        shape = _lump(size, generator) if one < kind.lumps else _hair(size, generator)
        fainter = kind.uneven * float(torch.rand(1, generator=generator))
        cover = torch.maximum(cover, (1 - fainter) * shape)
    damaged = picture + kind.grain / 255 * torch.randn(picture.shape, generator=generator)
    damaged = damaged * (1 - cover) + kind.value * cover
    if kind.blur:
        damaged = gaussian_blur2d(damaged[None], (7, 7), (kind.blur, kind.blur))[0]
    if kind.quality:
        return compressed(damaged, kind.quality), cover >= 0.5
    return decoding.from_pillow(decoding.to_pillow(damaged.clamp(0, 1))), cover >= 0.5


def _stroke(size: tuple[int, int], rows: Tensor, columns: Tensor, width: float) -> Tensor:
    """Return what a round brush of ``width`` covers that goes through these places."""
    down, right = torch.arange(size[0])[:, None].float(), torch.arange(size[1]).float()
    far = torch.full(size, 99.0)
    reach = math.ceil(width / 2) + 2
    for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
        top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
        part = slice(top, int(y) + reach + 1), slice(left, int(x) + reach + 1)
        if y > -reach and x > -reach:
            far[part] = torch.minimum(far[part], (down[part[0]] - y).hypot(right[part[1]] - x))
    return (width / 2 + 0.5 - far).clamp(0, 1)


def _lump(size: tuple[int, int], generator: Generator) -> Tensor:
    """Return a speck of one to four discs that overlap, 2 to 8 pixels across together."""
    row, column, across, count = torch.rand(4, generator=generator).tolist()
    across, discs = 2 + 6 * across, 1 + int(4 * count)
    width = across if discs == 1 else across / 2 + 0.5
    rows, columns = (across - width) * (torch.rand(2, discs, generator=generator) - 0.5)
    return _stroke(size, row * size[0] + rows, column * size[1] + columns, width)


def _hair(size: tuple[int, int], generator: Generator) -> Tensor:
    """Return a fibre of 15 to 60 pixels whose direction wanders."""
    row, column, angle, length, width = torch.rand(5, generator=generator).tolist()
    turns = 0.12 * torch.randn(int(30 + 90 * length), generator=generator)
    ways = 6.2832 * angle + turns.cumsum(0)
    rows, columns = (
        row * size[0] + 0.5 * ways.sin().cumsum(0),
        column * size[1] + 0.5 * ways.cos().cumsum(0),
    )
    return _stroke(size, rows, columns, 1 + width)


def main() -> None:
    """Measure and write."""
    paths = cases.paths(sys.argv[1:])
    clean: dict[str, float] = {}
    measured: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for path in paths:
        image = decoding.to_pillow(files.read(path).pixels)
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture = decoding.from_pillow(image)
        clean[path.stem] = float(masks.broken(picture).float().mean())
        for kind, damage in KINDS.items():
            generator = seeds.generator("scratches", path.stem, kind)
            damaged, truth = drawn(picture, damage, generator)
            found = masks.broken(damaged)
            near = functional.max_pool2d(truth[None, None].float(), 3, 1, 1)[0, 0] > 0
            measured[kind].append(
                (float(found[truth].float().mean()), float((found & ~near).float().mean()))
            )
        print(f"{path.stem}: {clean[path.stem]:.3%} of the clean picture marked", flush=True)
    result = {"pictures": len(paths), "clean": clean, "kinds": {}}
    for kind, pairs in measured.items():
        found, besides = torch.tensor(pairs).T
        result["kinds"][kind] = {
            "n": len(pairs),
            "found": round(float(found.mean()), 3),
            "found_at_least_0.8": round(float((found >= 0.8).float().mean()), 3),
            "besides": round(float(besides.mean()), 5),
            "besides_worst": round(float(besides.max()), 5),
        }
        print(kind, result["kinds"][kind])
    atomic.write_json(Path("reports/benchmarks/scratches.json"), result)


if __name__ == "__main__":
    main()
