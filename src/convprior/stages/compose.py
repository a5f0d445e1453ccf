"""Compose the study's scenes: small garments and backgrounds, kept apart.

    python -m convprior.stages.compose data/garments data/scenes reports/compose

The learning rates are chosen on `validation`, which are training garments held back; every figure
of the study is measured on `test`, whose garments and backgrounds no network has seen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from convprior.ground import atomic, params, seeds, tracking
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.stages import StageError, arguments, start
from convprior.training.data import garments
from convprior.training.data.card import Card
from convprior.training.data.scenes import Scenes, halved, save


class Compose(params.Section):
    """The section `compose`."""

    size: Annotated[int, Field(ge=16, le=4096)]
    side: Literal[14, 28]
    brightness: Annotated[float, Field(gt=0, le=1)]
    train: params.Count
    validation: params.Count
    test: params.Count
    seed: params.Seed


def compose(sheets: Path, folder: str, most: int, settings: Compose) -> Scenes:
    """Return at most so many scenes of one folder of sheets, the classes taking turns."""
    photographs = [PHOTOGRAPHS[name].load() for name in garments.BACKGROUNDS[folder]]
    classes = sorted(garments.NAMES)
    each = [garments.read_sheet(sheets / folder / f"{name}.png") for name in classes]
    cutouts, backgrounds, labels = [], [], []
    for number in range(min(*map(len, each), -(-most // len(each)))):
        for label, garment in enumerate(sheet[number] for sheet in each):
            random = np.random.default_rng(
                seeds.seed("compose", folder, classes[label], number, settings.seed)
            )
            cutouts.append(garments.cut_out(garment, random))
            backgrounds.append(garments.crop_background(photographs, settings.size, random))
            labels.append(label)
    objects = torch.from_numpy(np.stack(cutouts)).permute(0, 3, 1, 2)
    return Scenes(
        halved(objects) if settings.side == 14 else objects,
        (settings.brightness * torch.from_numpy(np.stack(backgrounds)).permute(0, 3, 1, 2))
        .round()
        .to(torch.uint8),
        torch.tensor(labels),
    )[:most]


def describe(train: Scenes, settings: Compose) -> Card:
    """Return the classes, and mean and deviation of the training pictures."""
    generator = seeds.generator("compose", "describe", settings.seed)
    pixels = train.at(*train.offsets("uniform", generator)).double() / 255
    digest = hashlib.sha256()
    for part in (train.objects, train.backgrounds, train.labels):
        digest.update(part.contiguous().numpy().tobytes())
    classes = sorted(garments.NAMES)
    return Card(
        size=train.size,
        classes=classes,
        names=[garments.NAMES[name] for name in classes],
        mean=pixels.mean((0, 2, 3)).tolist(),
        deviation=pixels.std((0, 2, 3)).tolist(),
        content=digest.hexdigest(),
    )


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "garments", "scenes", "report")
    settings = params.load(args.params, "compose", Compose)
    if settings.size <= settings.side:
        raise StageError(
            f"compose.size is {settings.size}: objects of {settings.side} pixels need more"
        )
    about = "Garments put on backgrounds: the scenes of the study."
    with tracking.run("compose", "scenes", settings.model_dump(), about=about) as run:
        wanted = settings.train + settings.validation
        known = compose(args.garments, "train", wanted, settings)
        if len(known) < wanted:
            raise StageError(
                f"compose.train and compose.validation want {wanted:,} garments, there are "
                f"{len(known):,}: ask for fewer"
            )
        splits = {
            "train": known[: settings.train],
            "validation": known[settings.train :],
            "test": compose(args.garments, "val", settings.test, settings),
        }
        if len(splits["test"]) < settings.test:
            raise StageError(
                f"compose.test wants {settings.test:,} garments, there are "
                f"{len(splits['test']):,}: ask for fewer"
            )
        description = describe(splits["train"], settings)
        with atomic.folder(args.scenes) as out:
            for name, scenes in splits.items():
                save(out / f"{name}.safetensors", scenes)
            atomic.write_json(out / "description.json", asdict(description))
        counts = {name: len(scenes) for name, scenes in splits.items()}
        atomic.write_json(args.report / "metrics.json", counts)
        run.metrics(counts)


if __name__ == "__main__":
    start(main)
