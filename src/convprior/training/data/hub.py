"""Parquet files as the Hugging Face hub has them: a column of pictures and one of classes.

A picture is a struct of its file's bytes and name; the names of classes are in the metadata.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from convprior.training.data.listing import (
    SPLITS,
    Digest,
    Entry,
    Read,
    SourceError,
    files_of,
    names_in,
    numbered,
    stamp,
)

PICTURE, LABEL = "image", "label"


def _open(path: Path) -> pq.ParquetFile:
    """Return an open file that has both columns. Raises SourceError."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        said = str(error).splitlines()[0]
        raise SourceError(f"{path}: cannot be read ({said}): fetch it again") from None
    schema = file.schema_arrow
    for column in (PICTURE, LABEL):
        if column not in schema.names:
            raise SourceError(
                f"{path}: has no column '{column}', but {', '.join(schema.names)}: expected "
                f"'{PICTURE}' and '{LABEL}'"
            )
    kind = schema.field(PICTURE).type
    if not (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0):
        raise SourceError(f"{path}: '{PICTURE}' is {kind}: expected a struct of bytes and path")
    if not pa.types.is_integer(schema.field(LABEL).type):
        raise SourceError(f"{path}: '{LABEL}' is {schema.field(LABEL).type}: expected integers")
    return file


class Rows:
    """Reads pictures whose ``place`` is (number of the file, row group, row in it)."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __call__(self, entries: Sequence[Entry]) -> Iterator[Read]:
        """Yield the pictures; one group of rows is in memory at a time."""
        held: tuple[int, int] | None = None
        column: Any = None
        for name, label, (number, group, row) in entries:
            if held != (number, group):
                held, column = (number, group), None
                path = self.paths[number]
                with _open(path) as file:
                    column = _read(file, path, group, f"{PICTURE}.bytes")[PICTURE]
            data = column[row].as_py()
            data = data and data["bytes"]
            yield Read(name, label, data or b"", "" if data else f"{name}: holds no bytes")


class Hub:
    """Parquet files of a folder, in order of their names and rows."""

    def __init__(self, root: Path) -> None:
        self.paths: list[Path] = []
        self._entries: dict[str, list[Entry]] = {}
        digest = Digest()
        named: list[str] = []
        for split in SPLITS:
            found = files_of(root, split, ".parquet")
            if not found:
                raise SourceError(
                    f"{root}: no parquet files of {split}; expected train-*.parquet and "
                    "validation-*.parquet, here or in data/"
                )
            self._entries[split] = []
            for path in found:
                digest.add([split, *stamp(path)])
                with _open(path) as file:
                    named = named or _names(file.schema_arrow)
                    self._entries[split] += _rows(
                        file, path, f"{split}/{path.name}", len(self.paths)
                    )
                self.paths.append(path)
        labels = {
            split: {entry.label for entry in entries} for split, entries in self._entries.items()
        }
        numbers = numbered(root, labels)
        # Two of ImageNet's classes are called crane.
        distinct = len(set(named)) == len(named) == len(numbers)
        self.classes = named if distinct else numbers
        given = names_in(root)
        called = named if len(named) == len(numbers) else numbers
        self.names = [given.get(name, called[n]) for n, name in enumerate(self.classes)]
        self.reader = Rows(self.paths)
        self.identity = digest.text()

    def entries(self, split: str) -> list[Entry]:
        """Return the pictures of a split."""
        return self._entries[split]

    def left_out(self, split: str) -> list[str]:  # noqa: ARG002
        """Return nothing: every row is read."""
        return []


def _names(schema: pa.Schema) -> list[str]:
    """Return the names of the classes, none if the file does not say them."""
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])
        names = said["info"]["features"][LABEL]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [str(name) for name in names]


def _read(file: pq.ParquetFile, path: Path, group: int, column: str) -> pa.Table:
    """Return a column of a group of rows. Raises SourceError."""
    try:
        return file.read_row_group(group, [column])
    except (OSError, pa.ArrowException) as error:
        said = str(error).splitlines()[0]
        raise SourceError(f"{path}: broken in row group {group} ({said}): fetch it again") from None


def _rows(file: pq.ParquetFile, path: Path, where: str, number: int) -> Iterator[Entry]:
    at = 0
    for group in range(file.num_row_groups):
        for row, label in enumerate(_read(file, path, group, LABEL)[LABEL].to_pylist()):
            if label is None or label < 0:
                raise SourceError(
                    f"{where}: row {at} has the label {label}: expected one from 0 on"
                )
            yield Entry(f"{where}/{at}", label, (number, group, row))
            at += 1
