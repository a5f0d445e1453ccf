"""The journal of a run: lines of JSON and pictures, in the system's hands when a call returns.

A run writes to a folder of its own, at once and without waiting for anybody; `tracking` mirrors it
to MLflow. A process that is killed loses no line, a power cut perhaps the last ones: the first and
the last line are flushed to the disk. Whoever can take a journal's lock knows that its run is over.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL import Image

from convprior.ground import atomic

KEY = re.compile(r"[A-Za-z0-9_\-./ ]+")

LINES = "journal.jsonl"
NOTE = "mlflow.note.content"  # the tag that MLflow shows, as Markdown, above a run
ELSEWHERE = (".dvc", "tmp", "exps")  # where DVC runs queued and temporary experiments

Values = Mapping[str, Any]
Line = dict[str, Any]


_given: dict[str, str] | None = None  # the origin that another process has sent with its work


class BrokenJournalError(ValueError):
    """A journal that cannot be read: a power cut or a full disk left half of it."""


def root() -> Path:
    """Return the project's root: DVC's, the nearest folder above with one, or the current one.

    Of an experiment that DVC runs elsewhere it is the project's too: DVC deletes the other folder.
    """
    here = Path.cwd()
    nearest = next((p for p in (here, *here.parents) if (p / ".dvc").is_dir()), here)
    found = Path(os.environ.get("DVC_ROOT", nearest)).resolve()
    elsewhere = next((p for p in (found, *found.parents) if p.parts[-3:] == ELSEWHERE), None)
    return elsewhere.parents[2] if elsewhere else found


def journals() -> list[Path]:
    """Return the folders of all journals, oldest first."""
    return sorted(path for path in shelf().glob("[!.]*") if path.is_dir())


def shelf() -> Path:
    """Return the folder of all journals; it need not exist."""
    return root() / ".convprior" / "journals"


def set_aside(folder: Path) -> Path:
    """Move a journal that cannot be read out of the way; return where it lies now."""
    aside = root() / ".convprior" / "broken" / folder.name
    aside.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(aside)


class Journal:
    """A run being recorded. Everything is in the journal when a method returns."""

    def __init__(
        self, experiment: str, name: str, params: Values, tags: Values, about: str = ""
    ) -> None:
        # The name may be that of a picture: any bytes, up to 255 of them.
        words = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{experiment}-{name}")[:80]
        identity = f"{time.strftime('%Y%m%dT%H%M%S')}-{words}-{uuid.uuid4().hex[:8]}"
        self.folder = shelf() / identity
        # Held until the process ends, however it ends; nobody may find the journal before it is.
        self._lock = _lock(self.folder)
        self._lock.acquire(timeout=0)
        self.folder.mkdir(parents=True)
        # A file's name may be any bytes, which MLflow does not take.
        self._lines = (self.folder / LINES).open("a", encoding="utf-8", errors="replace")
        came_from = origin()
        self._write(
            "begin",
            experiment=experiment,
            name=name,
            params=dict(params),
            tags=came_from | {NOTE: f"{about}\n\n{came_from[NOTE]}"} | dict(tags),
        )
        self._flush()

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics: points of curves at ``step``, or results, which have none.

        NaN and infinite ones are left out.
        """
        finite = {k: float(v) for k, v in values.items() if abs(float(v)) < float("inf")}
        self._write("metrics", step=step, values=finite)

    def picture(self, key: str, picture: Image.Image, step: int) -> None:
        """Record an 8-bit RGB preview at ``step``; MLflow shows a key's pictures with a slider."""
        if not KEY.fullmatch(key):
            raise ValueError(f"'{key}' cannot be a picture's key: MLflow takes {KEY.pattern}")
        file = f"{key}-{step:06}.png".replace("/", "-")
        picture.convert("RGB").save(self.folder / file)
        self._write("picture", key=key, step=step, file=file)

    def file(self, path: Path) -> None:
        """Record a file as it is now, under its own name."""
        shutil.copy(path, self.folder)
        self._write("file", file=path.name)

    def end(self, status: str) -> None:
        """Record how the run ended: FINISHED, FAILED or KILLED."""
        self._write("end", status=status)
        self._flush()

    def close(self) -> None:
        """Let go of the journal."""
        self._lines.close()
        let_go(self.folder, self._lock)

    def _write(self, kind: str, **content: Any) -> None:
        line = {"kind": kind, "time": int(time.time() * 1000), **content}
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._lines.flush()

    def _flush(self) -> None:
        os.fsync(self._lines.fileno())


def _lock(folder: Path) -> FileLock:
    """Return the lock of a journal: a hidden file beside it, which no journal's deletion takes."""
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def take(folder: Path) -> FileLock | None:
    """Take the lock of a journal; None while its run lives, or if it is gone. Then `let_go`."""
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    if not folder.exists():  # mirrored and deleted since it was found
        let_go(folder, lock)
        return None
    return lock


def let_go(folder: Path, lock: FileLock) -> None:
    """Let go of a journal's lock; where the journal is gone, nothing is left of it."""
    if not folder.exists():
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def beginning(folder: Path) -> Line:
    """Return a journal's first line. Raises BrokenJournalError."""
    first = next(_lines(folder, 0), None)
    if first is None or first[0]["kind"] != "begin":
        raise BrokenJournalError("it has no beginning")
    return first[0]


def unread(folder: Path, *, dead: bool) -> Iterator[tuple[Line, int]]:
    """Yield the lines behind the mark that `mark_read` left, each with the position behind it.

    Of a run that is ``dead``, the end that it could not write comes last. Raises
    BrokenJournalError.
    """
    try:
        position = int((folder / "position").read_text())
    except (OSError, ValueError):  # replaying all is no harm: what is there is found again
        position = 0
    ended = False
    for line, behind in _lines(folder, position):
        ended = line["kind"] == "end"
        yield line, behind
    if dead and not ended:
        status = (folder / LINES).stat()
        end = {"kind": "end", "time": int(status.st_mtime * 1000), "status": "KILLED"}
        yield end, status.st_size


def _lines(folder: Path, position: int) -> Iterator[tuple[Line, int]]:
    try:
        with (folder / LINES).open("rb") as lines:
            lines.seek(position)
            for written in lines:
                if written.endswith(b"\n"):  # a killed process can leave half a line
                    position += len(written)
                    line = json.loads(written)
                    if not isinstance(line, dict) or "kind" not in line:
                        raise ValueError("a line that says no kind")
                    yield line, position
    except (OSError, ValueError) as error:
        raise BrokenJournalError(f"{LINES}: {error}") from None


def mark_read(folder: Path, position: int) -> None:
    """Remember how far a journal has been read."""
    atomic.write_text(folder / "position", str(position))


def _command() -> str:
    """Return the command as one types it, also in a process with which it shares work."""
    module = sys.modules["__main__"].__spec__
    if module is None:
        return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return shlex.join(["python", "-m", module.name.removesuffix(".__main__"), *sys.argv[1:]])


def work_for(sender: Mapping[str, str]) -> None:
    """Let the runs of this process come from where the process does that has sent the work."""
    global _given
    _given = dict(sender)


def origin() -> dict[str, str]:
    """Return tags that say where a run comes from: command, git commit, DVC stage, experiment."""
    if _given is not None:
        return _given
    tags = {NOTE: f"Made again by `{_command()}`"}
    with contextlib.suppress(OSError):  # without git
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, check=False,  # of the folder in which the stage runs
        )  # fmt: skip
        if commit.returncode == 0:
            tags["git.commit"] = commit.stdout.strip()
    for tag, variable in (("dvc.stage", "DVC_STAGE"), ("dvc.exp", "DVC_EXP_NAME")):
        if variable in os.environ:
            tags[tag] = os.environ[variable]
    return tags
