"""Write files and folders whole or not at all.

A result is made under a hidden name beside its target and moved into place, so that a crash, a
full disk or a second process never leaves half a result under the final name. The hidden name says
which process made it: what a killed one has left, the next one that writes there removes.
"""

import csv
import hashlib
import json
import logging
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil

log = logging.getLogger(__name__)

MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
MADE = re.compile(r"\.convprior-(\w{8})-(\d+)-\w{8}(\.\w+)?")  # by a process of a machine
LONGEST = 255  # bytes of a name, on nearly all file systems
WEEK = 7 * 24 * 3600  # seconds, after which another machine's process is taken for dead


def beside(target: Path, ending: str) -> Path:
    """Return the path of a file beside a target that has its name and an ending.

    Where that is longer than a name can be it is cut, and has a digest of the whole in it.
    """
    name = target.name + ending
    if len(os.fsencode(name)) <= LONGEST:
        return target.with_name(name)
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
    room = LONGEST - len(os.fsencode(f"~{digest}{ending}"))
    cut = os.fsencode(target.name)[:room].decode(errors="ignore")  # no half of a letter is left
    return target.with_name(f"{cut}~{digest}{ending}")


@contextmanager
def file(
    target: Path, *, keep: bool = True, before: Callable[[Path], None] = lambda _: None
) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; move it there when the block ends well.

    Its rights are those of the file that it replaces, or of any new file. ``before`` is called with
    the whole file before it is moved. Not ``keep`` removes it instead: a rehearsal.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target, target.suffix)  # by which writers choose the format
    rights = target.stat().st_mode & 0o777 if target.exists() else None
    # The system takes the umask off; chmod could not know it without changing it for all threads.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, rights or 0o666))
    try:
        yield temporary
        if rights is not None:
            temporary.chmod(rights)
        with temporary.open("rb+") as written:  # Windows flushes only what may be written
            os.fsync(written.fileno())
        if keep:
            before(temporary)
            temporary.replace(target)
            _flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; put it in its place when the block ends well.

    An old folder is moved away before: for a moment there is none, and a process that is killed
    just then leaves the old one under its hidden name, from which the next call puts it back.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    old = beside(target.with_name(f".{target.name}"), ".replaced")
    if old.exists() and not target.exists():
        old.replace(target)
    shutil.rmtree(old, ignore_errors=True)
    temporary = _beside(target, "")
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                with path.open("rb+") as written:
                    os.fsync(written.fileno())
        for path in (temporary, *(p for p in temporary.rglob("*") if p.is_dir())):
            _flush(path)
        if target.exists():
            target.replace(old)
        temporary.replace(target)
        _flush(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Yield an empty folder in ``parent`` for what lives no longer than the block."""
    parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(parent / "scratch", "")
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(target: Path, suffix: str) -> Path:
    """Return a free hidden name in the target's folder that says whose it is."""
    _sweep(target.parent.resolve())
    return target.with_name(f".convprior-{MACHINE}-{os.getpid()}-{secrets.token_hex(4)}{suffix}")


@cache
def _sweep(folder: Path) -> None:
    """Remove what killed processes have left in a folder, and say so: once in a process."""
    for path in folder.iterdir():
        made = MADE.fullmatch(path.name)
        if made is None:
            continue
        machine, process = made[1], int(made[2])
        try:
            of_the_dead = (
                not psutil.pid_exists(process)
                if machine == MACHINE
                else time.time() - path.stat().st_mtime > WEEK
            )
            if of_the_dead:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                log.warning("%s: was left by a process that was killed, and is removed", path)
        except OSError:  # another process was first, or it is not ours to remove
            continue


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
    """Write ``content`` as indented JSON; NaN and infinity are refused with a ValueError.

    It is UTF-8; names of files that are not are escaped.
    """
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(content, indent=2, allow_nan=False)
    write_text(target, text + "\n")


def write_csv(target: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write ``rows`` (at least one, all with the same keys) under one header."""
    with file(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
