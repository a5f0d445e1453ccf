"""A data card: what the pipeline knows about pictures without opening their tables."""

import json
from dataclasses import dataclass
from pathlib import Path

from convprior.ground.errors import InputError
from convprior.training.data.storing import Form, Shape, Store


@dataclass(frozen=True)
class Card:
    """What the rest of the pipeline needs to know about data/prepared or data/scenes.

    ``size`` is the side of the pictures that a network gets; ``shape`` and ``store`` say what the
    tables hold of them (data/storing.py). ``mean`` and ``deviation`` are per channel, over the
    training pixels in [0, 1]; ``content`` is the SHA-256 of all that is stored, and labels.
    """

    size: int
    classes: list[str]
    names: list[str]
    mean: list[float]
    deviation: list[float]
    content: str
    shape: Shape = "square"
    store: Store = "pixels"

    @property
    def form(self) -> Form:
        """How the pictures are stored."""
        return Form(self.size, self.shape, self.store)

    @classmethod
    def read(cls, prepared: Path) -> "Card":
        """Read ``prepared``/description.json."""
        path = prepared / "description.json"
        if not path.is_file():
            raise InputError(
                f"{path}: missing: run the stage that makes the pictures first (`prepare`, for "
                "the study `compose`)"
            )
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: cannot be used ({error}): make it again") from None
