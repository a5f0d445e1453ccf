"""What the questions of the study work with: composed scenes, and networks trained on them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convprior.ground import seeds
from convprior.pictures import decoding
from convprior.pictures.photographs import PHOTOGRAPHS
from convprior.study.trials.plan import Network, Plan, StudyError
from convprior.training import blueprint, judging
from convprior.training.data.card import Card
from convprior.training.data.scenes import Place, Scenes, load


@dataclass(frozen=True)
class Material:
    """Where the scenes and the trained networks are, and the plan they were made by.

    ``tried`` keeps the networks of tried learning rates: the best one's need no second training.
    """

    scenes: Path
    models: Path
    tried: Path
    plan: Plan
    learning_rates: dict[str, float]

    @property
    def data(self) -> Card:
        """Size, classes and statistics of the scenes."""
        return Card.read(self.scenes)

    def split(self, name: str) -> Scenes:
        """Return the scenes of `train`, `validation` or `test`."""
        return _load(self.scenes / f"{name}.safetensors")

    def network(self, name: str, place: Place, seed: int) -> nn.Module:
        """Return one that the stage `learn` has trained, ready to be judged."""
        found = blueprint.load(self.models / name / f"{place}-{seed}")[1]
        return judging.ready(found, self.data)

    def planned(self, name: str) -> Network:
        """Return a network of the plan. Raises NetworkError for a name that is not there."""
        return blueprint.find(self.plan.networks, name, "learn.networks, though `study` names it")


@cache
def _load(path: Path) -> Scenes:
    return load(path)


def pictures(scenes: Scenes, place: Place, name: str) -> UInt8[Tensor, "n 3 S S"]:
    """Return the scenes with their objects where ``place`` says; ``name`` names the drawing."""
    return scenes.at(*scenes.offsets(place, seeds.generator("place", name)))


def photograph(name: str, size: int) -> Float[Tensor, "3 {size} {size}"]:
    """Return one of scikit-image's photographs, its central square scaled. Raises StudyError."""
    if name not in PHOTOGRAPHS:
        raise StudyError(f"no photograph '{name}'; there are: {', '.join(PHOTOGRAPHS)}")
    return decoding.from_pillow(decoding.fit_square(PHOTOGRAPHS[name].load(), size))
