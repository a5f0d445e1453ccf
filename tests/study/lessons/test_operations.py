"""The operations on small matrices: the texts' example, and the maths behind it."""

import pytest
import torch
from scipy.signal import convolve2d, correlate2d

from convprior.networks.cnn import CNN
from convprior.study.lessons import notation, telling, worked_example
from convprior.study.lessons.operations import (
    convolve,
    correlate,
    padded,
    pool,
    receptive_fields,
    sliding,
    windows,
)


def test_the_texts_example_is_what_the_texts_say_and_what_they_should_have_said() -> None:
    found = worked_example.compute()
    assert found["used"] == [
        [127, 1913, 1913, -766], [381, 1659, 1659, -258],
        [381, 1659, 1659, -258], [127, 1657, 1657, -638],
    ]  # fmt: skip
    assert found["announced"][0] == [0, 893, 893, -893]
    assert found["flattened"] == [-3580, -5751, -4092, -6135]
    assert found["sum"] == -3580 - 5751 + 4092 + 6135
    assert found["sigmoid"] == 1.0


def test_correlation_and_convolution_are_scipys() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(7, 5, generator=generator, dtype=torch.float64)
    kernel = torch.rand(3, 2, generator=generator, dtype=torch.float64)
    expected = correlate2d(matrix, kernel, "valid"), convolve2d(matrix, kernel, "valid")
    for found, wanted in zip((correlate(matrix, kernel), convolve(matrix, kernel)), expected,
                             strict=True):  # fmt: skip
        torch.testing.assert_close(found, torch.from_numpy(wanted))


def test_windows_tell_the_same_sums() -> None:
    matrix = torch.arange(30.0, dtype=torch.float64).view(5, 6)
    kernel = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    found = correlate(matrix, kernel, stride=2, padding=1)
    for window in windows(padded(matrix, 1), found, (2, 2), 2):
        assert float((window.seen * kernel).sum()) == pytest.approx(window.value)


def test_the_theoretical_field_is_where_the_gradient_is() -> None:
    torch.manual_seed(0)
    network = CNN(
        (1, 64, 64), 2, channels=[4, 4], head="pool", hidden=1, batch_norm=False, dropout=0.0
    )
    for layer in network.features:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.constant_(layer.weight, 1.0)  # no path may cancel another
    features = torch.nn.Sequential(
        *(
            torch.nn.AvgPool2d(2) if isinstance(part, torch.nn.MaxPool2d) else part
            for part in network.features
        )
    )
    field = receptive_fields(sliding(network.features))[-1].field
    x = torch.ones(1, 1, 64, 64, requires_grad=True)
    features(x)[0, :, 8, 8].sum().backward()
    assert x.grad is not None
    seen = x.grad[0, 0].nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [field, field]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no matrix"),
        ("1 2; 3", "rows of one length"),
        ("1 x; 3 4", "a matrix has numbers"),
        ("1 nan; 3 4", "no nan"),
        ("1 -inf; 3 4", "numbers go from"),
        (";".join("1" * 65), "65×1: at most 64×64"),
    ],
)
def test_what_is_no_matrix_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        notation.matrix_of(text)


@pytest.mark.parametrize("text", ["conv", "dense3", "conv3/x", "conv0", "conv65", "pool2/65"])
def test_what_is_no_layer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no layer|from 1 to 64"):
        notation.layers_of(text)


def test_a_window_must_fit() -> None:
    with pytest.raises(ValueError, match="a window of 3×3 does not fit into 2×2"):
        correlate(torch.ones(2, 2), torch.ones(3, 3))
    with pytest.raises(ValueError, match="more than half of a window"):
        pool(torch.ones(4, 4), "max", 2, 2, padding=2)


@pytest.mark.parametrize("given", [{"stride": 10**20}, {"padding": 100_000}, {"size": 65}])
def test_what_is_explained_stays_small(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="too large to be followed: at most 64"):
        pool(torch.ones(4, 4), "max", **{"size": 2, "stride": 2} | given)


@pytest.mark.parametrize(("kind", "border"), [("max", -torch.inf), ("average", 0.0)])
def test_the_padding_that_is_shown_is_what_is_pooled(kind: str, border: float) -> None:
    matrix = torch.tensor([[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0], [-7.0, -8.0, -9.0]])
    found = pool(matrix, kind, 2, 2, padding=1)
    for window in windows(padded(matrix, 1, border), found, (2, 2), 2):
        seen = window.seen.max() if kind == "max" else window.seen.mean()
        assert float(seen) == pytest.approx(window.value)


def test_explanations_tell_what_the_operations_compute() -> None:
    matrix = notation.matrix_of("1 2 3; 4 5 6; 7 8 9")
    told = "\n".join(telling.conv(matrix, notation.kernel_of("1 0; 0 -1"), 1, 0))
    assert "1·1 + 5·(-1) = -4" in told
    assert told.count("-4") >= 4 + 4
    assert "true convolution" in told
    assert "same result" in "\n".join(telling.conv(matrix, notation.kernel_of("blur"), 1, 0))
    assert "196,608" in "\n".join(telling.share((256, 256, 3), 10_000, 3))
    assert "1,966,080,000" in "\n".join(telling.share((256, 256, 3), 10_000, 3))
    assert "sees 10×10 pixels" in "\n".join(
        telling.receptive_field(notation.layers_of("conv3,conv3,pool2,conv3"))
    )
    assert "3 places apart" in "\n".join(telling.flatten(matrix))


def told(matrix: str, *arguments: int) -> str:
    return "\n".join(telling.pooling(notation.matrix_of(matrix), *arguments))


def test_what_pooling_forgives_is_what_was_counted() -> None:
    small = "1 2 3 4; 5 6 7 8; 9 10 11 12; 13 14 15 16"
    assert "0% of the maxima stay as they are: pooling forgives a small move where" in told(
        small, 2, 2, 0
    )
    assert "100% of the maxima stay as they are: pooling forgives much" in told(
        "9 0 9 0; 0 0 0 0", 2, 2, 0
    )
    assert "50% of the maxima stay as they are: pooling forgives much" in told(
        "0 9 0 7 0 7 0 7; 0 0 0 0 0 0 0 0", 2, 2, 0
    )
    assert "this picture is as it was" in told("1; 2; 3", 1, 1, 0)


def test_the_padding_of_pooling_is_told() -> None:
    assert "-∞  -∞  -∞\n  -∞   5  -∞" in told("5", 2, 2, 1)
    assert "0  0  0\n  0  5  0" in told("5", 2, 2, 1)


def test_a_stride_that_leaves_a_rest_is_rounded_down() -> None:
    matrix = torch.ones(6, 6, dtype=torch.float64)
    said = "\n".join(telling.conv(matrix, notation.kernel_of("sobel"), 2, 0))
    assert "⌊(6 + 2·0 - 3) / 2⌋ + 1 = 2 rows" in said


@pytest.mark.parametrize("text", ["1 2 3", "1; 2; 3"])
def test_a_single_line_stays_in_order_when_flattened(text: str) -> None:
    said = "\n".join(telling.flatten(notation.matrix_of(text)))
    assert "row 1" not in said
    assert "neighbours stay neighbours" in said


def test_a_shared_window_must_fit() -> None:
    with pytest.raises(ValueError, match="9×9 does not fit into 8×20"):
        list(telling.share((8, 20, 1), 1, 9))
