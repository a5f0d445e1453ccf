"""Which files are pictures to restore, where each goes, and in words what is left out.

A picture of a kind that is not read is to be restored like others: it fails, and says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import kinds

MOST_NAMES = 12  # of those left out that are said
OURS = ".convprior.json"  # the note beside a result: no file of somebody


@dataclass(frozen=True)
class Found:
    """``pictures`` with the place of each result below the folder of results, and what is said."""

    pictures: tuple[tuple[Path, Path], ...]
    left_out: tuple[str, ...]


def beside(picture: Path) -> Path:
    """Return where the result of a picture goes if nothing else is said: photo.restored.png."""
    written = kinds.written_name(picture)
    return atomic.beside(picture.with_name(picture.stem), f".restored{written.suffix}")


def pictures_of(folder: Path) -> list[Path]:
    """Return the pictures of a folder that `find` finds, in order. Raises OSError."""
    return [
        path
        for path in sorted(folder.iterdir())
        if _is_picture(path) and not _is_hidden(path.relative_to(folder))
    ]


def find(source: Path | Sequence[Path], target: Path, *, recursive: bool) -> Found:
    """Return the pictures of a folder, or those of several paths. Raises InputError for none.

    What lies in ``target`` are results, and not looked at.
    """
    if isinstance(source, Path):
        return _in_folder(source, target, recursive)
    others = [path for path in source if not _is_picture(path)]
    pictures = [path for path in source if _is_picture(path)]
    if not pictures:
        raise InputError(
            f"{', '.join(map(str, source[:MOST_NAMES]))}: no pictures "
            f"({', '.join(kinds.SUFFIXES)}): give pictures, or one folder"
        )
    said = _said([path for path in others if not path.is_dir()], "no pictures", str)
    said += _said([path for path in others if path.is_dir()], "folders; give each alone", str)
    names = (kinds.written_name(Path(path.name)) for path in pictures)
    return Found(tuple(zip(pictures, names, strict=True)), tuple(said))


def _in_folder(source: Path, target: Path, recursive: bool) -> Found:
    results = target.resolve()
    entries = [
        path
        for path in sorted(source.rglob("*") if recursive else source.glob("*"))
        if not path.resolve().is_relative_to(results)
    ]
    seen = [path for path in entries if not _is_hidden(path.relative_to(source))]
    hidden = [
        path for path in entries if _is_hidden(path.relative_to(source)) and _is_picture(path)
    ]
    pictures = [path for path in seen if _is_picture(path)]
    if not pictures:
        deeper = "" if recursive else ", or --recursive for those in its folders"
        raise InputError(
            f"{source}: no pictures ({', '.join(kinds.SUFFIXES)}): give another folder{deeper}"
        )

    def below(path: Path) -> str:
        return str(path.relative_to(source))

    folders = [] if recursive else [path for path in seen if path.is_dir()]
    others = [path for path in seen if not _is_picture(path) and not path.is_dir()]
    said = [
        *_said([path for path in others if not path.name.endswith(OURS)], "no pictures", below),
        *_said(hidden, "hidden", below),
        *_said(folders, "folders; --recursive takes what is in them", below),
    ]
    places = (kinds.written_name(path.relative_to(source)) for path in pictures)
    return Found(tuple(zip(pictures, places, strict=True)), tuple(said))


def _is_picture(path: Path) -> bool:
    """Return whether a path is named as a picture: a file, or a link that leads nowhere."""
    named = path.suffix.lower() in kinds.SUFFIXES or path.suffix.lower() in kinds.REFUSED
    return named and (path.is_file() or not path.exists())


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _said(paths: list[Path], why: str, named: Callable[[Path], str]) -> list[str]:
    """Return what is said of paths that are left out, nothing of none."""
    if not paths:
        return []
    names = ", ".join(named(path) for path in paths[:MOST_NAMES])
    more = f", and {len(paths) - MOST_NAMES:,} more" if len(paths) > MOST_NAMES else ""
    return [f"{len(paths):,} left out ({why}): {names}{more}"]
