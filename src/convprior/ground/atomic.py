"""Write files and folders whole or not at all.

A result is made under a temporary name beside its target and moved into place, so that a crash, a
full disk or a second process never leaves half a result under the final name.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def file(target: Path, *, keep: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; move it there when the block ends well.

    Not ``keep`` removes it instead: a rehearsal.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays, because writers choose the format by it.
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; a result is an ordinary one
        with temporary.open("rb+") as written:  # Windows flushes only what may be written
            os.fsync(written.fileno())
        if keep:
            temporary.replace(target)
            _flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; put it in its place when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can open a folder: Windows cannot."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # a file system that flushes no folders
        pass
    finally:
        os.close(handle)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, content: Any) -> None:
    """Write ``content`` as indented JSON; NaN and infinity are refused with a ValueError."""
    write_text(target, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(target: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write ``rows`` (at least one, all with the same keys) under one header."""
    with file(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
