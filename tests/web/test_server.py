"""The page's server: whom it lets in, what it takes, and that what it saves is the command's."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from starlette.testclient import TestClient

from convprior.restoration import finding
from convprior.web import desk as desks
from convprior.web import server as pages
from convprior.web.desk import Desk
from convprior.web.guard import HEADER, Guard
from convprior.web.line import Line
from convprior.web.server import Server
from tests.conftest import colourful, encode, run_command
from tests.killing import every_kill

TOKEN, PORT = "a-token", 8123
HOST = f"127.0.0.1:{PORT}"


@dataclass
class Page:
    """What a browser has, the folder that is open, and where all else is made."""

    browser: TestClient
    folder: Path
    scratch: Path
    line: Line

    def get(self, address: str) -> Any:
        answer = self.browser.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, address: str, **what: Any) -> Any:
        answer = self.browser.post(address, json=what)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def paint(self, mask: Image.Image, picture: str = "0") -> str:
        address = f"/api/pictures/{picture}/masks"
        return self.browser.post(address, content=encode(mask, "PNG")).json()["mask"]

    def wait(self, errand: int, *states: str) -> dict:
        for _ in range(1200):
            entry = self.get("/api/desk")["errands"][errand]
            if entry["state"] in (states or ("done", "failed", "stopped")):
                return entry
            time.sleep(0.05)
        raise AssertionError(entry)


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """One worker for all: it loads torch once."""
    line = Line("cpu")
    yield line
    line.close()


@pytest.fixture
def page(tmp_path: Path, line: Line) -> Page:
    """A page that shows photo.png and scan.tif, and a line that has served others before."""
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    for each in (folder, scratch):
        each.mkdir()
    colourful(40, 32).save(folder / "photo.png", dpi=(300, 300))
    values = np.arange(40 * 32, dtype=np.uint16).reshape(32, 40) * 40
    tifffile.imwrite(folder / "scan.tif", values, description="a scan")
    shown = [folder / "photo.png", folder / "scan.tif"]
    app = Guard(Server(Desk(folder, shown, scratch), line).app(), TOKEN, PORT)
    browser = TestClient(app, f"http://{HOST}", raise_server_exceptions=False)
    assert browser.get(f"/?token={TOKEN}").status_code == 200
    return Page(browser, folder, scratch, line)


def scratch_mask(size: tuple[int, int] = (40, 32)) -> Image.Image:
    mask = Image.new("1", size)
    for x in range(5, 30):
        mask.putpixel((x, 12), 1)
    return mask


def test_nobody_is_let_in_without_the_token(page: Page) -> None:
    stranger = TestClient(page.browser.app, f"http://{HOST}")
    for address in ("/", "/?token=guessed", "/page/main.js", "/api/desk",
                    "/tiles/picture/0/0/0/0/0", "/api/desk?token=" + TOKEN):  # fmt: skip
        assert stranger.get(address).status_code == 403
    assert stranger.post("/api/errands", json={}).status_code == 403
    assert stranger.get("/api/desk", headers={HEADER: TOKEN}).status_code == 200
    assert "convprior paint has printed" in stranger.get("/").text


def test_the_token_becomes_a_cookie_for_this_page_alone(page: Page) -> None:
    answer = TestClient(page.browser.app, f"http://{HOST}").get(f"/?token={TOKEN}")
    said = answer.headers["set-cookie"]
    assert f"convprior-{PORT}={TOKEN}" in said
    assert "HttpOnly" in said
    assert "SameSite=Strict" in said
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert page.browser.get("/api/desk").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": f"evil.example:{PORT}"}, {"host": "127.0.0.1:9"},
     {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:9"}],
)  # fmt: skip
def test_other_hosts_and_origins_are_refused(page: Page, headers: dict[str, str]) -> None:
    assert page.browser.get("/api/desk", headers=headers).status_code == 403
    assert page.browser.post("/api/errands", headers=headers, json={}).status_code == 403


def test_our_own_origin_is_let_in(page: Page) -> None:
    assert page.browser.get("/api/desk", headers={"origin": f"http://{HOST}"}).status_code == 200


def test_everything_that_the_page_loads_is_its_own(page: Page) -> None:
    names = [path.name for path in Path(pages.__file__).with_name("page").iterdir()]
    assert {"index.html", "style.css", "main.js"} < set(names)
    for name in names:
        text = page.browser.get(f"/page/{name}").text
        assert len(text) > 100
        assert "http://" not in text
        assert "https://" not in text


@pytest.mark.parametrize(
    "address",
    ["/page/../server.py", "/page/..%2Fserver.py", "/page/%2e%2e/desk.py", "/page/nothing.js",
     "/api/pictures/9", "/api/pictures/..", "/api/pictures/%2Fetc%2Fpasswd", "/api/masks/0",
     "/api/errands/99999/found", "/tiles/picture/0/0/0/7/0", "/tiles/picture/0/3/0/0/0",
     "/tiles/picture/0/0/9/0/0", "/tiles/made/0/0/0/0/0/..", "/api/seen/preview/99999/0"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(page: Page, address: str) -> None:
    assert page.browser.get(address).status_code == 404


def test_a_picture_that_is_gone_is_named(page: Page) -> None:
    (page.folder / "photo.png").unlink()
    answer = page.browser.get("/api/pictures/0")
    assert answer.status_code == 404
    assert answer.json() == {"error": "photo.png: is not there any more"}


def test_a_picture_is_seen_as_it_is(page: Page) -> None:
    about = page.get("/api/seen/picture/0/0")
    assert (about["width"], about["height"], about["levels"]) == (40, 32, 1)
    tile = page.browser.get("/tiles/picture/0/0/0/0/0").content
    (page.scratch / "tile.png").write_bytes(tile)
    assert np.array_equal(np.asarray(Image.open(page.scratch / "tile.png")), colourful(40, 32))
    about = page.get("/api/pictures/1")
    assert about["target"] == "scan.restored.tif"
    assert about["depth"] == 16


def test_a_file_that_is_dropped_is_opened_or_named_in_one_line(page: Page) -> None:
    data = encode(colourful(30, 20), "PNG")
    number = page.browser.post("/api/pictures?name=new.png", content=data).json()["number"]
    assert page.get(f"/api/pictures/{number}")["width"] == 30
    assert page.get("/api/desk")["pictures"][-1] == {
        "number": number, "name": "new.png", "dropped": True,
    }  # fmt: skip
    for name, content, said in (
        ("new.png", b"no picture", "new.png: not a picture that can be read"),
        ("new.txt", data, "new.txt: cannot read '.txt'"),
        ("new.jpg", data, "new.jpg: is a PNG file by its content"),
        ("new.png", b"", "new.png: the file is empty"),
        ("../new.png", data, "'../new.png': is no plain name"),
        ("a\\b.png", data, "is no plain name"),
        (".hidden.png", data, "is no plain name"),
        ("a\nb.png", data, "is no plain name"),
        ("n" * 300 + ".png", data, "longer than the name of a file can be"),
    ):
        answer = page.browser.post("/api/pictures", params={"name": name}, content=content)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error.removeprefix("'").startswith(name[:3]) or "plain name" in said
        assert said in error
        assert "\n" not in error
        assert str(page.scratch) not in error
    assert sorted(path.name for path in page.folder.iterdir()) == ["photo.png", "scan.tif"]


def test_what_is_too_large_is_refused_before_it_is_read(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convprior.web.server.MOST_BYTES", 1000)
    answer = page.browser.post("/api/pictures?name=a.png", content=b"x" * 1001)
    assert answer.status_code == 413
    parts = (b"x" * 600 for _ in range(2))  # without a length
    answer = page.browser.post("/api/pictures?name=a.png", content=parts)
    assert answer.status_code == 413
    assert "more than 1,000 bytes" in answer.json()["error"]
    answer = page.browser.post("/api/errands", content=b" " * 70_000)
    assert answer.status_code == 413


def test_a_bomb_is_not_decoded(page: Page) -> None:
    huge = Image.new("1", (20_000, 20_000))
    answer = page.browser.post("/api/pictures?name=a.png", content=encode(huge, "PNG"))
    assert answer.status_code == 400
    assert "20000×20000 pixels are more than" in answer.json()["error"]
    answer = page.browser.post("/api/pictures/0/masks", content=encode(huge, "PNG"))
    assert answer.status_code == 400


def test_a_mask_comes_back_as_it_was_painted(page: Page) -> None:
    painted = scratch_mask()
    number = page.paint(painted)
    sent = page.browser.get(f"/api/masks/{number}")
    bits = np.unpackbits(np.frombuffer(sent.content, np.uint8).reshape(32, 5), axis=1)
    assert np.array_equal(bits[:, :40], np.asarray(painted))
    assert page.get("/api/pictures/0")["mask"] == number
    for wrong, said in ((scratch_mask((41, 32)), "make a mask of the picture's size"),
                        (Image.new("1", (40, 32)), "marks no pixel of the picture"),
                        (Image.new("1", (40, 32), 1), "marks every pixel")):  # fmt: skip
        answer = page.browser.post("/api/pictures/0/masks", content=encode(wrong, "PNG"))
        assert answer.status_code == 400
        assert said in answer.json()["error"]
    assert page.get("/api/pictures/0")["mask"] == number
    assert page.browser.post("/api/pictures/0/masks", content=b"").json()["mask"] is None
    assert page.get("/api/pictures/0")["mask"] is None


def test_a_mask_that_is_saved_is_one_for_the_command(page: Page) -> None:
    number = page.paint(scratch_mask())
    address = f"/api/pictures/0/masks/{number}/save"
    assert page.post(address, name="photo.mask.png") == {"saved": "photo.mask.png"}
    with Image.open(page.folder / "photo.mask.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(scratch_mask()))
    assert page.post(address, name="photo.mask.png")  # once more changes nothing
    other = page.paint(scratch_mask().rotate(180))
    address = f"/api/pictures/0/masks/{other}/save"
    assert page.browser.post(address, json={"name": "photo.mask.png"}).status_code == 409


@pytest.mark.parametrize("picture", ["0", "1"])
def test_what_is_saved_is_to_the_byte_what_the_command_writes(page: Page, picture: str) -> None:
    original = ["photo.png", "scan.tif"][int(picture)]
    mask = page.paint(scratch_mask(), picture)
    errand = page.post("/api/errands", what="restore", picture=picture, mask=mask,
                       wishes={"max_steps": 10})["number"]  # fmt: skip
    done = page.wait(errand)
    assert done["state"] == "done", done
    assert done["report"]["pages"][0]["task"] == "inpaint"
    name = page.get(f"/api/pictures/{picture}")["target"]
    assert page.post(f"/api/errands/{errand}/save", name=name) == {"saved": name}
    scratch_mask().save(page.folder / "mask.png")
    run_command("restore", page.folder / original, "--mask", page.folder / "mask.png",
                "--max-steps", 10, "--device", "cpu", "-o", page.scratch / name,
                "--quiet")  # fmt: skip
    assert (page.folder / name).read_bytes() == (page.scratch / name).read_bytes()

    # Going on from what was restored is the command on its file.
    again = page.post("/api/errands", what="restore", picture=picture, mask=mask, start=errand,
                      wishes={"max_steps": 5, "task": "inpaint"})["number"]  # fmt: skip
    assert page.wait(again)["state"] == "done"
    page.post(f"/api/errands/{again}/save", name=f"again-{name}")
    run_command("restore", page.scratch / name, "--mask", page.folder / "mask.png", "--task",
                "inpaint", "--max-steps", 5, "--device", "cpu", "-o",
                page.scratch / f"again-{name}", "--quiet")  # fmt: skip
    assert (page.folder / f"again-{name}").read_bytes() == (
        page.scratch / f"again-{name}"
    ).read_bytes()


def test_no_original_is_replaced_and_nothing_without_being_asked(page: Page) -> None:
    before = (page.folder / "photo.png").read_bytes()
    errand = page.post("/api/errands", what="restore", picture="0",
                       wishes={"task": "denoise", "max_steps": 2})["number"]  # fmt: skip
    page.wait(errand)
    address = f"/api/errands/{errand}/save"
    (page.folder / "taken.png").write_bytes(b"somebody's")
    (page.folder / "link.png").symlink_to(page.folder / "photo.png")
    for name, replace, status in (
        ("photo.png", False, 400), ("photo.png", True, 400), ("link.png", True, 400),
        ("../out.png", True, 400), ("/elsewhere/out.png", True, 400),
        ("..", True, 400), ("", True, 400), ("out.jpg", False, 400), ("out", False, 400),
        ("taken.png", False, 409),
    ):  # fmt: skip
        answer = page.browser.post(address, json={"name": name, "replace": replace})
        assert answer.status_code == status, (name, answer.text)
    assert (page.folder / "taken.png").read_bytes() == b"somebody's"
    assert (page.folder / "photo.png").read_bytes() == before
    assert not (page.folder.parent / "out.png").exists()
    (page.folder / "taken.png").write_bytes(before)  # nobody's original, whatever is in it
    page.post(address, name="taken.png", replace=True)
    with Image.open(page.folder / "taken.png") as saved:
        assert saved.size == (40, 32)
    assert not [path for path in page.folder.iterdir() if path.name.startswith(".")]


def test_what_was_dropped_from_the_folder_is_not_replaced(page: Page) -> None:
    (page.folder / "more.png").write_bytes((page.folder / "photo.png").read_bytes())
    data = (page.folder / "more.png").read_bytes()
    number = page.browser.post("/api/pictures?name=more.png", content=data).json()["number"]
    errand = page.post("/api/errands", what="restore", picture=number,
                       wishes={"task": "denoise", "max_steps": 2})["number"]  # fmt: skip
    page.wait(errand)
    address = f"/api/errands/{errand}/save"
    answer = page.browser.post(address, json={"name": "more.png", "replace": True})
    assert "is the original, which is never replaced" in answer.json()["error"]
    (page.folder / "more.png").write_bytes(b"another picture of that name")
    assert page.browser.post(address, json={"name": "more.png"}).status_code == 409
    page.post(address, name="more.png", replace=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"wishes": {"kernel": "/etc/passwd"}}, "wishes.kernel"),
     ({"wishes": {"mask": "/etc/passwd"}}, "wishes.mask"),
     ({"wishes": {"task": "magic"}}, "wishes.task"),
     ({"wishes": {"task": "deblur"}}, "--task deblur needs"),
     ({"wishes": {"strength": 9}}, "strength"),
     ({"sensitivity": 9, "what": "find"}, "sensitivity"),
     ({"source": "/etc/passwd"}, "source")],
)  # fmt: skip
def test_a_wish_that_cannot_be_meant_is_one_line(page: Page, asked: dict, said: str) -> None:
    answer = page.browser.post("/api/errands", json={"what": "restore", "picture": "0"} | asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_an_errand_that_fails_says_why_without_our_folders(page: Page) -> None:
    errand = page.post("/api/errands", what="restore", picture="0", wishes={"task": "inpaint"})
    failed = page.wait(errand["number"])
    assert failed["state"] == "failed"
    assert failed["error"].startswith("photo.png: nothing is missing")


def test_one_works_the_others_wait_and_looks_come_first(page: Page) -> None:
    long = {"task": "denoise", "max_steps": 100_000, "time_limit": 60}

    def begin() -> int:
        return page.post("/api/errands", what="restore", picture="0", wishes=long)["number"]

    first = begin()
    page.wait(first, "working")
    second, third = begin(), begin()
    look = page.post("/api/errands", what="look", picture="0")["number"]
    states = [page.get("/api/desk")["errands"][n]["state"] for n in (first, second, third, look)]
    assert states == ["working", "waiting", "waiting", "waiting"]
    page.post(f"/api/errands/{second}/stop")  # leaves the line
    assert page.wait(second)["report"] is None
    while not page.get("/api/desk")["errands"][first]["said"].startswith("step"):
        time.sleep(0.05)
    page.post(f"/api/errands/{first}/stop")
    stopped = page.wait(first)
    assert stopped["report"]["pages"][0]["ended"] == "interrupted"
    page.post(f"/api/errands/{first}/save", name="best.png")  # the best so far is kept
    with Image.open(page.folder / "best.png") as best:
        assert best.size == (40, 32)
    page.wait(third, "working")
    seen = page.get("/api/desk")["errands"][look]
    assert seen["state"] == "done"
    assert seen["advice"]["plain"][0] == "denoise"
    assert seen["advice"]["painted"][0] == "inpaint"
    page.post(f"/api/errands/{third}/stop")
    page.wait(third)


def test_a_picture_appears_while_it_is_made(page: Page) -> None:
    number = page.post("/api/errands", what="restore", picture="0", wishes={
        "task": "denoise", "max_steps": 100_000, "time_limit": 60})["number"]  # fmt: skip
    while not page.get("/api/desk")["errands"][number]["previews"]:
        time.sleep(0.1)
    assert page.get(f"/api/seen/preview/{number}/0")["width"] == 40
    assert page.browser.get(f"/tiles/preview/{number}/0/0/0/0").status_code == 200
    # Opened again, a page finds it: all that it needs is said to whoever asks.
    errand = page.get("/api/desk")["errands"][number]
    assert (errand["picture"], errand["wishes"]["task"]) == ("0", "denoise")
    assert errand["share"] > 0
    page.post(f"/api/errands/{number}/stop")
    page.wait(number)
    made = page.get(f"/api/seen/made/{number}/0")
    assert made["width"] == 40
    assert page.get(f"/api/seen/preview/{number}/0") == made  # whoever asks for it now gets more


def test_scratches_that_auto_finds_are_a_start_to_paint_on(page: Page) -> None:
    values = np.asarray(colourful(40, 32)).copy()
    values[10, 20] = 255 - values[10, 20]
    data = encode(Image.fromarray(values), "PNG")
    picture = page.browser.post("/api/pictures?name=dead.png", content=data).json()["number"]
    errand = page.post("/api/errands", what="find", picture=picture)["number"]
    assert page.wait(errand)["found"]
    sent = page.browser.get(f"/api/errands/{errand}/found")
    bits = np.unpackbits(np.frombuffer(sent.content, np.uint8).reshape(32, 5), axis=1)
    assert bits[10, 20] == 1
    assert bits.sum() < 40


def test_a_worker_that_is_killed_is_said_and_replaced(page: Page) -> None:
    number = page.post("/api/errands", what="restore", picture="0", wishes={
        "task": "denoise", "max_steps": 100_000, "time_limit": 60})["number"]  # fmt: skip
    page.wait(number, "working")
    page.line._process.kill()
    failed = page.wait(number)
    assert failed["state"] == "failed"
    assert "perhaps memory was short" in failed["error"]
    look = page.post("/api/errands", what="look", picture="0")["number"]
    assert page.wait(look)["state"] == "done"


def test_options_of_the_command_are_called_as_the_page_calls_them(page: Page) -> None:
    noisy = np.asarray(colourful(40, 32)) / 2 + np.random.default_rng(0).normal(64, 12, (32, 40, 3))
    data = encode(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), "PNG")
    number = page.browser.post("/api/pictures?name=noisy.png", content=data).json()["number"]
    look = page.post("/api/errands", what="look", picture=number)["number"]
    task, reason = page.wait(look)["advice"]["painted"]
    assert task == "inpaint"
    assert reason.endswith("too: see “What is to be done”")
    desk = Desk(page.folder, [], page.scratch)
    assert desk.plain(f"{page.folder}/a.png: more with --max-pixels; given a --time-limit") == (
        "a.png: more with the command's --max-pixels; given a limit of time"
    )
    assert desk.plain("b--task.png") == "b--task.png"


def test_plain_names_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convprior.pictures.files.ON_WINDOWS", True)
    for name in ("aux.png", "a:b.png", "what?.png"):
        with pytest.raises(desks.InputError, match="is no plain name"):
            desks.plain_name(name)


def test_a_save_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    for each in (folder, scratch):
        each.mkdir()
    original, target, made = folder / "a.png", folder / "b.png", scratch / "b.png"
    colourful(40, 32).save(original)
    colourful(40, 32).rotate(180).save(made)
    target.write_bytes(b"old")
    desk = Desk(folder, [original], scratch)

    def look() -> tuple[bytes, list[Path]]:
        return target.read_bytes(), finding.pictures_of(folder)

    seen = list(every_kill(lambda: desk.save(made, "b.png", original, replace=True), look))
    assert {content for content, _ in seen} == {b"old", made.read_bytes()}
    assert all(pictures == [original, target] for _, pictures in seen)
    assert sorted(folder.iterdir()) == [original, target]  # the last one has removed what was left
