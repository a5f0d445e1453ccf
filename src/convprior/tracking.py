"""The only door to MLflow: a local journal first, mirrored to MLflow when it can be reached.

A run writes lines of JSON and its pictures to a folder of its own, at once and without waiting for
anybody. A thread mirrors the journal to MLflow while the run lives; what it did not get through is
replayed by the next run or by ``convprior sync``, and a journal that got through is deleted.
Replaying is idempotent: a run is found again by its journal's tag, and a metric by its time. So a
server that is down costs nothing and loses nothing.
"""

import contextlib
import fcntl
import itertools
import json
import logging
import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from PIL import Image

log = logging.getLogger(__name__)

MIRROR_EVERY = 5.0  # seconds between two looks at the journal
RETRY_AFTER = 60.0  # seconds without a try after MLflow could not be reached
REQUEST_TIMEOUT = 10  # seconds; MLflow's own defaults block a call for minutes
JOURNAL_TAG = "convprior.journal"

KEY = re.compile(r"[A-Za-z0-9_\-./ ]+")

Values = Mapping[str, Any]


def root() -> Path:
    """Return the project's root: DVC's, or the current folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def journals() -> Path:
    """Return the folder of all journals."""
    return root() / ".convprior" / "journals"


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite database at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


class Run:
    """A run being recorded. Everything is in the journal when a method returns."""

    def __init__(self, experiment: str, name: str, params: Values, tags: Values) -> None:
        identity = f"{time.strftime('%Y%m%dT%H%M%S')}-{experiment}-{name}-{uuid.uuid4().hex[:8]}"
        self.folder = journals() / identity.replace("/", "-")
        self.folder.mkdir(parents=True)
        # Held until the process ends, however it ends: who can take it knows that the run is over.
        self._lock = _lock(self.folder / "alive")
        assert self._lock is not None
        self._lines = (self.folder / "journal.jsonl").open("a", encoding="utf-8")
        self._write(
            "begin",
            experiment=experiment,
            name=name,
            params=dict(params),
            tags=_origin() | dict(tags),
        )

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


@contextlib.contextmanager
def run(
    experiment: str, name: str, params: Values | None = None, tags: Values | None = None
) -> Iterator[Run]:
    """Record a run of ``experiment`` (a stage) and mirror it while it lives.

    It ends as FINISHED, or as FAILED or KILLED by the exception that leaves the block.
    """
    recorded = Run(experiment, name, params or {}, tags or {})
    over = threading.Event()
    mirror = threading.Thread(target=_follow, args=(recorded.folder, over), daemon=True)
    mirror.start()
    status = "FAILED"
    try:
        yield recorded
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        recorded.end(status)
        over.set()
        mirror.join()
        recorded.close()


def _follow(folder: Path, over: threading.Event) -> None:
    """Mirror one journal until its run is over; never raise, and say once what does not work."""
    not_before = 0.0
    while True:
        last = over.wait(MIRROR_EVERY)
        if time.monotonic() >= not_before:
            try:
                _mirror(folder)
                if last:
                    _replay_dead_runs()
            except Exception as error:
                if not not_before:
                    log.warning(
                        "MLflow at %s does not answer (%.120s): the run goes on in %s; "
                        "`convprior sync` replays it",
                        uri(),
                        str(error).split("\n")[0],
                        folder.relative_to(root()),
                    )
                not_before = time.monotonic() + RETRY_AFTER
        if last:
            return


def sync() -> tuple[int, int]:
    """Replay the journals of runs that are over; return how many got through and how many are left.

    A run whose process died without a word is marked KILLED. Journals of live runs count as left.
    """
    before = len(list(journals().glob("*")))
    try:
        _replay_dead_runs()
    except Exception as error:
        log.warning("MLflow at %s does not answer (%s)", uri(), error)
    left = len(list(journals().glob("*")))
    return before - left, left


def _replay_dead_runs() -> None:
    for folder in sorted(journals().glob("*")):
        alive = _lock(folder / "alive")
        if alive is not None:
            with alive:
                _mirror(folder, dead=True)


def _mirror(folder: Path, dead: bool = False) -> None:
    """Bring to MLflow what the journal holds beyond the last time, and delete it when all is there.

    Raises what MLflow raises; the next call goes on behind what got through.
    """
    place = folder / "position"
    position = int(place.read_text()) if place.exists() else 0
    with (folder / "journal.jsonl").open("rb") as journal:
        journal.seek(position)
        # A killed process can leave half a line: only whole ones count.
        encoded = [line for line in journal.read().splitlines(keepends=True) if line[-1:] == b"\n"]
    lines = [json.loads(line) for line in encoded]
    if dead and not any(line["kind"] == "end" for line in lines):
        now = int((folder / "journal.jsonl").stat().st_mtime * 1000)
        lines.append({"kind": "end", "time": now, "status": "KILLED"})
    if not lines:
        return
    client = _client()
    run_id = _run_id(client, folder)
    done = 0
    for kind, alike in itertools.groupby(lines, key=lambda line: line["kind"]):
        group = list(alike)
        _send(client, run_id, folder, kind, group)
        position += sum(len(line) for line in encoded[done : done + len(group)])
        done += len(group)
        place.write_text(str(position))
    if lines[-1]["kind"] == "end":
        shutil.rmtree(folder)


def _client() -> Any:
    """Return an MLflow client; the first one makes the database, under a lock."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow.tracking import MlflowClient  # three seconds that no start-up should pay

    address = uri()
    if not address.startswith("sqlite:"):
        return MlflowClient(address)
    # Processes that open a new SQLite database at once crash each other.
    with (root() / ".convprior" / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = MlflowClient(address)
        client.search_experiments(max_results=1)
    return client


def _run_id(client: Any, folder: Path) -> str:
    """Return the MLflow run of this journal; find it or create it."""
    with (folder / "journal.jsonl").open(encoding="utf-8") as journal:
        begin = json.loads(journal.readline())
    experiment = client.get_experiment_by_name(begin["experiment"])
    if experiment is None:
        local = uri().startswith("sqlite:")
        artifacts = (root() / "mlartifacts").as_uri() if local else None
        experiment_id = client.create_experiment(begin["experiment"], artifact_location=artifacts)
    else:
        experiment_id = experiment.experiment_id
    query = f"tags.`{JOURNAL_TAG}` = '{folder.name}'"
    found = client.search_runs([experiment_id], query, max_results=1)
    if found:
        return str(found[0].info.run_id)
    created = client.create_run(
        experiment_id,
        start_time=begin["time"],
        run_name=begin["name"],
        tags={JOURNAL_TAG: folder.name, **{k: str(v) for k, v in begin["tags"].items()}},
    )
    return str(created.info.run_id)


def _send(client: Any, run_id: str, folder: Path, kind: str, lines: list[dict[str, Any]]) -> None:
    """Send lines of one kind, metrics in batches: one by one they take 23 ms each."""
    from mlflow.entities import Metric, Param

    if kind == "metrics":
        metrics = [
            Metric(key, value, line["time"], line["step"])
            for line in lines
            for key, value in line["values"].items()
        ]
        for first in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics=metrics[first : first + 1000])
        return
    for line in lines:
        if kind == "begin":
            params = [Param(key, str(value)[:6000]) for key, value in line["params"].items()]
            client.log_batch(run_id, params=params[:100])
        elif kind == "picture":
            with Image.open(folder / line["file"]) as picture:
                client.log_image(
                    run_id, picture, key=line["key"], step=line["step"],
                    timestamp=line["time"], synchronous=True,
                )  # fmt: skip
        elif kind == "end":
            client.set_terminated(run_id, status=line["status"], end_time=line["time"])


def _lock(path: Path) -> IO[str] | None:
    """Take the lock file and return it open, or None if somebody holds it."""
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


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


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level with dotted keys, as MLflow's parameters want them."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            result |= flat(value, f"{name}.")
        else:
            result[name] = value
    return result
