"""The parameters for ImageNet: they are read, and the networks are the published ones."""

import pytest

from convprior.ground import params
from convprior.stages.evaluate import Evaluate
from convprior.stages.prepare import Prepare
from convprior.stages.train import Train
from convprior.training import cost
from convprior.training.blueprint import Blueprint
from tests.conftest import REPOSITORY

FILE = REPOSITORY / "params/imagenet.yaml"
CLASSES = [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("alexnet", 61_100_840), ("resnet18", 11_689_512), ("resnet50", 25_557_032)],
)
def test_the_networks_have_as_many_weights_as_published(name: str, parameters: int) -> None:
    settings = params.load(FILE, "train", Train)
    network, side = settings.networks[name], settings.crop.side
    assert side is not None
    blueprint = Blueprint(
        network.module, network.class_, network.arguments, (3, side, side), CLASSES
    )
    assert cost.total(blueprint)["parameters"] == parameters


def test_every_stage_of_training_reads_them() -> None:
    assert params.load(FILE, "prepare", Prepare).shape == "whole"
    assert params.load(FILE, "evaluate", Evaluate).shifts[0] == 0
