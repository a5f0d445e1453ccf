"""Whole or not at all, wherever the process is killed; state that is never another run's."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convprior.ground import atomic, resume, seeds
from tests.killing import every_kill


def test_a_failed_file_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    atomic.write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        atomic.write_json(target, {"a": float("nan")})
    with pytest.raises(OSError, match="No such file"), atomic.file(target) as temporary:
        temporary.unlink()
    assert json.loads(target.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_results_are_ordinary_files(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a.txt", "x")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask
    (tmp_path / "a.txt").chmod(0o600)
    atomic.write_text(tmp_path / "a.txt", "y")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600  # as private as it was


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic.folder(target) as out:
        (out / "old").touch()
    with pytest.raises(OSError, match="No such file"), atomic.folder(target) as out:
        (out / "new" / "deep").touch()
    assert [p.name for p in target.iterdir()] == ["old"]
    with atomic.folder(target) as out:
        (out / "new").touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_table_has_one_header(tmp_path: Path) -> None:
    atomic.write_csv(tmp_path / "t.csv", [{"a": 1, "b": 2.5}, {"a": 3, "b": 4}])
    assert (tmp_path / "t.csv").read_text() == "a,b\n1,2.5\n3,4\n"


def test_fingerprints_count_contents_not_order_or_place(tmp_path: Path) -> None:
    for place in ("x", "y"):
        (tmp_path / place / "data").mkdir(parents=True)
        (tmp_path / place / "data/file").write_text("same")
    first = resume.fingerprint({"a": 1, "b": tmp_path / "x/data"})
    assert first == resume.fingerprint({"b": tmp_path / "y/data", "a": 1})
    (tmp_path / "y/data/file").write_text("other")
    assert first != resume.fingerprint({"b": tmp_path / "y/data", "a": 1})
    with pytest.raises(TypeError, match="cannot fingerprint a set"):
        resume.fingerprint({1, 2})


def test_seeds_come_from_names_and_not_from_order() -> None:
    assert seeds.seed("a", 1) == seeds.seed("a", 1)
    assert len({seeds.seed(*n) for n in (("a", 1), ("a", 2), ("b", 1), ("a1",), (1, "a"))}) == 5
    assert 0 <= seeds.seed("anything") < 2**63


def test_a_file_is_the_old_or_the_new_one_wherever_it_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    atomic.write_json(target, "old")
    kills = 0
    for found in every_kill(lambda: atomic.write_json(target, "new"), lambda: target.read_text()):
        assert json.loads(found) in ("old", "new")
        atomic.write_json(target, "old")
        kills += 1
    assert kills > 10
    atomic._sweep.cache_clear()
    atomic.write_json(target, "last")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_is_the_old_or_the_new_one_wherever_it_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def write(name: str) -> Callable[[], None]:
        def written() -> None:
            with atomic.folder(target) as out:
                (out / name).write_text(name)
                (out / "deep").mkdir()
                (out / "deep" / name).write_text(name)

        return written

    def found() -> set[str]:
        # What the next call finds, before it writes anything.
        with pytest.raises(RuntimeError), atomic.folder(target):
            raise RuntimeError
        return {path.name for path in target.rglob("*")}

    write("old")()
    kills = 0
    for there in every_kill(write("new"), found):
        assert there in ({"old", "deep"}, {"new", "deep"})
        assert {path.read_text() for path in target.rglob("*") if path.is_file()} < {"old", "new"}
        write("old")()
        kills += 1
    assert kills > 20
    atomic._sweep.cache_clear()
    write("last")()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_removed_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    dead = int(ended.stdout)
    left = tmp_path / f".convprior-{atomic.MACHINE}-{dead}-01234567.png"
    folder = tmp_path / f".convprior-{atomic.MACHINE}-{dead}-89abcdef"
    alive = tmp_path / f".convprior-{atomic.MACHINE}-{os.getpid()}-01234567.png"
    elsewhere = tmp_path / f".convprior-00000000-{dead}-01234567.png"  # of another machine
    somebodys = tmp_path / ".convprior-notes.txt"
    for path in (left, alive, elsewhere, somebodys):
        path.touch()
    folder.mkdir()
    with caplog.at_level(logging.WARNING):
        atomic.write_text(tmp_path / "a.txt", "x")
    assert set(tmp_path.iterdir()) == {alive, elsewhere, somebodys, tmp_path / "a.txt"}
    assert f"{left}: was left by a process that was killed" in caplog.text
    os.utime(elsewhere, (0, 0))
    atomic._sweep.cache_clear()
    atomic.write_text(tmp_path / "a.txt", "x")
    assert not elsewhere.exists()


def test_a_name_that_is_no_text_can_be_written_and_counted(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")  # Latin-1
    (tmp_path / name).write_bytes(b"x")
    assert resume.fingerprint(tmp_path / name) != resume.fingerprint(tmp_path)
    atomic.write_json(tmp_path / "a.json", {"source": name, "other": "é"})
    assert json.loads((tmp_path / "a.json").read_text()) == {"source": name, "other": "é"}


def test_a_name_with_an_ending_is_cut_where_it_is_too_long_and_no_other_s() -> None:
    assert atomic.beside(Path("a/photo.png"), ".json") == Path("a/photo.png.json")
    names = {
        atomic.beside(Path("a") / (letter * 80 + end), ".convprior.json")
        for letter in ("照", "xyz")
        for end in ("1234567", "1234568")
    }
    assert len(names) == 4
    for path in names:
        assert 240 < len(os.fsencode(path.name)) <= 255
        assert path.name.endswith(".convprior.json")
        path.name.encode()  # no half of a letter
