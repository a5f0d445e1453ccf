"""Verify an ImageNet-style tree of pictures, bring it to one size, and write it as Arrow tables.

    python -m convprior.stages.prepare data/garments data/prepared reports/prepare

Every file is decoded once, by `decoding.decode_rgb`, and its pixels are stored: training needs no
decoder, and an epoch over ImageNet no memory. The manifest says what was found and what refused.
"""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import datasets
import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from convprior.ground import atomic, machine, params, tracking
from convprior.pictures import decoding
from convprior.pictures.picture import ImageError
from convprior.stages import StageError, arguments, start
from convprior.training.data import garments, scenes
from convprior.training.data.card import Card


class Settings(params.Section):
    """The section `prepare`."""

    source: str
    size: Annotated[int, Field(ge=8)]
    positions: scenes.Place
    most_per_class: params.Count | None
    allow_bad_val: bool
    seed: int


SUFFIXES = {".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

FOUND = {  # what is remembered of every file for the manifest
    "refused": datasets.Value("string"),
    "format": datasets.Value("string"),
    "mode": datasets.Value("string"),
    "found_size": datasets.Value("string"),
    "sums": datasets.Sequence(datasets.Value("float64")),
}
PICTURE = {"pixels": datasets.Value("binary"), "label": datasets.Value("int32")}


def list_files(root: Path, split: str, most: int | None) -> list[tuple[str, Path]]:
    """Return (class, file) of a split, sorted. Raises StageError if there is none."""
    folder = root / split
    found = []
    for class_folder in sorted(p for p in folder.glob("*") if p.is_dir()):
        files = sorted(p for p in class_folder.iterdir() if p.suffix.lower() in SUFFIXES)
        found += [(class_folder.name, file) for file in files[:most]]
    if not found:
        raise StageError(
            f"{folder}: no pictures; expected <root>/{{train,val}}/<class>/<picture> with one of "
            f"{', '.join(sorted(SUFFIXES))}: set prepare.source to such a root"
        )
    return found


def fit(image: Image.Image, size: int) -> np.ndarray:
    """Return the central square scaled to ``size`` (antialiased) as uint8 (size, size, 3)."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


def read_row(row: dict[str, Any], root: str, size: int) -> dict[str, Any]:
    """Read the picture of a row: its pixels, or why it was refused."""
    path = Path(root) / row["path"]
    try:
        data = path.read_bytes()
        image = decoding.decode_rgb(data, row["path"])
        form, mode, width, height = decoding.describe(data)
    except (ImageError, OSError) as error:
        return {"pixels": b"", "refused": str(error), "format": "", "mode": "", "found_size": "",
                "sums": []}  # fmt: skip
    pixels = fit(image, size)
    scaled = pixels.reshape(-1, 3) / 255.0
    sums = [*scaled.sum(0), *np.square(scaled).sum(0)]
    return {"pixels": pixels.tobytes(), "refused": "", "format": form, "mode": mode,
            "found_size": f"{width}×{height}", "sums": sums}  # fmt: skip


def read_split(
    root: Path, split: str, settings: Settings, classes: list[str], cache: Path
) -> datasets.Dataset:
    """Read all pictures of a split, in order, also the refused ones."""
    files = list_files(root, split, settings.most_per_class)
    unknown = {name for name, _ in files} - set(classes)
    if unknown:
        raise StageError(f"{root / split}: classes that train lacks: {', '.join(sorted(unknown))}")
    listed = {
        "path": [path.relative_to(root).as_posix() for _, path in files],
        "label": [classes.index(name) for name, _ in files],
    }
    features = datasets.Features({"path": datasets.Value("string"), **PICTURE, **FOUND})
    return datasets.Dataset.from_dict(listed).map(
        read_row,
        fn_kwargs={"root": str(root), "size": settings.size},
        features=features,
        cache_file_name=str(cache / f"{split}.arrow"),
        num_proc=machine.loader_workers() or None,
    )


def read_parts(root: Path, table: datasets.Dataset, size: int) -> datasets.Dataset | None:
    """Return object and background of every validation picture, if the tree keeps them apart."""
    if not (root / "parts").is_dir():
        return None

    def part(path: str, kind: str) -> Image.Image:
        file = root / "parts" / Path(path).relative_to("val").with_suffix(f".{kind}.png")
        try:
            with Image.open(file) as image:
                image.load()
        except OSError as error:
            raise StageError(f"{file}: cannot be read ({error}); parts/ must match val/") from None
        return image

    def rows() -> Any:
        for path, label in zip(table["path"], table["label"], strict=True):
            cutout = part(path, "object").convert("RGBA")
            background = fit(part(path, "background").convert("RGB"), size)
            yield {
                "label": label,
                "cutout": np.asarray(cutout).tobytes(),
                "cutout_height": cutout.height,
                "cutout_width": cutout.width,
                "background": background.tobytes(),
            }

    return datasets.Dataset.from_list(list(rows()))


def summarise(table: datasets.Dataset, classes: list[str]) -> dict[str, Any]:
    """Return the manifest's section of one split."""
    found = table.select_columns([*FOUND, "label", "path"]).to_pandas()
    kept = found[found["refused"] == ""]
    counts = Counter(kept["label"])
    return {
        "pictures": len(kept),
        "per_class": {name: counts[label] for label, name in enumerate(classes)},
        **{
            f"{column}s": dict(Counter(kept[column]).most_common())
            for column in ("format", "mode", "found_size")
        },
        "refused": {row.path: row.refused for row in found[found["refused"] != ""].itertuples()},
    }


def main(argv: Sequence[str]) -> None:
    """Run the stage."""
    args = arguments(__doc__, argv, "garments", "prepared", "report")
    settings = params.load(args.params, "prepare", Settings)
    datasets.disable_progress_bars()
    with (
        tempfile.TemporaryDirectory(dir=_parent(args.prepared)) as scratch,
        tracking.run("prepare", "prepare", tracking.flat(settings.model_dump())) as run,
    ):
        root, cache = Path(settings.source), Path(scratch)
        if settings.source == "garments":
            root = cache / "tree"
            try:
                garments.make_tree(
                    args.garments,
                    root,
                    size=settings.size,
                    positions=settings.positions,
                    seed=settings.seed,
                    most=settings.most_per_class,
                )
            except ValueError as error:
                raise StageError(str(error)) from None
        classes = sorted({name for name, _ in list_files(root, "train", settings.most_per_class)})
        tables = {
            split: read_split(root, split, settings, classes, cache) for split in ("train", "val")
        }
        manifest = {split: summarise(table, classes) for split, table in tables.items()}
        check(manifest, settings)
        tables = {
            split: table.select(np.flatnonzero(np.array(table["refused"]) == ""))
            if manifest[split]["refused"]
            else table
            for split, table in tables.items()
        }
        description = describe(root, tables, classes, settings.size)
        with atomic.folder(args.prepared) as out:
            for split, table in tables.items():
                table.select_columns(list(PICTURE)).save_to_disk(str(out / split))
            parts = read_parts(root, tables["val"], settings.size)
            if parts is not None:
                parts.save_to_disk(str(out / "parts"))
            atomic.write_json(out / "description.json", asdict(description))
        found = {key: getattr(description, key) for key in ("mean", "deviation", "content")}
        atomic.write_json(args.report / "manifest.json", manifest | found)
        run.metrics({f"{split}_pictures": len(table) for split, table in tables.items()})


def check(manifest: dict[str, Any], settings: Settings) -> None:
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


def describe(
    root: Path, tables: dict[str, datasets.Dataset], classes: list[str], size: int
) -> Card:
    """Return what the rest of the pipeline needs to know."""
    names = root / "classes.json"
    table = json.loads(names.read_text(encoding="utf-8")) if names.is_file() else {}
    sums = np.array(tables["train"]["sums"]).sum(0) / (len(tables["train"]) * size**2)
    mean, squares = sums[:3], sums[3:]
    digest = hashlib.sha256()
    for split in ("train", "val"):
        for batch in tables[split].select_columns(list(PICTURE)).iter(1000):
            digest.update(b"".join(batch["pixels"]))
            digest.update(np.array(batch["label"], dtype="<i4").tobytes())
    return Card(
        size=size,
        classes=classes,
        names=[table.get(name, name) for name in classes],
        mean=mean.tolist(),
        deviation=np.sqrt(squares - mean**2).tolist(),
        content=digest.hexdigest(),
    )


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent


if __name__ == "__main__":
    start(main)
