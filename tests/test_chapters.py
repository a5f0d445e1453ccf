"""Every sentence and figure of the study comes of its numbers: others make another sentence."""

import copy
import json
import re
from importlib import import_module
from typing import Any

import pytest

from conftest import REPOSITORY
from convprior import chart
from convprior.chapters import QUESTIONS
from convprior.chapters.chapter import Chapter, between, listed


def measured(question: str) -> dict[str, Any]:
    """Return what the committed run measured."""
    path = REPOSITORY / f"reports/study/{question}/metrics.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def chapter_of(question: str, metrics: dict[str, Any]) -> Chapter:
    chapter: Chapter = import_module(f"convprior.chapters.{question}").chapter(metrics)
    return chapter


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
    assert chapter.answer != other.answer
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
    assert "weighed to 4,711" in chapter_of("sight", metrics).answer


def test_the_permutation_leaves_the_mlp_as_it_is_and_not_the_convolution() -> None:
    """The sanity check of the data and the code, in the committed results."""
    networks = measured("locality")["networks"]
    assert networks["mlp"]["lost"]["low"] <= 0 <= networks["mlp"]["lost"]["high"]
    assert networks["cnn_pool"]["lost"]["low"] > 0
    assert re.search(r"<code>mlp</code>.*which is no change", chapter_of("locality", {
        "networks": {name: networks[name] for name in ("mlp", "cnn_pool")}}).answer)  # fmt: skip


def test_a_network_that_changes_is_not_called_unchanged() -> None:
    metrics = measured("locality")
    for of in metrics["networks"].values():
        of["lost"] = {"mean": 0.2, "low": 0.1, "high": 0.3}
    assert "no change" not in chapter_of("locality", metrics).answer


def test_resistance_to_noise_is_claimed_only_where_it_is() -> None:
    metrics = measured("untrained")
    assert "resists noise" in chapter_of("untrained", metrics).answer
    convolutional = next(iter(metrics["fits"].values()))
    convolutional["noise"] = convolutional["photograph"]
    assert "resists noise" not in chapter_of("untrained", metrics).answer


def test_every_curve_has_a_name_that_the_script_can_hide_it_by() -> None:
    svg = chart.lines({"a": [(1, 0), (2, 1)], "b": [(1, 1), (2, 0)]}, "x", "y", bands={
        "b": [(0.9, 1.1), (0, 0.1)]}, levels={"c": 0.5})  # fmt: skip
    for gid in ("curve-0", "curve-1", "band-1", "name-0", "name-1", "name-2"):
        assert svg.count(f'id="{gid}"') == 1
    assert "band-0" not in svg


def test_intervals_and_names_read_well() -> None:
    assert between({"mean": 0.5, "low": 0.456, "high": 0.544}) == "50.0% (45.6–54.4)"
    assert listed(["a", "b", "c"]) == "<code>a</code>, <code>b</code> and <code>c</code>"
