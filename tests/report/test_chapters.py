"""Every sentence and figure of the study comes of its numbers: others make another sentence."""

import copy
import json
import re
from importlib import import_module
from typing import Any

import pytest

from convprior.report.chapters.chapter import Chapter, between, listed
from tests.conftest import QUESTIONS, REPOSITORY


def measured(question: str) -> dict[str, Any]:
    """Return what the committed run measured."""
    path = REPOSITORY / f"reports/study/{question}/metrics.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def chapter_of(question: str, metrics: dict[str, Any]) -> Chapter:
    chapter: Chapter = import_module(f"convprior.report.chapters.{question}").chapter(metrics)
    return chapter


def told(question: str, metrics: dict[str, Any]) -> str:
    """Return all that a chapter says."""
    chapter = chapter_of(question, metrics)
    return f"{chapter.answer} {chapter.findings}".strip()


def scaled(value: Any, factor: float) -> Any:
    """Return the same values with every fraction multiplied."""
    if isinstance(value, dict):
        return {key: scaled(part, factor) for key, part in value.items()}
    if isinstance(value, list):
        return [scaled(part, factor) for part in value]
    return value * factor if isinstance(value, float) else value


@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"sight"}))  # its numbers are whole
def test_other_numbers_make_another_answer_and_other_figures(question: str) -> None:
    metrics = measured(question)
    before = copy.deepcopy(metrics)
    chapter = chapter_of(question, metrics)
    assert metrics == before
    other = chapter_of(question, scaled(metrics, 0.7))
    # Of the untrained prior the answer is of steps: all errors alike smaller change none.
    assert chapter.answer != other.answer or question == "untrained"
    assert told(question, metrics) != told(question, scaled(metrics, 0.7))
    assert [f.picture for f in chapter.figures] != [f.picture for f in other.figures]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_chapter_is_whole(question: str) -> None:
    chapter = chapter_of(question, measured(question))
    assert chapter.question.endswith("?")
    assert chapter.answer.endswith(".")
    assert "nan" not in chapter.answer
    for figure in chapter.figures:
        assert figure.alt
        assert figure.caption.endswith(".")
        assert figure.picture.startswith("<")
    section = chapter.change.split("-S ")[1].strip("'").split("=")[0]
    assert section.startswith(f"study.{question}.")


def test_the_example_is_told_by_its_numbers() -> None:
    metrics = measured("sight")
    metrics["example"]["sum"] = 4711
    assert "weighed to 4,711" in told("sight", metrics)


def test_no_loss_is_told_of_a_fully_connected_network_without_any() -> None:
    networks = measured("locality")["networks"]
    networks["mlp"]["lost"] = {"mean": 0.0, "low": -0.01, "high": 0.01}
    two = {"networks": {name: networks[name] for name in ("mlp", "cnn_pool")}, "gained": {}}
    assert re.search(r"<code>mlp</code>.*within the noise: to a fully connected network, neighbour"
                     "hood does not exist", chapter_of("locality", two).answer)  # fmt: skip
    one = {"networks": {"mlp": networks["mlp"]}, "gained": {}}
    assert told("locality", one).count("<code>") == 1


def test_a_loss_is_called_what_it_is_and_taught_from_where_it_may() -> None:
    metrics = measured("locality") | {"gained": {}}
    for of in metrics["networks"].values():
        of["lost"] = {"mean": 0.2, "low": 0.1, "high": 0.3}
    assert "noise" not in told("locality", metrics)
    for of in metrics["networks"].values():
        of["lost"] = {"mean": -0.03, "low": -0.06, "high": 0.01}
        of["class"] = "CNN"
    answer = told("locality", metrics)
    assert "gains 3.0 points (-6.0 to 1.0 lost)" in answer
    assert "does not exist" not in answer


def test_what_neighbourhood_and_sharing_bring_is_told_by_intervals() -> None:
    metrics = measured("locality")
    of = metrics["gained"]
    of["sharing"]["gained"] = {"mean": 0.2, "low": 0.1, "high": 0.3}
    for low, noise in ((-0.01, ", within the noise"), (0.01, "")):
        of["neighbourhood"]["gained"] = {"mean": 0.02, "low": low, "high": 0.05}
        assert (
            f"neighbourhood brings +2.0 points ({'−' if noise else '+'}1.0 to +5.0) beside "
            f"<code>mlp</code>{noise}; sharing brings +20.0 points (+10.0 to +30.0) beside "
            "<code>local</code>."
        ) in told("locality", metrics)
    metrics["gained"] = {}
    assert "sharing" not in told("locality", metrics)


def test_resistance_to_noise_is_claimed_only_where_it_is() -> None:
    metrics = measured("untrained")
    assert "resists noise" in told("untrained", metrics)
    convolutional = next(iter(metrics["fits"].values()))
    noise = convolutional["noise"]
    convolutional["noise"] = convolutional["photograph"]
    assert "resists noise" not in told("untrained", metrics)
    answer = chapter_of("untrained", metrics).answer
    convolutional["noise"] = noise
    assert chapter_of("untrained", metrics).answer != answer
    photograph = convolutional["photograph"]  # nothing is learned: that is no resistance
    photograph["loss"] = [1.0] * len(photograph["loss"])
    assert "resists noise" not in told("untrained", metrics)


def test_what_a_changed_part_does_is_told_by_its_interval() -> None:
    metrics = measured("untrained")
    whole, _, *parts = metrics["fits"]
    noisy = {name: metrics["fits"][name]["photograph and noise"] for name in (whole, *parts)}
    for of in noisy.values():
        of["peak_step"] = of["steps"][0]
    for mean, low, high, words in (
        (-2.0, -3.0, -1.0, "no skips −2.00 dB (−3.00 to −1.00)"),
        (0.5, 0.1, 0.9, "no skips +0.50 dB (+0.10 to +0.90)"),
        (-0.5, -1.0, 0.5, f"With noise: no clear difference: {', '.join(parts)}."),
    ):
        for name in parts:
            noisy[name]["gained"] = {"mean": mean, "low": low, "high": high}
        assert words in told("untrained", metrics)
    for name in parts:  # no peak has been passed: nothing is compared
        noisy[name]["peak_step"] = noisy[name]["steps"][-1]
    assert f"With noise: still rising at the last step: {', '.join(parts)}." in (
        told("untrained", metrics)
    )
    for name in parts:
        noisy[name]["loss"][-1] = 2 * noisy[name]["loss"][0]
    assert f"With noise: does not fit: {', '.join(parts)}." in told("untrained", metrics)
    noisy[whole]["peak_step"] = noisy[whole]["steps"][-1]
    assert "the hourglass is still rising" in told("untrained", metrics)


def test_another_learning_rate_is_said() -> None:
    metrics = measured("untrained")
    assert "no normalisation learns at a rate of 0.002 and not 0.01" in told("untrained", metrics)
    metrics["learning_rates"] = dict.fromkeys(metrics["learning_rates"], 0.01)
    assert "at a rate of" not in told("untrained", metrics)


def test_who_gets_most_is_told_with_those_who_may_get_as_much() -> None:
    metrics = measured("sharing")
    for families in metrics["equal"].values():
        for place, of in enumerate(families.values()):
            of["mean"] = 0.6 - 0.1 * place
            of["behind"] = {"mean": 0.1 * place, "low": 0.1 * place - 0.15, "high": 0.9}
    answer = chapter_of("sharing", metrics).answer
    first, second, third, last = next(iter(metrics["equal"].values()))
    assert f"<code>{first}</code> gets most, 60.0%" in answer
    assert (
        f"no clear difference from <code>{second}</code>, and <code>{last}</code> least" in answer
    )
    assert f"<code>{third}</code>" not in answer
    metrics["unshared"] = None
    assert "Sharing saves" not in told("sharing", metrics)


def test_a_layer_that_follows_is_told_with_what_it_misses_off_its_grid() -> None:
    metrics = measured("position")
    metrics["equivariance"] = {
        name: {
            "after 4 layers, stride 2": {"1": 0.4, "2": on, "3": 0.5},
            "what the head sees": {"1": 0.1, "2": 0.2, "3": 0.3},
        }
        for name, on in (("cnn_circular", 0.0), ("cnn_pool", 0.1))
    }
    metrics["heads"] = {}
    answer = told("position", metrics)
    assert "The first layers of <code>cnn_circular</code> follow a picture exactly" in answer
    assert "miss up to 50% of their length" in answer
    metrics["equivariance"]["cnn_circular"]["after 4 layers, stride 2"]["2"] = 0.1
    assert "follow a picture exactly" not in told("position", metrics)


def test_two_heads_are_compared_that_differ_in_nothing_else() -> None:
    metrics = measured("position")
    assert "which differs in its head alone" in told("position", metrics)
    layers = metrics["equivariance"]
    layers["cnn_flatten"], layers["cnn_pool"] = layers["cnn_pool"], layers["cnn_flatten"]
    assert "Sharing alone" not in told("position", metrics)


def test_only_a_convolution_needs_no_examples_for_what_it_knows() -> None:
    metrics = measured("sample_size")
    metrics["networks"] = {
        name: {size: {"mean": mean, "low": mean, "high": mean}
               for size, mean in zip(("100", "1000", "9000"), means, strict=True)}
        for name, means in (("a", (0.1, 0.5, 0.7)), ("b", (0.1, 0.2, 0.3)))
    }  # fmt: skip
    for classes, claimed in ((("CNN", "MLP"), True), (("MLP", "CNN"), False)):
        metrics["classes"] = dict(zip("ab", classes, strict=True))
        answer = told("sample_size", metrics)
        assert ("need not be learned" in answer) == claimed


def test_a_remedy_within_the_noise_is_said_to_be() -> None:
    metrics = measured("overfitting")
    for low, words in ((-0.01, True), (0.01, False)):
        for of in metrics["remedies"].values():
            of["gained"] = {"mean": 0.03, "low": low, "high": 0.05}
        answer = told("overfitting", metrics)
        assert ("which is within the noise" in answer) == words
    for name, of in metrics["remedies"].items():
        of["train"]["mean"], of["test"]["mean"] = (0.6, 0.5) if name == "none" else (0.95, 0.4)
    assert "by learning less" not in told("overfitting", metrics)


def test_augmentation_is_called_wrong_only_where_it_is() -> None:
    metrics = measured("orientation")
    assert "commutes with moving" in told("orientation", metrics)
    for found in metrics["turned"]["as they are"]["angle"].values():
        found["high"] = 1.0
    assert "commutes with moving" not in told("orientation", metrics)
    for low, words in ((0.01, True), (-0.01, False)):
        metrics["digits"]["six or nine"]["lost"] = {"mean": 0.02, "low": low, "high": 0.05}
        metrics["digits"]["one or seven"]["lost"] = {"mean": 0.0, "low": 0.0, "high": 0.005}
        answer = told("orientation", metrics)
        assert ("augmentation is wrong" in answer) == words


def test_a_border_is_called_what_the_network_was_built_with() -> None:
    metrics = measured("position")
    assert "whose border is circular" in told("position", metrics)
    metrics["borders"] = dict.fromkeys(metrics["borders"], "zeros")
    assert "circular, do not" not in told("position", metrics)
    metrics["borders"] = dict.fromkeys(metrics["borders"], "reflect")
    assert "zeros around" not in told("position", metrics)


def test_a_study_of_one_network_has_sentences_too() -> None:
    for question, name in (("position", "mlp"), ("locality", "mlp"), ("sample_size", "cnn_pool")):
        metrics = measured(question)
        metrics["networks"] = {name: metrics["networks"][name]}
        for part in ("equivariance", "padding", "heads", "moved", "gained"):
            metrics[part] = {}
        answer = told(question, metrics)
        assert answer.endswith(".")
        assert answer.count(f"<code>{name}</code>") <= 3
    metrics = measured("sharing")
    for families in metrics["equal"].values():
        for name in list(families)[1:]:
            del families[name]
    metrics["counted"] = {
        name: of for name, of in metrics["counted"].items() if name.startswith("alexnet")
    }
    metrics["unshared"] = None
    assert "least" not in told("sharing", metrics)


def test_names_of_params_are_text_on_the_page() -> None:
    metrics = measured("locality")
    metrics["networks"] = {f"<b>{name}": of for name, of in metrics["networks"].items()}
    for step in metrics["gained"].values():
        step |= {end: f"<b>{step[end]}" for end in ("from", "to")}
    chapter = chapter_of("locality", metrics)
    assert "<b>" not in told("locality", metrics) + chapter.figures[0].picture


def test_intervals_and_names_read_well() -> None:
    assert between({"mean": 0.5, "low": 0.456, "high": 0.544}) == "50.0% (45.6–54.4)"
    assert listed(["a", "b", "c"]) == "<code>a</code>, <code>b</code> and <code>c</code>"


def test_what_padding_and_pooling_bring_is_told_by_intervals() -> None:
    metrics = measured("position")
    for low, high, words in (
        (0.05, 0.15, "+10.0 points (+5.0 to +15.0) (<code>b</code>)"),
        (-0.05, 0.25, "+10.0 points (−5.0 to +25.0), within the noise (<code>b</code>)"),
    ):
        gained = {"mean": 0.1, "low": low, "high": high}
        for mean, summed in ((0.1, "more than"), (-0.1, "less than"), (0, "no clear")):
            beyond = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05}
            metrics["altered"] = {
                "plain": "a",
                "networks": dict.fromkeys(("padding", "pooling", "padding and pooling"), "b"),
                "gained": dict.fromkeys(("padding", "pooling", "padding and pooling"), gained),
                "beyond the sum": beyond,
            }
            answer = told("position", metrics)
            assert answer.count(words) == 3
            assert f": {summed}" in answer
    metrics["altered"] = {}
    assert "Beside" not in told("position", metrics)


def test_what_moving_the_objects_teaches_is_told_by_its_interval() -> None:
    metrics = measured("position")
    for low, claimed in ((0.1, True), (-0.1, False)):
        gained = {"mean": 0.2, "low": low, "high": 0.3}
        metrics["moved"] = {"mlp_shifted": {"without": "mlp", "gained": gained}}
        answer = told("position", metrics)
        assert "is <code>mlp</code> whose objects were moved" in answer
        assert ("augmentation can teach" in answer) == claimed
    metrics["moved"] = {name: {} for name in metrics["networks"]}  # nobody has seen a corner only
    assert "Shown objects in the corner only" not in told("position", metrics)


def test_who_was_shown_other_places_is_not_praised_for_knowing_them() -> None:
    metrics = measured("position")
    metrics["networks"]["mlp_shifted"]["corner"]["elsewhere"]["mean"] = 0.999
    assert "<code>mlp_shifted</code> gets most" not in told("position", metrics)


def test_what_a_border_tells_is_told_by_its_map() -> None:
    metrics = measured("position")
    metrics["padding"] = {"cnn_pool": [[0.0, 0.3], [0.2, 0.1]], "cnn_flatten": [[0.0, 0.0]]}
    assert "by up to 30% of their length" in told("position", metrics)
    metrics["padding"] = {"cnn_pool": [[0.0, 0.0]]}
    assert "On a constant picture" not in told("position", metrics)


def test_the_film_begins_where_the_convolutional_network_is_best() -> None:
    metrics = measured("untrained")
    frames = next(iter(metrics["film"]["networks"].values()))
    for best in (0, len(frames) - 1):
        for number, frame in enumerate(frames):
            frame["psnr"] = 99.0 if number == best else 10.0
        film = chapter_of("untrained", metrics).figures[0].picture
        assert f'data-first="{best}"' in film
        assert film.count("<img") == 2 + 2 * len(frames)
        assert "99.0 dB" in film
