"""WebDataset shards: tars whose members are samples, a picture and its class under one key.

A key is a member's name up to the first dot of its last part (webdataset, "The WebDataset Format").
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from convprior.training.data.listing import (
    SPLITS,
    Digest,
    Entry,
    SourceError,
    files_of,
    names_in,
    numbered,
    stamp,
)
from convprior.training.data.members import Archives, Member, members

PICTURES = ("jpg", "jpeg", "png")
READ = (*PICTURES, "cls", "json")


class Shards:
    """Shards of a folder, in order of their names and of what lies in them."""

    def __init__(self, root: Path) -> None:
        self.paths: list[Path] = []
        self._entries: dict[str, list[Entry]] = {}
        self._others: dict[str, list[str]] = {}
        digest = Digest()
        for split in SPLITS:
            found = files_of(root, split, ".tar")
            if not found:
                raise SourceError(f"{root}: no shards of {split}; expected {split}-000000.tar, …")
            others: Counter[str] = Counter()
            self._entries[split] = []
            for path in found:
                digest.add([split, *stamp(path)])
                self._entries[split] += _samples(
                    path, f"{split}/{path.name}", len(self.paths), others
                )
                self.paths.append(path)
            self._others[split] = [f"*.{ending} ({others[ending]})" for ending in sorted(others)]
        labels = {
            split: {entry.label for entry in entries} for split, entries in self._entries.items()
        }
        self.classes = numbered(root, labels)
        given = names_in(root)
        self.names = [given.get(name, name) for name in self.classes]
        self.reader = Archives(self.paths)
        self.identity = digest.text()

    def entries(self, split: str) -> list[Entry]:
        """Return the pictures of a split."""
        return self._entries[split]

    def left_out(self, split: str) -> list[str]:
        """Return the endings of members that are not read, and how many there are."""
        return self._others[split]


def _samples(path: Path, where: str, shard: int, others: "Counter[str]") -> Iterator[Entry]:
    """Yield the pictures of a shard, in order; count what is no part of any."""
    with path.open("rb") as file:
        for key, group in groupby(members(file, str(path)), key=lambda member: _split(member)[0]):
            sample = {_split(member)[1]: member for member in group}
            others.update(ending for ending in sample if ending not in READ)
            picture = next((sample[ending] for ending in PICTURES if ending in sample), None)
            if picture is None:
                continue
            if "cls" not in sample:
                raise SourceError(f"{path}: {key} has a picture and no .cls that says its class")
            back = file.tell()  # from where the next header is found
            file.seek(sample["cls"].start)
            label = _number(file.read(sample["cls"].size), f"{path}: {sample['cls'].name}")
            file.seek(back)
            yield Entry(f"{where}/{key}", label, (shard, picture.start, picture.size))


def _split(member: Member) -> tuple[str, str]:
    """Return a member's key and its ending."""
    folder, slash, last = member.name.rpartition("/")
    stem, _, ending = last.partition(".")
    return folder + slash + stem, ending.lower()


def _number(text: bytes, where: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise SourceError(f"{where} is {text[:40]!r}: expected a class's number, from 0 on")
    return number
