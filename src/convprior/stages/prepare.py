"""Verify an ImageNet-style tree of pictures, bring it to one size, and write it as Arrow tables.

    python -m convprior.stages.prepare data/prepared reports/prepare

`prepare.source` is such a tree, or the folder of the sheets of garments. The manifest says what was
found, what refused and what left out.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import datasets
from pydantic import Field

from convprior.ground import atomic, params, tracking
from convprior.stages import StageError, arguments, start
from convprior.training.data import garments, scenes, tree

log = logging.getLogger(__name__)


class Prepare(params.Section):
    """The section `prepare`."""

    source: str
    size: Annotated[int, Field(ge=8)]
    positions: scenes.Place
    most_per_class: params.Count | None
    allow_bad_val: bool
    seed: params.Seed


def find(settings: Prepare, scratch: Path) -> Path:
    """Return the tree's root; one of garments is made of their sheets first."""
    source = Path(settings.source)
    if not garments.are_sheets(source):
        return source
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
    return root


def check(manifest: dict[str, Any], settings: Prepare) -> None:
    """Raise StageError for what must not go on: bad validation pictures, or nothing to train on."""
    refused = manifest["val"]["refused"]
    if refused and not settings.allow_bad_val:
        first = "; ".join(list(refused.values())[:3])
        raise StageError(
            f"{len(refused)} of the validation pictures cannot be read ({first}): mend them, or "
            "set prepare.allow_bad_val to leave them out of every accuracy"
        )
    for split in ("train", "val"):
        if not manifest[split]["pictures"]:
            raise StageError(f"{split}: all pictures were refused; the first: "
                             f"{next(iter(manifest[split]['refused'].values()))}")  # fmt: skip


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "prepared", "report")
    settings = params.load(args.params, "prepare", Prepare)
    size, most = settings.size, settings.most_per_class
    datasets.disable_progress_bars()
    with (
        atomic.scratch(args.prepared.parent) as scratch,
        tracking.run("prepare", "prepare", tracking.flat(settings.model_dump())) as run,
    ):
        root = find(settings, scratch)
        classes = tree.list_classes(root, most)
        found = {
            split: tree.read_split(root, split, classes, size=size, most=most, cache=scratch)
            for split in ("train", "val")
        }
        manifest = {split: tree.summarise(table, classes) for split, table in found.items()}
        for split, said in manifest.items():
            said["left_out"] = tree.left_out(root, split)
            if said["left_out"]:
                first = ", ".join(said["left_out"][:3])
                log.warning("%s: %d are left out: %s", split, len(said["left_out"]), first)
        check(manifest, settings)
        tables = {split: tree.readable(table) for split, table in found.items()}
        description = tree.describe(root, tables, classes, size)
        with atomic.folder(args.prepared) as out:
            for split, table in tables.items():
                table.select_columns(list(tree.PICTURE)).save_to_disk(str(out / split))
            parts = tree.read_parts(root, tables["val"], size)
            if parts is not None:
                parts.save_to_disk(str(out / "parts"))
            atomic.write_json(out / "description.json", asdict(description))
        told: dict[str, Any] = {
            key: getattr(description, key) for key in ("mean", "deviation", "content")
        }
        told["objects_apart"] = parts is not None
        atomic.write_json(args.report / "manifest.json", manifest | told)
        run.metrics({f"{split}_pictures": len(table) for split, table in tables.items()})


if __name__ == "__main__":
    start(main)
