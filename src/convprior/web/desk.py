"""What lies open: the pictures of a folder, those dropped into the page, masks painted on them.

The page names all of them by numbers. A name that it gives is a plain one, of a file in the folder
that the command was started with: no path from the page reaches the disk.
"""

import filecmp
import itertools
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import files, kinds
from convprior.pictures.picture import Picture
from convprior.restoration import masks

MOST_BYTES = 4 * 2**30  # of a file that is dropped; its pixels are counted before it is decoded
MASK_BYTES = 2**28  # of a mask's

OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
LABELS = {
    "--task": "“What is to be done”", "--time-limit": "limit of time", "--invert-mask": "“Invert”",
}  # fmt: skip


class TakenError(InputError):
    """A name that is taken already, which the user may decide to replace."""


@dataclass
class Open:
    """A picture that lies open; ``mask`` is the number of what is painted on it, if anything."""

    path: Path
    dropped: bool = False
    mask: str | None = None


class Desk:
    """The pictures of a folder, or one of them alone, and a scratch folder for all that is made.

    ``shown`` are the paths to begin with. Numbers stay as long as the desk.
    """

    def __init__(self, folder: Path, shown: list[Path], scratch: Path) -> None:
        self.folder, self.scratch = folder.resolve(), scratch
        self.pictures = {str(number): Open(path) for number, path in enumerate(shown)}
        self.masks: dict[str, Path] = {}
        self._places = itertools.count()
        self._lock = threading.Lock()

    def picture(self, number: str) -> Open:
        """Return what lies open under a number. Raises KeyError."""
        return self.pictures[number]

    def place(self, name: str) -> Path:
        """Return where a file of such a name may be made: in a scratch folder of its own."""
        folder = self.scratch / str(next(self._places))
        folder.mkdir()
        return folder / name

    def lay(self, path: Path) -> str:
        """Lay a dropped picture on the desk, and return its number."""
        with self._lock:
            number = str(len(self.pictures))
            self.pictures[number] = Open(path, dropped=True)
        return number

    def keep_mask(self, number: str, path: Path, size: tuple[int, int]) -> tuple[str, list[str]]:
        """Keep a mask that was painted on a picture of (height, width) pixels.

        Return its number and what there is to say of it. Raises InputError for what is none.
        """
        picture = self.picture(number)
        _, said = read_mask(path, size)
        with self._lock:
            mask = str(len(self.masks))
            self.masks[mask] = path
            picture.mask = mask
        return mask, said

    def plain(self, text: str) -> str:
        """Return a message as the page says it: without our folders, by its own labels."""
        for folder in (rf"{re.escape(str(self.scratch))}[/\\]\d+", re.escape(str(self.folder))):
            text = re.sub(rf"{folder}[/\\]", "", text)
        return OPTION.sub(lambda option: LABELS.get(option[0], f"the command's {option[0]}"), text)

    def save(self, made: Path, name: str, original: Path, *, replace: bool) -> Path:
        """Copy what was made to a plain name in the folder, whole or not at all; return its path.

        Raises TakenError for a name that is taken, unless ``replace``, and InputError for the
        original's, for one with a folder in it, and for one that ends as another format.
        """
        target = self.folder / plain_name(name)
        kind = kinds.SUFFIXES.get(made.suffix.lower())
        if kinds.SUFFIXES.get(target.suffix.lower()) != kind:
            raise InputError(f"{name}: is written as {kind}: end the name in {made.suffix}")
        if target.exists():
            if target.samefile(original) or _is_copied(target, original):
                raise InputError(f"{name}: is the original, which is never replaced")
            if filecmp.cmp(target, made, shallow=False):
                return target  # saved before
            if not replace:
                raise TakenError(f"{name}: exists already: choose another name, or replace it")
        with atomic.file(target) as temporary:
            shutil.copyfile(made, temporary)
        return target


def read_mask(path: Path, size: tuple[int, int]) -> tuple[Bool[Tensor, "h w"], list[str]]:
    """Return what a mask marks of a picture of (height, width) pixels, and what to say of it."""
    blank = Picture(torch.zeros(1).expand(1, *size))
    repair, said = masks.read(str(path), blank, Path("the picture"), False)
    assert repair is not None  # only `auto` finds nothing
    return repair, said


def plain_name(name: str) -> str:
    """Return a name that is nothing but one. Raises InputError."""
    odd = any(sign in name for sign in "/\\") or not name.isprintable()
    odd = odd or (files.ON_WINDOWS and files.REFUSED_BY_WINDOWS.search(name) is not None)
    if odd or not name.strip() or name.startswith("."):
        raise InputError(f"{name!r}: is no plain name of a file: leave out folders and signs")
    if len(name.encode()) > atomic.LONGEST:
        raise InputError(f"'{name[:20]}…': is longer than the name of a file can be")
    return name


def _is_copied(target: Path, original: Path) -> bool:
    """Return whether a picture that was dropped into the page, a copy, came from ``target``.

    Bytes alone do not say it: what was restored can be the original to the last of them.
    """
    same_name = target.name.casefold() == original.name.casefold()
    return same_name and filecmp.cmp(target, original, shallow=False)
