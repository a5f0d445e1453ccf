"""The stages of dvc.yaml, one module each. Here: how each of them starts and fails."""

import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from convprior.ground import extras
from convprior.ground.errors import InputError

PARAMS = Path("params.yaml")  # of the folder in which the stage runs: the project one stands in
SOURCE = Path("src")


def _run_the_code_of_this_folder() -> None:
    """Begin again with the code of the project one stands in, if another one's is installed.

    A queued experiment and a second clone have sources of their own, on which dvc.yaml says that
    the stage depends; the environment may hold another clone's.
    """
    here = SOURCE.resolve()
    running = Path(__file__).parents[2]
    if not (here / "convprior").is_dir() or here == running:
        return
    others = os.environ.get("PYTHONPATH", "")
    if others.split(os.pathsep)[0] == str(here):
        raise SystemExit(f"error: {running} runs in place of {here}: install this clone")
    os.environ["PYTHONPATH"] = f"{here}{os.pathsep}{others}" if others else str(here)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


# All before a stage's own imports: they take seconds, and may fail with a traceback.
if sys.argv[:1] == ["-m"]:  # a stage is about to be run: Python is still looking for its module
    # One thread a process: another number adds up floats in another order, and how many cores
    # there are must change no result. Several processes use them. Read when torch is loaded.
    os.environ["OMP_NUM_THREADS"] = "1"
    _run_the_code_of_this_folder()
try:
    extras.need("experiment", "pytorch_lightning", "mlflow", "datasets", "skimage")
except extras.MissingExtraError as missing:
    sys.exit(f"error: {missing}")


class StageError(InputError):
    """A stage cannot do its work; the message says where, what came and what to do."""


def arguments(description: str | None, argv: Sequence[str], *paths: str, **words: str) -> Namespace:
    """Parse a stage's command: its ``words`` (name=help), then its ``paths``, and --params."""
    parser = ArgumentParser(description=description)
    for word, meaning in words.items():
        parser.add_argument(word, help=meaning)
    for path in paths:
        parser.add_argument(path, type=Path)
    parser.add_argument("--params", type=Path, default=PARAMS, help="default: %(default)s")
    return parser.parse_args(argv)


def start(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage from the command line; what a user can mend ends in one line and code 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for talkative in ("pytorch_lightning", "datasets", "mlflow", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        main(sys.argv[1:])
    except (InputError, OSError) as error:  # a full disk: the system's words are clear
        sys.exit(f"error: {error}")
