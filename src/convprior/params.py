"""Read params.yaml into typed sections, and refuse what they do not know.

The file beside this module is the repository's params.yaml (a link; a copy in the wheel), so that
the tool and the experiment restore with the same recipe.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from convprior.errors import InputError
from convprior.prior import Recipe
from convprior.scenes import Positions

PACKAGED = Path(__file__).with_name("params.yaml")

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class ParamsError(InputError):
    """params.yaml cannot be used; the message says where and why."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prepare(_Section):
    """Where the pictures come from and how large they become."""

    source: str
    size: Annotated[int, Field(ge=8)]
    positions: Positions
    most_per_class: Count | None
    allow_bad_val: bool
    seed: int


class Network(_Section):
    """A class in ``convprior.networks.<module>`` and its arguments."""

    module: str
    class_: Annotated[str, Field(alias="class")]
    arguments: dict[str, Any]


class Augmentation(_Section):
    """Random changes of the training pictures."""

    shift: Share
    flip: bool


class Train(_Section):
    """How the baselines are trained."""

    epochs: Count
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    augmentation: Augmentation
    seed: int
    networks: dict[str, Network]


class Evaluate(_Section):
    """Where the validation objects are shown."""

    shifts: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Denoise(_Section):
    """White Gaussian noise; sigma in units of 255."""

    sigma: Annotated[float, Field(ge=0)]
    clip: bool


class Inpaint(_Section):
    """Missing pixels: a random share, or those that are white in a mask file."""

    missing: Share
    mask: str | None


class Degrade(_Section):
    """Which photographs are damaged, and how."""

    source: str
    size: Annotated[int, Field(ge=16)] | None
    seed: int
    denoise: Denoise
    inpaint: Inpaint


Task = Literal["denoise", "inpaint"]


class Restore(_Section):
    """The recipes and which task uses which."""

    seed: int
    denoise: str
    inpaint: str
    recipes: dict[str, Recipe]

    @model_validator(mode="after")
    def _recipes_exist(self) -> "Restore":
        for task in ("denoise", "inpaint"):
            if getattr(self, task) not in self.recipes:
                known = ", ".join(self.recipes)
                raise ValueError(f"{task} asks for '{getattr(self, task)}'; recipes are: {known}")
        return self

    def recipe(self, task: Task) -> Recipe:
        """Return the recipe that ``task`` uses."""
        return self.recipes[self.denoise if task == "denoise" else self.inpaint]


class Params(_Section):
    """All of params.yaml; each section belongs to the stage of its name."""

    prepare: Prepare
    train: Train
    evaluate: Evaluate
    degrade: Degrade
    restore: Restore


def load(path: Path = PACKAGED) -> Params:
    """Read ``path``; raise ParamsError for a missing file, broken YAML, or a value out of range."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        wrong = "\n".join(
            f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (came {e['input']!r:.80})"
            for e in error.errors()
        )
        raise ParamsError(f"{path}: {error.error_count()} wrong:\n{wrong}") from None
