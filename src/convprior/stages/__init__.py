"""The stages of dvc.yaml, one module each. Here: how each of them starts and fails."""

import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from convprior.ground.errors import InputError
from convprior.ground.params import PACKAGED


class StageError(InputError):
    """A stage cannot do its work; the message says where, what came and what to do."""


def arguments(description: str | None, argv: Sequence[str], *paths: str, **words: str) -> Namespace:
    """Parse a stage's command: its ``words`` (name=help), then its ``paths``, and --params."""
    parser = ArgumentParser(description=description)
    for word, meaning in words.items():
        parser.add_argument(word, help=meaning)
    for path in paths:
        parser.add_argument(path, type=Path)
    parser.add_argument("--params", type=Path, default=PACKAGED, help="default: params.yaml")
    return parser.parse_args(argv)


def start(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage from the command line; what a user can mend ends in one line and code 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for talkative in ("pytorch_lightning", "datasets", "mlflow", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
