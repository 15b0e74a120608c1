"""The store's file: durability, other processes, damage, and histories that are not whole."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.resolve.model import Project, Window
from featc.runtime.online import OnlineStore
from featc.runtime.online.database import Database
from online.build import DAY, LIFETIME, last, project, source, view

COLUMNS = {"k": "BIGINT", "ts": "TIMESTAMP", "n": "BIGINT"}


def made(*aggregates: str, columns: dict[str, str] | None = None) -> Project:
    events = source("ev", columns or COLUMNS)
    shown = view(
        "v",
        events,
        {"k": ("{k}", "BIGINT")},
        {"n": ("{n}", "BIGINT")},
        {a: (a, ("n",), LIFETIME) for a in aggregates or ("count",)},
    )
    return project([events], [shown])


def event(k: Any = 1, ts: Any = "2026-01-01", n: Any = 5) -> dict[str, Any]:
    return {"k": k, "ts": ts, "n": n}


def count(store: OnlineStore) -> Any:
    return store.get("v", [{"k": 1}], at="2026-02-01")[0]["count"]


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_store_keeps_what_it_was_given_when_opened_again(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "deep" / "o.db", made()) as store:
        store.push("ev", [event()], token="b1")
    with OnlineStore(tmp_path / "deep" / "o.db", made()) as store:
        assert count(store) == 1
        assert store.push("ev", [event()], token="b1").replayed_batch


def test_reading_where_there_is_no_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FeatcError, match="featc push") as missing:
        OnlineStore(tmp_path / "o.db", made(), read_only=True)
    assert missing.value.code == "F601"


def test_a_read_only_store_reads_and_does_not_write(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store:
        store.push("ev", [event()])
        with OnlineStore(tmp_path / "o.db", made(), read_only=True) as reader:
            assert count(reader) == 1
            with pytest.raises(FeatcError, match="F90"):
                reader.push("ev", [event()])
            store.push("ev", [event()])
            assert count(reader) == 2


def test_a_damaged_file_is_reported_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(FeatcError) as damaged:
        OnlineStore(tmp_path / "o.db", made())
    assert damaged.value.code == "F903"


def test_a_locked_store_is_an_environment_error_that_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Database.__init__

    def impatient(self: Database, path: Path, root: Path | None = None, *, read_only: bool = False) -> None:
        before(self, path, root, read_only=read_only, busy_seconds=0.05)

    monkeypatch.setattr(Database, "__init__", impatient)
    with OnlineStore(tmp_path / "o.db", made()) as store:
        other = sqlite3.connect(tmp_path / "o.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FeatcError) as locked:
            store.push("ev", [event()])
        assert (locked.value.code, locked.value.exit_code) == ("F901", 4)
        assert count(store) == 0
        other.execute("ROLLBACK")
        store.push("ev", [event()])
        assert count(store) == 1


def test_a_store_of_another_format_or_engine_is_refused(tmp_path: Path) -> None:
    OnlineStore(tmp_path / "o.db", made()).close()
    raw = sqlite3.connect(tmp_path / "o.db")
    raw.execute("UPDATE featc_meta SET value = 'other' WHERE name = 'sort_key'")
    raw.commit()
    with pytest.raises(FeatcError, match="F604"):
        OnlineStore(tmp_path / "o.db", made())
    raw.execute("UPDATE featc_meta SET value = '0' WHERE name = 'format'")
    raw.commit()
    with pytest.raises(FeatcError, match="F602"):
        OnlineStore(tmp_path / "o.db", made())


def test_readers_in_other_processes_see_whole_batches_only(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    with OnlineStore(path, made()) as store:
        store.push("ev", [event()] * 10)
        table = store._views["v"].layout.events
        script = (
            "import sqlite3, sys\n"
            f"c = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
            "seen = set()\n"
            "while sys.stdin.read(1):\n"
            f"    seen.add(c.execute('SELECT count(*) FROM {table}').fetchone()[0])\n"
            "    print(max(seen), flush=True)\n"
            "print(sorted(n % 10 for n in seen)[-1], flush=True)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as reader:
            assert reader.stdin and reader.stdout
            for _ in range(15):
                reader.stdin.write("?")
                reader.stdin.flush()
                store.push("ev", [event()] * 10)
                reader.stdout.readline()
            reader.stdin.close()
            assert reader.stdout.read().strip() == "0"


def test_threads_may_share_a_store(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store:

        def work() -> None:
            for _ in range(5):
                store.push("ev", [event()])
                count(store)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count(store) == 20


# ── histories that are not whole ──────────────────────────────────────────────────────────────────────────────────


def test_a_view_changed_after_a_push_refuses_to_answer_from_half_a_history(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store:
        store.push("ev", [event()])
    with OnlineStore(tmp_path / "o.db", made("count", "sum")) as store:
        with OnlineStore(tmp_path / "o.db", made(), read_only=True) as before:
            assert count(before) == 1
        store.push("ev", [event()])
        with pytest.raises(FeatcError, match=r"'v' was added or changed after 1 row of ev came into") as incomplete:
            count(store)
        assert incomplete.value.code == "F603"
    with (  # which now misses the other half
        OnlineStore(tmp_path / "o.db", made(), read_only=True) as store,
        pytest.raises(FeatcError, match="F603"),
    ):
        count(store)


def test_a_definition_the_store_has_never_seen_is_refused_when_only_reading(tmp_path: Path) -> None:
    OnlineStore(tmp_path / "o.db", made()).close()
    with (
        OnlineStore(tmp_path / "o.db", made("sum"), read_only=True) as store,
        pytest.raises(FeatcError, match="F603"),
    ):
        store.get("v", [{"k": 1}])


def test_a_new_view_over_a_source_without_pushes_is_whole(tmp_path: Path) -> None:
    OnlineStore(tmp_path / "o.db", made()).close()
    with OnlineStore(tmp_path / "o.db", made("count", "sum")) as store:
        assert count(store) == 0


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_requests_are_answered_in_order_and_unknown_entities_are_empty(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made("count", "sum")) as store:
        store.push("ev", [event(1), event(2), event(2)])
        asked: list[dict[str, Any]] = [{"k": 2}, {"k": 9}, {"k": None}, {"k": "1"}, {"k": 2}]
        found = store.get("v", asked, at="2026-02-01")
    assert [f["count"] for f in found] == [2, 0, 0, 1, 2]
    assert [f["sum"] for f in found] == [10, None, None, 5, 10]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 1, 2),
        "2026-01-02",
        "2026-01-02T00:00:00Z",
        "2026-01-02T02:00:00+02:00",
        1_767_312_000_000_000,
        None,
    ],
)
def test_the_instant_may_be_given_in_any_form(at: Any, tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store:
        store.push(
            "ev", [event(ts=datetime(2000, 1, 1)), event(ts=datetime(2026, 1, 2)), event(ts=datetime(2999, 1, 1))]
        )
        found = store.get("v", [{"k": 1}], at=at)[0]["count"]
    assert found == (2 if at is None and datetime.now() > datetime(2026, 1, 2, 12) else 1)


@pytest.mark.parametrize(
    ("request_", "at", "code", "words"),
    [
        ({}, None, "F630", "lacks the key 'k'"),
        ({"k": 1, "kk": 2}, None, "F630", "did you mean 'k'"),
        ({"kk": 2}, None, "F630", "lacks the key 'k'"),
        ({"k": "one"}, None, "F631", "k is BIGINT"),
        ({"k": 1.5}, None, "F631", "k is BIGINT"),
        ({"k": 1}, "yesterday", "F632", "'yesterday' is not an instant"),
        ({"k": 1}, 2**62, "F632", "is not an instant"),
    ],
)
def test_a_request_that_cannot_be_answered_is_usage(
    request_: dict[str, Any], at: Any, code: str, words: str, tmp_path: Path
) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store, pytest.raises(FeatcError) as refused:
        store.get("v", [request_], at=at)
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert words in str(refused.value)


def test_an_unknown_service_is_named_with_the_nearest(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store, pytest.raises(FeatcError, match="did you mean"):
        store.get("vv", [{"k": 1}])


def test_a_sum_beyond_bigint_names_feature_entity_and_instant(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made("sum", "avg")) as store:
        store.push("ev", [event(n=2**63 - 1), event(n=1)])
        with pytest.raises(FeatcError) as beyond:
            store.get("v", [{"k": 1}], at="2026-02-01")
        assert beyond.value.code == "F421"
        assert "v.sum has no value it can give for k = 1 at 2026-02-01 00:00:00" in str(beyond.value)
        store.push("ev", [event(n=-1)])
        found = store.get("v", [{"k": 1}], at="2026-02-01")[0]
    assert found == {"sum": 2**63 - 1, "avg": pytest.approx((2**63 - 1) / 3)}


@pytest.mark.parametrize(
    ("type_", "value", "other"),
    [
        ("VARCHAR", "1' OR '1'='1", "1"),
        ("VARCHAR", "a\0b", "a"),
        ("DATE", date(2026, 1, 1), date(2026, 1, 2)),
        ("TIMESTAMP", datetime(2026, 1, 1, 0, 0, 0, 1), datetime(2026, 1, 1)),
        ("DECIMAL(12,2)", Decimal("1.10"), Decimal("1.11")),
        ("HUGEINT", 2**80, 2**80 + 1),
        ("BOOLEAN", True, False),
    ],
)
def test_keys_of_every_type_find_their_rows_only(type_: str, value: Any, other: Any, tmp_path: Path) -> None:
    events = source("ev", {"k": type_, "ts": "TIMESTAMP"})
    shown = view("v", events, {"k": ("{k}", type_)}, {}, {"n": ("count_rows", (), LIFETIME)})
    with OnlineStore(tmp_path / "o.db", project([events], [shown])) as store:
        store.push("ev", [{"k": value, "ts": "2026-01-01"}])
        assert store.get("v", [{"k": value}, {"k": other}], at="2026-02-01") == [{"n": 1}, {"n": 0}]


def test_composite_keys_are_never_glued(tmp_path: Path) -> None:
    events = source("ev", {"a": "VARCHAR", "b": "VARCHAR", "ts": "TIMESTAMP"})
    keys = {"a": ("{a}", "VARCHAR"), "b": ("{b}", "VARCHAR")}
    shown = view("v", events, keys, {}, {"n": ("count_rows", (), LIFETIME)})
    with OnlineStore(tmp_path / "o.db", project([events], [shown])) as store:
        store.push("ev", [{"a": "1", "b": "23", "ts": "2026-01-01"}])
        asked = [{"a": "1", "b": "23"}, {"a": "12", "b": "3"}, {"b": "23", "a": "1"}, {"a": "1", "b": None}]
        assert [f["n"] for f in store.get("v", asked, at="2026-02-01")] == [1, 0, 1, 0]


def test_a_global_view_has_no_keys_and_takes_every_row(tmp_path: Path) -> None:
    events = source("ev", COLUMNS)
    shown = view(
        "v",
        events,
        {},
        {"n": ("{n}", "BIGINT")},
        {"total": ("sum", ("n",), last(30 * DAY)), "seen": ("count_distinct", ("n",), LIFETIME)},
    )
    with OnlineStore(tmp_path / "o.db", project([events], [shown])) as store:
        store.push("ev", [event(1), event(2), event(None), event(1, ts="2026-01-20")])
        assert store.get("v", [{}], at="2026-01-25") == [{"total": 20, "seen": 1}]


# ── state and derived ─────────────────────────────────────────────────────────────────────────────────────────────


def plans(**options: Any) -> Project:
    states = source(
        "plans",
        {"k": "BIGINT", "ts": "TIMESTAMP", "plan": "VARCHAR", "gone": "BOOLEAN", "until": "TIMESTAMP"},
        kind="state",
        **options.pop("source", {}),
    )
    shown = view(
        "v",
        states,
        {"k": ("{k}", "BIGINT")},
        {},
        {},
        state_columns=["plan"],
        derived={"is_pro": ("{state:plan} = 'pro'", "BOOLEAN", "false")},
        **options,
    )
    return project([states], [shown])


def test_a_state_holds_until_the_next_one_its_end_a_tombstone_or_its_ttl(tmp_path: Path) -> None:
    made_ = plans(source={"deleted": "{gone}", "valid_to": "until"}, ttl=10 * DAY)
    with OnlineStore(tmp_path / "o.db", made_) as store:
        store.push(
            "plans",
            [
                {"k": 1, "ts": "2026-01-05", "plan": "pro", "gone": None, "until": None},
                {"k": 1, "ts": "2026-01-01", "plan": "free", "gone": None, "until": None},
                {"k": 2, "ts": "2026-01-01", "plan": "pro", "gone": None, "until": "2026-01-03"},
                {"k": 3, "ts": "2026-01-01", "plan": "pro", "gone": None, "until": None},
                {"k": 3, "ts": "2026-01-02", "plan": None, "gone": True, "until": None},
            ],
        )

        def at(k: int, day: datetime) -> Any:
            return store.get("v", [{"k": k}], at=day)[0]["plan"]

        second = timedelta(microseconds=1)
        assert at(1, datetime(2026, 1, 1)) is None
        assert at(1, datetime(2026, 1, 1) + second) == "free"
        assert at(1, datetime(2026, 1, 5)) == "free"
        assert at(1, datetime(2026, 1, 5) + second) == "pro"
        assert at(1, datetime(2026, 1, 15)) == "pro"
        assert at(1, datetime(2026, 1, 15) + second) is None
        assert at(2, datetime(2026, 1, 3)) == "pro"
        assert at(2, datetime(2026, 1, 3) + second) is None
        assert at(3, datetime(2026, 1, 2)) == "pro"
        assert at(3, datetime(2026, 1, 2) + second) is None
        assert store.get("v", [{"k": 1}, {"k": 9}], at="2026-01-06") == [
            {"plan": "pro", "is_pro": True},
            {"plan": None, "is_pro": False},
        ]


def test_where_is_tested_on_the_newest_state_and_nothing_older_resurfaces(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", plans(where="{plan} <> 'hidden'")) as store:
        base = {"k": 1, "gone": None, "until": None}
        store.push(
            "plans", [{**base, "ts": "2026-01-01", "plan": "pro"}, {**base, "ts": "2026-01-02", "plan": "hidden"}]
        )
        assert store.get("v", [{"k": 1}], at="2026-01-03")[0]["plan"] is None
        assert store.get("v", [{"k": 1}], at="2026-01-02")[0]["plan"] == "pro"


def test_derived_features_run_in_closures_and_in_duckdb_and_see_defaults(tmp_path: Path) -> None:
    events = source("ev", COLUMNS)
    shown = view(
        "v",
        events,
        {"k": ("{k}", "BIGINT")},
        {"n": ("{n}", "BIGINT")},
        {"total": ("sum", ("n",), LIFETIME)},
        derived={
            "safe": ("{agg:total}", "BIGINT", "7"),
            "twice": ("{feature:v.safe} * {request:factor}", "BIGINT", None),
            "shown": ("printf('%d for %s', {feature:v.safe}, {request:name})", "VARCHAR", None),
            "loud": ("upper({feature:v.shown}) || {key:k}", "VARCHAR", "'none'"),
            "same": ("{feature:v.loud}", "VARCHAR", None),
            "age": ("epoch_us({as_of:} - TIMESTAMP '2026-01-01') // 1000000", "BIGINT", None),
        },
        request={"factor": "BIGINT", "name": "VARCHAR"},
    )
    with OnlineStore(tmp_path / "o.db", project([events], [shown])) as store:
        store.push("ev", [event(n=5)])
        asked = [{"k": 1, "factor": 2, "name": "ann"}, {"k": 2, "factor": None, "name": None}]
        found = store.get("v", asked, at="2026-01-02")
    assert found[0] == {
        "total": 5,
        "safe": 5,
        "twice": 10,
        "shown": "5 for ann",
        "loud": "5 FOR ANN1",
        "same": "5 FOR ANN1",
        "age": 86400,
    }
    assert found[1]["safe"] == 7 and found[1]["twice"] is None and found[1]["age"] == 86400


def test_a_derived_expression_that_fails_is_an_error_that_names_it(tmp_path: Path) -> None:
    events = source("ev", COLUMNS)
    shown = view(
        "v",
        events,
        {"k": ("{k}", "BIGINT")},
        {},
        {"n": ("count_rows", (), Window("r", rows=1))},
        derived={"bad": ("('x' || {agg:n})::BIGINT", "BIGINT", None)},
    )
    with (
        OnlineStore(tmp_path / "o.db", project([events], [shown])) as store,
        pytest.raises(FeatcError, match=r"v\.bad") as failed,
    ):
        store.get("v", [{"k": 1}])
    assert failed.value.code == "F621"


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "o.db")
    other.execute("CREATE TABLE things (a INTEGER)")
    other.close()
    before = (tmp_path / "o.db").read_bytes()
    for read_only in (True, False):
        with pytest.raises(FeatcError, match="F602"):
            OnlineStore(tmp_path / "o.db", made(), read_only=read_only)
    assert (tmp_path / "o.db").read_bytes() == before


def test_a_store_with_a_table_missing_is_damaged(tmp_path: Path) -> None:
    with OnlineStore(tmp_path / "o.db", made()) as store:
        store.push("ev", [event()])
        store._database.connection.execute("DROP TABLE featc_batches")
        with pytest.raises(FeatcError) as damaged:
            store.push("ev", [event()])
        assert (damaged.value.code, damaged.value.exit_code) == ("F903", 1)
        assert count(store) == 1


@pytest.mark.slow
def test_processes_may_make_and_fill_a_store_at_once(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from featc.runtime.online import OnlineStore\n"
        "from online.test_store import event, made\n"
        f"with OnlineStore(Path({str(tmp_path)!r}) / 'o.db', made()) as store:\n"
        "    for n in range(5):\n"
        "        store.push('ev', [event()], token=f'{sys.argv[1]}-{n}')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [subprocess.Popen([sys.executable, "-c", script, str(n)], env=environment) for n in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    with OnlineStore(tmp_path / "o.db", made()) as store:
        assert count(store) == 15
