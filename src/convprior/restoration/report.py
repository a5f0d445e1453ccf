"""What came of a file. It imports no torch: a command that fails at once reports too."""

import json
from dataclasses import asdict, dataclass, field

from convprior.restoration.settings import Task


@dataclass(frozen=True)
class Page:
    """What came of one page; ``runs`` were averaged, and the rest is of the last of them.

    ``steps`` is 0 where patches alone restored it. ``changed`` is the root mean square of what is
    different now, of 255 from black to white; None where it was enlarged, or what is known stays.
    ``held_out`` is such a mean of the network's errors at the pixels held out, their noise with it;
    None where none were.
    """

    task: Task
    reason: str
    runs: int
    steps: int
    best_step: int
    ended: str
    changed: float | None
    held_out: float | None


@dataclass
class Report:
    """What came of a job. ``error`` is None if all went well."""

    source: str
    target: str
    pages: list[Page] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None

    def line(self) -> str:
        """Return all of it as one line of JSON."""
        return json.dumps(asdict(self))
