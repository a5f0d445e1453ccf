"""What is trained for the study, and with how much: the section `learn` of params.yaml."""

from typing import Annotated

from pydantic import Field

from convprior.ground import params
from convprior.ground.errors import InputError
from convprior.study.trials.loop import Budget
from convprior.training.augmentation import Augmentation
from convprior.training.blueprint import Named


class StudyError(InputError):
    """A question of the study cannot be asked as params.yaml says."""


class Network(Named):
    """A network and how its training pictures change.

    ``moved``: their objects lie at another place, anywhere, each time they are shown.
    """

    moved: bool
    augmentation: Augmentation


class Plan(params.Section):
    """The section `learn`: all networks get the same pictures, steps and learning rates to try."""

    pictures: params.Count
    budget: Budget
    learning_rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    seeds: Annotated[list[int], Field(min_length=1)]
    networks: dict[str, Network]


def unshared(networks: dict[str, Network]) -> tuple[str, str] | None:
    """Return a locally connected network and the CNN that differs from it in sharing alone."""
    for local, of in networks.items():
        if of.class_ == "Local":
            shared = {"head": "flatten"} | of.arguments
            changes = {"module": "cnn", "class_": "CNN", "arguments": shared}
            like = of.model_copy(update=changes)
            for name, other in networks.items():
                if other == like:
                    return local, name
    return None
