"""What a server missed comes to it later, and what is left is told by the exit code."""

from pathlib import Path

import pytest

from convprior.ground import tracking
from convprior.stages import sync


def test_it_counts_what_got_through(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync.main([])
    assert "0 runs replayed to sqlite:" in capsys.readouterr().out


def test_it_fails_where_runs_are_left(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "sync", lambda: (3, 2))
    with pytest.raises(SystemExit, match="1"):
        sync.main([])
    assert capsys.readouterr().out.startswith("3 runs replayed to sqlite:")
