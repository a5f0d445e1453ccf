"""Of a folder that was restored there is one table and one run, however many pictures it holds."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from pyarrow import parquet

from convprior.ground import atomic, mlflow_store, tracking
from convprior.ground.errors import InputError
from convprior.prior.iterates import Iterate
from convprior.restoration import collection, folder
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.settings import Settings
from tests.conftest import colourful, run_command
from tests.ground.test_tracking import only_run


def result(restored: Path, name: str, **page: object) -> None:
    """Leave a picture in the folder of results, with the JSON beside it."""
    colourful(30, 20).save(restored / name)
    page = {"task": "denoise", "reason": "", "runs": 1, "steps": 0, "best_step": 0,
            "ended": "patches", "changed": 1.0, "held_out": None} | page  # fmt: skip
    atomic.write_json(folder.note_of(restored / name), {"files": [], "result": [page]})


@pytest.fixture
def here(project: Path) -> Path:
    """A folder `in` of 20 pictures, and `out` of what came of 18 of them."""
    for name in ("in", "out"):
        (project / name).mkdir()
    for number in range(20):
        colourful(30, 20).save(project / "in" / f"{number:02}.png")
        if number < 18:
            result(project / "out", f"{number:02}.png", changed=float(number))
    result(project / "out", "07.png", steps=50, ended="stopped", held_out=12.5)
    atomic.write_json(folder.note_of(project / "out/18.png"), {"files": []})  # half done
    return project


def test_the_table_has_every_picture_done_or_not(here: Path) -> None:
    assert run_command("collect", here / "in", here / "out", "-o", here / "all.parquet") == 0
    rows = parquet.read_table(here / "all.parquet").to_pylist()
    assert sorted(row["picture"] for row in rows) == [f"{number:02}.png" for number in range(20)]
    assert [row["picture"] for row in rows if row["finished"] is None] == ["18.png", "19.png"]
    (fitted,) = (row for row in rows if row["held_out"] is not None)
    assert (fitted["restored"], fitted["steps"], fitted["held_out"]) == ("07.png", 50, 12.5)
    moments = [row["finished"] for row in rows[:18]]
    assert moments == sorted(moments)
    assert not (here / ".convprior").exists()  # no run was asked for


def test_one_run_has_means_previews_and_the_table(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "POINTS", 6)
    monkeypatch.setattr(collection, "SHOWN", 2)
    (here / "in/17.png").unlink()  # the most changed one: its preview is half grey
    result(here / "out", "17.png", changed=17.0)
    assert run_command("collect", here / "in", here / "out", "--mlflow") == 0
    client = MlflowClient(mlflow_store.uri())
    info, data = only_run(client, "collection")
    assert info.run_name == "out"
    results = {key: value for key, value in data.metrics.items() if key.startswith("result/")}
    assert results == {
        "result/pages": 17, "result/not_restored": 2, "result/held_out": 12.5,
        "result/changed": (sum(range(17)) - 7 + 1) / 17,
        "result/ended_patches": 16, "result/ended_stopped": 1,
    }  # fmt: skip
    history = client.get_metric_history(info.run_id, "curve/changed")
    assert [point.step for point in history] == [3, 6, 9, 12, 15, 17]
    shown = {f.path.split("+")[0] for f in client.list_artifacts(info.run_id, "images")}
    assert {name.split("%")[0] for name in shown} == {
        "images/sample", "images/worst changed", "images/worst held_out"
    }  # fmt: skip
    assert "collection.parquet" in {f.path for f in client.list_artifacts(info.run_id)}


def test_the_error_at_the_kept_step_is_said(tmp_path: Path) -> None:
    colourful(40, 32).save(tmp_path / "a.png")
    errors = {}

    class Seen(Watcher):
        def step(self, run: int, iterate: Iterate, due: float) -> None:
            errors[iterate.step] = 255 * iterate.held_out**0.5

    settings = Settings(max_steps=3, noise=25.0)
    report = restore_one(Job(tmp_path / "a.png", tmp_path / "b.png", settings), "cpu", Seen())
    (page,) = report.pages
    assert page.held_out == pytest.approx(errors[page.best_step], abs=0.01)


def test_what_is_gone_is_grey_in_a_preview(here: Path) -> None:
    row = {"picture": "01.png", "restored": "01.png", "page": 1}
    whole = collection._preview(here / "in", here / "out", row)
    (here / "in/01.png").write_bytes(b"no picture")
    half = collection._preview(here / "in", here / "out", row)
    assert whole.size == half.size
    assert whole.getpixel((5, 5)) != half.getpixel((5, 5)) == (128, 128, 128)
    beside = (collection.SIDE + 5, 5)
    assert whole.getpixel(beside) == half.getpixel(beside) != (128, 128, 128)


def test_without_a_result_there_is_nothing_to_collect(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "none").mkdir()
    with pytest.raises(InputError, match=r"no result of a picture in .*: convprior restore"):
        collection.rows(here / "in", here / "none", recursive=False)
    (here / "collection.parquet").write_text("somebody's")
    assert run_command("collect", here / "in", here / "out") == 1
    assert "exists already: choose another -o, or --overwrite" in capsys.readouterr().err
    assert run_command("collect", here / "in/01.png", here / "out", "--overwrite") == 1
    assert "01.png: is no folder" in capsys.readouterr().err


def test_a_file_is_kept_as_it_was_when_it_was_recorded(project: Path) -> None:
    table = project / "table.csv"
    table.write_text("first")
    with tracking.run("collection", "of mine") as run:
        run.file(table)
        table.write_text("second")
    client = MlflowClient(mlflow_store.uri())
    info, _ = only_run(client, "collection")
    assert Path(client.download_artifacts(info.run_id, "table.csv")).read_text() == "first"
