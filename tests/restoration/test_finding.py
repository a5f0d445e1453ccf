"""Which files are restored, and that none is left out without being named and counted."""

from pathlib import Path

import pytest
from PIL import Image

from convprior.ground.errors import InputError
from convprior.restoration import finding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as people have them."""
    source = tmp_path / "in"
    (source / "deeper").mkdir(parents=True)
    (source / ".git").mkdir()
    names = ("a.bmp", "B.JPG", "c.jfif", "d.jxl", "deeper/e.png", ".hidden.png", ".git/f.png",
             "notes.txt", "Thumbs.db", "g.png.convprior.json")  # fmt: skip
    for name in names:
        (source / name).write_bytes(b"")
    (source / "lost.png").symlink_to("nowhere.png")
    return source


def test_pictures_are_found_and_the_rest_is_named_and_counted(folder: Path) -> None:
    found = finding.find(folder, folder.parent / "out", recursive=False)
    assert [str(place) for _, place in found.pictures] == [
        "B.JPG", "a.png", "c.jfif", "d.jxl", "lost.png"
    ]  # fmt: skip
    assert found.left_out == (
        "2 left out (no pictures): Thumbs.db, notes.txt",
        "1 left out (hidden): .hidden.png",
        "1 left out (folders; --recursive takes what is in them): deeper",
    )
    deeper = finding.find(folder, folder / "out", recursive=True)
    assert Path("deeper/e.png") in [place for _, place in deeper.pictures]
    assert deeper.left_out[1:] == ("2 left out (hidden): .git/f.png, .hidden.png",)


def test_a_page_lists_the_same_pictures_and_nothing_that_a_killed_process_has_left(
    folder: Path,
) -> None:
    (folder / ".convprior-0a1b2c3d-123-4e5f6a7b.png").write_bytes(b"half")
    found = finding.find(folder, folder.parent / "out", recursive=False)
    assert finding.pictures_of(folder) == [path for path, _ in found.pictures]


def test_results_that_lie_in_the_folder_are_not_spoken_of(folder: Path) -> None:
    found = finding.find(folder, folder / "deeper", recursive=True)
    assert not any("deeper" in str(place) for _, place in found.pictures)
    assert not any("deeper" in line for line in found.left_out)


def test_of_many_the_first_are_named(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "a.png")
    for number in range(1015):
        (tmp_path / f"{number:04}.txt").touch()
    (said,) = finding.find(tmp_path, tmp_path / "out", recursive=False).left_out
    assert said.startswith("1,015 left out (no pictures): 0000.txt, 0001.txt")
    assert said.endswith("0011.txt, and 1,003 more")


def test_of_what_a_shell_made_of_a_pattern_the_pictures_are_taken(folder: Path) -> None:
    given = sorted(folder.glob("[!.]*"))
    found = finding.find(given, folder.parent / "out", recursive=False)
    assert [str(place) for _, place in found.pictures] == [
        "B.JPG", "a.png", "c.jfif", "d.jxl", "lost.png"
    ]  # fmt: skip
    assert [line.partition(":")[0] for line in found.left_out] == [
        "3 left out (no pictures)", "1 left out (folders; give each alone)"
    ]  # fmt: skip
    with pytest.raises(
        InputError, match=r"deeper, .*notes\.txt: no pictures .*: give pictures, or one"
    ):
        finding.find([folder / "deeper", folder / "notes.txt"], folder / "out", recursive=False)
