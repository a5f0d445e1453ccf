"""Read an ImageNet-style tree of pictures into Arrow tables: <root>/{train,val}/<class>/<picture>.

Every file is decoded once, by `decoding.decode_rgb`, and its pixels are stored: training needs no
decoder, and an epoch over ImageNet no memory. A file that cannot be read keeps its row, with why.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets.fingerprint import Hasher
from PIL import Image, ImageOps

from convprior.ground import machine
from convprior.ground.errors import InputError
from convprior.pictures import decoding
from convprior.pictures.picture import ImageError
from convprior.training.data.card import Card


class TreeError(InputError):
    """A tree of pictures cannot be used."""


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
    """Return (class, file) of a split, sorted. Raises TreeError if there, or in a class, is none.

    What is hidden is nobody's picture: macOS writes ._photo.png beside photo.png.
    """
    folder = root / split
    found = []
    for class_folder in sorted(p for p in folder.glob("[!.]*") if p.is_dir()):
        files = sorted(p for p in class_folder.glob("[!.]*") if p.suffix.lower() in SUFFIXES)
        if not files:
            raise TreeError(
                f"{class_folder}: holds no picture ({', '.join(sorted(SUFFIXES))}), neither could "
                "one be learned from it: fill it, or move it away"
            )
        found += [(class_folder.name, file) for file in files[:most]]
    if not found:
        raise TreeError(
            f"{folder}: no pictures; expected <root>/{{train,val}}/<class>/<picture> with one of "
            f"{', '.join(sorted(SUFFIXES))}: set prepare.source to such a root"
        )
    return found


def left_out(root: Path, split: str) -> list[str]:
    """Return what lies in a split and is not read: folders in classes, and files of other kinds."""
    inside = ((path, path.parent != root / split) for path in (root / split).glob("[!.]*/[!.]*"))
    beside = ((path, False) for path in (root / split).glob("[!.]*") if path.is_file())
    return sorted(
        path.relative_to(root).as_posix()
        for path, may_be_read in (*inside, *beside)
        if not may_be_read or path.is_dir() or path.suffix.lower() not in SUFFIXES
    )


def list_classes(root: Path, most: int | None) -> list[str]:
    """Return the classes of the training pictures, sorted. Raises TreeError if there is none."""
    return sorted({name for name, _ in list_files(root, "train", most)})


def fit(image: Image.Image, size: int) -> np.ndarray:
    """Return the central square scaled to ``size`` (antialiased) as uint8 (size, size, 3)."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


def read_row(row: Mapping[str, Any], root: str, size: int) -> dict[str, Any]:
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
    root: Path, split: str, classes: list[str], *, size: int, most: int | None, cache: Path
) -> datasets.Dataset:
    """Read all pictures of a split, in order, also the refused ones; the table lies in ``cache``.

    Pictures become squares of ``size`` pixels, of each class at most so many.
    """
    files = list_files(root, split, most)
    unknown = {name for name, _ in files} - set(classes)
    if unknown:
        raise TreeError(f"{root / split}: classes that train lacks: {', '.join(sorted(unknown))}")
    listed = {
        "path": [path.relative_to(root).as_posix() for _, path in files],
        "label": [classes.index(name) for name, _ in files],
    }
    features = datasets.Features({"path": datasets.Value("string"), **PICTURE, **FOUND})
    return datasets.Dataset.from_dict(listed).map(
        read_row,
        fn_kwargs={"root": str(root), "size": size},
        features=features,
        # The library's own would differ with the tree's place, a temporary folder for garments.
        new_fingerprint=Hasher.hash((listed, size)),
        cache_file_name=str(cache / f"{split}.arrow"),
        num_proc=machine.loader_workers() or None,
    )


def readable(table: datasets.Dataset) -> datasets.Dataset:
    """Return the pictures that could be read."""
    kept = np.flatnonzero(np.array(table["refused"]) == "")
    return table if len(kept) == len(table) else table.select(kept)


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
            raise TreeError(f"{file}: cannot be read ({error}); parts/ must match val/") from None
        return image

    def rows() -> Iterator[dict[str, Any]]:
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
            f"{column}s": _most_common(Counter(kept[column]))
            for column in ("format", "mode", "found_size")
        },
        "refused": {row.path: row.refused for row in found[found["refused"] != ""].itertuples()},
    }


def _names(path: Path) -> dict[str, str]:
    """Return the names of classes that a file gives, none without one. Raises TreeError."""
    try:
        table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if not (isinstance(table, dict) and all(isinstance(v, str) for v in table.values())):
            raise ValueError("no object of strings")
    except (OSError, ValueError) as error:
        raise TreeError(f'{path}: cannot be used ({error}): write {{"folder": "name"}}') from None
    return table


def _most_common(found: "Counter[str]") -> dict[str, int]:
    """Return the ten most common of many, and how many others there are."""
    common = dict(found.most_common(10))
    others = found.total() - sum(common.values())
    return common | ({"others": others} if others else {})


def describe(
    root: Path, tables: dict[str, datasets.Dataset], classes: list[str], size: int
) -> Card:
    """Return what the rest of the pipeline needs to know."""
    table = _names(root / "classes.json")
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
