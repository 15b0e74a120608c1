"""What is pushed is what is kept: no value changes because of the ones beside it, its form, or its zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from featc.errors import FeatcError
from featc.resolve.model import Project
from featc.runtime.online import OnlineStore
from online.build import LIFETIME, project, source, view

NOON = datetime(2026, 7, 1, 12)


def kept_in(type_: str, *, physical: str | None = None, zone: str | None = None) -> Project:
    """A source with a column `x` of a type, and a view with its last value and its instant by `k`."""
    columns = {"k": "BIGINT", "ts": "TIMESTAMP", "x": type_}
    made = source("ev", columns, physical={"ts": physical} if physical else None, timezone=zone)
    shown = view(
        "v",
        made,
        {"k": ("{k}", "BIGINT")},
        {"x": ("{x}", type_), "ts": ("{ts}", "TIMESTAMP")},
        {"x": ("last", ("x",), LIFETIME), "ts": ("last", ("ts",), LIFETIME), "n": ("count_rows", (), LIFETIME)},
    )
    return project([made], [shown])


def pushed_values(folder: Path, type_: str, values: Sequence[Any], form: str = "dicts") -> list[Any]:
    """The values of `x` that come back, one entity each."""
    rows: Any = [{"k": n, "ts": NOON, "x": x} for n, x in enumerate(values)]
    if form == "frame":
        rows = pd.DataFrame({"k": range(len(values)), "ts": NOON, "x": pd.Series(values, dtype=object)})
    elif form == "columns":
        rows = {"k": list(range(len(values))), "ts": [NOON] * len(values), "x": list(values)}
    with OnlineStore(folder / "o.db", kept_in(type_)) as store:
        store.push("ev", rows)
        return [r["x"] for r in store.get("v", [{"k": n} for n in range(len(values))], at="2027-01-01")]


BIG = 9007199254740993  # no DOUBLE holds it


@pytest.mark.parametrize("form", ["dicts", "columns", "frame"])
@pytest.mark.parametrize(
    ("type_", "given", "wanted"),
    [
        ("BIGINT", [BIG, 1.0], [BIG, 1]),
        ("BIGINT", [BIG, None, Decimal("2.00")], [BIG, None, 2]),
        ("BIGINT", [Decimal(BIG), 1.0], [BIG, 1]),
        ("BIGINT", [2**63 - 1, -(2**63), 0.0], [2**63 - 1, -(2**63), 0]),
        ("UBIGINT", [2**64 - 1, 1.0], [2**64 - 1, 1]),
        ("HUGEINT", [2**126, -1.0], [2**126, -1]),
        ("DECIMAL(38,2)", [BIG, 0.25, Decimal(10) ** 35], [BIG, Decimal("0.25"), Decimal(10) ** 35]),
        ("DECIMAL(18,18)", [0.5, Decimal("-0.999999999999999999"), 0], [0.5, Decimal("-0.999999999999999999"), 0]),
        ("DOUBLE", [1, 0.1, Decimal("0.1")], [1.0, 0.1, 0.1]),
        ("FLOAT", [1, 0.5, Decimal("0.25")], [1.0, 0.5, 0.25]),
        ("BOOLEAN", [True, None, False], [True, None, False]),
    ],
)
def test_numbers_of_different_types_in_a_column_keep_their_values(
    type_: str, given: list[Any], wanted: list[Any], form: str, tmp_path: Path
) -> None:
    assert pushed_values(tmp_path, type_, given, form) == wanted


@pytest.mark.parametrize(
    ("type_", "given", "words"),
    [
        ("BIGINT", [1, True], "row 2: ev.x is BIGINT, and it cannot hold True"),
        ("BIGINT", [1, 2, 3.7], "row 3: ev.x is BIGINT, and it cannot hold 3.7"),
        ("BIGINT", [1.0, 2**63], "row 2: ev.x is BIGINT, and it cannot hold 9223372036854775808"),
        ("BIGINT", [1, float("nan")], "row 2: ev.x is BIGINT, and it cannot hold nan"),
        ("DOUBLE", [0.5, BIG], f"row 2: ev.x is DOUBLE, and it cannot hold {BIG}"),
        ("DOUBLE", [0.5, True], "row 2: ev.x is DOUBLE, and it cannot hold True"),
        ("FLOAT", [0.5, 0.1], "row 2: ev.x is FLOAT, and it cannot hold 0.1"),
        ("DECIMAL(12,2)", [1, 1.005], "row 2: ev.x is DECIMAL(12,2), and it cannot hold 1.005"),
        ("DECIMAL(12,2)", [1, 10**10], "row 2: ev.x is DECIMAL(12,2), and it cannot hold 10000000000"),
        ("BOOLEAN", [True, 1], "row 2: ev.x is BOOLEAN, and it cannot hold 1"),
        ("TIMESTAMP", [NOON, 5], "row 2: ev.x is TIMESTAMP, not int: 5"),
    ],
)
def test_a_value_its_column_cannot_hold_is_refused_with_its_row(
    type_: str, given: list[Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(FeatcError) as refused:
        pushed_values(tmp_path, type_, given)
    assert refused.value.code == "F612"
    assert words in str(refused.value)


PLACES = [(1, 0), (4, 4), (9, 3), (18, 0), (18, 2), (18, 8), (18, 18), (19, 0), (19, 19), (28, 10), (38, 0), (38, 38)]


@pytest.mark.parametrize(("precision", "scale"), PLACES)
def test_a_decimal_column_holds_its_whole_range(precision: int, scale: int, tmp_path: Path) -> None:
    type_ = f"DECIMAL({precision},{scale})"
    greatest = Decimal((0, (9,) * precision, -scale))
    least = Decimal((0, (1,), -scale))
    values = [greatest, greatest.copy_negate(), least, least.copy_negate(), Decimal(0)]
    table = pa.table(
        {"k": range(5), "ts": [NOON] * 5, "x": pa.array(values, pa.decimal128(precision, scale))}
    )
    assert pushed_values(tmp_path, type_, values) == values
    with OnlineStore(tmp_path / "arrow.db", kept_in(type_)) as store:
        store.push("ev", table)
        assert [r["x"] for r in store.get("v", [{"k": n} for n in range(5)], at="2027-01-01")] == values


def test_numpy_and_pandas_scalars_are_values_like_any(tmp_path: Path) -> None:
    stamp = pd.Timestamp("1969-12-31 23:59:59.999999999")
    rows = [
        {"k": np.int64(0), "ts": stamp, "x": np.int32(7)},
        {"k": np.uint8(1), "ts": np.datetime64(-1, "ns"), "x": np.float64(8)},
        {"k": 2, "ts": np.datetime64("2026-01-01"), "x": pd.NA},
        {"k": 3, "ts": pd.NaT, "x": 1},
    ]
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store:
        assert store.push("ev", rows).rejected == {"time is NULL": 1}
        found = store.get("v", [{"k": np.int16(n)} for n in range(3)], at="2027-01-01")
    before = datetime(1969, 12, 31, 23, 59, 59, 999999)
    assert [(r["x"], r["ts"]) for r in found] == [(7, before), (8, before), (None, datetime(2026, 1, 1))]


def generated() -> Iterator[dict[str, Any]]:
    yield {"k": 0, "ts": NOON, "x": 5}
    yield {"k": 0, "ts": NOON + timedelta(hours=1), "x": 6}


@pytest.mark.parametrize("rows", [generated, lambda: iter(list(generated())), lambda: tuple(generated())])
def test_dicts_may_come_from_any_iterator(rows: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store:
        assert store.push("ev", rows()).accepted == 2
        assert store.get("v", [{"k": 0}], at="2027-01-01")[0]["x"] == 6


@pytest.mark.parametrize(
    "rows",
    [
        42,
        [1, 2],
        [("k", 1)],
        iter([1]),
        object(),
        {"k": 1, "ts": NOON},
        {"k": "abc", "ts": NOON},
        {"k": [1, 2], "ts": [NOON]},
        [{"k": 1, "ts": NOON, "x": object()}],
        [{"k": 1, "ts": NOON, "x": "\ud800"}],
        b"k,ts",
    ],
)
def test_what_is_no_batch_is_refused_without_a_traceback(rows: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store, pytest.raises(FeatcError, match=r"F61[15]"):
        store.push("ev", rows)


def test_a_column_that_differs_in_letter_case_only_is_unknown(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store, pytest.raises(FeatcError, match="column 'K'"):
        store.push("ev", [{"k": 1, "K": 2, "ts": NOON}])


# ── zones ─────────────────────────────────────────────────────────────────────────────────────────────────────────

FIRST, SECOND = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # both 02:30
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    "physical", ["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"]
)
@pytest.mark.parametrize("form", ["dicts", "arrow", "relation", "text", "csv", "beside naive"])
def test_instants_with_a_zone_survive_the_hour_that_local_time_has_twice(
    form: str, physical: str, tmp_path: Path
) -> None:
    rows: Any = [{"k": 0, "ts": FIRST, "x": 1}, {"k": 1, "ts": SECOND.astimezone(EAST), "x": 1}]
    text = [{**r, "ts": r["ts"].isoformat()} for r in rows]
    if form == "arrow":
        rows = pa.table({"k": [0, 1], "ts": pa.array([FIRST, SECOND], pa.timestamp("us", "UTC"))})
    elif form == "relation":
        values = ", ".join(f"({n}, '{t.isoformat()}'::TIMESTAMPTZ)" for n, t in enumerate((FIRST, SECOND)))
        rows = duckdb.connect().sql(f"SELECT * FROM (VALUES {values}) AS t(k, ts)")
    elif form == "text":
        rows = text
    elif form == "csv":
        rows = tmp_path / "new.csv"
        rows.write_text("k,ts,x\n" + "".join(f"{r['k']},{r['ts']},1\n" for r in text))
    elif form == "beside naive":
        rows = [*rows, {"k": 2, "ts": datetime(2026, 7, 1, 12), "x": 1}]
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT", physical=physical, zone="Europe/Berlin")) as store:
        store.push("ev", rows)
        found = [r["ts"] for r in store.get("v", [{"k": n} for n in range(3)], at="2027-01-01")]
    naive = datetime(2026, 7, 1, 10) if form == "beside naive" else None
    assert found == [FIRST.replace(tzinfo=None), SECOND.replace(tzinfo=None), naive]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS", datetime(1969, 12, 31, 23, 59, 59, 999999)),
        ("'1969-12-31 23:59:59.999999999+00'::TIMESTAMPTZ_NS", datetime(1969, 12, 31, 23, 59, 59, 999999)),
        ("'1969-12-31 23:59:59'::TIMESTAMP_S", datetime(1969, 12, 31, 23, 59, 59)),
        ("'2026-01-01 02:00:00+02'::TIMESTAMPTZ", datetime(2026, 1, 1)),
        ("DATE '2026-01-01'", datetime(2026, 1, 1)),
        ("'infinity'::TIMESTAMP", None),
        ("'-infinity'::TIMESTAMPTZ", None),
        ("'infinity'::TIMESTAMPTZ_NS", None),
    ],
)
def test_the_instants_of_a_relation_keep_their_microsecond(sql: str, wanted: Any, tmp_path: Path) -> None:
    other = duckdb.connect()
    other.execute("SET TimeZone = 'America/New_York'")
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store:
        store.push("ev", other.sql(f"SELECT 0 AS k, {sql} AS ts, 5 AS x"))
        assert store.get("v", [{"k": 0}], at="2027-01-01")[0]["ts"] == wanted


def test_the_decimals_and_wide_integers_of_a_relation_are_copied_exactly(tmp_path: Path) -> None:
    other = duckdb.connect()
    values = ["99999999999999999999999999999999999.99", "0.01", "-1.50"]
    rows = " UNION ALL ".join(f"SELECT {n} AS k, TIMESTAMP '2026-01-01' AS ts, {v}::DECIMAL(38,2) AS x"
                              for n, v in enumerate(values))
    with OnlineStore(tmp_path / "o.db", kept_in("DECIMAL(38,2)")) as store:
        store.push("ev", other.sql(rows))
        found = store.get("v", [{"k": n} for n in range(3)], at="2027-01-01")
    assert [str(r["x"]) for r in found] == values


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = [{"k": 0, "ts": NOON, "x": 1.5}, {"k": 1, "ts": NOON, "x": None}]


@pytest.mark.parametrize(
    "again",
    [
        ROWS,
        ROWS[::-1],
        pd.DataFrame(ROWS),
        [{**r, "ts": NOON.replace(tzinfo=UTC)} for r in ROWS],
        [{"k": str(r["k"]), "ts": "2026-07-01T14:00:00+02:00", "x": r["x"]} for r in ROWS],
    ],
)
def test_a_token_is_known_again_by_the_rows_it_came_with(again: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("DOUBLE")) as store:
        store.push("ev", ROWS, token="a")
        assert store.push("ev", again, token="a").replayed_batch
        assert store.get("v", [{"k": 0}], at="2027-01-01")[0]["n"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 1.25}, "whose rows have other values"),
        ({"x": None}, "whose rows have other values"),
        ({"k": 2}, "whose rows have other values"),
        ({"ts": NOON + timedelta(microseconds=1)}, "whose rows have other values"),
        (None, "with 2 rows; this one has 1"),
    ],
)
def test_a_token_that_comes_with_other_rows_is_refused(change: Any, words: str, tmp_path: Path) -> None:
    other = ROWS[:1] if change is None else [{**ROWS[0], **change}, ROWS[1]]
    with OnlineStore(tmp_path / "o.db", kept_in("DOUBLE")) as store:
        store.push("ev", ROWS, token="a")
        with pytest.raises(FeatcError, match=words) as refused:
            store.push("ev", other, token="a")
        assert refused.value.code == "F613"
        assert store.push("ev", other, token="b").accepted == len(other)


# ── what a request brings ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [None, float("nan"), Decimal("NaN"), np.float64("nan"), pd.NA, pd.NaT])
def test_a_request_whose_key_is_null_or_nan_is_of_an_unknown_entity(key: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store:
        store.push("ev", [{"k": 0, "ts": NOON, "x": 1}])
        assert store.get("v", [{"k": key}], at="2027-01-01") == [{"x": None, "ts": None, "n": 0}]


def test_a_date_is_an_instant_and_a_boolean_is_none(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store:
        store.push("ev", [{"k": 0, "ts": datetime(2026, 1, 1), "x": 1}])
        assert [store.get("v", [{"k": 0}], at=date(2026, 1, d))[0]["n"] for d in (1, 2)] == [0, 1]
        with pytest.raises(FeatcError, match="F632"):
            store.get("v", [{"k": 0}], at=True)


@pytest.mark.parametrize("rows", [None, 5, object()])
def test_what_holds_no_rows_is_refused_in_our_words(rows: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store, pytest.raises(FeatcError) as caught:
        store.push("ev", rows)
    (finding,) = caught.value.diagnostics
    assert finding.code == "F615" and "which holds no rows" in finding.message
    assert finding.hint is not None and "a list of dicts" in finding.hint


@pytest.mark.parametrize("form", ["dicts", "text", "arrow"])
def test_all_columns_that_do_not_fit_are_told_with_their_first_rows(form: str, tmp_path: Path) -> None:
    rows: Any = [{"k": 1, "ts": datetime(2026, 1, 1), "x": 1}] * 2
    rows += [{"k": 1.5, "ts": datetime(2026, 1, 1), "x": 1}, {"k": 2.5, "ts": datetime(2026, 1, 1), "x": 7.25}]
    if form == "text":
        rows = [{**r, "x": str(r["x"])} for r in rows]
    elif form == "arrow":
        rows = pa.table({n: [r[n] for r in rows] for n in rows[0]})
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store, pytest.raises(FeatcError) as caught:
        store.push("ev", rows)
    told = [(d.code, d.message.partition(", and it cannot")[0]) for d in caught.value.diagnostics]
    assert told == [("F612", "row 3: ev.k is BIGINT"), ("F612", "row 4: ev.x is BIGINT")]


def test_a_stream_that_can_be_read_once_names_its_first_value_that_does_not_fit(tmp_path: Path) -> None:
    rows = pa.table({"k": [1, 1.5], "ts": [datetime(2026, 1, 1)] * 2, "x": [1, 2]}).to_reader()
    with OnlineStore(tmp_path / "o.db", kept_in("BIGINT")) as store, pytest.raises(FeatcError) as caught:
        store.push("ev", rows)
    assert str(caught.value).startswith("error F612: ev.k is BIGINT, and it cannot hold 1.5")
