"""Bring pictures to one size, and write them as Arrow tables, with a manifest of what was found.

    python -m convprior.stages.prepare data/prepared reports/prepare

`prepare.source` is an ImageNet-style tree, the archives of ILSVRC 2012, WebDataset shards, parquet
files of the Hugging Face hub, or the folder of the sheets of garments. Interrupted, the same
command goes on with the parts that are left.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import datasets
import numpy as np
from pydantic import Field

from convprior.ground import atomic, params, resume, tracking
from convprior.pictures import decoding
from convprior.stages import StageError, arguments, start
from convprior.training import data
from convprior.training.data import garments, scenes, sources, tables
from convprior.training.data.card import Card
from convprior.training.data.listing import SPLITS, Source, cut
from convprior.training.data.storing import Form, Shape, Store
from convprior.training.data.tree import Tree

log = logging.getLogger(__name__)

STATE = Path(".convprior/state/prepare")
# Parts that other code has made are made again.
METHOD = sorted(path for folder in data.__path__ for path in Path(folder).glob("*.py"))
METHOD.append(Path(decoding.__file__))


class Prepare(params.Section):
    """The section `prepare`."""

    source: str
    check: bool
    size: Annotated[int, Field(ge=8)]
    shape: Shape
    store: Store
    positions: scenes.Place
    most_per_class: params.Count | None
    allow_bad_val: bool
    seed: params.Seed


def find(settings: Prepare, scratch: Path) -> Source:
    """Return the source; a tree of garments is made of their sheets first."""
    source = Path(settings.source)
    if not garments.are_sheets(source):
        return sources.find(source, checked=settings.check)
    root = scratch / "tree"
    try:
        garments.make_tree(
            source,
            root,
            size=settings.size,
            positions=settings.positions,
            seed=settings.seed,
            most=settings.most_per_class,
        )
    except ValueError as error:
        raise StageError(str(error)) from None
    return Tree(root, identity=resume.fingerprint(source))


def check(manifest: dict[str, Any], settings: Prepare) -> None:
    """Raise StageError for what must not go on: bad validation pictures, or nothing to train on."""
    refused = manifest["val"]["refused"]
    if refused and not settings.allow_bad_val:
        first = "; ".join(list(refused.values())[:3])
        raise StageError(
            f"{len(refused)} of the validation pictures cannot be read ({first}): mend them, or "
            "set prepare.allow_bad_val to leave them out of every accuracy"
        )
    for split in SPLITS:
        if not manifest[split]["pictures"]:
            raise StageError(f"{split}: all pictures were refused; the first: "
                             f"{next(iter(manifest[split]['refused'].values()))}")  # fmt: skip


def describe(jobs: Sequence[tables.Job], source: Source, form: Form, out: Path) -> Card:
    """Put the tables together in ``out``, and return what the pipeline needs to know."""
    sums, pixels, content = tables.put_together(jobs, form, out)
    mean, squares = sums[:3] / (255 * pixels), sums[3:] / (255**2 * pixels)
    return Card(
        size=form.size,
        classes=source.classes,
        names=source.names,
        mean=mean.tolist(),
        deviation=np.sqrt(squares - mean**2).tolist(),
        content=content,
        shape=form.shape,
        store=form.store,
    )


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "prepared", "report")
    settings = params.load(args.params, "prepare", Prepare)
    form = Form(settings.size, settings.shape, settings.store)
    datasets.disable_progress_bars()
    recorded = tracking.flat(settings.model_dump())
    about = f"The pictures in {settings.source}, brought to one size."
    with (
        resume.alone(STATE),
        atomic.scratch(args.prepared.parent) as scratch,
        tracking.run("prepare", "prepare", recorded, about=about) as run,
    ):
        source = find(settings, scratch)
        parts = [
            part
            for split in SPLITS
            for part in cut(source, split, settings.most_per_class, tables.part_size(form))
        ]
        of_parts = settings.model_dump(exclude={"source", "check", "allow_bad_val"})
        identity = resume.fingerprint([source.identity, of_parts, *METHOD])
        resume.forget_others(STATE, identity)
        state = resume.folder(STATE, identity)
        jobs = tables.prepare(parts, form, state)
        manifest = {split: tables.summarise(jobs, split, source.classes) for split in SPLITS}
        for split, said in manifest.items():
            said["left_out"] = source.left_out(split)
            if said["left_out"]:
                first = ", ".join(said["left_out"][:3])
                log.warning("%s: %d are left out: %s", split, len(said["left_out"]), first)
        check(manifest, settings)
        with atomic.folder(args.prepared) as out:
            card = describe(jobs, source, form, out)
            objects = None
            if isinstance(source, Tree):
                objects = source.objects(tables.kept(jobs, "val"), settings.size)
            if objects is not None:
                objects.save_to_disk(str(out / "parts"))
            atomic.write_json(out / "description.json", asdict(card))
        told: dict[str, Any] = {key: getattr(card, key) for key in ("mean", "deviation", "content")}
        told["objects_apart"] = objects is not None
        atomic.write_json(args.report / "manifest.json", manifest | told)
        run.metrics({f"{split}_pictures": manifest[split]["pictures"] for split in SPLITS})
    shutil.rmtree(state)


if __name__ == "__main__":
    start(main)
