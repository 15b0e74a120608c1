"""`featc status`: what it says of a store in every state, and that looking changes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from featc.cli.standing import _ago
from tiny_project import write_project

Featc = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


@pytest.fixture
def featc(project: Path, monkeypatch: pytest.MonkeyPatch) -> Featc:
    monkeypatch.chdir(project)
    return lambda *arguments, **more: CliRunner().invoke(cli, arguments, **more)


def standing(featc: Featc, *more: str) -> Any:
    done = featc("status", "--format", "json", *more)
    assert done.exit_code in (0, 3), done.output
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def certify(project: Path, **changes: Any) -> None:
    """A certificate as `featc verify` writes it, for what the manifest says now."""
    import duckdb

    features = json.loads((project / "target/manifest.json").read_text())["features"]
    made = {
        "training": {"version": duckdb.__version__},
        "online": {"version": sqlite3.sqlite_version},
        "exit_code": 0,
        "features": {n: {"fingerprint": f["fingerprint"], "status": "proven"} for n, f in features.items()},
    }
    (project / "target/certificate.json").write_text(json.dumps(made | changes))


def test_without_a_store_nothing_is_known_and_nothing_is_made(featc: Featc, project: Path) -> None:
    before = files(project)
    done = featc("status")
    assert done.exit_code == 0, done.output
    assert "online store .featc/online.db: nothing was pushed yet" in done.stdout
    found = standing(featc)
    assert found["store"]["bytes"] is None and found["store"]["readable"]
    assert found["sources"]["orders"]["watermark"] is None
    assert found["views"]["user_orders"]["history"] == "absent"
    assert found["services"]["checkout"]["verified"] == "never"
    assert files(project) == before


def test_a_view_of_a_source_without_rows_is_empty_until_rows_come(featc: Featc, project: Path) -> None:
    (project / "none.csv").write_text("order_id,user_id,ordered_at,loaded_at\n9,2,,2026-01-01\n")
    assert featc("push", "orders", "none.csv").exit_code == 0
    assert standing(featc)["views"]["user_orders"]["history"] == "empty"
    nothing = "nothing of orders was pushed or materialized yet"
    assert all(nothing in featc("get", "small", "--key", "user_id=7").stderr for _ in range(2))
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    assert standing(featc)["views"]["user_orders"]["history"] == "complete"
    assert nothing not in featc("get", "small", "--key", "user_id=7").stderr


def test_a_push_moves_the_watermark_to_its_newest_arrival(featc: Featc) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    source = standing(featc)["sources"]["orders"]
    assert source["watermark"] == "2026-01-04T00:00:00Z"
    assert (source["accepted"], source["duplicates"], source["batches"]) == (5, 0, 1)
    assert source["lag_seconds"] > 0 and source["rejected"] == {}
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    assert standing(featc)["sources"]["orders"]["duplicates"] == 5


def test_rejected_rows_are_counted_by_reason(featc: Featc, project: Path) -> None:
    rows = "9,2,,2026-01-01\n8,1,,2026-01-01\n7,1,2026-01-01,\n"
    (project / "bad.csv").write_text(f"order_id,user_id,ordered_at,loaded_at\n{rows}")
    assert featc("push", "orders", "bad.csv").exit_code == 0
    rejected = standing(featc)["sources"]["orders"]["rejected"]
    assert rejected == {"time is NULL": 2, "available_at is NULL": 1}, rejected
    stale = standing(featc, "--check")["stale"]
    assert [s["name"] for s in stale if "rejected" in s["reason"]] == ["orders", "orders"]
    assert not [s for s in standing(featc, "--check", "--rejected-within", "0s")["stale"] if "rejected" in s["reason"]]


def test_looking_leaves_no_file_and_no_change(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    before = files(project)
    standing(featc)
    assert files(project) == before
    folder = project / ".featc"
    (folder / "online.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        assert standing(featc)["sources"]["orders"]["accepted"] == 5
    finally:
        folder.chmod(0o700)


def test_a_writer_does_not_hide_the_store(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    writer = sqlite3.connect(project / ".featc/online.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("UPDATE featc_sources SET accepted = 99")
    assert standing(featc)["sources"]["orders"]["accepted"] == 5
    writer.execute("COMMIT")
    assert standing(featc)["sources"]["orders"]["accepted"] == 99, "what lies in the log counts"
    writer.close()


def test_a_store_that_lets_nobody_in_is_told_apart(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    holder = sqlite3.connect(project / ".featc/online.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("UPDATE featc_sources SET accepted = 99")
    done = featc("status")
    holder.close()
    assert done.exit_code == 4 and "F901" in done.stderr
    assert "checkout" in done.stdout, "what is known without the store is said"


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 10, b""])
def test_a_file_that_is_no_store(featc: Featc, project: Path, content: bytes) -> None:
    (project / ".featc").mkdir()
    (project / ".featc/online.db").write_bytes(content)
    done = featc("status")
    assert done.exit_code == (1 if content else 0), done.output
    assert ("F903" in done.stderr) is bool(content)


def test_a_view_defined_after_a_push_is_incomplete_until_pushed_anew(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    path = project / "features/orders.yaml"
    path.write_text(path.read_text().replace("status <> 'cancelled'", "status <> 'lost'"))
    assert standing(featc)["views"]["user_orders"]["history"] == "absent"
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    view = standing(featc)["views"]["user_orders"]
    assert (view["history"], view["missed"]) == ("incomplete", 5)
    assert "lacks 5 rows" in featc("status").stdout
    assert any(s["kind"] == "view" for s in standing(featc, "--check")["stale"])


def test_a_proof_holds_for_the_definitions_and_engines_it_was_made_with(featc: Featc, project: Path) -> None:
    assert featc("build").exit_code == 0
    certify(project)

    def verified() -> dict[str, str]:
        return {n: s["verified"] for n, s in standing(featc)["services"].items()}

    assert verified() == {"checkout": "proven", "small": "proven"}
    certify(project, online={"version": "3.0.0"})
    assert verified() == {"checkout": "moved", "small": "moved"}
    certify(project)
    path = project / "features/orders.yaml"
    path.write_text(path.read_text().replace("last(status)", "last(upper(status))"))
    assert verified() == {"checkout": "moved", "small": "proven"}
    assert standing(featc)["services"]["checkout"]["features"] == ["user_orders.last_status"]


def test_thin_and_differing_features_are_named(featc: Featc, project: Path) -> None:
    assert featc("build").exit_code == 0
    certify(project)
    path = project / "target/certificate.json"
    found = json.loads(path.read_text())
    found["features"]["user_orders.paid_1d"]["status"] = "unproven"
    path.write_text(json.dumps(found))
    assert standing(featc)["services"]["checkout"]["verified"] == "proven", "--allow-thin was given"
    path.write_text(json.dumps(found | {"exit_code": 3}))
    assert standing(featc)["services"]["checkout"]["verified"] == "thin"
    found["features"]["user_orders.spend_7d"]["status"] = "different"
    path.write_text(json.dumps(found))
    checked = standing(featc, "--check")
    assert checked["services"]["small"]["verified"] == "different"
    assert {(s["kind"], s["name"]) for s in checked["stale"]} >= {("service", "small"), ("service", "checkout")}


def test_check_says_what_is_stale_and_exits_3(featc: Featc, project: Path) -> None:
    done = featc("status", "--check", "-q")
    assert done.exit_code == 3
    assert "source orders: nothing of it was pushed" in done.stdout.splitlines()
    assert any(line.startswith("service checkout: never verified") for line in done.stdout.splitlines())
    assert featc("build").exit_code == 0
    certify(project)
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    done = featc("status", "--check")
    assert done.exit_code == 0 and done.stdout.endswith("nothing is stale\n")
    assert featc("status", "--check", "-q").stdout == ""
    late = featc("status", "--check", "-q", "--max-lag", "1h")
    assert late.exit_code == 3 and "behind, and 1h are allowed" in late.stdout
    assert featc("status", "--check", "--max-lag", "5200w").exit_code == 0


def test_a_length_that_is_none_is_a_usage_error(featc: Featc) -> None:
    done = featc("status", "--check", "--max-lag", "1 hour")
    assert done.exit_code == 2 and "F119" in done.stderr and "--max-lag" in done.stderr


def test_a_watermark_beyond_the_calendar_is_told_in_microseconds(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    with sqlite3.connect(project / ".featc/online.db") as store:
        store.execute("UPDATE featc_sources SET newest_arrival = 9000000000000000000")
    store.close()
    assert "9000000000000000000 µs" in featc("status").stdout
    assert standing(featc)["sources"]["orders"]["watermark"] == 9000000000000000000


def test_what_materialize_brings_is_seen(featc: Featc) -> None:
    assert featc("materialize").exit_code == 0
    source = standing(featc)["sources"]["orders"]
    assert (source["watermark"], source["accepted"]) == ("2026-01-04T00:00:00Z", 5)
    assert source["pushed_at"] is not None


def test_python_gives_the_same(project: Path) -> None:
    from featc import FeatureStore

    store = FeatureStore(project)
    assert [s.name for s in store.status().services] == ["checkout", "small"]


@pytest.mark.parametrize(
    ("us", "said"),
    [(0, "0s"), (59_999_999, "59s"), (3_600_000_000, "1h"), (90_061_000_000, "1d 1h"), (65_000_000, "1m 5s"),
     (-1, "ahead")],
)
def test_lengths_are_said_in_two_units(us: int, said: str) -> None:
    assert _ago(us) == said


def test_the_horizon_is_where_eviction_put_it(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    assert standing(featc)["sources"]["orders"]["horizon"] is None
    assert " the start " in featc("status").stdout
    (project / "featc.yaml").write_text(
        "version: 1\nproject: tiny\ntargets: {dev: {online: {path: .featc/online.db, replay: 12h}}}\n"
    )
    assert featc("evict").exit_code == 0
    assert standing(featc)["sources"]["orders"]["horizon"] == "2026-01-03T12:00:00Z"
    assert "  2026-01-03 12:00:00  " in featc("status").stdout


def tiles(featc: Featc) -> Any:
    return standing(featc)["database"]["tiles"]["user_orders"]


def test_backfilled_and_open_days_are_told_without_reading_rows(featc: Featc, project: Path) -> None:
    assert tiles(featc)["start"] is None and tiles(featc)["open_days"] == 0
    assert featc("backfill", "--end", "2026-01-02").exit_code == 0
    assert featc("backfill", "--start", "2026-01-03").exit_code == 0
    found = tiles(featc)
    assert found.pop("table").startswith("featc.user_orders__")
    assert found.pop("unchanged") in (True, False), "whether a file of this very moment counts is the clock's"
    assert found == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-04T00:00:00Z", "open_days": 1, "as_defined": True,
                     "stopped": False}  # fmt: skip
    stale = standing(featc, "--check")["stale"]
    assert {"kind": "view", "name": "user_orders", "reason": "1 day of its tiles is open: featc backfill"} in stale
    assert featc("backfill").exit_code == 0
    assert tiles(featc)["open_days"] == 0
    assert "user_orders  2026-01-01 … 2026-01-04          0" in featc("status").stdout


def test_a_state_that_is_new_opens_every_day_that_has_rows(featc: Featc, project: Path) -> None:
    assert featc("backfill").exit_code == 0
    path = project / "features/orders.yaml"
    path.write_text(path.read_text().replace("      spend:\n", "      largest: max(amount)\n      spend:\n"))
    assert tiles(featc)["open_days"] == 2, "nothing happened on 2 January"
    assert tiles(featc)["as_defined"] is False
    assert "its states as defined now are not backfilled" in featc("status").stdout
    assert "its states as defined now are not backfilled" in featc("explain", "user_orders.spend_7d").stdout
    assert featc("backfill").exit_code == 0
    assert tiles(featc)["open_days"] == 0


def test_a_backfill_that_runs_hides_the_tiles_and_nothing_else(featc: Featc, project: Path) -> None:
    assert featc("backfill").exit_code == 0
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    import duckdb

    with duckdb.connect(str(next((project / ".featc").glob("*.duckdb")))):
        done = featc("status", "--format", "json")
    assert done.exit_code == 4 and "F901" in done.stderr
    found = json.loads(done.stdout)
    assert found["database"]["readable"] is False and found["database"]["tiles"] == {}
    assert found["sources"]["orders"]["accepted"] == 5
