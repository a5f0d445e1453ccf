"""Tests of the committed results in reports/, not of code: a new run may rightly break them."""

from tests.report.test_chapters import measured


def test_the_permutation_leaves_the_mlp_as_it_is_and_not_the_convolution() -> None:
    """The sanity check of the data and the code."""
    networks = measured("locality")["networks"]
    assert networks["mlp"]["lost"]["low"] <= 0 <= networks["mlp"]["lost"]["high"]
    assert networks["cnn_pool"]["lost"]["low"] > 0


def test_neighbourhood_and_sharing_are_one_step_each() -> None:
    steps = measured("locality")["gained"]
    assert {what: (step["from"], step["to"]) for what, step in steps.items()} == {
        "neighbourhood": ("mlp", "local"),
        "sharing": ("local", "cnn_flatten"),
    }


def test_two_heads_and_a_network_that_saw_moved_objects_are_compared() -> None:
    found = measured("position")
    assert found["heads"] == {"flatten": "cnn_flatten", "pool": "cnn_pool"}
    assert list(found["moved"]) == ["mlp_shifted"]
