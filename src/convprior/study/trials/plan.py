"""What is trained for the study, and with how much: the section `learn` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any

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
    learning_rates: params.Distinct[params.Rate]
    weight_decay: Annotated[float, Field(ge=0)]
    seeds: params.Distinct[params.Seed]
    networks: Annotated[dict[str, Network], Field(min_length=1)]


def twin(networks: Mapping[str, Network], of: Network, changes: dict[str, Any]) -> str | None:
    """Return the name of the network that equals ``of`` but for ``changes``, if there is one."""
    wanted = of.model_copy(update=changes)
    return next((name for name, network in networks.items() if network == wanted), None)


def unshared(networks: Mapping[str, Network]) -> tuple[str, str] | None:
    """Return a locally connected network and the CNN that differs from it in sharing alone."""
    for name, of in networks.items():
        arguments = {"head": "flatten"} | of.arguments
        shared = {"module": "cnn", "class_": "CNN", "arguments": arguments}
        if of.class_ == "Local" and (found := twin(networks, of, shared)):
            return name, found
    return None
