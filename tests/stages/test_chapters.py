"""The study's page: a chapter for each question that params.yaml asks, in its order."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from convprior.ground.params import ParamsError
from convprior.report.chapters.opening import backgrounds
from convprior.report.record import RecordError
from convprior.stages import StageError, chapters
from tests.conftest import REPOSITORY, tiny_params

ARGUMENTS = ["reports", "reports/study.html", "reports/study.png", "--params", "params.yaml"]
ASKED = ("position", "locality")


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.02, "high": mean + 0.02}


@pytest.fixture
def made_up(project: Path) -> Path:
    """A reports/ folder of two made-up networks and two committed questions, asked in disorder."""
    content = tiny_params()
    content["study"] = {question: content["study"][question] for question in ASKED}
    (project / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    places = [f"{t}_shown_{s}" for t in ("corner", "uniform") for s in ("corner", "uniform")]
    nowhere = {f"{trained}_shown_nowhere": interval(0.1) for trained in ("corner", "uniform")}
    accuracy = {place: interval(0.3 + 0.1 * n) for n, place in enumerate(places)} | nowhere
    for name, moved in (("mlp", False), ("cnn_pool", True)):
        path = project / f"reports/learn/{name}/metrics.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({
            "parameters": 98765, "multiply_adds": 43210, "learning_rate": 0.003, "moved": moved,
            "steps": 4711, "chance": 0.1, "accuracy": accuracy,
        }))  # fmt: skip
    for question in ASKED:
        path = project / f"reports/study/{question}/metrics.json"
        path.parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / f"reports/study/{question}/metrics.json", path)
    return project


def test_the_page_tells_of_every_network_and_question_in_order(made_up: Path) -> None:
    chapters.main(ARGUMENTS)
    page = (made_up / "reports/study.html").read_text()
    cells = ("30.0%<br>(28.0–32.0)", "40.0%<br>(38.0–42.0)", "50.0%<br>(48.0–52.0)",
             "60.0%<br>(58.0–62.0)", "10.0%<br>(8.0–12.0)")  # fmt: skip
    row = "".join(f"<td>{cell}</td>" for cell in ("98,765", "43,210", "0.003", *cells))
    assert f"<tr><td><code>mlp</code></td>{row}</tr>" in page
    assert f"<tr><td><code>cnn_pool</code> *</td>{row}</tr>" in page
    assert "4,711 steps" in page
    assert "<p>* Its objects are moved" in page
    assert re.findall(r'<section id="(\w+)">', page) == list(ASKED)
    assert re.findall(r'<a href="#(\w+)">', page) == list(ASKED)
    with Image.open(made_up / "reports/study.png") as picture:
        assert picture.width > 1000
        assert picture.convert("L").getextrema()[1] == 255
    # Nothing of the experiment was there; its page is linked to.
    assert '<a href="index.html">' in page
    assert '<div class="strip"' not in page


@pytest.mark.parametrize("missing", ["learn/cnn_pool", "study/locality"])
def test_what_is_missing_is_named_with_who_makes_it(made_up: Path, missing: str) -> None:
    (made_up / "reports" / missing / "metrics.json").unlink()
    with pytest.raises(RecordError, match=f"{missing}/metrics.json: .*`make study` the study's"):
        chapters.main(ARGUMENTS)
    assert not (made_up / "reports/study.html").exists()


def test_a_question_without_a_chapter_and_a_study_without_questions_are_refused(
    made_up: Path,
) -> None:
    content = tiny_params()
    content["study"] = {"weather": {}}
    (made_up / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(StageError, match=r"no chapter answers `study\.weather`: see convprior/rep"):
        chapters.main(ARGUMENTS)
    del content["study"]
    (made_up / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ParamsError, match="there is no section `study`"):
        chapters.main(ARGUMENTS)


def test_a_background_that_tells_the_class_is_not_called_chance() -> None:
    at_chance = {"mean": 0.1, "low": 0.08, "high": 0.12}
    above = {"mean": 0.15, "low": 0.13, "high": 0.17}
    accuracy = {"corner_shown_nowhere": at_chance, "uniform_shown_nowhere": at_chance}
    measured = {"a": {"accuracy": accuracy, "chance": 0.1}}
    assert backgrounds(measured).endswith("10.0% to 10.0%: chance, 10.0%, as it must be.")
    measured["b"] = {"accuracy": accuracy | {"uniform_shown_nowhere": above}, "chance": 0.1}
    assert backgrounds(measured).endswith("10.0% to 15.0%: more than chance, 10.0%, in b.")
