"""What a trained baseline is kept as: its weights (safetensors) and a JSON that rebuilds it.

The network's module is imported by name, so that changing one network re-runs the stages of that
network only.
"""

import importlib
import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from convprior.ground import atomic
from convprior.ground.errors import InputError


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
            inspect.signature(network_class).bind(
                self.picture_shape, len(self.classes), **self.arguments
            )
            network: nn.Module = network_class(
                self.picture_shape, len(self.classes), **self.arguments
            )
        except (TypeError, ValueError) as error:
            raise NetworkError(f"{place}.{self.class_name}: {error}") from None
        return network


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
        blueprint = Blueprint(**described)
        network = blueprint.build()
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise NetworkError(
            f"{folder}: no trained network ({error}): run its training first"
        ) from None
    return blueprint, network.eval()
