"""Costs are counted from the built network, layer by layer."""

from convprior.training import cost
from convprior.training.blueprint import Blueprint


def test_a_convolution_is_counted_as_the_textbooks_do() -> None:
    arguments = {"channels": [5], "head": "pool", "hidden": 7, "batch_norm": True, "dropout": 0.0}
    blueprint = Blueprint("cnn", "CNN", arguments, (3, 8, 8), ["a", "b"])
    convolution, hidden, classes = cost.layers(blueprint)
    assert (convolution.parameters, convolution.neurons) == (5 * 27, 5 * 64)
    assert convolution.multiply_adds == 64 * 5 * 27
    assert (hidden.parameters, hidden.multiply_adds) == (5 * 7 + 7, 5 * 7)
    assert (classes.neurons, classes.memory) == (2, 4 * (7 * 2 + 2 + 2))
    assert cost.total(blueprint) == {
        "parameters": sum(p.numel() for p in blueprint.build().parameters()),
        "multiply_adds": 64 * 5 * 27 + 5 * 7 + 7 * 2,
    }


def test_work_outside_of_layers_with_weights_is_counted_too() -> None:
    arguments = {"channels": [5], "head": "pool", "hidden": 7, "batch_norm": True, "dropout": 0.0,
                 "padding": "circular"}  # fmt: skip
    plain, blurred = (
        Blueprint("cnn", "CNN", arguments | {"pooling": pooling}, (3, 8, 8), ["a", "b"])
        for pooling in ("max", "blur")
    )
    assert cost.layers(plain) == cost.layers(blurred)
    # kornia's 3×3 blur of each channel, at 6×6 places: one around the 4×4 that are kept.
    more = cost.total(blurred)["multiply_adds"] - cost.total(plain)["multiply_adds"]
    assert more == 5 * 36 * 9
