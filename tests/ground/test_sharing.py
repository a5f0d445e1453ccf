"""Runs are shared out, end in the same bits, fail with the first error, end with their parent."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from convprior.ground import machine, sharing
from convprior.ground.machine import MachineError


def draw(seed: int) -> tuple[int, float, int]:
    if seed < 0:
        raise ValueError(f"no seed {seed}")
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(300, 300, generator=generator)
    return seed, float((matrix @ matrix).sum()), torch.get_num_threads()


def test_processes_give_the_same_bits_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for processes in ("1", "2"):
        monkeypatch.setenv("CONVPRIOR_PROCESSES", processes)
        found.append(sharing.in_order(draw, [3, 1, 2]))
    assert found[0] == found[1]
    assert [seed for seed, _, _ in found[0]] == [3, 1, 2]
    with pytest.raises(ValueError, match="no seed -1"):
        sharing.in_order(draw, [1, -1])
    assert sharing.in_order(draw, [5])[0][0] == 5  # new processes after a failure


def write_own_number(folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(60)


def alive(process: int) -> bool:
    """A zombie that nobody waits for is dead."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into Linux's /proc")
def test_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from convprior.ground import sharing; "
        "from tests.ground.test_sharing import write_own_number; "
        f"sharing.in_order(write_own_number, [Path({str(tmp_path)!r})] * 2)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "CONVPRIOR_PROCESSES": "2"},
        cwd=Path(__file__).parents[2],
    )
    end = time.monotonic() + 100
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < end:
        assert parent.poll() is None
        time.sleep(0.1)
    children = [int(path.name) for path in tmp_path.iterdir()]
    assert len(children) == 2
    assert all(map(alive, children))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 20
    while any(map(alive, children)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(alive, children))


def test_a_number_of_processes_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVPRIOR_PROCESSES", "many")
    with pytest.raises(MachineError, match="CONVPRIOR_PROCESSES is 'many'"):
        sharing.in_order(draw, [1])


def test_runs_go_to_the_devices_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(machine, "cores", lambda: 3)
    for accelerator, wanted, names in (
        ("auto", "auto", ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]),
        ("gpu", "2", ["cuda:0", "cuda:1"]),
        ("cpu", "auto", ["cpu", "cpu", "cpu"]),
    ):
        monkeypatch.setenv("CONVPRIOR_ACCELERATOR", accelerator)
        monkeypatch.setenv("CONVPRIOR_DEVICES", wanted)
        assert machine.devices_of_runs() == names


def die_once(marks: Path) -> str:
    """Die as one that the system kills for its memory, unless it has been tried before."""
    if "fatal" in marks.name and not (marks.exists() and "once" in marks.name):
        marks.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marks.name


def test_a_worker_that_dies_takes_no_other_job_with_it(tmp_path: Path) -> None:
    def shared_out(*names: str) -> dict[int, str]:
        jobs = [tmp_path / name for name in names]
        return dict(
            sharing.each(die_once, jobs, ["cpu", "cpu"], died=lambda job: f"{job.name} died")
        )

    assert shared_out("a", "fatal", "b") == {0: "a", 1: "fatal died", 2: "b"}
    # Beside nothing else it would die of: it has died before it is tried alone.
    assert shared_out("a", "fatal once") == {0: "a", 1: "fatal once"}
    with pytest.raises(BrokenProcessPool):
        list(sharing.each(die_once, [tmp_path / "fatal"], ["cpu", "cpu"]))


def test_a_gpu_that_is_asked_for_and_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setenv("CONVPRIOR_ACCELERATOR", "gpu")
    with pytest.raises(MachineError, match="CONVPRIOR_ACCELERATOR is 'gpu', and there is none"):
        machine.devices_of_runs()


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_s_limit_is_the_memory_that_there_is(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    cpu = torch.device("cpu")
    free = machine.free_memory(cpu)
    said = {
        1: {"memory/memory.limit_in_bytes": "300", "memory/memory.usage_in_bytes": "200",
            "memory/memory.stat": "cache 90\ntotal_inactive_file 40\n"},
        2: {"memory.max": "300", "memory.current": "200", "memory.stat": "inactive_file 40\n"},
    }[version]  # fmt: skip
    for name, text in said.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.free_memory(cpu) == 140
    if version == 2:
        (tmp_path / "memory.max").write_text("max")
        assert machine.free_memory(cpu) > free / 2
