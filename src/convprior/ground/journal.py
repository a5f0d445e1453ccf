"""The journal of a run: lines of JSON and pictures, on disk when a call returns.

A run writes to a folder of its own, at once and without waiting for anybody; `tracking` mirrors it
to MLflow. Whoever can take a journal's lock knows that its run is over.
"""

import fcntl
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from PIL import Image

KEY = re.compile(r"[A-Za-z0-9_\-./ ]+")

LINES = "journal.jsonl"

Values = Mapping[str, Any]
Line = dict[str, Any]


def root() -> Path:
    """Return the project's root: DVC's, or the current folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def journals() -> list[Path]:
    """Return the folders of all journals, oldest first."""
    return sorted(_shelf().glob("[!.]*"))


def _shelf() -> Path:
    return root() / ".convprior" / "journals"


class Journal:
    """A run being recorded. Everything is in the journal when a method returns."""

    def __init__(self, experiment: str, name: str, params: Values, tags: Values) -> None:
        identity = f"{time.strftime('%Y%m%dT%H%M%S')}-{experiment}-{name}-{uuid.uuid4().hex[:8]}"
        self.folder = _shelf() / identity.replace("/", "-")
        # Nobody may find it before its lock is held, and take it for one that is over.
        hidden = self.folder.with_name(f".{self.folder.name}")
        hidden.mkdir(parents=True)
        (hidden / "alive").touch()
        self._lock = take(hidden)  # held until the process ends, however it ends
        assert self._lock is not None
        self._lines = (hidden / LINES).open("a", encoding="utf-8")
        self._write(
            "begin",
            experiment=experiment,
            name=name,
            params=dict(params),
            tags=_origin() | dict(tags),
        )
        hidden.rename(self.folder)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics at ``step``; NaN and infinite ones are left out."""
        finite = {k: float(v) for k, v in values.items() if abs(float(v)) < float("inf")}
        self._write("metrics", step=step, values=finite)

    def picture(self, key: str, picture: Image.Image, step: int) -> None:
        """Record an 8-bit RGB preview at ``step``; MLflow shows a key's pictures with a slider."""
        if not KEY.fullmatch(key):
            raise ValueError(f"'{key}' cannot be a picture's key: MLflow takes {KEY.pattern}")
        file = f"{key}-{step:06}.png".replace("/", "-")
        picture.convert("RGB").save(self.folder / file)
        self._write("picture", key=key, step=step, file=file)

    def end(self, status: str) -> None:
        """Record how the run ended: FINISHED, FAILED or KILLED."""
        self._write("end", status=status)

    def close(self) -> None:
        """Let go of the journal."""
        self._lines.close()
        assert self._lock is not None
        self._lock.close()

    def _write(self, kind: str, **content: Any) -> None:
        line = {"kind": kind, "time": int(time.time() * 1000), **content}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()


def take(folder: Path) -> IO[str] | None:
    """Take the lock of a journal and return it open; None while its run lives, or if it is gone."""
    alive = folder / "alive"
    try:
        handle = alive.open("r+")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    if not alive.exists():  # mirrored and deleted since it was opened
        handle.close()
        return None
    return handle


def beginning(folder: Path) -> Line:
    """Return a journal's first line."""
    with (folder / LINES).open(encoding="utf-8") as lines:
        line: Line = json.loads(lines.readline())
    return line


def unread(folder: Path) -> list[tuple[Line, int]]:
    """Return the lines behind the mark that `mark_read` left, each with the position behind it."""
    mark = folder / "position"
    position = int(mark.read_text()) if mark.exists() else 0
    found = []
    with (folder / LINES).open("rb") as lines:
        lines.seek(position)
        for line in lines:
            if line.endswith(b"\n"):  # a killed process can leave half a line
                position += len(line)
                found.append((json.loads(line), position))
    return found


def mark_read(folder: Path, position: int) -> None:
    """Remember how far a journal has been read."""
    (folder / "position").write_text(str(position))


def death(folder: Path) -> tuple[Line, int]:
    """Return the last line that a killed run could not write."""
    status = (folder / LINES).stat()
    return {"kind": "end", "time": int(status.st_mtime * 1000), "status": "KILLED"}, status.st_size


def _origin() -> dict[str, str]:
    """Return tags that say where a run came from: git commit, DVC stage and experiment."""
    tags = {}
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=root(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if commit.returncode == 0:
        tags["git.commit"] = commit.stdout.strip()
    for tag, variable in (("dvc.stage", "DVC_STAGE"), ("dvc.exp", "DVC_EXP_NAME")):
        if variable in os.environ:
            tags[tag] = os.environ[variable]
    return tags
