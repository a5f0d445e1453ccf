"""Keep what a stage needs to go on after a crash, and never mistake it for another run's.

DVC removes a stage's outs before it runs, so the state lies outside them, in a folder named by the
fingerprint of its configuration and inputs. Another fingerprint starts afresh in another folder.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from convprior.ground.errors import InputError

log = logging.getLogger(__name__)


class StateError(InputError):
    """The state of a stage cannot be used."""


def fingerprint(content: Any) -> str:
    """Return the SHA-256 of ``content`` as canonical JSON; paths count by their contents."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=_digest).encode()).hexdigest()


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digest(value: Any) -> str:
    if not isinstance(value, Path):
        raise TypeError(f"cannot fingerprint a {type(value).__name__}: give JSON types or paths")
    files = sorted(p for p in value.rglob("*") if p.is_file()) if value.is_dir() else [value]
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.fsencode(path.relative_to(value.parent).as_posix()))
        digest.update(bytes.fromhex(digest_of(path)))
    return digest.hexdigest()


def folder(parent: Path, identity: str) -> Path:
    """Return the folder below ``parent`` of the run whose fingerprint is ``identity``.

    Any process may call it at any time: another run's state has another folder.
    """
    return parent / identity[:16]


@contextmanager
def alone(parent: Path) -> Iterator[None]:
    """Hold the state below ``parent`` for this process. Raises StateError if another has it."""
    parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(parent.with_name(f".{parent.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StateError(
            f"{parent}: another process is at this very work: wait for it, or end it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def load(path: Path, device: torch.device | str = "cpu") -> Any | None:
    """Return what torch has saved in a file, its tensors on ``device``; None if there is no file.

    One that cannot be read is set aside, and said: what it held is done again.
    """
    if not path.exists():
        return None
    try:
        return torch.load(path, device, weights_only=True)
    except Exception as error:  # of whatever kind half a file gives
        aside = path.with_name(f"{path.name}.broken")
        path.replace(aside)
        log.warning("%s: cannot be gone on with (%s)", aside, str(error).split("\n")[0])
        return None


def forget_others(parent: Path, identity: str) -> None:
    """Delete the state of runs with another fingerprint, and say so."""
    for other in parent.glob("*"):
        if other != folder(parent, identity):
            log.warning("%s: settings or inputs have changed: starting afresh", parent.as_posix())
            shutil.rmtree(other)
