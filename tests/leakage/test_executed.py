"""The same property by running the SQL: what had not arrived by an instant changes no value at that instant.

The reader of the SQL proves that no row reaches a feature too early. That no value depends on what is left out, be it
by way of a row that a later one hides, is shown here on data, and by `featc verify` on every project's own.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leakage.histories import T, answers, history, known_before
from leakage.queries import PROJECTS, golden

INSTANTS = [T + n * timedelta(microseconds=1) for n in (-1, 0, 1)] + [T + timedelta(days=1)]


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_what_arrives_later_changes_no_value(name: str, seed: int, tmp_path: Path) -> None:
    built = golden(name)
    rows = history(built.project, seed)
    for path, sql in built.sql.items():
        if any(o.view in built.project.labels for o in built.outputs[path]):
            continue  # labels know what comes later
        for t in INSTANTS:
            known = known_before(built.project, rows, t)
            assert answers(built.project, sql, rows, [t], tmp_path) == answers(
                built.project, sql, known, [t], tmp_path
            ), (path, t)
