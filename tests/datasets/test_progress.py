"""Progress: on terminals only, gone at the end."""

from __future__ import annotations

import io
import time

import pytest

from featc.cli import query_progress
from featc.cli.session import Session


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"), [(Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False)]
)
def test_progress_is_for_terminals(
    stream: io.StringIO, quiet: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(query_progress, "_WAIT", 0.001)
    monkeypatch.setattr(query_progress, "_EVERY", 0.001)
    asked: list[float] = []

    def share() -> float:
        asked.append(42.0)
        return 42.0

    with query_progress.progress(Session(".", None, "text", quiet), share, "computing"):
        while shown and len(asked) < 3:
            time.sleep(0.001)
    said = stream.getvalue()
    assert bool(said) is shown
    if shown:
        assert "computing: 0 s, 42 %" in said
        assert said.endswith(" \r")
