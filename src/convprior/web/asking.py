"""What the page may ask for, read strictly: no path and no file is among it."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from convprior.restoration.settings import Asked, Settings
from convprior.web.worker import What


class Strict(BaseModel):
    """What the page sends, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wishes(Strict):
    """The settings that the page may choose. No file is among them: a path is never the page's."""

    task: Asked = "auto"
    strength: float = 1.0
    scale: int | None = None
    sigma: Annotated[float, Field(gt=0, le=50)] | None = None
    time_limit: float | None = None
    max_steps: int | None = None
    seed: int = 0

    def settings(self, mask: Path | None) -> Settings:
        """Return the command's settings. Raises pydantic's ValidationError."""
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"sigma"})
        if self.sigma is not None:
            given["kernel"] = f"gaussian:{self.sigma:.4f}"
        if mask is not None:
            given["mask"] = str(mask)
        return Settings.model_validate(given)


class Asks(Strict):
    """An errand that is asked for; see `line.Entry`."""

    what: What
    picture: str
    page: Annotated[int, Field(ge=0)] = 0
    mask: str | None = None
    start: int | None = None
    sensitivity: float = 1.0
    wishes: Wishes = Wishes()


class Saves(Strict):
    """The name under which something is saved."""

    name: str
    replace: bool = False
