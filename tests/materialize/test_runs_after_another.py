"""What a second run does: nothing where nothing is new, and all that is new wherever it appeared."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featc.errors import FeatcError
from featc.runtime.materialize import intake

from .shop import (
    SPAN,
    START,
    TYPES,
    arrow,
    content,
    histories,
    materialize,
    push_all,
    reads,
    rejected,
    whole,
    write_rows,
    write_shop,
)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a history of a hundred rows is many intervals."""
    monkeypatch.setattr(intake, "MOST", 9)


@pytest.mark.slow
def test_a_second_run_writes_nothing(tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=20)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    materialize(folder)
    before = whole(folder)
    again = materialize(folder)
    assert whole(folder) == before
    assert all((s.rows, s.accepted, s.duplicates, s.rejected, s.intervals) == (0, 0, 0, {}, 0) for s in again.sources)
    assert all(s.watermark == s.watermark_before is not None for s in again.sources)
    for name in TYPES:  # the same rows in another order are the same rows
        write_rows(folder, name, "parquet", rows[name][::-1])
    materialize(folder)
    assert whole(folder) == before


@pytest.mark.slow
def test_one_instant_after_another_is_the_last_of_them_at_once(tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=21)
    twice, once = (write_shop(tmp_path / name, "csv", rows) for name in ("twice", "once"))
    end = START + timedelta(minutes=SPAN // 3)
    first = materialize(twice, START + timedelta(minutes=SPAN // 5))
    assert all(s.waiting for s in first.sources)
    second = materialize(twice, end)
    assert all(s.late == 0 and s.rows for s in second.sources)
    assert [s.watermark_before for s in second.sources] == [s.watermark for s in first.sources]
    materialize(once, end)
    assert content(twice) == content(once)
    assert rejected(twice) == rejected(once)
    materialize(twice)
    complete = write_shop(tmp_path / "complete", "csv", rows)
    push_all(complete, rows)
    assert content(twice) == content(complete)
    assert rejected(twice) == rejected(complete)
    assert reads(twice) == reads(complete)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "table"])
def test_rows_that_appear_behind_the_watermark_arrive(form: str, tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=22)
    folder = write_shop(tmp_path / "grown", form, rows)
    for name in TYPES:
        write_rows(folder, name, form, rows[name][::3])
    materialize(folder)
    for name in TYPES:
        write_rows(folder, name, form, rows[name][1::3] + rows[name][::3])
    found = materialize(folder)
    assert all(s.late and not s.gone for s in found.sources)
    for name in TYPES:
        write_rows(folder, name, form, rows[name])
    materialize(folder)
    complete = write_shop(tmp_path / "complete", form, rows)
    materialize(complete)
    assert content(folder) == content(complete)
    assert rejected(folder) == rejected(complete)


@pytest.mark.slow
def test_rows_in_the_last_interval_and_beyond_it_at_once_are_booked_once(tmp_path: Path) -> None:
    rows = histories(seed=28)
    folder = write_shop(tmp_path / "grown", "parquet", {name: listed[::2] for name, listed in rows.items()})
    materialize(folder, START + timedelta(minutes=SPAN // 2))
    for name in TYPES:
        write_rows(folder, name, "parquet", rows[name])
    assert all(s.late and s.rows > s.late for s in materialize(folder).sources)
    before = whole(folder)
    materialize(folder)
    assert whole(folder) == before


@pytest.mark.slow
def test_an_interval_that_grows_beyond_a_batch_becomes_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = histories(seed=29)
    folder = write_shop(tmp_path / "grown", "parquet", {name: listed[:20] for name, listed in rows.items()})
    materialize(folder)
    for name in TYPES:
        write_rows(folder, name, "parquet", rows[name])
    monkeypatch.setattr(intake, "MOST", 9)
    found = materialize(folder)
    assert all(s.intervals > 2 and s.late > 9 and not s.gone for s in found.sources), found
    before = whole(folder)
    assert not any(s.intervals for s in materialize(folder).sources)
    assert whole(folder) == before
    complete = write_shop(tmp_path / "complete", "parquet", rows)
    push_all(complete, rows)
    assert content(folder) == content(complete)
    assert rejected(folder) == rejected(complete)


@pytest.mark.slow
def test_rows_below_the_first_one_arrive_too(tmp_path: Path) -> None:
    rows = histories(seed=23)
    late = sorted((r for r in rows["visits"] if r["told"]), key=lambda r: r["told"])
    folder = write_shop(tmp_path / "grown", "parquet", {**rows, "visits": late[20:]})
    materialize(folder)
    write_rows(folder, "visits", "parquet", late)
    seen = sum(row["came"] is not None for row in late[:20])
    assert [s.late for s in materialize(folder).sources if s.source == "visits"] == [seen]
    complete = write_shop(tmp_path / "complete", "parquet", {**rows, "visits": late})
    materialize(complete)
    assert content(folder) == content(complete)


@pytest.mark.slow
def test_corrections_and_deletions_by_id_arrive(tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=24)
    folder = write_shop(tmp_path / "grown", "parquet", rows)
    materialize(folder)
    corrected = {**rows["orders"][0], "order_id": 1, "user_id": 2, "amount": 77, "op": "U"}
    new = [
        {**corrected, "loaded_at": START + timedelta(hours=30)},
        {**corrected, "user_id": 3, "loaded_at": START + timedelta(hours=31)},
        {**corrected, "op": "D", "ordered_at": None, "user_id": None, "loaded_at": START + timedelta(hours=70)},
    ]
    orders = [*rows["orders"], *new]
    write_rows(folder, "orders", "parquet", orders)
    report = {s.source: s for s in materialize(folder).sources}
    assert report["orders"].accepted == 3
    complete = write_shop(tmp_path / "complete", "parquet", {**rows, "orders": orders})
    push_all(complete, {**rows, "orders": orders}, seed=3)
    assert content(folder) == content(complete)
    assert reads(folder) == reads(complete)


@pytest.mark.slow
def test_rows_that_left_the_source_stay_and_are_counted_once(tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=25)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    materialize(folder)
    before = content(folder)
    for name in ("orders", "clicks"):
        write_rows(folder, name, "parquet", rows[name][5:])
    found = materialize(folder)
    assert {s.source: s.gone for s in found.sources if s.gone} == {"orders": 5, "clicks": 5}
    assert [w.code for w in found.warnings] == ["F644", "F644"]
    assert content(folder) == before
    assert not materialize(folder).warnings
    for name in ("orders", "clicks"):  # and when they come back, they were there already
        write_rows(folder, name, "parquet", rows[name])
    materialize(folder)
    assert content(folder) == before
    assert len(rejected(folder)) == len(set(enumerate(rejected(folder))))


@pytest.mark.slow
def test_a_column_that_no_view_reads_is_no_news_where_rows_have_no_id(tmp_path: Path, small_batches: None) -> None:
    rows = histories(seed=26)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    definitions = folder / "features" / "shop.yaml"
    whole_text = definitions.read_text()
    narrow = whole_text.replace("      pages: count(distinct page)\n      first_page: first(page) over lifetime\n", "")
    definitions.write_text(narrow)
    materialize(folder)
    before = content(folder)
    write_rows(folder, "clicks", "parquet", [{**row, "page": "z"} for row in rows["clicks"]])
    report = materialize(folder)
    assert content(folder) == before
    assert not any(s.rows or s.gone for s in report.sources)


@pytest.mark.slow
def test_a_column_that_was_read_and_is_of_another_type_is_refused(tmp_path: Path) -> None:
    rows = histories(seed=27)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    materialize(folder)
    given = arrow("clicks", rows["clicks"])
    narrow = given.set_column(0, "user_id", given["user_id"].cast(pa.int32()))
    pq.write_table(narrow, folder / "data" / "clicks.parquet")
    with pytest.raises(FeatcError, match="clicks has changed in user_id") as refused:
        materialize(folder)
    assert refused.value.code == "F642"
