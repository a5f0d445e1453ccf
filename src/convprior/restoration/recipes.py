"""The recipes of params.yaml by name, and which task uses which."""

from pathlib import Path
from typing import get_args

from pydantic import model_validator

from convprior.ground import params
from convprior.prior.recipe import Recipe
from convprior.restoration.settings import Task

TASKS: tuple[Task, ...] = get_args(Task)


class Recipes(params.Section):
    """The section `restore`."""

    seed: int
    denoise: str
    inpaint: str
    dejpeg: str
    superresolve: str
    deblur: str
    recipes: dict[str, Recipe]

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
