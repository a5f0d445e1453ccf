"""What each network of the study is built to show, on random weights."""

import pytest
import torch
from torch import nn

from convprior.networks.cnn import CNN, BlurPool
from convprior.networks.local import Local, LocalConv2d
from convprior.networks.resnet import ResNet
from convprior.networks.segmenter import EncoderDecoder, FullyConnected
from convprior.study.lessons.operations import receptive_fields, sliding
from convprior.training import cost
from convprior.training.blueprint import Blueprint, NetworkError

SHAPE = (3, 16, 16)


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def blurred() -> CNN:
    torch.manual_seed(0)
    return CNN(
        SHAPE, 4, channels=[4, 8], head="pool", hidden=8, batch_norm=True, dropout=0.0,
        padding="circular", pooling="blur",
    ).eval()  # fmt: skip


@pytest.mark.parametrize("move", [4, 8, 12])
def test_circular_borders_make_a_convolution_follow_its_picture(move: int) -> None:
    network = blurred()
    features = network.features(pictures())
    moved = network.features(pictures().roll((move, move), (2, 3)))
    torch.testing.assert_close(moved, features.roll((move // 4, move // 4), (2, 3)))
    torch.testing.assert_close(network(pictures().roll(move, 3)), network(pictures()))


def test_zeros_around_a_picture_do_not() -> None:
    torch.manual_seed(0)
    network = CNN(SHAPE, 4, channels=[4, 8], head="pool", hidden=8, batch_norm=True, dropout=0.0)
    moved = network.eval().features(pictures().roll(4, 3))
    assert not torch.allclose(moved, network.features(pictures()).roll(1, 3), rtol=1e-2)


def test_blurred_pooling_is_the_binomial_of_the_maxima() -> None:
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 4, 4] = 1
    found = BlurPool()(x)
    assert found.shape == (1, 1, 4, 4)
    # The maxima are one at rows and columns 3 and 4.
    line = torch.tensor([0.0, 0.25, 0.75, 0.0])
    torch.testing.assert_close(found[0, 0], torch.outer(line, line))


def test_a_local_layer_with_equal_kernels_is_a_convolution() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    local = LocalConv2d(3, 5, 3, 16, 16)
    with torch.no_grad():
        local.weight.copy_(convolution.weight.permute(2, 3, 1, 0).reshape(27, 5).expand(256, 27, 5))
        assert convolution.bias is not None
        local.bias.copy_(convolution.bias[:, None, None].expand(5, 16, 16))
    torch.testing.assert_close(local(pictures()), convolution(pictures()))


def test_a_local_layer_has_the_weights_of_every_place() -> None:
    blueprint = Blueprint(
        "local", "Local",
        {"channels": [4], "hidden": 2, "batch_norm": False, "dropout": 0.0}, SHAPE, ["a", "b"],
    )  # fmt: skip
    first = cost.layers(blueprint)[0]
    assert first.parameters == 256 * 27 * 4 + 256 * 4
    assert first.multiply_adds == 256 * 27 * 4  # as many as a convolution's


def test_alexnet_has_the_papers_numbers() -> None:
    names = [str(number) for number in range(1000)]
    halves = Blueprint("alexnet", "AlexNet", {"groups": 2, "dropout": 0.5}, (3, 224, 224), names)
    layers = cost.layers(halves)
    assert cost.total(halves)["parameters"] == 60_965_224
    assert layers[0].neurons == 290_400
    assert sum(layer.neurons for layer in layers) == 659_272


@pytest.mark.parametrize(
    ("module", "name", "arguments", "parameters"),
    [
        ("alexnet", "AlexNet2014", {"dropout": 0.5}, 61_100_840),
        ("resnet_deep", "ResNet", {"blocks": [2, 2, 2, 2], "bottleneck": False}, 11_689_512),
        ("resnet_deep", "ResNet", {"blocks": [3, 4, 6, 3], "bottleneck": True}, 25_557_032),
    ],
)  # fmt: skip
def test_the_standard_layouts_have_the_published_numbers_of_weights(
    module: str, name: str, arguments: dict, parameters: int
) -> None:
    classes = [str(number) for number in range(1000)]
    blueprint = Blueprint(module, name, arguments, (3, 224, 224), classes)
    assert cost.total(blueprint)["parameters"] == parameters


def test_a_deep_residual_network_shrinks_pictures_32_times() -> None:
    arguments = {"blocks": [1, 1, 1, 1], "bottleneck": True}
    network = Blueprint("resnet_deep", "ResNet", arguments, (3, 64, 64), ["a", "b"]).build()
    seen = torch.rand(2, 3, 64, 64)
    assert network.features(seen).shape == (2, 2048, 2, 2)  # type: ignore[operator]
    assert network(seen).shape == (2, 2)


@pytest.mark.parametrize(
    ("module", "name", "arguments", "message"),
    [
        ("alexnet", "AlexNet", {"groups": 1, "dropout": 0.5}, "at least 63 pixels"),
        ("alexnet", "AlexNet2014", {"dropout": 0.5}, "at least 63 pixels"),
        ("resnet_deep", "ResNet", {"blocks": [2, 2], "bottleneck": False}, "four numbers from 1"),
        ("local", "Local", {"channels": [1] * 5, "hidden": 1, "batch_norm": True, "dropout": 0.0},
         "5 poolings need pictures of at least 32"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(
    module: str, name: str, arguments: dict, message: str
) -> None:
    with pytest.raises(NetworkError, match=message):
        Blueprint(module, name, arguments, SHAPE, ["a", "b"]).build()


@pytest.mark.parametrize("arguments", [{"blocks": 1}, {"blocks": 2}])
def test_a_residual_network_halves_between_its_stages(arguments: dict) -> None:
    network = Blueprint(
        "resnet", "ResNet", {"channels": [4, 8, 8]} | arguments, SHAPE, ["a", "b"]
    ).build()
    assert network.features(pictures()).shape == (2, 8, 4, 4)  # type: ignore[operator]
    assert network(pictures()).shape == (2, 2)


@pytest.mark.parametrize("network", [FullyConnected(SHAPE), EncoderDecoder(SHAPE, channels=[4, 8])])
def test_segmenters_score_every_pixel(network: nn.Module) -> None:
    assert network(pictures()).shape == (2, 16, 16)


def test_local_layers_learn_each_place_alone() -> None:
    torch.manual_seed(0)
    network = Local(SHAPE, 2, channels=[2], hidden=4, batch_norm=False, dropout=0.0)
    x = torch.zeros(1, *SHAPE)
    x[..., :4, :4] = 1.0
    network(x).sum().backward()
    gradient = network.features[0].weight.grad.view(16, 16, -1).abs().sum(2)  # type: ignore[union-attr,operator]
    assert gradient[:5, :5].sum() > 0
    assert gradient[8:, 8:].sum() == 0


def test_sides_that_do_not_halve_are_refused_where_they_must() -> None:
    plan = {"channels": [2, 2], "head": "pool", "hidden": 2, "batch_norm": True, "dropout": 0.0}
    CNN((3, 18, 18), 2, **plan)(torch.zeros(1, 3, 18, 18))
    with pytest.raises(ValueError, match="2 blurred poolings need sides that 4 divides, came 18"):
        CNN((3, 18, 18), 2, pooling="blur", **plan)
    with pytest.raises(ValueError, match="3 scales need sides that 4 divides, came 16×18"):
        EncoderDecoder((3, 16, 18), channels=[2, 2, 2])


def test_a_blurred_pooling_tells_how_far_it_sees() -> None:
    plan = {"channels": [2, 2], "head": "pool", "hidden": 2, "batch_norm": True, "dropout": 0.0}
    network = CNN((3, 32, 32), 2, padding="circular", pooling="blur", **plan).eval()
    last = receptive_fields(sliding(network.features))[-1]
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    network.features(x)[0, :, 4, 4].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum((0, 1, 2)).nonzero()
    assert int(seen.max() - seen.min()) + 1 <= last.field == 3 + 3 + 2 * 2 + 2 * 3


def test_a_residual_block_projects_every_second_place() -> None:
    block = ResNet((3, 16, 16), 2, channels=[4, 8], blocks=1).features[-1].eval()
    x = torch.rand(2, 4, 16, 16)
    projection = block.skip[0]
    strided = nn.functional.conv2d(x, projection.weight, stride=2)
    expected = (block.residual(x) + block.skip[1](strided)).relu()
    torch.testing.assert_close(block(x), expected)


def test_a_residual_network_learns_in_the_memory_format_of_the_stages() -> None:
    """Shapes at which torch 2.13 crashed."""
    network = ResNet((3, 64, 64), 2, channels=[8, 16], blocks=1).to(
        memory_format=torch.channels_last  # type: ignore[call-overload]
    )
    shown = torch.rand(64, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    network(shown).sum().backward()
