"""WebDataset shards: tars whose members are samples, a picture and its class under one key.

A key is a member's name up to the first dot of its last part (webdataset, "The WebDataset Format").
"""

from collections import Counter
from collections.abc import Iterator
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
from convprior.training.data.members import Archives, members

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
    """Yield the pictures of a shard, as their samples end; count what is no part of any."""
    with path.open("rb") as file:
        key, picture, label = "", None, None

        def sample() -> Iterator[Entry]:
            if picture is None:
                return
            if label is None:
                raise SourceError(f"{path}: {key} has a picture and no .cls that says its class")
            yield Entry(f"{where}/{key}", label, (shard, picture.start, picture.size))

        for member in members(file, str(path)):
            folder, slash, last = member.name.rpartition("/")
            stem, _, ending = last.partition(".")
            if folder + slash + stem != key:
                yield from sample()
                key, picture, label = folder + slash + stem, None, None
            if ending.lower() in PICTURES:
                picture = member
            elif ending.lower() == "cls":
                back = file.tell()
                file.seek(member.start)
                label = _number(file.read(member.size), f"{path}: {member.name}")
                file.seek(back)
            elif ending.lower() not in READ:
                others[ending] += 1
        yield from sample()


def _number(text: bytes, where: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise SourceError(f"{where} is {text[:40]!r}: expected a class's number, from 0 on")
    return number
