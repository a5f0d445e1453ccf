"""Folders: the same tree out, nothing done twice, nothing lost, whatever happens."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from conftest import clean_environment, colourful
from convprior import batch, cli
from convprior.errors import InputError
from convprior.job import Job, Report, Settings, Watcher
from convprior.restoring import restore_one

TINY_WORK = Settings(max_steps=2)
COMMAND = [Path(sys.executable).with_name("convprior"), "restore", "in", "-o", "out",
           "--recursive", "--device", "cpu", "--max-steps", "6"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree of four pictures, a file that is none, and a hidden one."""
    (tmp_path / "in/deeper").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "deeper/c.png", "deeper/d.tif")):
        colourful(20 + number, 17).save(tmp_path / "in" / name)
    (tmp_path / "in/notes.txt").write_text("no picture")
    (tmp_path / "in/.thumbnail.png").write_bytes(b"no picture either")
    return tmp_path


def plan(folder: Path, **options: bool) -> list[batch.Planned]:
    chosen = {"recursive": True, "overwrite": False} | options
    return batch.plan(folder / "in", folder / "out", TINY_WORK, **chosen)


def work(tasks: list[batch.Planned], devices: tuple[str, ...] = ("cpu",)) -> dict[str, Report]:
    done = batch.run(tasks, list(devices), lambda _: Watcher())
    return {task.job.source.name: report for task, report in done}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(batch.SIDECAR)
    }


def test_the_same_tree_comes_out_and_is_not_done_twice(folder: Path) -> None:
    assert [t.job.source.name for t in plan(folder, recursive=False)] == ["a.png", "b.jpg"]
    reports = work(plan(folder))
    assert {r.error for r in reports.values()} == {None}
    assert list(files(folder / "out")) == ["a.png", "b.jpg", "deeper/c.png", "deeper/d.tif"]
    before = files(folder / "out")
    assert work(plan(folder)) == {}
    colourful(9, 9).save(folder / "in/a.png")  # another input: its result is out of date
    assert list(work(plan(folder))) == ["a.png"]
    tasks = batch.plan(
        folder / "in", folder / "out", replace(TINY_WORK, seed=1), recursive=True, overwrite=False
    )
    assert not any(task.done for task in tasks)
    assert {**files(folder / "out"), "a.png": before["a.png"]} == before
    assert len(work(plan(folder, overwrite=True))) == 4


def test_several_devices_have_a_worker_each_and_give_the_same(folder: Path) -> None:
    work(plan(folder))
    alone = files(folder / "out")
    reports = work(plan(folder, overwrite=True), ("cpu", "cpu"))
    assert len(reports) == 4
    assert files(folder / "out") == alone


def test_a_bad_file_does_not_stop_the_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/b.jpg").write_bytes(b"broken")
    old, sys.argv = sys.argv, ["convprior", "restore", f"{folder}/in", "-o", f"{folder}/out",
                               "--device", "cpu", "--max-steps", "1", "--json"]  # fmt: skip
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        sys.argv = old
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "1 of 2 pictures failed:" in shown.err
    assert "b.jpg: not a picture that can be read" in " ".join(shown.err.split())
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [bool(line["error"]) for line in lines] == [False, True]
    assert lines[0]["pages"][0]["ended"] == "max steps"
    assert list(files(folder / "out")) == ["a.png"]
    assert not (folder / f"out/b.jpg{batch.SIDECAR}").exists()


def test_somebody_s_file_is_never_replaced(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/a.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"out/a\.png: is in the way and no result of this"):
        plan(folder)
    (folder / "out/a.png").unlink()
    work(plan(folder))
    colourful(5, 5).save(folder / "out/a.png")  # touched up by hand since
    with pytest.raises(InputError, match=r"a\.png: is in the way .*, or was changed since"):
        plan(folder)
    assert len(work(plan(folder, overwrite=True))) == 4


def test_a_result_in_the_folder_of_the_originals_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="is the folder of the originals"):
        batch.plan(folder / "in", folder / "in/../in", TINY_WORK, recursive=True, overwrite=False)
    inside = folder / "in/restored"
    for _ in range(2):  # its own results are not its originals
        tasks = batch.plan(folder / "in", inside, TINY_WORK, recursive=True, overwrite=False)
        assert len(tasks) == 4
        work(tasks)
    with pytest.raises(InputError, match=r"no pictures \(\.png, .*\): give another folder"):
        batch.plan(folder, folder / "out", TINY_WORK, recursive=False, overwrite=False)


def test_ctrl_c_leaves_nothing_half_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(Watcher):
        def step(self, *_: object) -> None:
            raise KeyboardInterrupt

    tasks = plan(folder)
    with pytest.raises(KeyboardInterrupt):
        list(batch.run(tasks, ["cpu"], lambda _: Impatient()))
    assert files(folder / "out") == {}
    assert len(work(plan(folder))) == 4


def test_a_job_depends_on_itself_alone(folder: Path) -> None:
    job = Job(folder / "in/a.png", folder / "x.png", TINY_WORK)
    restore_one(job, "cpu", Watcher())
    first = (folder / "x.png").read_bytes()
    os.chdir(folder)
    restore_one(replace(job, target=folder / "y.png"), "cpu", Watcher())
    assert (folder / "y.png").read_bytes() == first


def test_nothing_that_somebody_needs_is_written_over(folder: Path) -> None:
    source = (folder / "in/a.png").rename(folder / "in/q.mask.png")
    before = source.read_bytes()
    auto, runs = replace(TINY_WORK, mask="auto"), replace(TINY_WORK, runs=2)
    for job in (
        Job(source, source, TINY_WORK, overwrite=True),
        Job(source, folder / "in/q.png", auto, overwrite=True),
        Job(source, folder / "x.png", runs, spread=source, overwrite=True),
    ):
        with pytest.raises(InputError, match="is the input itself, which is never replaced"):
            restore_one(job, "cpu", Watcher())
        assert source.read_bytes() == before
    source = source.rename(folder / "in/p.preview.png")
    # Without previews nothing is called one.
    restore_one(Job(source, folder / "in/p.png", TINY_WORK), "cpu", Watcher())
    assert source.read_bytes() == before
    job = Job(source, folder / "in/p.png", TINY_WORK, overwrite=True, previews=True)
    with pytest.raises(InputError, match="is the input itself"):
        restore_one(job, "cpu", Watcher())
    (folder / "y.mask.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"y\.mask\.png: exists already"):
        restore_one(Job(source, folder / "y.png", auto), "cpu", Watcher())
    with pytest.raises(InputError, match="would be written twice"):
        restore_one(Job(source, folder / "z.png", runs, folder / "z.png"), "cpu", Watcher())
    assert source.read_bytes() == before


def test_a_file_that_appears_during_the_work_is_left_alone(folder: Path) -> None:
    target = folder / "x.png"

    class Slow(Watcher):
        def begin(self, *_: object) -> None:
            target.write_bytes(b"precious")

    report = restore_one(Job(folder / "in/a.png", target, TINY_WORK), "cpu", Slow())
    assert target.read_bytes() == b"precious"
    assert report.target == str(folder / "x.2.png")
    assert (folder / "x.2.png").exists()
    assert "has appeared meanwhile and is left alone" in report.notes[-1]


def test_what_cannot_be_written_is_found_before_the_work(folder: Path) -> None:
    class Eager(Watcher):
        def begin(self, *_: object) -> None:
            raise AssertionError("the work began")

    wide = folder / "wide.png"
    Image.new("L", (16_400, 1)).save(wide)
    with pytest.raises(InputError, match="cannot be written in this format"):
        restore_one(Job(wide, folder / "wide.webp", TINY_WORK), "cpu", Eager())
    assert not (folder / "wide.webp").exists()


def test_jobs_that_would_write_one_file_are_refused(folder: Path) -> None:
    colourful(9, 9).save(folder / "in/a.mask.png")
    settings = replace(TINY_WORK, mask="auto")
    with pytest.raises(InputError, match=r"both would write .*a\.mask\.png: rename one"):
        batch.plan(folder / "in", folder / "out", settings, recursive=False, overwrite=False)


def killed_and_repeated(folder: Path, times: int) -> None:
    """Kill the command at random moments; what is there then is complete, and the end the same."""
    environment = clean_environment()
    undisturbed = folder / "undisturbed"
    run = {"cwd": folder, "env": environment, "capture_output": True, "timeout": 300}
    command = [*COMMAND[:4], "undisturbed", *COMMAND[5:]]
    start = time.monotonic()
    assert subprocess.run(command, check=False, **run).returncode == 0
    needed = time.monotonic() - start
    expected = files(undisturbed)
    assert len(expected) == 4
    drawn = random.Random(0)
    for _ in range(times):
        process = subprocess.Popen(
            COMMAND, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        # Imports take most of the time: begin to kill when the work begins.
        time.sleep(needed * drawn.uniform(0.6, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = {
            name: data
            for name, data in files(folder / "out").items()
            if not Path(name).name.startswith(".")
        }
        assert there == {name: expected[name] for name in there}
        if drawn.random() < 0.5 and there:  # begin with one less
            name = drawn.choice(sorted(there))
            (folder / "out" / name).unlink()
    done = subprocess.run(COMMAND, check=False, **run)
    assert done.returncode == 0, done.stderr
    found = files(folder / "out")
    assert {n: d for n, d in found.items() if not Path(n).name.startswith(".")} == expected


def test_killed_at_any_moment_every_output_is_absent_or_complete(folder: Path) -> None:
    killed_and_repeated(folder, 3)


@pytest.mark.slow
def test_killed_thirty_times(folder: Path) -> None:
    killed_and_repeated(folder, 30)


def test_a_mask_from_a_folder_and_a_preview(folder: Path) -> None:
    (folder / "masks").mkdir()
    mask = Image.new("L", (20, 17))
    mask.paste(255, (3, 3, 6, 6))
    mask.save(folder / "masks/a.png")
    settings = replace(TINY_WORK, mask=str(folder / "masks"))
    tasks = batch.plan(folder / "in", folder / "out", settings, recursive=False, overwrite=False)
    reports = work(tasks)
    assert reports["a.png"].pages[0].task == "inpaint"
    assert "expected one mask named b, found none" in str(reports["b.jpg"].error)
    # The mask belongs to the fingerprint.
    mask.paste(255, (9, 3, 12, 6))
    mask.save(folder / "masks/a.png")
    again = batch.plan(folder / "in", folder / "out", settings, recursive=False, overwrite=False)
    assert not again[0].done
