"""A network as params.yaml names it, as it is built, and as it is kept: weights and a JSON.

The network's module is imported by name, so that changing one network re-runs the stages of that
network only.
"""

import importlib
import inspect
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from torch import nn

from convprior.ground import atomic, machine, params
from convprior.ground.errors import InputError
from convprior.training.data.card import Card


class NetworkError(InputError):
    """A network cannot be built or loaded; the message says why."""


@dataclass(frozen=True)
class Blueprint:
    """Everything that is needed to build a network for pictures of (c, h, w)."""

    module: str
    class_name: str
    arguments: dict[str, Any]
    picture_shape: tuple[int, int, int]
    classes: list[str]

    def build(self) -> nn.Module:
        """Return the network with random weights. Raises NetworkError."""
        place = f"convprior.networks.{self.module}"
        try:
            network_class = getattr(importlib.import_module(place), self.class_name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise NetworkError(f"no network {place}.{self.class_name} ({error})") from None
        try:
            dimensions = (self.picture_shape, len(self.classes))
            inspect.signature(network_class).bind(*dimensions, **self.arguments)
            self._check_types(network_class)
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "Initializing zero-element")  # a width of none
                with torch.device("meta"):  # weights that take no memory
                    self._check_size(network_class(*dimensions, **self.arguments))
                network: nn.Module = network_class(*dimensions, **self.arguments)
        # A RuntimeError is torch's own: a width below zero.
        except (TypeError, ValueError, ArithmeticError, RuntimeError, UserWarning) as error:
            said = str(error).splitlines()[0]
            raise NetworkError(f"{place}.{self.class_name}: {said}") from None
        return network

    def _check_types(self, network_class: type[nn.Module]) -> None:
        """Raise ValueError for an argument that is not what the class says that it takes."""
        hints = get_type_hints(network_class.__init__)
        for name, value in self.arguments.items():
            try:
                TypeAdapter(hints.get(name, Any)).validate_python(value, strict=True)
            except ValidationError as error:
                raise ValueError(f"{name} is {value!r}: {error.errors()[0]['msg']}") from None

    @staticmethod
    def _check_size(network: nn.Module) -> None:
        """Raise ValueError for a network whose weights alone are more than the memory there is."""
        weights = sum(p.numel() * p.element_size() for p in network.parameters())
        free = machine.free_memory(torch.device("cpu"))
        if weights > free:
            raise ValueError(f"its weights take {weights / 1e9:.0f} GB, of {free / 1e9:.0f} free")

    def with_arguments(self, changes: dict[str, Any]) -> "Blueprint":
        """Return the blueprint with some of its arguments changed."""
        return replace(self, arguments=self.arguments | changes)


class Named(params.Section):
    """A network of params.yaml: a class in ``convprior.networks.<module>`` and its arguments."""

    module: str
    class_: Annotated[str, Field(alias="class")]
    arguments: dict[str, Any]

    def blueprint(self, data: Card) -> Blueprint:
        """Return how to build the network for pictures and classes as ``data`` describes them."""
        shape = (3, data.size, data.size)
        return Blueprint(self.module, self.class_, self.arguments, shape, data.classes)


NamedType = TypeVar("NamedType", bound=Named)


def find(networks: Mapping[str, NamedType], name: str, where: str) -> NamedType:
    """Return a network by its name; ``where`` tells the reader of params.yaml where to look.

    Raises NetworkError for a name that is not there.
    """
    if name not in networks:
        raise NetworkError(f"no network '{name}' in {where}; there are: {', '.join(networks)}")
    return networks[name]


def save(folder: Path, blueprint: Blueprint, network: nn.Module) -> None:
    """Write ``folder``/weights.safetensors and network.json, both or none."""
    with atomic.folder(folder) as out:
        weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        save_file(weights, out / "weights.safetensors")
        atomic.write_json(out / "network.json", asdict(blueprint))


def load(folder: Path) -> tuple[Blueprint, nn.Module]:
    """Rebuild what `save` wrote, in evaluation mode on the CPU. Raises NetworkError."""
    try:
        described = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        shape = tuple(described.pop("picture_shape"))  # JSON has lists alone
        blueprint = Blueprint(**described, picture_shape=shape)
        network = blueprint.build()
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise NetworkError(
            f"{folder}: no trained network ({error}): run its training first"
        ) from None
    return blueprint, network.eval()
