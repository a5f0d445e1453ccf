"""How fast pictures reach a network: our tables, beside a folder of JPEGs in torchvision's manner.

    python benchmarks/loading.py
    python benchmarks/loading.py --page     # of what was measured before

Makes up JPEGs of 500×375 from four photographs, stores them as params/imagenet.yaml says (whole,
pixels, the shorter side 256), and loads both in turns: the folder by Pillow, a random box of each
picture resized to 224×224 and normalised in the loader; ours as squares of 256×256, which the
device crops. Writes reports/benchmarks/loading.json, pictures a second, medians of rounds, with
the medians of the rounds' ratios, and a page of it, loading.html. Costs some four minutes of two
cores, attains what that file says. Pictures come from memory: no disk is measured.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import cases
import loading_page
from convprior.ground import atomic, params, seeds
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.stages.train import Train
from convprior.training.augmentation import Normalise
from convprior.training.data.card import Card
from convprior.training.prepared import Batch, Pictures, as_it_is

OUT = Path("reports/benchmarks/loading.json")
SETTINGS = Path(__file__).parents[1] / "params/imagenet.yaml"
NAMES = ("astronaut", "coffee", "retina", "rocket")  # one class each
SIZE = (500, 375)  # width and height of most of ImageNet's pictures
SIDE = 224
APPETITE = 2500  # pictures a second that ResNet-50 takes on one H100
CORES = 16  # of a node


def make_tree(root: Path, pictures: int) -> None:
    """Write JPEGs, each another box of a photograph, as {train,val}/<class>/<picture>."""
    draw = np.random.default_rng(seeds.seed("loading"))
    for name in NAMES:
        photograph = PHOTOGRAPHS[name].load()
        for split, count in (("train", pictures // len(NAMES)), ("val", 2)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                width = draw.uniform(0.5, 0.99) * min(photograph.width, photograph.height * 4 / 3)
                left = draw.uniform(0, photograph.width - width)
                top = draw.uniform(0, photograph.height - width * 3 / 4)
                box = (left, top, left + width, top + width * 3 / 4)
                image = photograph.resize(SIZE, Image.Resampling.BICUBIC, box)
                image.save(folder / f"{number:04}.jpg", quality=92)


def prepare(scratch: Path) -> Path:
    """Store the tree as the parameters for ImageNet say, and return the folder."""
    content = yaml.safe_load(SETTINGS.read_text())
    content["prepare"]["source"] = "tree"
    (scratch / "params.yaml").write_text(yaml.safe_dump(content))
    subprocess.run(
        [sys.executable, "-m", "convprior.stages.prepare", "prepared", "report"],
        cwd=scratch, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return scratch / "prepared"


class Folder(Dataset[tuple[Tensor, int]]):
    """Pictures (3, 224, 224), normalised, each a random box, and their classes."""

    def __init__(self, root: Path, data: Card) -> None:
        self.paths = sorted(root.glob("*/*.jpg"))
        self.classes = sorted({path.parent.name for path in self.paths})
        self.mean, self.deviation = (
            torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.deviation)
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path = self.paths[index]
        image = Image.open(path).convert("RGB")
        image = image.crop(self._box(*image.size)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        shown = (pixels.float() / 255).sub_(self.mean).div_(self.deviation)
        return shown, self.classes.index(path.parent.name)

    @staticmethod
    def _box(width: int, height: int) -> tuple[int, int, int, int]:
        """Draw a box of 8 % to all of the picture's area, and of 3:4 to 4:3."""
        for _ in range(10):
            area = width * height * float(torch.empty(()).uniform_(0.08, 1))
            ratio = float(torch.empty(()).uniform_(np.log(3 / 4), np.log(4 / 3)).exp())
            across, down = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if across <= width and down <= height:
                left = int(torch.randint(width - across + 1, ()))
                top = int(torch.randint(height - down + 1, ()))
                return left, top, left + across, top + down
        return 0, 0, width, height


def loaders(scratch: Path, batch_size: int, workers: int) -> dict[str, DataLoader[Any]]:
    """Return both loaders, with so many processes each."""
    prepared = scratch / "prepared"
    card = Card.read(prepared)
    common: dict[str, Any] = {
        "batch_size": batch_size, "shuffle": True, "num_workers": workers,
        "persistent_workers": workers > 0, "drop_last": True,
    }  # fmt: skip
    ours = Pictures(prepared, "train", card.form)
    return {
        "ours": DataLoader(ours, collate_fn=as_it_is, **common),
        "folder": DataLoader(Folder(scratch / "tree/train", card), **common),
    }


def speed(loader: DataLoader[Any], epochs: int, clock: Callable[[], float]) -> float:
    """Return pictures a second over so many epochs."""
    begun, seen = clock(), 0
    for _ in range(epochs):
        seen += sum(len(labels) for _, labels in loader)
    return seen / (clock() - begun)


def in_turns(rounds: int, measures: dict[str, Callable[[], float]]) -> dict[str, Any]:
    """Return the medians of what is measured, and of the ratio of ours to the folder's."""
    found = [{name: measure() for name, measure in measures.items()} for _ in range(rounds)]
    ratios = sorted(each["ours"] / each["folder"] for each in found)
    return {
        **{name: round(statistics.median(each[name] for each in found), 1) for name in measures},
        "ratio": round(statistics.median(ratios), 1),
        "ratios": [round(ratio, 1) for ratio in ratios],
    }


def alone(scratch: Path, rounds: int, workers: int) -> dict[str, Any]:
    """Return how fast the loaders are: of one core's time, or of the clock's with processes."""
    clock = time.perf_counter if workers else time.process_time
    each = loaders(scratch, 64, workers)
    for loader in each.values():
        speed(loader, 1, clock)  # the processes start
    return in_turns(
        rounds,
        {
            "ours": lambda: speed(each["ours"], 20, clock),
            "folder": lambda: speed(each["folder"], 1, clock),
        },
    )


class Steps:
    """Training steps of ResNet-18 on batches that a loader gives."""

    def __init__(self, data: Card, settings: Train) -> None:
        resnet = settings.networks["resnet18"].blueprint(data).build()
        self.network = resnet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = settings.method.optimise(self.network.parameters(), 0.01, 0.0)
        self.change = nn.Sequential(
            Normalise(data), settings.crop.build(), settings.augmentation.build()
        )

    def take(self, batches: Iterator[Batch], cropped: bool, steps: int) -> tuple[float, float]:
        """Return pictures a second, and the share of the time that was spent waiting."""
        begun, waited, seen = time.perf_counter(), 0.0, 0
        for _ in range(steps):
            asked = time.perf_counter()
            pictures, labels = next(batches)
            waited += time.perf_counter() - asked
            shown = pictures if cropped else self.change(pictures)
            self.optimiser.zero_grad()
            functional.cross_entropy(self.network(shown), labels).backward()
            self.optimiser.step()
            seen += len(labels)
        took = time.perf_counter() - begun
        return seen / took, waited / took


def endless(loader: DataLoader[Any]) -> Iterator[Batch]:
    """Yield batches, epoch after epoch."""
    while True:
        yield from loader


def trained(scratch: Path, settings: Train, rounds: int) -> dict[str, Any]:
    """Return how fast steps are with each loader in a process beside, and how long they wait."""
    steps = Steps(Card.read(scratch / "prepared"), settings)
    batches = {name: endless(of) for name, of in loaders(scratch, 8, 1).items()}
    waits: dict[str, list[float]] = {name: [] for name in batches}

    def measure(name: str) -> float:
        found, waited = steps.take(batches[name], name == "folder", 3)
        waits[name].append(waited)
        return found

    for name in batches:
        measure(name)
        waits[name].clear()
    speeds = in_turns(rounds, {name: lambda name=name: measure(name) for name in batches})
    shares = {name: round(statistics.median(each), 4) for name, each in waits.items()}
    return speeds | {"share_of_the_time_waiting": shares}


def cropping(scratch: Path, settings: Train, rounds: int) -> float:
    """Return the milliseconds that normalising, cropping and flipping a picture takes here."""
    steps = Steps(Card.read(scratch / "prepared"), settings)
    pictures, _ = next(iter(loaders(scratch, 64, 0)["ours"]))
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        steps.change(pictures)
        found.append((time.process_time() - begun) / len(pictures) * 1000)
    return round(statistics.median(found), 2)


def measure(pictures: int, rounds: int, workers: list[int]) -> None:
    """Measure and write the numbers."""
    torch.set_num_threads(1)
    settings = params.load(SETTINGS, "train", Train)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        make_tree(scratch / "tree", pictures)
        prepare(scratch)
        core = alone(scratch, rounds, 0)
        print("one core:", core, flush=True)
        found = {
            "machine": cases.machine(),
            "load": os.getloadavg()[0],
            "pictures": pictures,
            "rounds": rounds,
            "one_core": core,
            "workers": {str(n): alone(scratch, rounds, n) for n in workers},
            "resnet18_step": trained(scratch, settings, rounds),
            "crop_on_this_cpu_ms": cropping(scratch, settings, rounds),
            # Each further core of a node is taken to load as many: not measured.
            "gpus_fed_by_a_node": {
                name: round(core[name] * CORES / APPETITE, 1) for name in ("ours", "folder")
            },
        }
    atomic.write_json(OUT, found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--page", action="store_true", help="measure nothing: make the page anew")
    args = parser.parse_args()
    if not args.page:
        measure(args.pictures, args.rounds, args.workers)
    result, written = json.loads(OUT.read_text()), OUT.with_suffix(".html")
    loading_page.write(written, result, appetite=APPETITE, cores=CORES)
    print(f"wrote {written}")


if __name__ == "__main__":
    main()
