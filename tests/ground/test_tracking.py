"""MLflow is a view: a server that is away costs nothing and loses nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.tracking import MlflowClient
from PIL import Image

from convprior.ground import journal, mlflow_store, tracking
from convprior.ground.journal import Journal, let_go, root, take
from convprior.ground.journal import journals as found_journals
from tests.conftest import clean_environment, colourful


def only_run(client: MlflowClient, experiment: str) -> tuple:
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert len(runs) == 1
    return runs[0].info, runs[0].data


def journals(project: Path) -> list[Path]:
    return sorted((project / ".convprior/journals").glob("[!.]*"))


def test_a_run_reaches_the_database_whole(project: Path) -> None:
    with tracking.run("restore", "coffee", {"sigma": 25}, {"task": "denoise"}) as run:
        for step in range(5, 20, 5):
            run.metrics({"psnr": step / 2, "held_out": float("nan")}, step)
        run.picture("observed - restored", colourful(30, 10), 5)
        run.picture("observed - restored", colourful(30, 10), 10)
        run.metrics({"psnr": 7.0, "stop_gap": float("inf")})
    client = MlflowClient(mlflow_store.uri())
    info, data = only_run(client, "restore")
    assert (info.status, info.run_name) == ("FINISHED", "coffee")
    assert data.params == {"sigma": "25"}
    assert data.tags["task"] == "denoise"
    assert data.metrics == {"curve/psnr": 7.5, "result/psnr": 7.0}
    history = client.get_metric_history(info.run_id, "curve/psnr")
    assert [(m.step, m.value) for m in history] == [(5, 2.5), (10, 5.0), (15, 7.5)]
    files = [f.path for f in client.list_artifacts(info.run_id, "images") if f.path.endswith("png")]
    assert len(files) == 2
    assert journals(project) == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")],
)
def test_a_run_says_how_it_ended(project: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), tracking.run("train", "mlp"):
        raise error
    info, _ = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert info.status == status


def test_git_and_dvc_are_tags(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train@mlp")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    with tracking.run("train", "mlp"):
        pass
    _, data = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert data.tags["dvc.stage"] == "train@mlp"
    assert len(data.tags["git.commit"].removesuffix("-dirty")) == 40


def test_a_note_says_what_a_run_is_shows_it_and_how_to_make_it_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "mlp", "data/of mine"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", SimpleNamespace(name="a.b.train"))
    with tracking.run("train", "mlp", about="A network.") as run:
        for step in range(2):
            run.picture("shown", colourful(30 + step, 10), step)
    client = MlflowClient(mlflow_store.uri())
    info, data = only_run(client, "train")
    sentence, command, picture = data.tags["mlflow.note.content"].split("\n\n")
    assert sentence == "A network."
    assert command == "Made again by `python -m a.b.train mlp 'data/of mine'`"
    assert picture == f"![shown](get-artifact?path=shown.png&run_uuid={info.run_id})"
    with Image.open(client.download_artifacts(info.run_id, "shown.png")) as last:
        assert last.size == (31, 10)


def test_a_process_that_dies_is_replayed_and_marked(project: Path) -> None:
    script = (
        "from convprior.ground import tracking; import os, signal\n"
        "tracking.MIRROR_EVERY = 60\n"
        "with tracking.run('train', 'mlp') as run:\n"
        "    run.metrics({'loss': 0.5}, 1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], env=clean_environment(), check=False)
    assert ended.returncode == -signal.SIGKILL
    (journal,) = journals(project)
    with (journal / "journal.jsonl").open("a") as lines:
        lines.write('{"kind": "metrics", "ti')  # half a line, as a crash leaves it
    assert tracking.sync() == (1, 0)
    info, data = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert info.status == "KILLED"
    assert data.metrics == {"curve/loss": 0.5}


def test_a_live_run_is_left_alone_by_sync(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MIRROR_EVERY", 60)
    with tracking.run("train", "mlp"):
        assert tracking.sync() == (0, 1)


def test_runs_that_are_shared_out_are_mirrored_by_the_run_around_them(project: Path) -> None:
    script = project / "shared_out.py"
    script.write_text(
        "import sys\n"
        "from convprior.ground import sharing, tracking\n"
        "def record(name):\n"
        "    with tracking.run('study', name) as run:\n"
        "        run.metrics({'accuracy': 0.5})\n"
        "    return 'mlflow' in sys.modules\n"
        "if __name__ == '__main__':\n"
        "    with tracking.run('study', 'locality'):\n"
        "        assert sharing.in_order(record, ['mlp 0', 'mlp 1']) == [False, False]\n"
    )
    environment = clean_environment() | {"CONVPRIOR_PROCESSES": "2"}
    subprocess.run([sys.executable, script], env=environment, check=True)
    client = MlflowClient(mlflow_store.uri())
    experiment = client.get_experiment_by_name("study")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in found} == {"locality", "mlp 0", "mlp 1"}
    assert {run.info.status for run in found} == {"FINISHED"}
    assert journals(project) == []


def test_what_others_record_for_this_process_is_mirrored_and_says_whose_command_made_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_given", None)
    sender = journal.origin() | {journal.NOTE: "Made again by `restore`", "dvc.stage": "restore"}
    with tracking.mirroring():
        monkeypatch.setattr(tracking, "_journals_only", True)
        journal.work_for(sender)  # as a cluster's worker does
        with tracking.run("restore", "coffee", about="A picture.") as run:
            run.metrics({"psnr": 7.0})
    info, data = only_run(MlflowClient(mlflow_store.uri()), "restore")
    assert (info.status, data.metrics) == ("FINISHED", {"result/psnr": 7.0})
    assert data.tags["dvc.stage"] == "restore"
    assert data.tags[journal.NOTE] == "A picture.\n\nMade again by `restore`"
    assert journals(project) == []


def test_a_journal_is_never_found_before_its_lock_is_held_nor_made_again(project: Path) -> None:
    recorded = Journal("study", "mlp", {}, {})
    assert take(recorded.folder) is None  # it lives
    recorded.close()
    held = take(recorded.folder)
    assert held is not None
    shutil.rmtree(recorded.folder)
    let_go(recorded.folder, held)
    assert take(recorded.folder) is None  # it is gone, and stays so
    assert not recorded.folder.exists()
    (project / ".convprior/journals/.beginning").mkdir()
    assert found_journals() == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A real MLflow server on loopback that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1",
             "--port", str(self.port), "--backend-store-uri", f"sqlite:///{self.folder}/server.db",
             "--artifacts-destination", str(self.folder / "artifacts")],
            # Its runners of jobs are nine processes more, which nothing here needs.
            cwd=self.folder, env=clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "0"},
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        self.kill()
        raise AssertionError("the MLflow server did not start in two minutes")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (project / "mlflow.db").rename(project / "server.db")
    made = Server(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    made.start()
    yield made
    if made.process.poll() is None:
        made.kill()


def test_a_server_that_dies_in_the_middle_delays_nothing_and_loses_nothing(
    project: Path, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking, "MIRROR_EVERY", 0.2)
    with tracking.run("train", "mlp", {"epochs": 9}) as run:
        run.metrics({"loss": 3.0}, 1)
        (journal,) = journals(project)
        for _ in range(300):  # until the server has the first part
            if (journal / "position").exists():
                break
            time.sleep(0.1)
        assert (journal / "position").exists()
        server.kill()
        begin = time.monotonic()
        for step in range(2, 10):
            run.metrics({"loss": 3.0 / step}, step)
            time.sleep(0.1)
        run.picture("strip", colourful(20, 10), 9)
        stopped = time.monotonic()
    assert stopped - begin < 2.0
    assert time.monotonic() - stopped < 15.0
    assert caplog.text.count("does not answer") == 1
    assert tracking.sync() == (0, 1)

    server.start()
    assert tracking.sync() == (1, 0)
    client = MlflowClient(server.uri)
    info, data = only_run(client, "train")
    assert info.status == "FINISHED"
    assert data.params == {"epochs": "9"}
    history = client.get_metric_history(info.run_id, "curve/loss")
    assert [m.step for m in history] == list(range(1, 10))
    assert len(client.list_artifacts(info.run_id, "images")) >= 1


def test_the_next_run_replays_what_was_left(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with tracking.run("train", "mlp") as run:
        run.metrics({"loss": 1.0}, 1)
    assert len(journals(project)) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with tracking.run("evaluate", "mlp"):
        pass
    assert journals(project) == []
    _, data = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert data.metrics == {"curve/loss": 1.0}


def test_keys_that_mlflow_refuses_are_refused_at_once(project: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"'a\|b' cannot be a picture's key"),
        tracking.run("x", "y") as run,
    ):
        run.picture("a|b", colourful(4, 4), 0)


def test_settings_become_dotted_parameters() -> None:
    assert tracking.flat({"a": 1, "b": {"c": {"d": [2]}}}) == {"a": 1, "b.c.d": [2]}


def record(name: str = "mlp", experiment: str = "train", **params: int) -> Path:
    """Leave the journal of a run that is over and was not mirrored."""
    journal = Journal(experiment, name, params, {})
    journal.metrics({"loss": 0.5}, 1)
    journal.picture("shown", colourful(8, 8), 1)
    journal.end("FINISHED")
    journal.close()
    return journal.folder


def run_names(experiment: str = "train") -> list[str]:
    client = MlflowClient(mlflow_store.uri())
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return sorted(run.info.run_name for run in client.search_runs([found.experiment_id]))


def test_a_journal_that_cannot_be_read_is_set_aside_and_holds_up_no_other(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty, half, wrong, pictureless = record("a"), record("b"), record("c"), record("d")
    (empty / "journal.jsonl").write_bytes(b"")
    (half / "journal.jsonl").write_bytes(b'{"kind": "metrics"\n')
    (wrong / "journal.jsonl").write_bytes(b"[1]\n")
    next(pictureless.glob("*.png")).unlink()
    (project / ".convprior/journals/Thumbs.db").touch()
    record("it's.png")
    assert tracking.sync() == (1, 0)
    assert run_names() == ["d", "it's.png"]
    aside = project / ".convprior/broken"
    assert sorted(path.name for path in aside.iterdir()) == sorted(
        path.name for path in (empty, half, wrong, pictureless)
    )
    assert caplog.text.count("cannot be replayed") == 4
    assert "does not answer" not in caplog.text
    assert not list((project / ".convprior/journals").glob(".*.lock"))


def test_a_broken_mark_only_has_all_looked_at_again(project: Path) -> None:
    journal = record()
    tracking._mirror(journal)  # all but the deletion, as if it was killed there
    again = record("again")
    shutil.move(again, journal)
    (journal / "position").write_bytes(b"")
    tracking._mirror(journal)
    assert run_names() == ["mlp"]


def test_a_run_that_ends_at_once_raises_no_alarm(
    project: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = tracking._mirror
    over = threading.Event()

    def late(folder: Path, dead: bool = False) -> None:
        over.wait(10)  # the run has ended before it is looked at
        original(folder, dead)

    monkeypatch.setattr(tracking, "_mirror", late)
    with tracking.run("train", "mlp"):
        threading.Timer(0.2, over.set).start()
        monkeypatch.setattr(tracking, "MIRROR_EVERY", 0.0)
    assert caplog.text == ""
    assert run_names() == ["mlp"]


def test_a_subfolder_is_of_the_project_around_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".dvc").mkdir()
    monkeypatch.chdir(project / "data")
    assert root() == project


def test_without_git_a_run_is_recorded_all_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    with tracking.run("train", "mlp"):
        pass
    _, data = only_run(MlflowClient(mlflow_store.uri()), "train")
    assert "git.commit" not in data.tags
