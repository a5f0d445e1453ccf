"""Jobs in a real browser: several wait in a line; a server that is killed leaves nothing half."""

import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.conftest import colourful
from tests.web.served import IN_BROWSER, LONG, Served, counted, said

pytestmark = IN_BROWSER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures with noise, on which the network could work for long."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, name in enumerate("abc"):
        noise = np.random.default_rng(number).normal(0, 12, (192, 256, 3))
        values = np.asarray(colourful(256, 192)) / 2 + 64 + noise
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def begin(page: object) -> None:
    page.select_option("#task", "denoise")
    page.select_option("#limit", "900")
    page.click("#restore")


def test_several_wait_in_a_line_and_can_leave_it(chromium: object, folder: Path) -> None:
    served = Served(chromium, folder)
    page = served.window()
    try:
        begin(page)
        page.wait_for_selector("#bar[value]", timeout=LONG)
        for number in (1, 2):
            page.select_option("#pictures", str(number))
            said(page, "#advice", "It is looked at when a.png is done")
            begin(page)
            said(page, "#progress", f"Waits for {number} before it")
        said(page, "#errands", r"a\.png: restoring \d+ %b\.png: waitsRemovec\.png: waitsRemove")
        page.get_by_label("Remove b.png from the line").click()
        said(page, "#errands", r"a\.png: restoring \d+ %c\.png: waitsRemove")
        said(page, "#progress", "Waits for 1 before it")
        page.select_option("#pictures", "0")
        page.click("#stop")
        said(page, "#told", "Stopped: this is the best so far")
        page.select_option("#pictures", "2")
        page.wait_for_selector("#bar[value]", timeout=LONG)  # its turn has come
        page.wait_for_selector("#line", state="hidden")
        page.click("#stop")
        said(page, "#told", "Stopped")
        page.select_option("#pictures", "1")
        page.wait_for_selector("#restore:not([disabled])", timeout=LONG)  # it can be asked anew
        served.close_windows()
    finally:
        served.close()


def test_a_preview_that_comes_cuts_no_stroke_off(chromium: object, folder: Path) -> None:
    served = Served(chromium, folder)
    try:
        page = served.window()
        begin(page)
        page.wait_for_selector("#bar[value]", timeout=LONG)
        box = page.locator("#canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.wait_for_selector("#to-compare:not([disabled])", timeout=LONG)
        page.mouse.move(x + 80, y, steps=4)
        page.mouse.up()
        assert page.get_attribute("#to-paint", "aria-pressed") == "true"
        assert counted(page) > 8  # the whole stroke, not its beginning alone
        page.click("#stop")
        said(page, "#told", r"Stopped: this is the best so far\.")
        served.close_windows()
    finally:
        served.close()


def test_a_server_that_is_killed_at_work_leaves_nothing(
    chromium: object, folder: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    originals = {path: path.read_bytes() for path in folder.iterdir()}
    served = Served(chromium, folder, variables={"TMPDIR": str(scratch)})
    page = served.window()
    begin(page)
    page.wait_for_selector("#to-compare:not([disabled])", timeout=LONG)  # the picture appears
    (left,) = scratch.glob(".convprior-*")
    assert list(left.rglob("*.preview.png"))
    workers = psutil.Process(served.process.pid).children(recursive=True)
    served.kill()
    assert not psutil.wait_procs(workers, timeout=20)[1]  # they end when nobody listens
    said(page, "#wrong", "The server has stopped")
    served.close()
    assert {path: path.read_bytes() for path in folder.iterdir()} == originals

    # A copy that was cut off while it was saved has a hidden name: it is taken for no picture.
    shutil.copy(next(left.rglob("*.preview.png")), folder / f"{left.name}.png")
    served = Served(chromium, folder, variables={"TMPDIR": str(scratch)})
    page = served.window()
    assert page.locator("#pictures option").all_inner_texts() == ["a.png", "b.png", "c.png"]
    assert not left.exists()  # the next one removes what was left
    served.close()
