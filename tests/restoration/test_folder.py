"""Folders: the same tree out, nothing done twice, nothing lost, whatever happens."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convprior.ground.errors import InputError
from convprior.restoration import folder
from convprior.restoration.job import Job, Watcher
from convprior.restoration.one import restore_one
from convprior.restoration.report import Report
from convprior.restoration.settings import Settings
from tests.conftest import clean_environment, colourful, run_command
from tests.killing import every_kill
from tests.pictures.dng import dng
from tests.pictures.test_heic import MADE

TINY_WORK = Settings(max_steps=2)
COMMAND = [Path(sys.executable).with_name("convprior"), "restore", "in", "-o", "out",
           "--recursive", "--device", "cpu", "--max-steps", "6"]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of four pictures, a file that is none, and a hidden one."""
    (tmp_path / "in/deeper").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "deeper/c.png", "deeper/d.tif")):
        colourful(20 + number, 17).save(tmp_path / "in" / name)
    (tmp_path / "in/notes.txt").write_text("no picture")
    (tmp_path / "in/.thumbnail.png").write_bytes(b"no picture either")
    return tmp_path


def here(tree: Path) -> int:
    """Run the command on the tree's pictures in this process, and return its exit code."""
    return run_command(
        "restore", tree / "in", "-o", tree / "out", "--device", "cpu", "--max-steps", "1", "--json"
    )


def plan(tree: Path, **options: bool) -> list[folder.Planned]:
    chosen = {"recursive": True, "overwrite": False} | options
    return folder.plan(tree / "in", tree / "out", TINY_WORK, **chosen)


def work(tasks: list[folder.Planned], devices: tuple[str, ...] = ("cpu",)) -> dict[str, Report]:
    done = folder.run(tasks, list(devices), lambda _: Watcher())
    return {task.job.source.name: report for task, report in done}


def files(tree: Path) -> dict[str, bytes]:
    return {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.name.endswith(folder.SIDECAR)
    }


def test_the_same_tree_comes_out_and_is_not_done_twice(tree: Path) -> None:
    assert [t.job.source.name for t in plan(tree, recursive=False)] == ["a.png", "b.jpg"]
    reports = work(plan(tree))
    assert {r.error for r in reports.values()} == {None}
    assert list(files(tree / "out")) == ["a.png", "b.jpg", "deeper/c.png", "deeper/d.tif"]
    before = files(tree / "out")
    assert work(plan(tree)) == {}
    colourful(9, 9).save(tree / "in/a.png")  # another input: its result is out of date
    assert list(work(plan(tree))) == ["a.png"]
    tasks = folder.plan(
        tree / "in", tree / "out", Settings(max_steps=2, seed=1), recursive=True, overwrite=False
    )
    assert not any(task.done for task in tasks)
    assert {**files(tree / "out"), "a.png": before["a.png"]} == before
    assert len(work(plan(tree, overwrite=True))) == 4


def test_several_devices_have_a_worker_each_and_give_the_same(tree: Path) -> None:
    work(plan(tree))
    alone = files(tree / "out")
    reports = work(plan(tree, overwrite=True), ("cpu", "cpu"))
    assert len(reports) == 4
    assert files(tree / "out") == alone


def test_a_bad_file_does_not_stop_the_rest(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "in/b.jpg").write_bytes(b"broken")
    assert here(tree) == 1
    shown = capsys.readouterr()
    assert "1 of 2 pictures failed:" in shown.err
    assert "b.jpg: not a picture that can be read" in " ".join(shown.err.split())
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [bool(line["error"]) for line in lines] == [False, True]
    assert lines[0]["pages"][0]["ended"] == "max steps"
    assert list(files(tree / "out")) == ["a.png"]
    assert not (tree / f"out/b.jpg{folder.SIDECAR}").exists()


def test_somebody_s_file_is_never_replaced(tree: Path) -> None:
    (tree / "out").mkdir()
    (tree / "out/a.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"out/a\.png: is in the way and no result of this"):
        plan(tree)
    (tree / "out/a.png").unlink()
    work(plan(tree))
    colourful(5, 5).save(tree / "out/a.png")  # touched up by hand since
    with pytest.raises(InputError, match=r"a\.png: is in the way .*, or was changed since"):
        plan(tree)
    assert len(work(plan(tree, overwrite=True))) == 4


def test_a_result_in_the_folder_of_the_originals_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match="is the folder of the originals"):
        folder.plan(tree / "in", tree / "in/../in", TINY_WORK, recursive=True, overwrite=False)
    inside = tree / "in/restored"
    for _ in range(2):  # its own results are not its originals
        tasks = folder.plan(tree / "in", inside, TINY_WORK, recursive=True, overwrite=False)
        assert len(tasks) == 4
        work(tasks)
    with pytest.raises(InputError, match=r"no pictures \(\.png, .*\): give another folder"):
        folder.plan(tree, tree / "out", TINY_WORK, recursive=False, overwrite=False)


def test_ctrl_c_leaves_nothing_half_done(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = plan(tree)
    with pytest.raises(KeyboardInterrupt):
        list(folder.run(tasks, ["cpu"], lambda _: Impatient()))
    assert files(tree / "out") == {}
    assert len(work(plan(tree))) == 4


def test_a_job_depends_on_itself_alone(tree: Path) -> None:
    job = Job(tree / "in/a.png", tree / "x.png", TINY_WORK)
    restore_one(job, "cpu", Watcher())
    first = (tree / "x.png").read_bytes()
    os.chdir(tree)
    restore_one(replace(job, target=tree / "y.png"), "cpu", Watcher())
    assert (tree / "y.png").read_bytes() == first


def test_nothing_that_somebody_needs_is_written_over(tree: Path) -> None:
    source = (tree / "in/a.png").rename(tree / "in/q.mask.png")
    before = source.read_bytes()
    auto, runs = Settings(max_steps=2, mask="auto"), Settings(max_steps=2, runs=2)
    for job in (
        Job(source, source, TINY_WORK, overwrite=True),
        Job(source, tree / "in/q.png", auto, overwrite=True),
        Job(source, tree / "x.png", runs, spread=source, overwrite=True),
    ):
        with pytest.raises(InputError, match="is the input itself, which is never replaced"):
            restore_one(job, "cpu", Watcher())
        assert source.read_bytes() == before
    source = source.rename(tree / "in/p.preview.png")
    # Without previews nothing is called one.
    restore_one(Job(source, tree / "in/p.png", TINY_WORK), "cpu", Watcher())
    assert source.read_bytes() == before
    job = Job(source, tree / "in/p.png", TINY_WORK, overwrite=True, previews=True)
    with pytest.raises(InputError, match="is the input itself"):
        restore_one(job, "cpu", Watcher())
    (tree / "y.mask.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"y\.mask\.png: exists already"):
        restore_one(Job(source, tree / "y.png", auto), "cpu", Watcher())
    with pytest.raises(InputError, match="would be written twice"):
        restore_one(Job(source, tree / "z.png", runs, tree / "z.png"), "cpu", Watcher())
    assert source.read_bytes() == before


def test_a_file_that_appears_during_the_work_is_left_alone(tree: Path) -> None:
    target = tree / "x.png"

    class Slow(Watcher):
        def begin(self, *_: object) -> None:
            target.write_bytes(b"precious")

    report = restore_one(Job(tree / "in/a.png", target, TINY_WORK), "cpu", Slow())
    assert target.read_bytes() == b"precious"
    assert report.target == str(tree / "x.2.png")
    assert (tree / "x.2.png").exists()
    assert "has appeared meanwhile and is left alone" in report.notes[-1]


def test_what_cannot_be_written_is_found_before_the_work(tree: Path) -> None:
    class Eager(Watcher):
        def begin(self, *_: object) -> None:
            raise AssertionError("the work began")

    wide = tree / "wide.png"
    Image.new("L", (16_400, 1)).save(wide)
    with pytest.raises(InputError, match="cannot be written in this format"):
        restore_one(Job(wide, tree / "wide.webp", TINY_WORK), "cpu", Eager())
    assert not (tree / "wide.webp").exists()


def test_jobs_that_would_write_one_file_are_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(max_steps=2, mask="auto")

    def plan_for(settings: Settings) -> None:
        folder.plan(tree / "in", tree / "out", settings, recursive=False, overwrite=False)

    colourful(9, 9).save(tree / "in/a.mask.png")
    with pytest.raises(InputError, match=r"both would write .*a\.mask\.png: rename one"):
        plan_for(settings)
    (tree / "in/a.mask.png").rename(tree / "in/a.jpeg")  # its mask would have the same name
    with pytest.raises(InputError, match=r"a\.jpeg and .*a\.png: both would write .*a\.mask\.png"):
        plan_for(settings)
    (tree / "in/a.jpeg").rename(tree / "in/A.png")
    plan_for(TINY_WORK)
    monkeypatch.setattr(folder, "_ignores_case", lambda _: True)  # as disks of PCs and Macs do
    with pytest.raises(InputError, match="both would write"):
        plan_for(TINY_WORK)


def scratched(path: Path) -> None:
    image = colourful(40, 40)
    image.paste((255, 255, 255), (5, 20, 35, 21))
    image.save(path)


def test_a_mask_that_somebody_made_is_not_replaced_by_one_that_was_found(tree: Path) -> None:
    scratched(tree / "in/a.png")
    (tree / "out").mkdir()
    (tree / "out/a.mask.png").write_bytes(b"precious")
    auto = Settings(max_steps=2, mask="auto")

    def plan_auto() -> list[folder.Planned]:
        return folder.plan(tree / "in", tree / "out", auto, recursive=False, overwrite=False)

    with pytest.raises(InputError, match=r"a\.mask\.png: is in the way and no result"):
        plan_auto()
    (tree / "out/a.mask.png").unlink()
    assert work(plan_auto())["a.png"].error is None
    assert (tree / "out/a.mask.png").exists()
    scratched(tree / "in/a.png")
    assert work(plan_auto()) == {}  # both are ours
    colourful(8, 8).save(tree / "in/a.png")
    (tree / "out/a.mask.png").write_bytes(b"touched up by hand")
    with pytest.raises(InputError, match=r"a\.mask\.png: is in the way .*, or was changed since"):
        plan_auto()


class Impatient(Watcher):
    def step(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_a_result_touched_up_by_hand_is_nobody_else_s_after_an_interrupted_run(tree: Path) -> None:
    work(plan(tree))
    other = Settings(max_steps=2, seed=1)
    tasks = folder.plan(tree / "in", tree / "out", other, recursive=True, overwrite=False)
    with pytest.raises(KeyboardInterrupt):
        list(folder.run(tasks, ["cpu"], lambda _: Impatient()))
    again = folder.plan(tree / "in", tree / "out", other, recursive=True, overwrite=False)
    assert not any(task.done for task in again)  # what is there is ours still, and of before
    colourful(5, 5).save(tree / "out/a.png")
    with pytest.raises(InputError, match=r"a\.png: is in the way .*, or was changed since"):
        folder.plan(tree / "in", tree / "out", other, recursive=True, overwrite=False)


def test_what_comes_to_lie_there_after_an_interrupted_run_is_somebody_s(tree: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(folder.run(plan(tree), ["cpu"], lambda _: Impatient()))
    colourful(5, 5).save(tree / "out/a.png")
    with pytest.raises(InputError, match=r"a\.png: is in the way"):
        plan(tree)


def test_a_file_that_appears_while_a_folder_is_restored_is_left_alone(tree: Path) -> None:
    class Slow(Watcher):
        def begin(self, *_: object) -> None:
            (tree / "out/a.png").write_bytes(b"precious")

    tasks = plan(tree, recursive=False)
    reports = [report for _, report in folder.run(tasks, ["cpu"], lambda _: Slow())]
    assert (tree / "out/a.png").read_bytes() == b"precious"
    assert reports[0].target == str(tree / "out/a.2.png")
    assert reports[0].error is None


def test_two_processes_share_a_folder_and_do_nothing_twice(tree: Path) -> None:
    tasks = plan(tree)
    other: dict[str, Report] = {}

    class Beside(Watcher):
        def begin(self, *_: object) -> None:
            if not other:  # while the first works on its first picture, the second does the rest
                other.update({"": Report("", "")})
                other.update(work(tasks))

    reports = [report for _, report in folder.run(tasks, ["cpu"], lambda _: Beside())]
    assert [bool(report.pages) for report in reports] == [True, False, False, False]
    assert "another process has restored it" in reports[1].notes[0]
    assert "another process is at work on it" in other["a.png"].notes[0]
    assert other["b.jpg"].pages
    assert {report.error for report in (*reports, *other.values())} == {None}
    assert plan(tree)[0].done
    assert not list((tree / "out").glob(".*.lock"))


def test_a_name_that_is_no_text_stops_nothing(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"caf\xe9.png")  # Latin-1, of an old archive
    (tree / "in/a.png").rename(tree / "in" / name)
    for _ in range(2):
        assert here(tree) == 0
    assert (tree / "out" / name).exists()
    assert "Traceback" not in capsys.readouterr().err
    assert all(task.done for task in folder.plan(
        tree / "in", tree / "out", Settings(max_steps=1), recursive=False, overwrite=False
    ))  # fmt: skip


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_call_of_the_system_a_folder_is_whole(tree: Path, every: int) -> None:
    scratched(tree / "in/a.png")
    for path in (tree / "in/b.jpg", tree / "in/deeper/c.png", tree / "in/deeper/d.tif"):
        path.unlink()
    settings = Settings(max_steps=1, mask="auto")

    def restore() -> None:
        tasks = folder.plan(tree / "in", tree / "out", settings, recursive=False, overwrite=False)
        for _, report in folder.run(tasks, ["cpu"], lambda _: Watcher()):
            assert report.error is None

    restore()
    expected = files(tree / "out")
    assert set(expected) == {"a.png", "a.mask.png"}
    shutil.rmtree(tree / "out")
    kills = 0
    for there in every_kill(restore, lambda: files(tree / "out"), every):
        whole = {name: data for name, data in there.items() if not name.startswith(".")}
        assert whole == {name: expected[name] for name in whole}
        restore()  # what is there is known as ours
        assert {n: d for n, d in files(tree / "out").items() if n[0] != "."} == expected
        shutil.rmtree(tree / "out")
        kills += 1
    assert kills * every > 50


def killed_and_repeated(tree: Path, times: int) -> None:
    """Kill the command at random moments; what is there then is complete, and the end the same."""
    environment = clean_environment()
    undisturbed = tree / "undisturbed"
    run = {"cwd": tree, "env": environment, "capture_output": True, "timeout": 300}
    command = [*COMMAND[:4], "undisturbed", *COMMAND[5:]]
    start = time.monotonic()
    assert subprocess.run(command, check=False, **run).returncode == 0
    needed = time.monotonic() - start
    expected = files(undisturbed)
    assert len(expected) == 4
    drawn = random.Random(0)
    for _ in range(times):
        process = subprocess.Popen(
            COMMAND, cwd=tree, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        # Imports take most of the time: begin to kill when the work begins.
        time.sleep(needed * drawn.uniform(0.6, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = {
            name: data
            for name, data in files(tree / "out").items()
            if not Path(name).name.startswith(".")
        }
        assert there == {name: expected[name] for name in there}
        if drawn.random() < 0.5 and there:  # begin with one less
            name = drawn.choice(sorted(there))
            (tree / "out" / name).unlink()
    done = subprocess.run(COMMAND, check=False, **run)
    assert done.returncode == 0, done.stderr
    found = files(tree / "out")
    assert {n: d for n, d in found.items() if not Path(n).name.startswith(".")} == expected


def test_killed_at_any_moment_every_output_is_absent_or_complete(tree: Path) -> None:
    killed_and_repeated(tree, 3)


@pytest.mark.slow
def test_killed_thirty_times(tree: Path) -> None:
    killed_and_repeated(tree, 30)


def test_a_mask_from_a_folder_and_a_preview(tree: Path) -> None:
    (tree / "masks").mkdir()
    mask = Image.new("L", (20, 17))
    mask.paste(255, (3, 3, 6, 6))
    mask.save(tree / "masks/a.png")
    settings = Settings(max_steps=2, mask=str(tree / "masks"))
    tasks = folder.plan(tree / "in", tree / "out", settings, recursive=False, overwrite=False)
    reports = work(tasks)
    assert reports["a.png"].pages[0].task == "inpaint"
    assert "expected one mask named b, found none" in str(reports["b.jpg"].error)
    # The mask belongs to the fingerprint.
    mask.paste(255, (9, 3, 12, 6))
    mask.save(tree / "masks/a.png")
    again = folder.plan(tree / "in", tree / "out", settings, recursive=False, overwrite=False)
    assert not again[0].done


def test_what_a_broken_note_vouched_for_is_not_taken_for_ours(tree: Path) -> None:
    work(plan(tree))
    (tree / f"out/a.png{folder.SIDECAR}").write_text('{"identity": "')
    with pytest.raises(InputError, match=r"a\.png: is in the way and no result of this command"):
        plan(tree)
    (tree / "out/a.png").unlink()
    assert list(work(plan(tree))) == ["a.png"]


def test_a_disk_that_cannot_be_written_to_fails_each_picture_and_keeps_what_is_there(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(plan(tree))
    before = files(tree / "out")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    reports = work(plan(tree, overwrite=True))
    monkeypatch.undo()
    assert len(reports) == 4
    assert all("No space left on device" in str(r.error) for r in reports.values())
    assert files(tree / "out") == before


@pytest.mark.parametrize("letter", ["x", "é", "照", "Я"])
def test_names_as_long_as_can_be_are_restored_and_known_again(letter: str, tree: Path) -> None:
    longest = letter * ((255 - len(".png")) // len(letter.encode()))
    other = longest[:-1]
    for path in (tree / "in").glob("*.*"):
        path.unlink()
    for name in (f"{longest}.png", f"{other}.png"):
        scratched(tree / "in" / name)
    auto = Settings(max_steps=2, mask="auto")
    tasks = folder.plan(tree / "in", tree / "out", auto, recursive=False, overwrite=False)
    assert [report.error for report in work(tasks).values()] == [None, None]
    names = {path.name for path in (tree / "out").iterdir()}
    assert {f"{longest}.png", f"{other}.png"} <= names
    assert len(names) == 6  # each with its note and its mask
    again = folder.plan(tree / "in", tree / "out", auto, recursive=False, overwrite=False)
    assert [task.done for task in again] == [True, True]


def test_bitmaps_become_png_and_what_is_not_read_fails_with_the_way(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colourful(9, 8).save(tree / "in/c.bmp")
    (tree / "in/d.jxl").write_bytes(b"")
    shutil.copy(MADE / "turned.heic", tree / "in/e.HEIC")
    (tree / "in/f.dng").write_bytes(dng(np.full((32, 40, 3), 0.4)))
    assert here(tree) == 1
    shown = capsys.readouterr()
    assert "1 left out (no pictures): notes.txt" in shown.err
    assert "1 left out (folders; --recursive takes what is in them): deeper" in shown.err
    assert "1 of 6 pictures failed:" in shown.err
    assert "d.jxl: is JPEG XL, which is not read: convert it first" in shown.err
    assert "f.dng: developed with the camera's white balance" in shown.err
    assert [bool(json.loads(line)["error"]) for line in shown.out.splitlines()] == [
        False, False, False, True, False, False
    ]  # fmt: skip
    assert list(files(tree / "out")) == ["a.png", "b.jpg", "c.png", "e.png", "f.png"]
    colourful(9, 8).save(tree / "in/c.png")
    with pytest.raises(InputError, match=r"c\.bmp and .*c\.png: both would write .*c\.png: rename"):
        plan(tree)


def test_several_files_go_into_a_folder_and_are_not_done_twice(tree: Path) -> None:
    def plan_given() -> list[folder.Planned]:
        given = [tree / "in/a.png", tree / "in/deeper/c.png"]
        return folder.plan(given, tree / "out", TINY_WORK, recursive=False, overwrite=False)

    assert list(work(plan_given())) == ["a.png", "c.png"]
    assert list(files(tree / "out")) == ["a.png", "c.png"]
    assert work(plan_given()) == {}
    with pytest.raises(InputError, match="deeper: is the folder of the originals"):
        folder.plan([tree / "in/a.png", tree / "in/deeper/c.png"], tree / "in/deeper", TINY_WORK,
                    recursive=False, overwrite=False)  # fmt: skip
    with pytest.raises(InputError, match=r"a\.png: is a file: name the folder where"):
        folder.plan(tree / "in/deeper", tree / "in/a.png", TINY_WORK,
                    recursive=False, overwrite=False)  # fmt: skip


def test_shards_are_each_nth_picture_and_together_all(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def here_in(out: str, *options: str) -> str:
        fast = ("--recursive", "--device", "cpu", "--max-steps", "1")
        assert run_command("restore", tree / "in", "-o", tree / out, *fast, *options) == 0
        return capsys.readouterr().err

    here_in("whole")
    (tree / "in/notes.txt").unlink()
    said = here_in("out", "--shard", "2/3")
    assert list(files(tree / "out")) == ["b.jpg"]
    assert "shard 2/3: 1 of 4 pictures" in said.splitlines()
    assert said.splitlines()[-1] == "shard 2/3: 1 picture, no others"
    said = here_in("out", "--shard", "1/3")
    assert list(files(tree / "out")) == ["a.png", "b.jpg", "deeper/d.tif"]
    here_in("out", "--shard", "3/3")
    assert files(tree / "out") == files(tree / "whole")
    assert here_in("out", "--shard", "9/9").endswith("shard 9/9: 0 pictures, no others\n")


def test_pictures_of_two_shards_that_would_write_one_file_are_met_in_each(tree: Path) -> None:
    colourful(9, 8).save(tree / "in/a.bmp")
    for part in (1, 2):
        with pytest.raises(InputError, match=r"a\.bmp and .*a\.png: both would write"):
            folder.plan(tree / "in", tree / "out", TINY_WORK, recursive=False, overwrite=False,
                        shard=(part, 2))  # fmt: skip
