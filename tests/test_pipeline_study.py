"""The study with tiny numbers: everything runs, then nothing, then what a change touches."""

import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import QUESTIONS
from tests.pipelines import call, is_self_contained, make_copy, would_run

STAGES = {
    "compose", "learn@mlp", "learn@cnn_pool", "chapters",
    *(f"study@{question}" for question in QUESTIONS),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    return make_copy(tmp_path_factory.mktemp("copy"), empty_database)


@pytest.mark.timeout(1200)
def test_the_study_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    pipeline = "study/dvc.yaml"
    call(copy, "dvc", "repro", pipeline)
    page = (copy / "reports/study.html").read_text()
    for name in ("mlp", "cnn_pool", *QUESTIONS):
        assert name in page
    assert is_self_contained(page)
    assert would_run(copy, pipeline) == set()
    plotted = json.loads(call(copy, "dvc", "plots", "show", "--json"))
    content = yaml.safe_load((copy / pipeline).read_text())
    plots = {next(iter(plot)) for plot in content["plots"]}
    assert len(plots) == len(QUESTIONS)
    # The experiment's own plot has nothing to show here.
    assert not plots & {error["name"] for error in plotted.get("errors", [])}
    drawn = {name: shown[0]["content"] for name, shown in plotted["data"].items() if shown}
    assert all(drawn[name]["data"]["values"] for name in plots)

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    studied = {f"study@{question}" for question in QUESTIONS}
    assert would_run(copy, pipeline) == {"learn@mlp", "chapters"} | studied
    call(copy, "dvc", "commit", "--force", "-q", pipeline)

    asked = copy / "src/convprior/study/dense.py"
    asked.write_text(asked.read_text() + "# one more line\n")
    drawn_by = copy / "src/convprior/report/chapters/position.py"
    drawn_by.write_text(drawn_by.read_text() + "# one more line\n")
    assert would_run(copy, pipeline) == {"study@dense", "chapters"}


def test_the_stages_are_these(copy: Path) -> None:
    listed = call(copy, "dvc", "stage", "list", "--name-only", "study/dvc.yaml").split()
    assert {name.rpartition(":")[2] for name in listed} == STAGES
