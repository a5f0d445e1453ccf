"""The recipes of params.yaml by name, and which task uses which."""

from pathlib import Path
from typing import Any, get_args

from pydantic import field_validator, model_validator

from convprior.ground import params
from convprior.prior.recipe import Recipe
from convprior.restoration.settings import Task

TASKS: tuple[Task, ...] = get_args(Task)


class Recipes(params.Section):
    """The section `restore`."""

    seed: params.Seed
    denoise: str
    inpaint: str
    dejpeg: str
    superresolve: str
    deblur: str
    recipes: dict[str, Recipe]

    @field_validator("recipes", mode="before")
    @classmethod
    def _whole(cls, written: Any) -> Any:
        """Fill in what a recipe leaves to the one that it is like: `default`, if not said."""
        if not (isinstance(written, dict) and all(isinstance(r, dict) for r in written.values())):
            return written  # refused for what it is
        whole: dict[str, Any] = {}
        for name, own in written.items():
            like = own.get("like", "default")
            if name != "default" and str(like) not in whole:
                raise ValueError(f"'{name}' is like '{like}', which is not written before it")
            rest = {} if name == "default" else whole[str(like)]
            whole[name] = rest | {key: value for key, value in own.items() if key != "like"}
        return whole

    @model_validator(mode="after")
    def _exist(self) -> "Recipes":
        for task in TASKS:
            if (name := getattr(self, task)) not in self.recipes:
                raise ValueError(f"no recipe '{name}'; there are: {', '.join(self.recipes)}")
        return self

    def of(self, task: Task) -> Recipe:
        """Return the recipe that ``task`` uses."""
        return self.recipes[getattr(self, task)]


def load(path: Path = params.PACKAGED) -> Recipes:
    """Return the recipes of the params.yaml at ``path``. Raises ParamsError."""
    return params.load(path, "restore", Recipes)
