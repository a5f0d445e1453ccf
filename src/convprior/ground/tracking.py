"""Record runs: each is a journal first, mirrored to MLflow when it can be reached.

A thread mirrors the journal to MLflow while the run lives; what it did not get through is replayed
by the next run or by ``make sync``, and a journal that got through is deleted. Processes that
share out one stage's runs keep journals only, which the stage mirrors when they are over: each
would else take seconds to load MLflow.
Replaying is idempotent (`mlflow_store`), so a server that is down costs nothing and loses nothing;
and a journal that MLflow refuses, or that cannot be read, holds up no other.
"""

import contextlib
import logging
import multiprocessing
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convprior.ground import journal, mlflow_store
from convprior.ground.journal import BrokenJournalError, Journal, Values, root
from convprior.ground.mlflow_store import RefusedError

log = logging.getLogger(__name__)

MIRROR_EVERY = 5.0  # seconds between two looks at the journal
RETRY_AFTER = 60.0  # seconds without a try after MLflow could not be reached

_refused: set[Path] = set()  # the journals of which this process has said so
_journals_only = False


def keep_journals_only(sender: Mapping[str, str]) -> None:
    """Mirror nothing from here on: this process works for another, which does it.

    ``sender`` is the `journal.origin` of that one, and of the runs from now on.
    """
    global _journals_only
    _journals_only = True
    journal.work_for(sender)


@contextlib.contextmanager
def run(
    experiment: str,
    name: str,
    params: Values | None = None,
    tags: Values | None = None,
    *,
    about: str = "",
) -> Iterator[Journal]:
    """Record a run of ``experiment`` (a stage) and mirror it while it lives.

    ``about`` says in a sentence what it is. It ends as FINISHED, or as FAILED or KILLED by the
    exception that leaves the block.
    """
    recorded = Journal(experiment, name, params or {}, tags or {}, about)
    shared_out = _journals_only or multiprocessing.parent_process() is not None
    mirror = contextlib.nullcontext() if shared_out else mirroring(recorded.folder)
    status = "FAILED"
    with contextlib.closing(recorded), mirror:
        try:
            yield recorded
            status = "FINISHED"
        except (KeyboardInterrupt, SystemExit):
            status = "KILLED"
            raise
        finally:
            recorded.end(status)


@contextlib.contextmanager
def mirroring(folder: Path | None = None) -> Iterator[None]:
    """Mirror a journal while the block lasts, and those of runs that are over, whoever made them.

    Without ``folder`` only the latter: others record what this process has sent them to do.
    """
    over = threading.Event()
    mirror = threading.Thread(target=_follow, args=(folder, over), daemon=True)
    mirror.start()
    try:
        yield
    finally:
        over.set()
        mirror.join()


def _follow(folder: Path | None, over: threading.Event) -> None:
    """Mirror journals until ``over`` is set; never raise, and say once what does not work."""
    not_before = 0.0
    while True:
        last = over.is_set()
        if time.monotonic() >= not_before:
            try:
                try:
                    if folder is not None:
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
                        (folder or journal.shelf()).relative_to(root()),
                    )
                not_before = time.monotonic() + RETRY_AFTER
        # Its end may have got through before it was looked for.
        if last or (folder is not None and not folder.exists()):
            return
        over.wait(MIRROR_EVERY)


def _what_is_wrong(error: Exception) -> str:
    said = str(error).split("\n")[0]
    if isinstance(error, RefusedError | BrokenJournalError):
        return said
    address = mlflow_store.shown(mlflow_store.uri())
    return f"MLflow at {address} does not answer ({mlflow_store.shown(said):.120s})"


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
    for line, place in mlflow_store.send(folder, journal.unread(folder, dead=dead)):
        if line["kind"] == "end":
            shutil.rmtree(folder)
            return
        journal.mark_read(folder, place)


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
