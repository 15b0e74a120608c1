"""What a push accepts, refuses, counts and keeps."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featc.errors import FeatcError
from featc.resolve.model import Project
from featc.runtime.online import OnlineStore
from online.build import DAY, LIFETIME, last, project, source, view

COLUMNS = {
    "order_id": "BIGINT",
    "user_id": "INTEGER",
    "ts": "TIMESTAMP",
    "amount": "DECIMAL(12,2)",
    "status": "VARCHAR",
    "op": "VARCHAR",
}


def orders(*, id: bool = True, **options: Any) -> Project:
    made = source("orders", COLUMNS, id=["order_id"] if id else [], deleted="{op} = 'D'" if id else None, **options)
    slots: Any = {"amount": ("{amount}", "DECIMAL(12,2)"), "status": ("{status}", "VARCHAR")}
    shown = view(
        "spend",
        made,
        {"user_id": ("{user_id}", "INTEGER")},
        slots,
        {
            "orders": ("count_rows", (), LIFETIME),
            "total": ("sum", ("amount",), LIFETIME),
            "last_status": ("last", ("status",), last(7 * DAY)),
        },
    )
    return project([made], [shown])


def row(
    order_id: Any = 1,
    user_id: Any = 7,
    ts: Any = "2026-01-01 10:00:00",
    amount: Any = "10.50",
    status: Any = "paid",
    op: Any = "U",
) -> dict[str, Any]:
    return {"order_id": order_id, "user_id": user_id, "ts": ts, "amount": amount, "status": status, "op": op}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with OnlineStore(tmp_path / "o.db", orders()) as opened:
        yield opened


def answer(store: OnlineStore, user: int = 7) -> dict[str, Any]:
    return store.get("spend", [{"user_id": user}], at="2026-02-01")[0]


def kept(store: OnlineStore, table: str) -> list[Any]:
    return store._database.connection.execute(f"SELECT * FROM {table}").fetchall()


TABLE = pa.table(
    {
        "order_id": [1, 2],
        "user_id": pa.array([7, 7], pa.int32()),
        "ts": pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2)], pa.timestamp("us")),
        "amount": pa.array([Decimal("1.10"), Decimal("2.20")], pa.decimal128(12, 2)),
        "status": ["new", "paid"],
        "op": ["U", "U"],
    }
)


def as_file(folder: Path, ending: str) -> Path:
    path = folder / f"batch{ending}"
    relation = duckdb.from_arrow(TABLE)
    if ending == ".parquet":
        relation.write_parquet(str(path))
    elif ending == ".csv":
        relation.write_csv(str(path))
    else:
        path.write_text(
            "\n".join(
                json.dumps({**r, "ts": str(r["ts"]), "amount": float(r["amount"])}) for r in TABLE.to_pylist()
            )
        )
    return path


@pytest.mark.parametrize(
    "form",
    [
        "arrow",
        "reader",
        "pandas",
        "pandas ns utc",
        "polars",
        "dicts",
        "columns",
        "relation",
        ".parquet",
        ".csv",
        ".json",
        ".jsonl",
    ],
)
def test_a_batch_may_come_in_any_form(form: str, store: OnlineStore, tmp_path: Path) -> None:
    frame = TABLE.to_pandas()
    forms: dict[str, Any] = {
        "arrow": TABLE,
        "reader": TABLE.to_reader(),
        "pandas": frame,
        "pandas ns utc": frame.assign(
            ts=frame["ts"].astype("datetime64[ns]").dt.tz_localize("UTC"), amount=[1.1, 2.2]
        ),
        "polars": pl.DataFrame(TABLE.to_pylist()),
        "dicts": TABLE.to_pylist(),
        "columns": TABLE.to_pydict(),
        "relation": duckdb.connect().from_arrow(TABLE),
    }
    report = store.push("orders", forms[form] if form in forms else as_file(tmp_path, form))
    assert (report.rows, report.accepted, report.rejected) == (2, 2, {})
    assert answer(store) == {"orders": 2, "total": Decimal("3.30"), "last_status": None}


@pytest.mark.parametrize("empty", [[], TABLE.slice(0, 0), pd.DataFrame(TABLE.to_pylist()).iloc[:0]])
def test_an_empty_batch_changes_nothing(empty: Any, store: OnlineStore) -> None:
    assert store.push("orders", empty).rows == 0
    assert answer(store)["orders"] == 0


def test_identical_versions_are_one_and_counted_as_duplicates(store: OnlineStore) -> None:
    assert store.push("orders", [row(), row()]).duplicates == 1
    report = store.push("orders", [row(), row(order_id=2)])
    assert (report.accepted, report.duplicates) == (1, 1)
    assert answer(store)["orders"] == 2


def test_rows_without_id_are_events_of_their_own(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", orders(id=False)) as store:
        store.push("orders", [row(), row()])
        store.push("orders", [row()])
        assert answer(store)["orders"] == 3


def test_a_batch_with_a_known_token_is_not_applied_again(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", orders(id=False)) as store:
        first = store.push("orders", [row(), row(user_id=None)], token="b1")
        again = store.push("orders", [row(), row(user_id=None)], token="b1")
        assert not first.replayed_batch and again.replayed_batch
        assert (again.accepted, again.rejected) == (first.accepted, first.rejected)
        assert answer(store)["orders"] == 1
        with pytest.raises(FeatcError, match="F613"):
            store.push("orders", [row()], token="b1")


def test_a_batch_of_deletions_needs_only_ids_and_instants_known(store: OnlineStore) -> None:
    store.push("orders", [row(), row(order_id=2)])
    store.push("orders", [{"order_id": 2, "ts": "2026-01-02", "op": "D"}])
    assert answer(store)["orders"] == 1


def test_rejected_rows_are_counted_by_reason_and_kept(store: OnlineStore) -> None:
    report = store.push(
        "orders",
        [row(), row(order_id=2, user_id=None), row(order_id=3, ts=None), row(order_id=None, ts=None, op="D")],
    )
    assert report.rejected == {"spend: key user_id is NULL": 1, "time is NULL": 1, "a deletion without id": 1}
    found = kept(store, "featc_rejected")
    assert [(place, reason) for _, place, _, reason, _ in found] == [
        (1, "spend: key user_id is NULL"),
        (2, "time is NULL"),
        (3, "a deletion without id"),
    ]
    assert json.loads(found[0][4])["order_id"] == 2


def test_strict_refuses_the_whole_batch(store: OnlineStore) -> None:
    with pytest.raises(FeatcError, match=r"1 of 2 rows .*key user_id is NULL") as refused:
        store.push("orders", [row(), row(order_id=2, user_id=None)], strict=True)
    assert refused.value.code == "F614"
    assert answer(store)["orders"] == 0
    assert kept(store, "featc_batches") == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"amout": 1}, "F610", "rename it to 'amount'"),
        ({"user_id": "seven"}, "F612", "orders.user_id is INTEGER, and it cannot hold seven"),
        ({"user_id": "3.7"}, "F612", "it cannot hold 3.7"),
        ({"user_id": 3.7}, "F612", "it cannot hold 3.7"),
        ({"user_id": 2**40}, "F612", "it cannot hold 1099511627776"),
        ({"amount": 1.005}, "F612", "orders.amount"),
        ({"amount": "1.005"}, "F612", "it cannot hold 1.005"),
        ({"amount": Decimal("1.005")}, "F612", "it cannot hold 1.005"),
        ({"amount": Decimal(10) ** 11}, "F612", "orders.amount"),
        ({"status": 5}, "F612", "orders.status is VARCHAR, and the batch has INTEGER"),
        ({"ts": "soon"}, "F612", "it cannot hold soon"),
        ({"ts": 1_767_225_600}, "F612", "orders.ts is TIMESTAMP, and the batch has"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_whole(
    change: dict[str, Any], code: str, words: str, store: OnlineStore
) -> None:
    given = {**row(order_id=2), **change}
    if "amout" in change:
        del given["amount"]
    with pytest.raises(FeatcError) as refused:
        store.push("orders", [given])
    assert refused.value.code == code
    assert words in str(refused.value)
    assert answer(store)["orders"] == 0
    assert kept(store, "featc_batches") == []


def test_mixed_text_and_numbers_in_a_column_are_refused(store: OnlineStore) -> None:
    with pytest.raises(FeatcError, match=r"orders.status has both text and int"):
        store.push("orders", [row(), row(status=5)])


def test_needed_columns_may_not_be_missing_and_others_are_null(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", orders(id=False)) as store:
        with pytest.raises(FeatcError, match="lacks the column 'ts'"):
            store.push("orders", [{"user_id": 7}])
        with pytest.raises(FeatcError, match="lacks the column 'user_id'"):
            store.push("orders", [{"ts": "2026-01-01"}])
        store.push("orders", [{"ts": "2026-01-01", "user_id": 7}])
        assert answer(store) == {"orders": 1, "total": None, "last_status": None}


def test_an_unknown_source_is_named_with_the_nearest(store: OnlineStore) -> None:
    with pytest.raises(FeatcError, match="did you mean 'orders'"):
        store.push("order", [row()])


def test_a_missing_or_broken_file_is_an_error_of_featc(store: OnlineStore, tmp_path: Path) -> None:
    with pytest.raises(FeatcError, match="F615"):
        store.push("orders", tmp_path / "none.csv")
    (tmp_path / "broken.parquet").write_text("no parquet")
    with pytest.raises(FeatcError, match="F615"):
        store.push("orders", tmp_path / "broken.parquet")
    with pytest.raises(FeatcError, match="F615"):
        store.push("orders", 42)


def test_a_value_that_makes_an_expression_fail_leaves_nothing_behind(tmp_path: Path) -> None:
    made = source("orders", COLUMNS)
    bad = view(
        "bad",
        made,
        {"user_id": ("{user_id}", "INTEGER")},
        {"n": ("{status}::INTEGER", "INTEGER")},
        {"total": ("sum", ("n",), LIFETIME)},
    )
    with OnlineStore(tmp_path / "o.db", project([made], [bad])) as store:
        with pytest.raises(FeatcError) as refused:
            store.push("orders", [row(status="5"), row(status="x")])
        assert refused.value.code == "F620"
        assert kept(store, "featc_batches") == []
        assert store.get("bad", [{"user_id": 7}], at="2026-02-01") == [{"total": None}]


@pytest.mark.parametrize(
    ("physical", "zone", "value", "micros"),
    [
        ("TIMESTAMP", None, "2026-07-01T10:00:00Z", 0),
        ("TIMESTAMP", None, "2026-07-01T12:00:00+02:00", 0),
        ("TIMESTAMP", None, datetime(2026, 7, 1, 10, tzinfo=UTC), 0),
        ("TIMESTAMP", "Europe/Berlin", "2026-07-01T12:00:00", 0),
        ("TIMESTAMP", "Europe/Berlin", "2026-07-01T10:00:00Z", 0),
        ("TIMESTAMP", "Europe/Berlin", "2026-07-01", -12 * 3_600_000_000),
        ("TIMESTAMP", "Europe/Berlin", datetime(2026, 7, 1, 10, tzinfo=UTC), 0),
        ("TIMESTAMP WITH TIME ZONE", None, datetime(2026, 7, 1, 10), 0),
        ("TIMESTAMP WITH TIME ZONE", None, datetime(2026, 7, 1, 10, tzinfo=UTC), 0),
        ("TIMESTAMP WITH TIME ZONE", None, "2026-07-01 12:00:00+02", 0),
        ("TIMESTAMP_NS", None, datetime(2026, 7, 1, 10), 0),
        ("DATE", None, date(2026, 7, 1), -10 * 3_600_000_000),
    ],
)
def test_instants_mean_the_same_however_they_come(
    physical: str, zone: str | None, value: Any, micros: int, tmp_path: Path
) -> None:
    made = source(
        "orders",
        {**COLUMNS, "ts": "DATE" if physical == "DATE" else "TIMESTAMP"},
        physical={"ts": physical},
        timezone=zone,
    )
    slots: Any = {"ts": ("epoch_us({ts}::TIMESTAMP)", "BIGINT")}
    shown = view("v", made, {"user_id": ("{user_id}", "INTEGER")}, slots, {"at": ("last", ("ts",), LIFETIME)})
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("orders", [row(ts=value)])
        assert store.get("v", [{"user_id": 7}], at="2027-01-01") == [{"at": 1_782_900_000_000_000 + micros}]


def test_nanoseconds_are_floored_also_before_1970(tmp_path: Path) -> None:
    made = source("orders", COLUMNS)
    shown = view(
        "v",
        made,
        {"user_id": ("{user_id}", "INTEGER")},
        {"ts": ("{ts}", "TIMESTAMP")},
        {"at": ("last", ("ts",), LIFETIME)},
    )
    table = pa.table({"user_id": [7], "ts": pa.array([-1], pa.timestamp("ns"))})
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("orders", table)
        assert store.get("v", [{"user_id": 7}], at="2026-01-01") == [
            {"at": datetime(1969, 12, 31, 23, 59, 59, 999999)}
        ]


@pytest.mark.parametrize("id", [True, False])
def test_a_large_batch_is_taken_in_slices_and_still_whole(
    id: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [
        row(order_id=n % 20, ts=f"2026-01-{1 + n % 25:02}", amount=n, user_id=None if n == 30 else 7)
        for n in range(47)
    ]
    answers = []
    for large in (5, 1000):
        monkeypatch.setattr("featc.runtime.online.taking._LARGE", large)
        with OnlineStore(tmp_path / f"{large}.db", orders(id=id)) as store:
            report = store.push("orders", given, token="t")
            assert store.push("orders", given, token="t").replayed_batch
            rejected = [(place, reason) for _, place, _, reason, _ in kept(store, "featc_rejected")]
            answers.append((report, rejected, answer(store)))
            with pytest.raises(FeatcError, match="F612"):
                store.push("orders", [*given, row(user_id="x")])
            with pytest.raises(FeatcError, match="F614"):
                store.push(
                    "orders", given if not id else [row(order_id=n, user_id=None) for n in range(99)], strict=True
                )
            assert answer(store) == answers[-1][2]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_nan_survives_a_file_whose_statistics_leave_it_out(form: str, tmp_path: Path) -> None:
    made = source("ev", {"k": "INTEGER", "ts": "TIMESTAMP", "x": "DOUBLE"})
    aggregations: Any = {a: (a, ("x",), LIFETIME) for a in ("sum", "max", "min", "last", "count")}
    shown = view(
        "v",
        made,
        {"k": ("{k}", "INTEGER")},
        {"x": ("{x}", "DOUBLE")},
        aggregations,
        where="NOT {x} > 1e6 OR isnan({x})",
    )
    table = pa.table(
        {
            "k": pa.array([1, 1, 2], pa.int32()),
            "ts": pa.array([datetime(2026, 1, n) for n in (1, 2, 3)], pa.timestamp("us")),
            "x": [1.0, float("nan"), 5.0],
        }
    )
    pq.write_table(table, tmp_path / "ev.parquet")
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("ev", table if form == "arrow" else tmp_path / "ev.parquet")
        found = store.get("v", [{"k": 1}], at="2026-02-01")[0]
    assert {name: str(value) for name, value in found.items()} == {
        "sum": "nan",
        "max": "nan",
        "min": "1.0",
        "last": "nan",
        "count": "2",
    }


HEADER = "order_id,user_id,ts,amount,status,op\n"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (HEADER + "1,7.5,2026-01-01,10,a,U\n", "F612", "orders.user_id is INTEGER, and it cannot hold 7.5"),
        (
            HEADER + "1,7,2026-01-01,10.005,a,U\n",
            "F612",
            "orders.amount is DECIMAL(12,2), and it cannot hold 10.005",
        ),
        (HEADER + "1,99999999999,2026-01-01,10,a,U\n", "F612", "it cannot hold 99999999999"),
        (HEADER + "1,7,soon,10,a,U\n", "F612", "orders.ts is TIMESTAMP, and it cannot hold soon"),
        (HEADER + "1,7,2026-01-01,10,a,U\n2,7\n", "F615", "Expected Number of Columns: 6 Found: 2"),
        (HEADER + "1,7,2026-01-01,10,a,U,x,y\n", "F615", "Expected Number of Columns: 6"),
        ("1,7,2026-01-01,10,a,U\n", "F611", "has none of its columns; it has: 1, 7, 2026-01-01"),
        (HEADER.replace("amount", "op"), "F615", "has the column 'op' twice"),
        ("", "F615", "a CSV starts with the names of its columns"),
        ("\n", "F615", "a CSV starts with the names of its columns"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused_and_never_guessed_at(
    text: str, code: str, words: str, store: OnlineStore, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(FeatcError) as refused:
        store.push("orders", tmp_path / "new.csv")
    assert refused.value.code == code
    assert words in str(refused.value)
    assert kept(store, "featc_batches") == []


@pytest.mark.parametrize(
    "change", [("", ""), (",", ";"), (",", "\t"), ("\n", "\r\n"), ("order_id", "\ufefforder_id")]
)
def test_csv_of_any_delimiter_and_line_end_is_read(
    change: tuple[str, str], store: OnlineStore, tmp_path: Path
) -> None:
    text = HEADER + '1,7,2026-01-01T00:00:00Z,10,"a ""b""",U\n2,7,2026-01-02,1.5,,U\n'
    (tmp_path / "new.csv").write_text(text.replace(*change) if change[0] else text, newline="")
    assert store.push("orders", tmp_path / "new.csv").accepted == 2
    assert store.get("spend", [{"user_id": 7}], at="2026-01-05") == [
        {"orders": 2, "total": Decimal("11.50"), "last_status": 'a "b"'}
    ]


def test_text_in_json_that_looks_like_a_date_stays_text(store: OnlineStore, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text(json.dumps([row(status="2026-01-01", ts="2026-01-01T02:00:00+02:00")]))
    store.push("orders", tmp_path / "new.json")
    found = store.get("spend", [{"user_id": 7}], at="2026-01-01T00:00:00.000001Z")[0]
    assert (found["orders"], found["last_status"]) == (1, "2026-01-01")
