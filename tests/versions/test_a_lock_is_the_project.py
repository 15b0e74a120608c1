"""What a lock holds, resolved again, is the project it was made of: the same fingerprints, the same online tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from featc.runtime.catalog import DuckDBCatalog
from featc.runtime.compiled import compile_project
from featc.runtime.generations.needs import tables_of
from featc.runtime.planning.plan import lock_of, versions_now
from featc.versions.lock import parse_lock
from featc.versions.numbers import fingerprints
from featc.versions.past import side_of
from random_projects import make_case, render

FIRST = int(os.environ.get("FEATC_RANDOM_FIRST", "910100"))


@pytest.mark.parametrize("first, cases", [(23, 1), (66, 1), (0, 4), pytest.param(100, 100, marks=pytest.mark.slow)])
def test_of_random_projects(first: int, cases: int, tmp_path: Path) -> None:
    for seed in range(FIRST + first, FIRST + first + cases):
        folder = tmp_path / str(seed)
        render.write(make_case(seed), folder)
        compiled = compile_project(folder)
        lock = parse_lock(lock_of(compiled, versions_now(compiled), None).text())
        with DuckDBCatalog(folder) as engine:
            found = side_of(lock, compiled.definitions, engine, placed=True).project
        assert fingerprints(found) == fingerprints(compiled.project), seed
        assert tables_of(found) == tables_of(compiled.project), seed
        assert {n: s.keys for n, s in found.services.items()} == {
            n: s.keys for n, s in compiled.project.services.items()
        }
