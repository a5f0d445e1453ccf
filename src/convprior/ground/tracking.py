"""The only door to MLflow: runs are journals first, mirrored to MLflow when it can be reached.

A thread mirrors the journal to MLflow while the run lives; what it did not get through is replayed
by the next run or by ``make sync``, and a journal that got through is deleted. Processes that
share out one stage's runs keep journals only, which the stage's own run mirrors when they are over:
each would else take seconds to load MLflow.
Replaying is idempotent: a run is found again by its journal's tag, and a metric by its time. So a
server that is down costs nothing and loses nothing.
"""

import contextlib
import itertools
import logging
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from PIL import Image

from convprior.ground import journal
from convprior.ground.journal import Journal, Line, Values, root

log = logging.getLogger(__name__)

MIRROR_EVERY = 5.0  # seconds between two looks at the journal
RETRY_AFTER = 60.0  # seconds without a try after MLflow could not be reached
REQUEST_TIMEOUT = 10  # seconds; MLflow's own defaults block a call for minutes
JOURNAL_TAG = "convprior.journal"


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite database at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


@contextlib.contextmanager
def run(
    experiment: str, name: str, params: Values | None = None, tags: Values | None = None
) -> Iterator[Journal]:
    """Record a run of ``experiment`` (a stage) and mirror it while it lives.

    It ends as FINISHED, or as FAILED or KILLED by the exception that leaves the block.
    """
    recorded = Journal(experiment, name, params or {}, tags or {})
    over = threading.Event()
    mirror = threading.Thread(target=_follow, args=(recorded.folder, over), daemon=True)
    shared_out = multiprocessing.parent_process() is not None
    if not shared_out:
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
        if not shared_out:
            mirror.join()
        recorded.close()


def _follow(folder: Path, over: threading.Event) -> None:
    """Mirror one journal until its run is over; never raise, and say once what does not work."""
    not_before = 0.0
    while True:
        last = over.is_set()
        if time.monotonic() >= not_before:
            try:
                _mirror(folder)
                _replay_dead_runs()
            except Exception as error:
                if not not_before:
                    log.warning(
                        "MLflow at %s does not answer (%.120s): the run goes on in %s; "
                        "`make sync` replays it",
                        uri(),
                        str(error).split("\n")[0],
                        folder.relative_to(root()),
                    )
                not_before = time.monotonic() + RETRY_AFTER
        if last:
            return
        over.wait(MIRROR_EVERY)


def sync() -> tuple[int, int]:
    """Replay the journals of runs that are over; return how many got through and how many are left.

    A run whose process died without a word is marked KILLED. Journals of live runs count as left.
    """
    before = len(journal.journals())
    try:
        _replay_dead_runs()
    except Exception as error:
        log.warning("MLflow at %s does not answer (%s)", uri(), error)
    left = len(journal.journals())
    return before - left, left


def _replay_dead_runs() -> None:
    for folder in journal.journals():
        over = journal.take(folder)
        if over is not None:
            try:
                _mirror(folder, dead=True)
            finally:
                journal.let_go(folder, over)


def _mirror(folder: Path, dead: bool = False) -> None:
    """Bring to MLflow what the journal holds beyond the last time, and delete it when all is there.

    Raises what MLflow raises; the next call goes on behind what got through.
    """
    unread = journal.unread(folder)
    if dead and not any(line["kind"] == "end" for line, _ in unread):
        unread.append(journal.death(folder))
    if not unread:
        return
    client = _client()
    run_id = _run_id(client, folder)
    for kind, alike in itertools.groupby(unread, key=lambda entry: entry[0]["kind"]):
        lines, places = zip(*alike, strict=True)
        _send(client, run_id, folder, kind, lines)
        journal.mark_read(folder, places[-1])
    if unread[-1][0]["kind"] == "end":
        shutil.rmtree(folder)


def _client() -> Any:
    """Return an MLflow client; the first one makes the database, under a lock."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody was asked
    from mlflow.tracking import MlflowClient  # three seconds that no start-up should pay

    address = uri()
    if not address.startswith("sqlite:"):
        return MlflowClient(address)
    # Processes that open a new SQLite database at once crash each other.
    with FileLock(root() / ".convprior" / "mlflow.lock"):
        client = MlflowClient(address)
        client.search_experiments(max_results=1)
    return client


def _run_id(client: Any, folder: Path) -> str:
    """Return the MLflow run of this journal; find it or create it."""
    begin = journal.beginning(folder)
    experiment_id = _experiment_id(client, begin["experiment"])
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


def _experiment_id(client: Any, name: str) -> str:
    """Return the id of an experiment; the first that asks creates it."""
    if experiment := client.get_experiment_by_name(name):
        return str(experiment.experiment_id)
    local = uri().startswith("sqlite:")
    artifacts = (root() / "mlartifacts").as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except Exception:  # of whatever kind a server has for it: another run was first
        if experiment := client.get_experiment_by_name(name):
            return str(experiment.experiment_id)
        raise


def _send(client: Any, run_id: str, folder: Path, kind: str, lines: Sequence[Line]) -> None:
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
