"""Every wrong project, data set and call of the inventory is answered in exactly the recorded words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from errors.transcript import CASES, parse, play
from featc.cli.codes import all_codes
from featc.runtime.online.database import Database

FILES = sorted(CASES.glob("**/*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(CASES).with_suffix("").as_posix())
def test_answer_is_as_recorded(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updating: bool) -> None:
    written = path.read_text(encoding="utf-8")
    case = parse(written)
    folder = tmp_path / "shop"
    folder.mkdir()
    if case.needs_rights and _reads_everything(tmp_path):
        pytest.skip("whoever runs this may read everything")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FEATC_DEBUG", raising=False)
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_seconds", 0.1)  # as long as a lock is waited for
    played = play(case, folder, monkeypatch.setenv)
    if updating:
        path.write_text(played, encoding="utf-8")
        return
    assert played == written


def _reads_everything(folder: Path) -> bool:
    """As root does, except in a container without that right."""
    probe = folder / "probe"
    probe.touch(mode=0)
    return os.access(probe, os.R_OK)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(CASES).with_suffix("").as_posix())
def test_answer_shows_no_inside_of_featc(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"Traceback|F999|featc_batch\b|_featc_|spine_given", text) == []
    for code in re.findall(r"error (F\d{3}):", text):
        assert code in all_codes()
