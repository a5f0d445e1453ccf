"""Whole or not at all; state that is never another run's."""

import json
import os
from pathlib import Path

import pytest

from convprior.ground import atomic, resume, seeds


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
