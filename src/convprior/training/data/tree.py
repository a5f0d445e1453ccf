"""An ImageNet-style tree of pictures: <root>/{train,val}/<class>/<picture>."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from convprior.training.data.listing import (
    SPLITS,
    Digest,
    Entry,
    Read,
    SourceError,
    names_in,
    stamp,
)
from convprior.training.data.storing import fit

SUFFIXES = {".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def list_files(root: Path, split: str) -> list[tuple[str, Path]]:
    """Return (class, file) of a split, sorted. Raises SourceError if there, or in a class, is none.

    What is hidden is nobody's picture: macOS writes ._photo.png beside photo.png.
    """
    folder = root / split
    found = []
    for class_folder in sorted(p for p in folder.glob("[!.]*") if p.is_dir()):
        files = sorted(p for p in class_folder.glob("[!.]*") if p.suffix.lower() in SUFFIXES)
        if not files:
            raise SourceError(
                f"{class_folder}: holds no picture ({', '.join(sorted(SUFFIXES))}), neither could "
                "one be learned from it: fill it, or move it away"
            )
        found += [(class_folder.name, file) for file in files]
    if not found:
        raise SourceError(
            f"{folder}: no pictures; expected <root>/{{train,val}}/<class>/<picture> with one of "
            f"{', '.join(sorted(SUFFIXES))}: set prepare.source to such a root"
        )
    return found


class Files:
    """Reads files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, entries: Sequence[Entry]) -> Iterator[Read]:
        """Yield the pictures; a file that cannot be read is refused."""
        for name, label, _ in entries:
            try:
                yield Read(name, label, (self.root / name).read_bytes())
            except OSError as error:
                yield Read(name, label, b"", str(error))


class Tree:
    """A tree of pictures. ``identity`` stands for one that is made anew, of something else."""

    def __init__(self, root: Path, identity: str | None = None) -> None:
        self.root = root
        self.reader = Files(root)
        self.classes: list[str] = []
        self._entries: dict[str, list[Entry]] = {}
        digest = Digest()
        for split in SPLITS:
            files = list_files(root, split)
            if split == "train":
                self.classes = sorted({name for name, _ in files})
            label = {name: number for number, name in enumerate(self.classes)}
            unknown = {name for name, _ in files} - set(label)
            if unknown:
                raise SourceError(
                    f"{root / split}: classes that train lacks: {', '.join(sorted(unknown))}"
                )
            self._entries[split] = [
                Entry(path.relative_to(root).as_posix(), label[name], None) for name, path in files
            ]
            if identity is None:
                for name, path in files:
                    digest.add([split, name, *stamp(path)])
        self.identity = identity or digest.text()
        given = names_in(root)
        self.names = [given.get(name, name) for name in self.classes]

    def entries(self, split: str) -> list[Entry]:
        """Return the pictures of a split, by class and name."""
        return self._entries[split]

    def left_out(self, split: str) -> list[str]:
        """Return what is not read: folders in classes, and files of other kinds."""
        folder = self.root / split
        inside = ((path, path.parent != folder) for path in folder.glob("[!.]*/[!.]*"))
        beside = ((path, False) for path in folder.glob("[!.]*") if path.is_file())
        return sorted(
            path.relative_to(self.root).as_posix()
            for path, may_be_read in (*inside, *beside)
            if not may_be_read or path.is_dir() or path.suffix.lower() not in SUFFIXES
        )

    def objects(self, kept: Sequence[Entry], size: int) -> datasets.Dataset | None:
        """Return object and background of these pictures, if the tree keeps them apart."""
        if not (self.root / "parts").is_dir():
            return None
        return datasets.Dataset.from_list([self._object(entry, size) for entry in kept])

    def _object(self, entry: Entry, size: int) -> dict[str, Any]:
        cutout = self._part(entry.name, "object").convert("RGBA")
        background = fit(self._part(entry.name, "background").convert("RGB"), size)
        return {
            "label": entry.label,
            "cutout": np.asarray(cutout).tobytes(),
            "cutout_height": cutout.height,
            "cutout_width": cutout.width,
            "background": np.asarray(background).tobytes(),
        }

    def _part(self, name: str, kind: str) -> Image.Image:
        path = Path(name).relative_to("val").with_suffix(f".{kind}.png")
        file = self.root / "parts" / path
        try:
            with Image.open(file) as image:
                image.load()
        except OSError as error:
            raise SourceError(f"{file}: cannot be read ({error}); parts/ must match val/") from None
        return image
