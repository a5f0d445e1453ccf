"""The network is the published one where its recipe is."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convprior.networks.hourglass import DropoutConv2d, Hourglass
from convprior.prior.fit import Fit
from convprior.prior.where import CPU
from convprior.problem.observation import Observation
from convprior.restoration import recipes
from tests.conftest import TINY


def observation() -> Observation:
    return Observation(torch.rand(3, 32, 32), torch.ones(32, 32, dtype=torch.bool))


def published() -> Hourglass:
    recipe = recipes.load().recipes["ulyanov2018"]
    return Fit(observation(), observation().known, recipe, 0, CPU).network


def test_the_published_network_has_the_published_weights_and_cost() -> None:
    network = published()
    assert sum(p.numel() for p in network.parameters()) == 2_217_831
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(1, 32, 512, 512))
    assert counter.get_total_flops() / 2 == pytest.approx(77.5e9, rel=1e-3)


@pytest.mark.parametrize("height", [1, 15, 16, 33, 100])
@pytest.mark.parametrize("skip", [0, 4])
def test_latent_size_holds_the_picture_and_comes_out_again(height: int, skip: int) -> None:
    recipe = replace(TINY, channels=(8, 8, 8), skip_channels=skip)
    network = Fit(observation(), observation().known, recipe, 0, CPU).network
    size = network.latent_size(height, 50)
    assert size[0] >= height
    assert size[1] >= 50
    assert network(torch.rand(1, 4, *size)).shape == (1, 3, *size)


@torch.no_grad()
def test_dropped_channels_are_unseen_and_the_mean_stays() -> None:
    stream = torch.Generator().manual_seed(0)
    convolution = DropoutConv2d(4000, 1, 1, bias=False, dropout=0.25, stream=stream)
    nn.init.ones_(convolution.weight)
    seen = [float(convolution(torch.ones(1, 4000, 1, 1))) for _ in range(20)]
    assert len(set(seen)) > 10
    assert sum(seen) / 20 == pytest.approx(4000, rel=0.01)
    x = torch.eye(4000)[:, :, None, None]  # one channel each
    each = convolution(x).flatten()
    assert each.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((each == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


def test_without_dropout_it_is_the_ordinary_convolution() -> None:
    convolution = DropoutConv2d(3, 5, 3, dropout=0.0, stream=None)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(
        convolution(x), nn.functional.conv2d(x, convolution.weight, convolution.bias)
    )
