"""What a source of pictures says of them before one is decoded: where each lies, in parts.

A source lists the pictures of a split in an order that depends on nothing but the source. A part is
a run of that list that a process of its own can read.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from convprior.ground.errors import InputError

SPLITS = ("train", "val")
SAID = {"train": "train", "val": "val|validation"}  # how names of files say their split


class SourceError(InputError):
    """A source of pictures cannot be used."""


class Entry(NamedTuple):
    """A picture's name in reports, its class, and where its bytes lie: its source's own words."""

    name: str
    label: int
    place: Any


class Read(NamedTuple):
    """A picture's name, its class, and its file's bytes, or why there are none."""

    name: str
    label: int
    data: bytes
    refused: str = ""


# Yields the pictures that its source has listed, in order, in any process. Raises SourceError where
# the source itself is broken.
Reader = Callable[[Sequence[Entry]], Iterator[Read]]


@runtime_checkable
class Source(Protocol):
    """Pictures of a training and a validation split, of the same classes.

    ``classes`` are those of the training pictures, ``names`` what people call them; ``identity``
    is a digest: other pictures have another one.
    """

    classes: list[str]
    names: list[str]
    identity: str

    @property
    def reader(self) -> Reader:
        """What reads the pictures, in any process."""
        ...

    def entries(self, split: str) -> list[Entry]:
        """Return the pictures of a split, in order."""
        ...

    def left_out(self, split: str) -> list[str]:
        """Return what lies in a split and is not read."""
        ...


@dataclass(frozen=True)
class Part:
    """A run of a split's pictures, of which the first has the number ``start``."""

    split: str
    start: int
    entries: Sequence[Entry]
    reader: Reader


def cut(source: Source, split: str, most: int | None, size: int) -> list[Part]:
    """Return a split in parts of ``size`` pictures, with at most ``most`` pictures of a class."""
    entries, taken = [], Counter[int]()
    for entry in source.entries(split):
        taken[entry.label] += 1
        if most is None or taken[entry.label] <= most:
            entries.append(entry)
    return [
        Part(split, start, entries[start : start + size], source.reader)
        for start in range(0, len(entries), size)
    ]


def files_of(root: Path, split: str, suffix: str) -> list[Path]:
    """Return the files of a split, sorted: by a folder's name, or by a word in a file's.

    They lie in ``root``, ``root``/data or in a folder called as the split.
    """
    said = SAID[split]
    word = re.compile(rf"(^|[-_.])({said})([-_.]|$)")
    inside = [p for name in said.split("|") for p in (root / name).glob(f"[!.]*{suffix}")]
    beside = [p for p in (*root.glob(f"[!.]*{suffix}"), *root.glob(f"data/[!.]*{suffix}"))
              if word.search(p.name)]  # fmt: skip
    return sorted(inside + beside)


def stamp(path: Path) -> list[Any]:
    """Return what tells a file from another of its name without reading it: JSON."""
    said = path.stat()
    return [path.name, said.st_size, said.st_mtime_ns]


class Digest:
    """A SHA-256 of many pieces of JSON, which need not be kept."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, content: Any) -> None:
        """Add a piece."""
        self._digest.update(json.dumps(content).encode() + b"\n")

    def text(self) -> str:
        """Return the digest of what was added."""
        return self._digest.hexdigest()


def names_in(root: Path) -> dict[str, str]:
    """Return the names of classes that ``root``/classes.json gives. Raises SourceError."""
    path = root / "classes.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if not (isinstance(table, dict) and all(isinstance(v, str) for v in table.values())):
            raise ValueError("no object of strings")
    except (OSError, ValueError) as error:
        raise SourceError(f'{path}: cannot be used ({error}): write {{"class": "name"}}') from None
    return table


def numbered(root: Path, labels: dict[str, set[int]]) -> list[str]:
    """Return classes that have numbers alone: those of train, all from 0 on.

    ``labels`` are the numbers that each split has. Raises SourceError for one that is out of range.
    """
    classes = len(labels["train"])
    for split, found in labels.items():
        wrong = sorted(found - set(range(classes)))
        if wrong:
            raise SourceError(
                f"{root}: {split} has the label {wrong[0]}, and train {classes} classes: labels "
                "are the numbers from 0 on, and each has a training picture"
            )
    return [str(number) for number in range(classes)]
