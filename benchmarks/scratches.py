"""How much of made-up scratches and dust `--mask auto` finds, and how much else it marks.

    python benchmarks/scratches.py PICTURE_OR_FOLDER...

Writes reports/benchmarks/scratches.json: for each kind of damage the share that was found, and the
share of the other pixels that were marked, except those within one pixel of the damage; and the
share that was marked of each clean picture. Each picture is scaled to at most 512 pixels and takes
its damage from its name, one draw of each kind. Costs some 20 seconds a picture on one core.
"""

import io
import sys
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

SIDE = 512
LINES, SPECKS = 5, 25
# light or dark, width in pixels, blur in pixels, grain of 255, quality of JPEG if any, specks
KINDS = {
    "white, sharp": (1.0, 2, 0.0, 0, None, 0),
    "off-white, scanned": (0.93, 2, 0.5, 3, None, 0),
    "thin": (0.95, 1, 0.4, 0, None, 0),
    "wide, blurred": (0.95, 5, 0.8, 0, None, 0),
    "JPEG 90": (0.97, 2, 0.3, 0, 90, 0),
    "dark, JPEG 95": (0.05, 2, 0.4, 3, 95, 0),
    "in grain": (0.95, 3, 0.5, 10, None, 0),
    "dust": (0.95, 0, 0.4, 2, None, SPECKS),
    "dark dust": (0.06, 0, 0.4, 2, None, SPECKS),
}


def drawn(picture: Tensor, kind: tuple, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with slightly bent scratches or specks, and where they are."""
    value, width, blur, grain, quality, specks = kind
    height, wide = picture.shape[1:]
    cover = torch.zeros(height, wide)
    down = torch.arange(height)[:, None].float()
    right = torch.arange(wide).float()
    for _ in range(LINES if width else 0):
        angle, along, bend, row, column = torch.rand(5, generator=generator).tolist()
        t = torch.linspace(-0.5, 0.5, 3 * max(height, wide))
        length = (0.2 + 0.8 * along) * max(height, wide)
        aside = 0.2 * (bend - 0.5) * 4 * t.square()
        angle = torch.tensor(3.1416 * angle)
        rows = row * height + length * (t * angle.sin() + aside * angle.cos())
        columns = column * wide + length * (t * angle.cos() - aside * angle.sin())
        far = torch.full((height, wide), 99.0)
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
            part = (slice(max(int(y) - 5, 0), int(y) + 6), slice(max(int(x) - 5, 0), int(x) + 6))
            if y > -5 and x > -5:
                far[part] = torch.minimum(far[part], (down[part[0]] - y).hypot(right[part[1]] - x))
        cover = torch.maximum(cover, (width / 2 + 0.5 - far).clamp(0, 1))
    for _ in range(specks):
        row, column, radius = torch.rand(3, generator=generator).tolist()
        away = (down - row * height).hypot(right - column * wide)
        cover = torch.maximum(cover, (1.5 + 1.5 * radius - away).clamp(0, 1))
    damaged = picture + grain / 255 * torch.randn(picture.shape, generator=generator)
    damaged = damaged * (1 - cover) + value * cover
    if blur:
        damaged = gaussian_blur2d(damaged[None], (7, 7), (blur, blur))[0]
    file = io.BytesIO()
    image = decoding.to_pillow(damaged.clamp(0, 1))
    image.save(file, "JPEG" if quality else "PNG", **({"quality": quality} if quality else {}))
    return decoding.from_pillow(Image.open(file)), cover >= 0.5


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
