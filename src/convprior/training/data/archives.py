"""The archives of ILSVRC 2012 as they are published: a tar of a thousand tars, a tar, the devkit.

Classes are the sorted WordNet ids of the devkit's leaves. A validation picture is told by the
number in its name: line n of the devkit's truth is the ILSVRC2012_ID of picture n, and meta.mat
says which WordNet id that is (the devkit's readme.txt; O. Russakovsky et al., IJCV 2015).
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from scipy.io import loadmat

from convprior.ground.progress import Meter
from convprior.training.data.listing import Digest, Entry, SourceError, stamp
from convprior.training.data.members import Archives, Member, members

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
PUBLISHED = {  # MD5
    TRAIN: "1d675b47d978889d74fa0da5fadfb00e",
    VAL: "29b22e2961454d5413ddabcf34fc5622",
    DEVKIT: "fa75699e90414af021442c21a62c3abf",
}
TRUTH, META = "data/ILSVRC2012_validation_ground_truth.txt", "data/meta.mat"
NUMBER = re.compile(r"_(\d+)\.\w+$")  # of ILSVRC2012_val_00000001.JPEG
CHUNK = 2**24  # bytes


def are_there(root: Path) -> bool:
    """Return whether a folder holds one of the archives."""
    return any((root / name).is_file() for name in PUBLISHED)


def check(root: Path) -> None:
    """Compare the archives with the published MD5 sums. Raises SourceError."""
    total = sum((root / name).stat().st_size for name in PUBLISHED)
    done = 0
    with Meter("checking the archives") as meter:
        for name, expected in PUBLISHED.items():
            digest = hashlib.md5(usedforsecurity=False)
            with (root / name).open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    meter.count(done / 1e6, max(round(total / 1e6), 1), "MB")
            if digest.hexdigest() != expected:
                raise SourceError(
                    f"{root / name}: its MD5 is {digest.hexdigest()}, not {expected}: "
                    "fetch it again"
                )


class Devkit:
    """What the devkit says: ``names`` of the leaves by WordNet id, ``ids`` by ILSVRC2012_ID.

    ``truth`` holds the ILSVRC2012_ID of every validation picture.
    """

    def __init__(self, path: Path) -> None:
        found: dict[str, bytes] = {}
        try:
            with tarfile.open(path, "r:gz") as archive:
                for member in archive:
                    for wanted in (TRUTH, META):
                        if member.isreg() and member.name.endswith(wanted):
                            content = archive.extractfile(member)
                            found[wanted] = content.read() if content else b""
            synsets = loadmat(io.BytesIO(found[META]), squeeze_me=True)["synsets"]
            leaves = [row for row in synsets.ravel() if int(row["num_children"]) == 0]
            self.truth = [int(line) for line in found[TRUTH].split()]
            self.ids = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in leaves}
            self.names = {str(row["WNID"]): str(row["words"]) for row in leaves}
        except KeyError as error:
            raise SourceError(f"{path}: holds no {error.args[0]}: fetch it again") from None
        except (OSError, EOFError, ValueError, TypeError, tarfile.TarError) as error:
            raise SourceError(f"{path}: cannot be read ({error}): fetch it again") from None

    def label(self, name: str, where: Path) -> str:
        """Return the WordNet id of the validation picture of that name. Raises SourceError."""
        said = NUMBER.search(name)
        number = int(said[1]) if said else 0
        if not 1 <= number <= len(self.truth):
            raise SourceError(
                f"{where}: {name}: expected a name with a number from 1 to {len(self.truth)}, of "
                "which the devkit says the class"
            )
        found = self.truth[number - 1]
        if found not in self.ids:
            raise SourceError(
                f"{where.with_name(DEVKIT)}: picture {number} has the class {found}, and meta.mat "
                "has no such leaf: fetch it again"
            )
        return self.ids[found]


class Ilsvrc:
    """The three archives in a folder; ``checked`` compares them with the published MD5 sums."""

    def __init__(self, root: Path, *, checked: bool = False) -> None:
        for name in PUBLISHED:
            if not (root / name).is_file():
                raise SourceError(
                    f"{root / name}: missing: {', '.join(PUBLISHED)} belong into one folder; the "
                    "devkit says the classes of the validation pictures"
                )
        if checked:
            check(root)
        devkit = Devkit(root / DEVKIT)
        self.classes = sorted(devkit.names)
        self.names = [devkit.names[name] for name in self.classes]
        self.reader = Archives([root / TRAIN, root / VAL])
        digest = Digest()
        for name in PUBLISHED:
            digest.add(stamp(root / name))
        self.identity = digest.text()
        label = {name: number for number, name in enumerate(self.classes)}
        train = [
            Entry(f"train/{name}/{_last(found.name)}", label[name], (0, *found[1:]))
            for name, found in _of_classes(root / TRAIN, self.classes)
        ]
        val = []
        with (root / VAL).open("rb") as file:
            for found in members(file, str(root / VAL)):
                name = devkit.label(found.name, root / VAL)
                val.append(Entry(f"val/{name}/{_last(found.name)}", label[name], (1, *found[1:])))
        self._entries = {"train": sorted(train), "val": sorted(val)}
        for split, entries in self._entries.items():
            if not entries:
                raise SourceError(f"{root}: the archive of {split} holds no pictures")

    def entries(self, split: str) -> list[Entry]:
        """Return the pictures of a split, by class and name."""
        return self._entries[split]

    def left_out(self, split: str) -> list[str]:  # noqa: ARG002
        """Return nothing: an archive holds pictures alone."""
        return []


def _last(name: str) -> str:
    return PurePosixPath(name).name


def _of_classes(path: Path, classes: list[str]) -> Iterator[tuple[str, Member]]:
    """Yield the class and the place of every training picture: a tar for each class."""
    with path.open("rb") as file:
        of = {PurePosixPath(inner.name).stem: inner for inner in members(file, str(path))}
        for wrong in sorted(set(of) ^ set(classes)):
            there, missing = ("the archive", "the devkit") if wrong in of else ("the devkit", "it")
            raise SourceError(f"{path}: {there} has the class {wrong}, and {missing} does not")
        for name in classes:
            inner = of[name]
            where = f"{path}: {inner.name}"
            found = None
            for found in members(file, where, inner.start, inner.start + inner.size):
                yield name, found
            if found is None:
                raise SourceError(f"{where}: holds no picture: fetch it again")
