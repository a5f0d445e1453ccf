"""The experiment with tiny numbers: everything runs, then nothing, then what a change touches."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import tiny_params
from tests.pipelines import call, is_self_contained, make_copy, would_run

NETWORKS = ("mlp", "cnn_pool")  # a stage takes seconds to start
STAGES = {
    "prepare", "degrade@denoise", "degrade@inpaint", "restore@denoise", "restore@inpaint", "report",
    *(f"{stage}@{name}" for stage in ("train", "evaluate") for name in NETWORKS),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = make_copy(tmp_path_factory.mktemp("copy"), empty_database)
    (folder / "params.yaml").write_text(yaml.safe_dump(params()))
    return folder


def params() -> dict:
    content = tiny_params()
    networks = content["train"]["networks"]
    content["train"]["networks"] = {name: networks[name] for name in NETWORKS}
    return content


@pytest.mark.timeout(1200)
def test_the_experiment_runs_then_nothing_then_what_a_change_touches(copy: Path) -> None:
    call(copy, "dvc", "repro")
    page = (copy / "reports/index.html").read_text()
    assert page.count('<div class="strip"') == 2 * 4
    for name in (*NETWORKS, "astronaut", "rocket"):
        assert name in page
    assert is_self_contained(page)
    assert would_run(copy) == set()

    mlp = copy / "src/convprior/networks/mlp.py"
    mlp.write_text(mlp.read_text() + "# one more line\n")
    assert would_run(copy) == {"train@mlp", "evaluate@mlp", "report"}
    call(copy, "dvc", "commit", "--force", "-q", "dvc.yaml")

    content = params()
    content["degrade"]["denoise"]["sigma"] = 50
    (copy / "params.yaml").write_text(yaml.safe_dump(content))
    assert would_run(copy) == {"degrade@denoise", "restore@denoise", "report"}

    # Another network, as README says how: nothing else.
    (mlp.parent / "mine.py").write_text(mlp.read_text().replace("MLP", "Mine"))
    content = params()
    mine = content["train"]["networks"]["mlp"] | {"module": "mine", "class": "Mine"}
    content["train"]["networks"]["mine"] = mine
    (copy / "params.yaml").write_text(yaml.safe_dump(content))
    assert would_run(copy) == {"train@mine", "evaluate@mine", "report"}

    # What a parameter names is watched.
    (copy / "params.yaml").write_text(yaml.safe_dump(params()))
    (copy / "data/photographs.txt").write_text("coffee\n")
    (copy / "data/garments/train/more.png").touch()
    assert {"degrade@denoise", "degrade@inpaint", "prepare"} <= would_run(copy)
    call(copy, "dvc", "commit", "--force", "-q", "dvc.yaml")
    (copy / "data/masks/coffee.png").touch()
    assert {"degrade@inpaint"} <= would_run(copy)


def test_the_stages_are_these(copy: Path) -> None:
    assert set(call(copy, "dvc", "stage", "list", "--name-only").split()) == STAGES
