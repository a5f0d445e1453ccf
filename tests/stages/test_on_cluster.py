"""Stages whose work the machines of a Ray cluster do: the bits and the records of one process."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.tracking import MlflowClient

from convprior.ground import journal, mlflow_store
from convprior.stages import compose, degrade, study
from tests.conftest import clean_environment, run_stage, tiny_params

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

RESTORE = ("denoise", "data/degraded", "data/restored", "reports/restore")
SCENES = ("data/scenes", "models/learn", "reports/learn")
NETWORKS = ("mlp", "cnn_pool")
# One trains its own networks, one those of `learn` further, one fits pictures.
ASKED = ("dense", "position", "untrained")


def written(*folders: Path) -> dict[str, Any]:
    """Return what the files in folders hold, but for how long something took."""
    found: dict[str, Any] = {}
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            found[path.name if path.parent == folder else f"{path.parent.name}/{path.name}"] = (
                without_seconds(json.loads(path.read_text()))
                if path.suffix == ".json"
                else path.read_bytes()
            )
    return found


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if not k.startswith("seconds")}
    return value


def runs_of(experiment: str) -> list[Any]:
    client = MlflowClient(mlflow_store.uri())
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return client.search_runs([found.experiment_id])


def recorded(run: Any) -> dict[str, Any]:
    """Return what MLflow shows of a run of `restore`, but for how long it took."""
    note = run.data.tags["mlflow.note.content"].replace(run.info.run_id, "RUN")
    metrics = {k: v for k, v in run.data.metrics.items() if "seconds" not in k}
    return {"params": run.data.params, "metrics": metrics, "note": note, "how": run.info.status}


def test_pictures_are_restored_by_the_machines_and_none_twice(two: Any, project: Path) -> None:
    content = tiny_params()
    content["restore"]["recipes"]["default"] |= {"max_steps": 150, "least_patience": 150}
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    degrade.main(["denoise", "data/degraded", "reports/degrade", "--params", "params.yaml"])
    run_stage(project, "restore", *RESTORE)
    here = written(project / "data/restored", project / "reports/restore")
    recorded_here = {run.info.run_name: recorded(run) for run in runs_of("restore")}
    assert len(recorded_here) == 4

    command = [sys.executable, "-m", "convprior.stages.restore", *RESTORE,
               "--params", "params.yaml"]  # fmt: skip
    state = project / ".convprior/state/restore/denoise"
    for way in (signal.SIGTERM, signal.SIGKILL):
        # Ended in the middle, the same command goes on.
        there = {"CONVPRIOR_CLUSTER": two.address, "DVC_STAGE": way.name}
        with subprocess.Popen(
            command, cwd=project, env=clean_environment() | there, stderr=subprocess.PIPE, text=True
        ) as driver:
            while not list(state.glob("*/[!.]*/metrics.json")):
                assert driver.poll() is None
                time.sleep(0.02)
            driver.send_signal(way)
            assert "Traceback" not in driver.communicate()[1]
        assert driver.returncode
        assert 1 <= len(list(state.glob("*/[!.]*/metrics.json"))) < 4
        run_stage(project, "restore", *RESTORE, **there)
        assert written(project / "data/restored", project / "reports/restore") == here
        assert not state.exists()

        again = [run for run in runs_of("restore") if run.data.tags.get("dvc.stage") == way.name]
        whole = {run.info.run_name: recorded(run) for run in again if run.info.status == "FINISHED"}
        assert whole == recorded_here
        assert len(again) <= 4 + 2  # one that was in flight for each worker
        assert journal.journals() == []


def test_questions_of_the_study_are_answered_by_the_machines(
    two: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVPRIOR_PROCESSES", "1")
    compose.main(["data/garments", "data/scenes", "reports/compose", "--params", "params.yaml"])
    found = []
    for address in ("", two.address):
        monkeypatch.setenv("CONVPRIOR_CLUSTER", address)
        for name in NETWORKS:
            report = f"reports/learn/{name}"
            # A command of its own: what it sends is of `__main__`.
            run_stage(project, "learn", name, "data/scenes", f"models/learn/{name}", report)
        for question in ASKED:
            study.main([question, *SCENES, f"reports/study/{question}", "--params", "params.yaml"])
        found.append(written(project / "reports/learn", project / "reports/study",
                             project / "models/learn"))  # fmt: skip
    assert found[0] == found[1]
