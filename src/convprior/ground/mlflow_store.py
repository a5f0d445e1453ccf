"""The only door to MLflow's store: a tracking server, or the project's own database.

What is sent again does no harm: a run is found by its journal's tag, a metric by its time, and a
picture by its name. MLflow is imported when something is sent, for it takes seconds to load.
"""

import contextlib
import itertools
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from PIL import Image

from convprior.ground import journal
from convprior.ground.journal import NOTE, BrokenJournalError, Line, root

REQUEST_TIMEOUT = 10  # seconds; MLflow's own defaults block a call for minutes
SHOWN = "shown.png"  # the latest picture, under a name that a run's note can link
JOURNAL_TAG = "convprior.journal"
AT_ONCE = 250  # lines of a journal that are in memory
ARTIFACTS = "mlartifacts"  # the folder of the pictures, where the project's own database is used
OF_MODELS = {"mlflow.experimentKind": "custom_model_development"}  # as the interface has it
SILENT = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")  # no answer


class RefusedError(RuntimeError):
    """MLflow answers, and does not take this journal."""


def uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite database at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def shown(address: str) -> str:
    """Return an address as it may be printed: without a password."""
    return re.sub(r"//[^/@]*@", "//…@", address)


def send(folder: Path, unread: Iterable[tuple[Line, int]]) -> Iterator[tuple[Line, int]]:
    """Send lines of a journal, each with its place; yield those up to which all got through.

    Raises RefusedError, BrokenJournalError, and what MLflow raises where it does not answer.
    """
    unread = iter(unread)
    first = next(unread, None)
    if first is None:  # no reason to load MLflow
        return
    client = _client()
    from mlflow.exceptions import MlflowException

    try:
        run_id = _run_id(client, folder)
        entries = itertools.chain([first], unread)
        for kind, alike in itertools.groupby(entries, key=lambda entry: entry[0]["kind"]):
            while some := list(itertools.islice(alike, AT_ONCE)):
                _send_alike(client, run_id, folder, kind, [line for line, _ in some])
                yield some[-1]
    except MlflowException as error:
        if error.error_code in SILENT:
            raise
        raise RefusedError(f"MLflow refuses it ({str(error).splitlines()[0]:.200s})") from None
    except (KeyError, TypeError) as error:
        raise BrokenJournalError(f"a line that makes no sense: {error!r}") from None


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
        return str(client.create_experiment(name, artifacts, OF_MODELS))
    except Exception:  # of whatever kind a server has for it: another run was first
        if experiment := client.get_experiment_by_name(name):
            return str(experiment.experiment_id)
        raise


def _send_alike(client: Any, run_id: str, folder: Path, kind: str, lines: Sequence[Line]) -> None:
    """Send lines of one kind, metrics in batches: one by one they take 23 ms each."""
    from mlflow.entities import Param

    if kind == "metrics":
        metrics = [metric for line in lines for metric in _metrics(line)]
        for first in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics=metrics[first : first + 1000])
        return
    for line in lines:
        if kind == "begin":
            params = [Param(key, str(value)[:6000]) for key, value in line["params"].items()]
            for first in range(0, len(params), 100):
                client.log_batch(run_id, params=params[first : first + 100])
        elif kind == "picture" and not _is_there(client, run_id, line):
            with _picture(folder / line["file"]) as picture:
                client.log_image(
                    run_id, picture, key=line["key"], step=line["step"],
                    timestamp=line["time"], synchronous=True,
                )  # fmt: skip
        elif kind == "file":
            if not (folder / line["file"]).exists():
                raise BrokenJournalError(f"{line['file']} is gone")
            client.log_artifact(run_id, str(folder / line["file"]))
        elif kind == "end":
            client.set_terminated(run_id, status=line["status"], end_time=line["time"])
    if kind == "picture":
        _show(client, run_id, folder, lines[-1])


def _show(client: Any, run_id: str, folder: Path, line: Line) -> None:
    """Put a picture into the run's note."""
    with _picture(folder / line["file"]) as picture:
        client.log_image(run_id, picture, SHOWN)
    link = f"![{line['key']}](get-artifact?path={SHOWN}&run_uuid={run_id})"
    note = journal.beginning(folder)["tags"].get(NOTE, "")
    client.set_tag(run_id, NOTE, f"{note}\n\n{link}")


def _metrics(line: Line) -> list[Any]:
    """Return what MLflow calls a line's metrics: it draws what has one prefix together."""
    from mlflow.entities import Metric

    step = line["step"]
    prefix = "result" if step is None else "curve"
    return [
        Metric(f"{prefix}/{key}", value, line["time"], step or 0)
        for key, value in line["values"].items()
    ]


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
