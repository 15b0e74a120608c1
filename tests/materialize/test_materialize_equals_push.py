"""A store that is materialized holds what one holds to which the same rows were pushed, in whatever order."""

from __future__ import annotations

from pathlib import Path

import pytest

from .shop import FORMATS, content, histories, materialize, push_all, reads, rejected, write_shop


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_the_store_is_that_of_a_push_of_all_rows(form: str, tmp_path: Path) -> None:
    rows = histories(seed=FORMATS.index(form))
    pushed = write_shop(tmp_path / "pushed", form, rows)
    push_all(pushed, rows)
    made = write_shop(tmp_path / "made", form, rows)
    report = materialize(made)
    assert content(made) == content(pushed)
    assert rejected(made) == rejected(pushed)
    assert reads(made) == reads(pushed)
    assert {s.source for s in report.sources} == {"orders", "clicks", "visits", "plans", "stock"}
    assert sum(s.rows for s in report.sources) == sum(map(len, rows.values()))
