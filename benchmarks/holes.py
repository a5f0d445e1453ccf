"""How square holes of 8 to 128 pixels are filled, and whether what fills them is a blur.

    python benchmarks/holes.py PICTURE...

Writes reports/benchmarks/holes.json: means over the pictures, each scaled to at most 384 pixels,
one hole of each size in it, at a place told by its name. PSNR in the hole, at most 100 dB; SSIM of
the hole and what is around it, a window's width; texture: the mean gradient in the hole over that
of a ring around it, the median over the pictures (a blur is far below 1). ``chosen`` is how often
the task leaves a hole of that size to which method. Biharmonic inpainting, whose time grows with
the hole's area squared, is left out beyond 32 pixels, and the network, which is given a minute and
a half, below 16: the task never asks it there. Without PICTURE the photographs of scikit-image are
taken. Costs six minutes a picture.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median

import torch
from PIL import Image
from skimage import data
from torch import Tensor
from torch.nn import functional

import cases
from convprior.ground import atomic, seeds
from convprior.pictures import decoding, files
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.prior.exemplars.filling import fill
from convprior.prior.patches.filling import Filling
from convprior.problem import classical, metrics
from convprior.problem.observation import Observation
from convprior.restoration import gaps
from convprior.restoration.settings import Settings
from convprior.restoration.within_memory import restore_within_memory

SIDE = 384
SIZES = (8, 16, 32, 64, 128)
BIHARMONIC_UP_TO = 32
NETWORK_FROM = 16
NETWORK = Settings(task="inpaint", fill="network", time_limit=90.0)
MOST = 100.0  # dB: all is as it was
FLAT = 1 / 255  # mean difference of neighbours below which there is no texture to compare with
AROUND = 12  # pixels: the ring with which a hole is compared


def pictures(paths: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield the pictures by name, those of scikit-image first."""
    images = {name: photograph.load() for name, photograph in PHOTOGRAPHS.items()}
    images |= {name: Image.fromarray(getattr(data, name)()) for name in ("brick", "grass")}
    images |= {Path(path).stem: decoding.to_pillow(files.read(Path(path)).pixels) for path in paths}
    for name, image in images.items():
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        yield name, decoding.from_pillow(image)


def exemplars(observation: Observation) -> Tensor:
    """Return the picture filled with pieces of it."""
    known = observation.known
    *_, (_, picture) = fill(observation.observed, ~known, known, seeds.generator("exemplars", 0, 0))
    return picture


def network(observation: Observation) -> Tensor:
    """Return the picture as the task leaves it where the network fills each hole."""
    return restore_within_memory(observation, "inpaint", NETWORK, "cpu").picture


METHODS = {
    "biharmonic": classical.baseline,
    "combinations": lambda observation: Filling(observation).done(),
    "exemplars": exemplars,
    "network": network,
}


def chosen(observation: Observation) -> str:
    """Return the method to which the task leaves a hole."""
    if gaps.hollow(observation.known):
        return "exemplars"
    return "network" if gaps.deep(observation.known) else "combinations"


def gradient(picture: Tensor, where: Tensor) -> float:
    """Return the mean difference of neighbours, of which both are in a mask."""
    across = picture.diff(dim=2)[:, where[:, 1:] & where[:, :-1]]
    down = picture.diff(dim=1)[:, where[1:] & where[:-1]]
    return float(torch.cat([across, down], 1).abs().mean())


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    names = []
    choices: dict[str, Counter[str]] = {}
    for name, picture in pictures(sys.argv[1:]):
        names.append(name)
        height, width = picture.shape[1:]
        for size in SIZES:
            generator = seeds.generator("holes", name, size)
            top, left = (
                int(torch.randint(AROUND, side - size - AROUND, (), generator=generator))
                for side in (height, width)
            )
            hole = torch.zeros(height, width, dtype=torch.bool)
            hole[top : top + size, left : left + size] = True
            ring = functional.max_pool2d(hole[None].float(), 2 * AROUND + 1, 1, AROUND)[0] > 0
            rows = slice(top - AROUND, top + size + AROUND)
            columns = slice(left - AROUND, left + size + AROUND)
            observation = Observation(picture.where(~hole, torch.nan), ~hole, exact=True)
            choices.setdefault(str(size), Counter())[chosen(observation)] += 1
            beside = gradient(picture, ring & ~hole)
            for method, work in METHODS.items():
                if method == "biharmonic" and size > BIHARMONIC_UP_TO:
                    continue
                if method == "network" and size < NETWORK_FROM:
                    continue
                begun = time.process_time()
                made = work(observation).clamp(0, 1)
                row = {
                    "seconds": time.process_time() - begun,
                    "psnr": min(metrics.psnr(picture, made, hole), MOST),
                    "ssim": metrics.ssim(picture[:, rows, columns], made[:, rows, columns]),
                }
                if beside > FLAT:
                    row["texture"] = gradient(made, hole) / beside
                kept = found.setdefault(str(size), {}).setdefault(method, {})
                for key, value in row.items():
                    kept.setdefault(key, []).append(value)
                print(name, size, method, {k: round(v, 2) for k, v in row.items()}, flush=True)
    result = {
        "command": " ".join(["python benchmarks/holes.py", *map(_name, sys.argv[1:])]),
        "machine": cases.machine(),
        "pictures": names,
        "chosen": choices,
        "holes": {
            size: {
                method: {
                    key: round(median(each) if key == "texture" else fmean(each), 3)
                    for key, each in of.items()
                }
                for method, of in methods.items()
            }
            for size, methods in found.items()
        },
    }
    atomic.write_json(Path("reports/benchmarks/holes.json"), result)


def _name(path: str) -> str:
    return Path(path).name


if __name__ == "__main__":
    main()
