"""The study with tiny numbers: all nine questions, then what DVC makes of some of them."""

import json
from pathlib import Path

import pytest
import yaml

from convprior.stages import chapters, compose, learn, study
from tests.conftest import QUESTIONS, tiny_params
from tests.pipelines import call, is_self_contained, make_copy, would_run

PIPELINE = "study/dvc.yaml"
NETWORKS = ("mlp", "cnn_pool")
ASKED = ("dense", "sample_size")  # through DVC: one trains its own networks, one those of `learn`
STAGES = {
    "compose", "chapters", *(f"learn@{name}" for name in NETWORKS),
    *(f"study@{question}" for question in QUESTIONS),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    return make_copy(tmp_path_factory.mktemp("copy"), empty_database)


def test_the_stages_are_these(copy: Path) -> None:
    listed = call(copy, "dvc", "stage", "list", "--name-only", PIPELINE).split()
    assert {name.rpartition(":")[2] for name in listed} == STAGES


def test_nine_questions_are_answered_on_one_page_and_plotted(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.setenv("CONVPRIOR_PROCESSES", "1")
    compose.main(["data/garments", "data/scenes", "reports/compose"])
    for name in NETWORKS:
        learn.main([name, "data/scenes", f"models/learn/{name}", f"reports/learn/{name}"])
    for question in QUESTIONS:
        paths = ["data/scenes", "models/learn", "reports/learn", f"reports/study/{question}"]
        study.main([question, *paths])
    chapters.main(["reports", "reports/study.html", "reports/study.png"])
    page = (copy / "reports/study.html").read_text()
    for name in (*NETWORKS, *QUESTIONS):
        assert name in page
    assert is_self_contained(page)
    plotted = json.loads(call(copy, "dvc", "plots", "show", "--json"))
    content = yaml.safe_load((copy / PIPELINE).read_text())
    plots = {next(iter(plot)) for plot in content["plots"]}
    assert len(plots) == len(QUESTIONS)
    # The experiment's own plot has nothing to show here.
    assert not plots & {error["name"] for error in plotted.get("errors", [])}
    drawn = {name: shown[0]["content"] for name, shown in plotted["data"].items() if shown}
    assert all(drawn[name]["data"]["values"] for name in plots)


@pytest.mark.timeout(1200)  # stages take seconds to start
def test_the_study_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    content = tiny_params()
    content["study"] = {question: content["study"][question] for question in ASKED}
    (copy / "params.yaml").write_text(yaml.safe_dump(content))
    call(copy, "dvc", "repro", PIPELINE)
    assert "sample_size" in (copy / "reports/study.html").read_text()
    assert would_run(copy, PIPELINE) == set()

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    studied = {f"study@{question}" for question in ASKED}
    assert would_run(copy, PIPELINE) == {"learn@mlp", "chapters"} | studied
    call(copy, "dvc", "commit", "--force", "-q", PIPELINE)

    # A network of `train`, of which nobody asks here.
    (mlp.parent / "mine.py").write_text(mlp.read_text().replace("MLP", "Mine"))
    assert would_run(copy, PIPELINE) == set()

    asked = copy / "src/convprior/study/dense.py"
    asked.write_text(asked.read_text() + "# one more line\n")
    drawn_by = copy / "src/convprior/report/chapters/sample_size.py"
    drawn_by.write_text(drawn_by.read_text() + "# one more line\n")
    assert would_run(copy, PIPELINE) == {"study@dense", "chapters"}
