"""What the stages wrote, read for the pages; an error says what is missing and who makes it."""

import csv
import json
from pathlib import Path
from typing import Any

from convprior.ground import params
from convprior.ground.errors import InputError

MAKERS = "`make repro` makes what the experiment's page needs, `make study` the study's"

Json = dict[str, Any]


class RecordError(InputError):
    """A file that the page tells of is missing or cannot be read."""


class Keys(params.Section, extra="allow"):
    """A section of params.yaml of which only the keys are of interest."""


def names(path: Path, section: str) -> list[str]:
    """Return the keys of a section of the params.yaml at ``path``, in order. Raises ParamsError."""
    return list(params.load(path, section, Keys).model_extra or {})


def metrics(path: Path) -> Json:
    """Return a stage's metrics. Raises RecordError."""
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read ({error}): {MAKERS}") from None
    return content


def curve(path: Path, x: str, y: str) -> list[tuple[float, float]]:
    """Return two columns of a stage's curve.csv. Raises RecordError."""
    try:
        with path.open(newline="", encoding="utf-8") as rows:
            return [(float(row[x]), float(row[y])) for row in csv.DictReader(rows)]
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read ({error}): {MAKERS}") from None
    except KeyError as column:
        raise RecordError(f"{path}: there is no column {column}: {MAKERS}") from None
