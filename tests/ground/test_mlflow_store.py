"""What MLflow has is there once, whole, and where the project lies."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.tracking import MlflowClient

from convprior.ground import mlflow_store, tracking
from convprior.ground.journal import Journal
from tests.ground.test_tracking import free_port, only_run, record, run_names


def test_what_was_sent_before_a_crash_is_not_there_twice(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = record()
    monkeypatch.setattr(tracking.journal, "mark_read", lambda *_: None)  # killed before each
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "shutil", SimpleNamespace(rmtree=lambda _: None))
        for _ in range(2):
            tracking._mirror(journal)
    client = MlflowClient(mlflow_store.uri())
    info, data = only_run(client, "train")
    assert data.metrics == {"curve/loss": 0.5}
    assert len(client.get_metric_history(info.run_id, "curve/loss")) == 1
    pictures = [f.path for f in client.list_artifacts(info.run_id, "images")]
    assert sum(path.endswith(".png") for path in pictures) == 1


def test_an_experiment_that_was_deleted_holds_up_no_other(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record()
    assert tracking.sync() == (1, 0)
    client = MlflowClient(mlflow_store.uri())
    found = client.get_experiment_by_name("train")
    assert found is not None
    client.delete_experiment(found.experiment_id)
    record("second")
    record("coffee", "restore")
    assert tracking.sync() == (1, 1)
    assert f"mlflow experiments restore --experiment-id {found.experiment_id}" in caplog.text
    assert "does not answer" not in caplog.text
    assert run_names("restore") == ["coffee"]
    client.restore_experiment(found.experiment_id)
    assert tracking.sync() == (1, 0)
    assert run_names() == ["mlp", "second"]


def test_an_experiment_opens_in_the_view_of_models(project: Path) -> None:
    record()
    tracking.sync()
    found = MlflowClient(mlflow_store.uri()).get_experiment_by_name("train")
    assert found is not None
    assert found.tags["mlflow.experimentKind"] == "custom_model_development"


def test_of_a_long_journal_a_few_lines_are_in_memory_and_all_arrive(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_store, "AT_ONCE", 20)
    long = Journal("train", "long", {}, {})
    for step in range(110):
        long.metrics({"loss": 1 / (step + 1)}, step)
    long.close()  # killed: it has no end
    read, sent = 0, []
    lines_of, send_alike = mlflow_store.journal._lines, mlflow_store._send_alike

    def lines(folder: Path, position: int) -> Iterator:
        nonlocal read
        for entry in lines_of(folder, position):
            read += entry[0]["kind"] == "metrics"
            yield entry

    def send(*given: object) -> None:
        if given[3] == "metrics":
            assert read - sum(sent) <= 20
            sent.append(len(given[4]))
        send_alike(*given)

    monkeypatch.setattr(mlflow_store.journal, "_lines", lines)
    monkeypatch.setattr(mlflow_store, "_send_alike", send)
    assert tracking.sync() == (1, 0)
    assert sent == [20] * 5 + [10]
    client = MlflowClient(mlflow_store.uri())
    info, _ = only_run(client, "train")
    history = client.get_metric_history(info.run_id, "curve/loss")
    assert [m.step for m in history] == list(range(110))
    assert info.status == "KILLED"


def test_all_parameters_arrive_however_many(project: Path) -> None:
    record(**{f"p{n}": n for n in range(130)})
    tracking.sync()
    _, data = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert data.params == {f"p{n}": str(n) for n in range(130)}


def test_passwords_are_not_printed(
    project: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{free_port()}")
    record()
    assert tracking.sync() == (0, 1)
    assert "does not answer" in caplog.text
    assert "secret" not in caplog.text


def test_a_project_that_was_moved_keeps_its_pictures_below_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    record()
    tracking.sync()
    moved = tmp_path_factory.mktemp("moved") / "project"
    shutil.copytree(project, moved, symlinks=True)
    before = sorted((project / "mlartifacts").rglob("*.png"))
    monkeypatch.chdir(moved)
    record("second")
    tracking.sync()
    assert sorted((project / "mlartifacts").rglob("*.png")) == before
    assert len(list((moved / "mlartifacts").rglob("images/*.png"))) == 2
    client = MlflowClient(mlflow_store.uri())
    found = client.get_experiment_by_name("train")
    assert found is not None
    for run in client.search_runs([found.experiment_id]):
        assert run.info.artifact_uri.startswith(f"{moved.as_uri()}/mlartifacts/")
        assert len(client.list_artifacts(run.info.run_id, "images")) == 2
