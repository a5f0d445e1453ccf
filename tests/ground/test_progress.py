"""How far long work is: a line now and then where nobody can see a bar."""

import time

import pytest
from rich.cells import cell_len

from convprior.ground.progress import Meter


def test_lines_come_now_and_then_and_say_how_long_still(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setenv("DVC_STAGE", "study/dvc.yaml:train@mlp")
    with Meter(terminal=False, every=10) as meter:
        for done in range(1, 8):
            now += 4
            meter.count(done / 2, 4, "epochs")
    said = capsys.readouterr().err.splitlines()
    # Half an epoch takes four seconds.
    assert said == [
        "train@mlp: 1 of 4 epochs, 20 s left",
        "train@mlp: 3 of 4 epochs, 8 s left",
    ]


def test_hours_are_told_in_minutes_and_the_quiet_say_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for quiet in (False, True):
        now = 0.0
        with Meter("restoring", terminal=False, quiet=quiet) as meter:
            now = 60.0
            meter.count(1, 100, "pictures")
            meter.say("done")
    assert capsys.readouterr().err.splitlines() == [
        "restoring: 1 of 100 pictures, 99 min left",
        "done",
    ]


def test_a_name_in_brackets_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # for Rich, a terminal
    monkeypatch.setenv("COLUMNS", "100")
    with Meter("[red]label", terminal=True) as meter:
        meter.show(0.5, "[bold]scan[/bold] (1 of 2)")
        assert meter.bar is not None
        meter.bar.refresh()
    shown = capsys.readouterr().err
    assert "[red]label" in shown
    assert "[bold]scan[/bold] (1 of 2)" in shown


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_on_a_narrow_terminal_the_bar_is_shorter_and_how_long_still_is_said(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    name = "写真" if columns < 120 else "photo"  # two columns each
    with Meter("restoring", terminal=True) as meter:
        meter.show(0.5, f"{name * 3}.png · step 350 · held-out error 12.5/255 · 120 s left")
        assert meter.bar is not None
        meter.bar.refresh()
        line = meter.console.render_lines(meter.bar.get_renderable(), pad=False)
    assert len(line) == 1
    shown = "".join(part.text for part in line[0])
    assert cell_len(shown) <= columns
    assert "━━━" in shown
    assert "120 s left" in shown
    assert ("restoring" in shown) == (columns >= 80)
    capsys.readouterr()


def test_a_terminal_that_can_draw_nothing_has_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with Meter("restoring", terminal=True, every=0.0) as meter:
        meter.show(0.5, "step 350")
    assert capsys.readouterr().err == "restoring: step 350\n"
