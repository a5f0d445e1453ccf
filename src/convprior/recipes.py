"""The recipes of params.yaml by name, and which task uses which."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from convprior import params
from convprior.recipe import Recipe

Task = Literal["denoise", "inpaint"]


class Recipes(params.Section):
    """The section `restore`."""

    seed: int
    denoise: str
    inpaint: str
    recipes: dict[str, Recipe]

    @model_validator(mode="after")
    def _exist(self) -> "Recipes":
        for name in (self.denoise, self.inpaint):
            if name not in self.recipes:
                raise ValueError(f"no recipe '{name}'; there are: {', '.join(self.recipes)}")
        return self

    def of(self, task: Task) -> Recipe:
        """Return the recipe that ``task`` uses."""
        return self.recipes[self.denoise if task == "denoise" else self.inpaint]


def load(path: Path = params.PACKAGED) -> Recipes:
    """Return the recipes of the params.yaml at ``path``. Raises ParamsError."""
    return params.load(path, "restore", Recipes)
