"""Two machines of a Ray cluster, both here: each job once, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from convprior.ground import cluster, journal, sharing, tracking
from convprior.ground.cluster import ClusterError
from convprior.ground.errors import InputError
from convprior.restoration import folder
from convprior.restoration.job import Watcher
from convprior.restoration.settings import Settings
from tests.conftest import SMALL, clean_environment, colourful
from tests.ground.test_sharing import draw

pytest.importorskip("ray")

STEPS = 40


def machine() -> str:
    """Return the name of the machine that a worker works on."""
    import ray

    return ray.get_runtime_context().get_node_id()


def describe(job: Path) -> tuple[str, str, Path, int, str]:
    """Say where a job is done, and die as often as its name says."""
    with job.open("a") as tried:
        tried.write(f"{os.getpid()}\n")
    time.sleep(0.2)  # so that no worker does them all
    tries = len(job.read_text().split())
    if "fatal" in job.name and not (tries > 1 and "once" in job.name):
        os.kill(os.getpid(), signal.SIGKILL)
    return job.name, str(sharing.device()), Path.cwd(), torch.get_num_threads(), machine()


def test_each_job_is_done_once_and_again_alone_if_its_worker_died(
    two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = [tmp_path / name for name in (*"abcdef", "fatal once", "fatal", *"ghi")]
    found = list(
        cluster.each(describe, jobs, two.address, died=lambda job: (job.name, "", "", 0, "died"))
    )
    assert sorted(number for number, _ in found) == list(range(len(jobs)))
    assert all(jobs[number].name == done[0] for number, done in found)
    assert {done[1:4] for _, done in found if done[-1] != "died"} == {("cpu", tmp_path, 1)}
    assert [done[0] for _, done in found if done[-1] == "died"] == ["fatal"]
    assert {done[0] for _, done in found[-2:]} == {"fatal", "fatal once"}  # when no other runs
    assert len({done[-1] for _, done in found} - {"died"}) == 2
    tries = {job.name: len(job.read_text().split()) for job in jobs}
    assert tries == {job.name: 2 if "fatal" in job.name else 1 for job in jobs}
    with pytest.raises(ClusterError, match="job 2 of 2: its worker died twice"):
        list(cluster.each(describe, [tmp_path / "a", tmp_path / "fatal"], two.address))


def refuse(job: int) -> int:
    if job > 1:
        raise InputError(f"no job {job}")
    return job


def test_where_no_cluster_answers_one_line_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "process_iter", lambda _: [])
    begun = time.monotonic()
    for address, said in (
        ("auto", "no Ray cluster on this machine: `ray start --head` starts one"),
        ("nowhere", "'nowhere' is no address of a cluster: write auto or HOST:PORT"),
        ("127.0.0.1:9", "no Ray cluster at 127.0.0.1:9 .*refused.*: `ray start --head` starts"),
        ("127.0.0.1:99999", "no Ray cluster at 127.0.0.1:99999 "),
    ):
        with pytest.raises(ClusterError, match=said):
            list(cluster.each(refuse, [0], address))
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_an_error_by_input_comes_as_itself(
    two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"^no job 2$"):
        list(cluster.each(refuse, [0, 1, 2], two.address))
    # And what a machine lacks, by its name.
    with pytest.raises(ClusterError, match=f"does not see {tmp_path}/mark: files are not sent"):
        list(cluster.each(refuse, [0], two.address, seen=[tmp_path / "mark"]))
    monkeypatch.setattr(cluster, "_code", lambda: "99")
    with pytest.raises(
        ClusterError, match=r"has convprior \S+ \(\w{8}\), not 99: install the same on all"
    ):
        list(cluster.each(refuse, [0], two.address))


def linger(job: Path) -> str:
    """Say in a file where a job is done, and take a while."""
    with job.open("a") as tried:
        tried.write(f"{machine()}\n")
    time.sleep(2)
    return machine()


def just_begun(job: Path, where: str) -> bool:
    """Return whether a machine has begun a job and cannot have ended it."""
    begun = job.exists() and time.time() - job.stat().st_mtime < 1
    return begun and job.read_text().split() == [where]


@pytest.mark.slow
def test_a_machine_that_joins_helps_and_its_jobs_are_done_by_others_when_it_goes(
    two: Any, tmp_path: Path
) -> None:
    jobs = [tmp_path / str(number) for number in range(40)]
    third = None
    found: dict[int, str] = {}
    for number, where in cluster.each(linger, jobs, two.address):
        assert number not in found
        found[number] = where
        if third is None:
            third = two.add_node(**SMALL)
        elif third in two.worker_nodes and any(just_begun(job, third.node_id) for job in jobs):
            two.remove_node(third, allow_graceful=False)
    assert third is not None
    assert third not in two.worker_nodes
    assert sorted(found) == list(range(len(jobs)))
    tries = {number: jobs[number].read_text().split() for number in found}
    assert [tries[number][-1] for number in found] == list(found.values())
    again = [where for where in tries.values() if len(where) > 1]
    assert again  # what was lost with it, and no other
    assert all(where[:-1] == [third.node_id] for where in again)


def tidy(job: Path) -> None:
    job.touch()
    try:
        for _ in range(0 if job.name == "short" else 600):
            time.sleep(0.1)  # the interruption waits until a call has returned
    except KeyboardInterrupt:
        job.write_text("tidied up")
        raise


@pytest.mark.slow
def test_whoever_is_interrupted_lets_the_jobs_tidy_up(two: Any, tmp_path: Path) -> None:
    jobs = [tmp_path / name for name in ("short", "long", "longer")]
    results = cluster.each(tidy, jobs, two.address)
    assert next(results) == (0, None)
    while not all(job.exists() for job in jobs):
        time.sleep(0.1)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # as Ctrl-C while it waits for the next
    assert [job.read_text() for job in jobs] == ["", "tidied up", "tidied up"]


def recorded(seed: int) -> tuple[int, float, int]:
    with tracking.run("study", f"{seed}"):
        return draw(seed)


@pytest.mark.slow
def test_runs_of_the_study_are_done_by_the_machines(
    two: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = sharing.in_order(draw, [3, 1, 2])
    monkeypatch.setenv("CONVPRIOR_CLUSTER", two.address)
    assert sharing.in_order(recorded, [3, 1, 2]) == here
    assert len(journal.journals()) == 3  # left to the run of the stage: a worker opens no MLflow


@pytest.fixture
def restored(tmp_path: Path) -> Path:
    """A folder with a dozen pictures in `in`, and in `expected` what comes of them here."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        colourful(30 + number, 33).save(tmp_path / f"in/{number}.png")
    settings = Settings(max_steps=STEPS)
    tasks = folder.plan(
        tmp_path / "in", tmp_path / "expected", settings, recursive=False, overwrite=False
    )
    assert not any(r.error for _, r in folder.run(tasks, ["cpu"], lambda _: Watcher()))
    return tmp_path


def pictures(where: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in where.glob("[!.]*.png")}


@pytest.mark.slow
def test_a_driver_that_was_killed_goes_on_where_it_was(two: Any, restored: Path) -> None:
    out = restored / "out"
    command = [sys.executable, "-m", "convprior.cli", "restore", "in", "-o", "out",
               "--cluster", two.address, "--max-steps", str(STEPS)]  # fmt: skip
    run = {"cwd": restored, "env": clean_environment(), "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **run) as driver:
        while len(pictures(out)) < 3:
            assert driver.poll() is None
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
    before = {path.name: path.stat() for path in out.glob("[!.]*.png")}
    assert 3 <= len(before) < 12
    done = subprocess.run(command, check=False, timeout=300, **run)
    assert done.returncode == 0, done.stderr
    assert pictures(out) == pictures(restored / "expected")
    after = {path.name: path.stat() for path in out.glob("[!.]*.png")}
    twice = [n for n, was in before.items() if was.st_mtime_ns != after[n].st_mtime_ns]
    assert len(twice) <= 2  # written and not yet noted as done, one a worker
    assert f"{len(before) - len(twice)} of 12 were done before" in done.stderr
    named = {name for picture in after for name in (picture, f"{picture}{folder.SIDECAR}")}
    assert {path.name for path in out.iterdir()} <= named
