"""The only door to MLflow: runs are journals first, mirrored to MLflow when it can be reached.

A thread mirrors the journal to MLflow while the run lives; what it did not get through is replayed
by the next run or by ``make sync``, and a journal that got through is deleted. Processes that
share out one stage's runs keep journals only, which the stage's own run mirrors when they are over:
each would else take seconds to load MLflow.
Replaying is idempotent: a run is found again by its journal's tag, a metric by its time, and a
picture by its name. So a server that is down costs nothing and loses nothing; and a journal that
MLflow refuses, or that cannot be read, holds up no other.
"""

import contextlib
import itertools
import logging
import multiprocessing
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from PIL import Image

from convprior.ground import journal
from convprior.ground.journal import BrokenJournalError, Journal, Line, Values, root

log = logging.getLogger(__name__)

MIRROR_EVERY = 5.0  # seconds between two looks at the journal
RETRY_AFTER = 60.0  # seconds without a try after MLflow could not be reached
REQUEST_TIMEOUT = 10  # seconds; MLflow's own defaults block a call for minutes
JOURNAL_TAG = "convprior.journal"
ARTIFACTS = "mlartifacts"  # the folder of the pictures, where the project's own database is used
SILENT = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")  # no answer


_refused: set[Path] = set()  # the journals of which this process has said so


class RefusedError(RuntimeError):
    """MLflow answers, and does not take this journal."""


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite database at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def shown(address: str) -> str:
    """Return an address as it may be printed: without a password."""
    return re.sub(r"//[^/@]*@", "//…@", address)


@contextlib.contextmanager
def run(
    experiment: str, name: str, params: Values | None = None, tags: Values | None = None
) -> Iterator[Journal]:
    """Record a run of ``experiment`` (a stage) and mirror it while it lives.

    It ends as FINISHED, or as FAILED or KILLED by the exception that leaves the block.
    """
    name = name.encode("utf-8", "replace").decode()  # a file's name may be any bytes
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
                try:
                    _mirror(folder)
                except (RefusedError, BrokenJournalError):  # others may not be
                    _replay_dead_runs()
                    raise
                _replay_dead_runs()
            except Exception as error:
                if not not_before:
                    log.warning(
                        "%s: the run goes on in %s; `make sync` replays it",
                        _what_is_wrong(error),
                        folder.relative_to(root()),
                    )
                not_before = time.monotonic() + RETRY_AFTER
        if last or not folder.exists():  # its end may have got through before it was looked for
            return
        over.wait(MIRROR_EVERY)


def _what_is_wrong(error: Exception) -> str:
    said = str(error).split("\n")[0]
    if isinstance(error, RefusedError | BrokenJournalError):
        return said
    return f"MLflow at {shown(uri())} does not answer ({shown(said):.120s})"


def sync() -> tuple[int, int]:
    """Replay the journals of runs that are over; return how many got through and how many are left.

    A run whose process died without a word is marked KILLED. Journals of live runs count as left.
    """
    before = len(journal.journals())
    aside = 0
    try:
        aside = _replay_dead_runs()
    except Exception as error:
        log.warning("%s", _what_is_wrong(error))
    left = len(journal.journals())
    return before - left - aside, left


def _replay_dead_runs() -> int:
    """Replay what can be replayed; return how many journals could not be read and were set aside.

    What MLflow refuses stays, and is named once. Raises what tells that MLflow does not answer.
    """
    aside = 0
    for folder in journal.journals():
        over = journal.take(folder)
        if over is None:
            continue
        try:
            _mirror(folder, dead=True)
        except RefusedError as error:
            if folder not in _refused:
                log.warning("%s: %s", folder.relative_to(root()), error)
            _refused.add(folder)
        except BrokenJournalError as error:
            there = journal.set_aside(folder)
            aside += 1
            log.warning("%s: cannot be replayed (%s)", there.relative_to(root()), error)
        finally:
            journal.let_go(folder, over)
    return aside


def _mirror(folder: Path, dead: bool = False) -> None:
    """Bring to MLflow what the journal holds beyond the last time, and delete it when all is there.

    The next call goes on behind what got through. Raises RefusedError, BrokenJournalError, and what
    MLflow raises where it does not answer.
    """
    unread = journal.unread(folder)
    if dead and not any(line["kind"] == "end" for line, _ in unread):
        unread.append(journal.death(folder))
    if not unread:
        return
    client = _client()
    from mlflow.exceptions import MlflowException

    try:
        run_id = _run_id(client, folder)
        for kind, alike in itertools.groupby(unread, key=lambda entry: entry[0]["kind"]):
            lines, places = zip(*alike, strict=True)
            _send(client, run_id, folder, kind, lines)
            journal.mark_read(folder, places[-1])
    except MlflowException as error:
        if error.error_code in SILENT:
            raise
        raise RefusedError(f"MLflow refuses it ({str(error).splitlines()[0]:.200s})") from None
    except (KeyError, TypeError) as error:
        raise BrokenJournalError(f"a line that makes no sense: {error!r}") from None
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
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            _follow_the_project(root())
    return client


def _follow_the_project(home: Path) -> None:
    """Let the database of a project that was moved or copied look for its pictures below it.

    MLflow writes where they lie as whole paths, and has no call that changes them.
    """
    now = _artifacts(home)
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        found = database.execute("SELECT experiment_id, artifact_location FROM experiments")
        for number, before in found.fetchall():
            if before == now or not before.endswith(f"/{ARTIFACTS}"):
                continue
            database.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                (now, number),
            )
            database.execute(
                "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                (now, len(before) + 1, number, len(before), before),
            )


def _artifacts(home: Path) -> str:
    return (home / ARTIFACTS).as_uri()


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
        if experiment.lifecycle_stage == "deleted":
            number = experiment.experiment_id
            raise RefusedError(
                f"the experiment '{name}' was deleted in MLflow: "
                f"`mlflow experiments restore --experiment-id {number}`, or delete it for good"
            )
        return str(experiment.experiment_id)
    local = uri().startswith("sqlite:")
    artifacts = _artifacts(root()) if local else None
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
            for first in range(0, len(params), 100):
                client.log_batch(run_id, params=params[first : first + 100])
        elif kind == "picture":
            if _is_there(client, run_id, line):
                continue
            with _picture(folder / line["file"]) as picture:
                client.log_image(
                    run_id, picture, key=line["key"], step=line["step"],
                    timestamp=line["time"], synchronous=True,
                )  # fmt: skip
        elif kind == "end":
            client.set_terminated(run_id, status=line["status"], end_time=line["time"])


def _is_there(client: Any, run_id: str, line: Line) -> bool:
    """Return whether a picture got through before the mark behind it was made."""
    key = re.escape(line["key"]).replace("/", "[~#]")  # what MlflowClient.log_image calls it
    name = re.compile(rf"images/{key}[+%]step[+%]{line['step']}[+%]timestamp[+%]{line['time']}[+%]")
    return any(name.match(file.path) for file in client.list_artifacts(run_id, "images"))


@contextlib.contextmanager
def _picture(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as picture:
            yield picture
    except OSError as error:
        raise BrokenJournalError(f"{path.name}: {error}") from None


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
