"""Members of tar archives, found by their headers and read where they lie: nothing is unpacked.

A member's name is a word in a report and never becomes a path.
"""

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from convprior.training.data.listing import Entry, Read, SourceError


class Member(NamedTuple):
    """A file in an archive: its name, where its bytes begin, and how many there are."""

    name: str
    start: int
    size: int


def members(file: BinaryIO, where: str, start: int = 0, end: int | None = None) -> Iterator[Member]:
    """Yield the files of the archive that begins at ``start`` of an open file, in order.

    ``end`` is where an archive in another one ends. Raises SourceError for a broken one.
    """
    if end is None:
        end = file.seek(0, 2)
    file.seek(start)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined] # it would remember them all
                if member.offset_data + member.size > end:
                    raise tarfile.ReadError("unexpected end of data")
                if member.isreg():
                    yield Member(member.name, member.offset_data, member.size)
    except (tarfile.TarError, EOFError) as error:
        raise SourceError(
            f"{where}: broken or truncated archive ({error}): fetch it again"
        ) from None


class Archives:
    """Reads pictures whose ``place`` is (number of the archive, first byte, how many)."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __call__(self, entries: Sequence[Entry]) -> Iterator[Read]:
        """Yield the pictures. Raises SourceError for an archive that ends too early."""
        opened, file = -1, None
        try:
            for name, label, (number, start, size) in entries:
                if number != opened:
                    if file:
                        file.close()
                    opened, file = number, self.paths[number].open("rb")
                assert file is not None
                file.seek(start)
                data = file.read(size)
                if len(data) < size:
                    raise SourceError(f"{self.paths[number]}: ends within {name}: fetch it again")
                yield Read(name, label, data)
        finally:
            if file:
                file.close()
