"""The network is the published one where its recipe is."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from convprior import recipes
from convprior.networks.hourglass import Hourglass


def published() -> Hourglass:
    recipe = recipes.load().recipes["ulyanov2018"]
    return Hourglass(
        recipe.latent_channels, 3, recipe.channels, recipe.skip_channels, recipe.upsampling
    )


def test_the_published_network_has_the_published_weights_and_cost() -> None:
    network = published()
    assert sum(p.numel() for p in network.parameters()) == 2_217_831
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(1, 32, 512, 512))
    assert counter.get_total_flops() / 2 == pytest.approx(77.5e9, rel=1e-3)


@pytest.mark.parametrize("height", [1, 15, 16, 33, 100])
@pytest.mark.parametrize("skip", [0, 4])
def test_latent_size_holds_the_picture_and_comes_out_again(height: int, skip: int) -> None:
    network = Hourglass(4, 3, (8, 8, 8), skip, "nearest")
    size = network.latent_size(height, 50)
    assert size[0] >= height
    assert size[1] >= 50
    assert network(torch.rand(1, 4, *size)).shape == (1, 3, *size)
