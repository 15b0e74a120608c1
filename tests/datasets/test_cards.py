"""Cards: what they say, and sets made again from them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from datasets.conftest import SPINE, Featc
from featc import FeatcError, FeatureStore
from featc.runtime.training_set.card import read_card
from featc.runtime.training_set.content import content
from featc.runtime.training_set.nearness import is_near, nearness


def make(featc: Featc, out: str = "t.parquet", *more: str) -> dict[str, Any]:
    done = featc("checkout", "--spine", "spine.csv", "--out", out, *more)
    assert done.exit_code == 0, done.stderr
    return read_card(Path(out))


def add_order(project: Path) -> None:
    with (project / "data" / "orders.csv").open("a") as file:
        file.write("9,7,100.00,paid,U,2026-01-08 10:00:00,2026-01-08 10:05:00\n")


def test_a_card_says_what_the_set_was_made_of(featc: Featc, project: Path) -> None:
    card = make(featc)
    assert (card["service"], card["version"], card["project"]) == ("checkout", "v1", "tiny")
    assert card["spine"]["from"] == {"kind": "file", "value": "spine.csv"}
    assert (card["spine"]["rows"], card["spine"]["time"]) == (4, "as_of")
    orders = card["sources"]["orders"]
    assert (orders["rows"], orders["files"], orders["hash_of"]) == (5, 1, "contents")
    assert orders["bytes"] == (project / "data" / "orders.csv").stat().st_size
    assert (orders["first"], orders["last"]) == ("2026-01-01T10:00:00.000000Z", "2026-01-03T12:00:00.000000Z")
    assert orders["last_arrival"] == "2026-01-04T00:00:00.000000Z"
    assert {o["feature"] for o in card["outputs"]} >= {"user_orders.spend_7d", "basket.share"}
    assert set(card["versions"]) == {"featc", "duckdb", "sqlglot"}
    assert card["result"]["rows"] == 4


@pytest.mark.slow
def test_the_parquet_file_holds_the_same_card(featc: Featc, project: Path) -> None:
    make(featc)
    beside = json.loads((project / "t.parquet.featc.json").read_text())
    assert read_card(project / "t.parquet") == beside
    os.remove("t.parquet.featc.json")
    assert featc("--from", "t.parquet").exit_code == 0


@pytest.mark.slow
def test_only_the_instant_differs_between_two_runs(featc: Featc) -> None:
    one, other = make(featc, "a.parquet"), make(featc, "b.csv")
    assert one.pop("made_at").endswith("Z")
    other.pop("made_at")
    assert one == other


@pytest.mark.slow
def test_a_set_is_made_again_from_its_card_from_any_folder(
    featc: Featc, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(featc)
    monkeypatch.chdir(tmp_path)
    done = featc("--from", project / "t.parquet.featc.json", "--out", "again.csv", "-p", project)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("identical: 4 rows, hash ")
    assert read_card(Path("again.csv"))["result"] == read_card(project / "t.parquet")["result"]


def test_sql_and_lists_of_features_come_back_from_a_card(featc: Featc, project: Path) -> None:
    sql = "SELECT user_id, as_of FROM 'spine.csv' WHERE user_id = 7"
    done = featc("--features", "user_orders.spend_*", "--spine", sql, "--out", "t.csv")
    assert done.exit_code == 0, done.stderr
    card = read_card(project / "t.csv")
    assert (card["service"], card["features"]) == (None, ["user_orders.spend_*"])
    assert card["spine"]["from"] == {"kind": "sql", "value": sql}
    assert featc("--from", "t.csv").exit_code == 0


@pytest.mark.slow
def test_rows_that_came_are_told_and_end_with_code_3(featc: Featc, project: Path) -> None:
    make(featc)
    add_order(project)
    done = featc("--from", "t.parquet", "--format", "json")
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert (found["equal"], found["identical"]) == (False, False)
    assert found["differing"] == ["orders_7d", "spend_7d", "paid_7d", "share"]
    moved = {(m["kind"], m["name"], m["what"]): (m["before"], m["now"]) for m in found["moved"]}
    assert moved["source", "orders", "rows"] == (5, 6)
    assert moved["source", "orders", "last"][1] == "2026-01-08T10:00:00.000000Z"
    text = featc("--from", "t.parquet").stdout
    assert "different: the values of orders_7d, spend_7d, paid_7d, share" in text
    assert "source orders  rows 5 → 6" in text


def test_what_moved_without_effect_is_told_and_ends_with_code_0(featc: Featc, project: Path) -> None:
    make(featc)
    with (project / "data" / "orders.csv").open("a") as file:
        file.write("9,999,100.00,paid,U,2026-01-08 10:00:00,2026-01-08 10:05:00\n")
    done = featc("--from", "t.parquet")
    assert done.exit_code == 0
    assert done.stdout.startswith("identical: ")
    assert "rows 5 → 6" in done.stdout


def test_a_changed_definition_is_named(featc: Featc, project: Path) -> None:
    make(featc)
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("sum(amount)", "sum(amount + 1)"))
    done = featc("--from", "t.parquet")
    assert done.exit_code == 3
    named = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  feature")}
    assert named == {"spend_1d", "spend_7d", "share"}


def test_a_service_that_grew_still_makes_the_old_set(featc: Featc, project: Path) -> None:
    make(featc)
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("      paid: count", "      more: max(amount)\n      paid: count"))
    assert featc("--from", "t.parquet").exit_code == 0


def test_a_feature_that_is_gone_ends_with_code_3(featc: Featc, project: Path) -> None:
    make(featc)
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("      paid: count", "      payed: count"))
    done = featc("--from", "t.parquet")
    assert done.exit_code == 3
    assert "F527: the card's feature user_orders.paid_1d is no longer there" in done.stderr
    assert "did you mean 'user_orders.payed_1d'?" in done.stderr


@pytest.mark.slow
def test_another_spine_is_compared_by_content_not_by_format(featc: Featc, project: Path) -> None:
    make(featc)
    duckdb.sql("COPY (FROM 'spine.csv') TO 'same.parquet'")
    same = featc("--from", "t.parquet", "--spine", "same.parquet", "--format", "json")
    assert same.exit_code == 0
    assert json.loads(same.stdout)["moved"] == []
    duckdb.sql("COPY (FROM 'spine.csv' ORDER BY user_id DESC) TO 'other.parquet'")
    other = featc("--from", "t.parquet", "--spine", "other.parquet", "--format", "json")
    assert other.exit_code == 3
    assert [(m["kind"], m["what"]) for m in json.loads(other.stdout)["moved"]] == [("spine", "hash")]


def test_a_spine_from_standard_input_has_to_be_given_again(featc: Featc, project: Path) -> None:
    assert featc("checkout", "--spine", "-", "--out", "t.csv", input=SPINE).exit_code == 0
    done = featc("--from", "t.csv")
    assert done.exit_code == 2
    assert "F528" in done.stderr
    assert featc("--from", "t.csv", "--spine", "-", input=SPINE).exit_code == 0


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema": 1}', None])
def test_what_is_no_card_is_refused(text: str | None, featc: Featc, project: Path) -> None:
    if text is not None:
        (project / "c.json").write_text(text)
    done = featc("--from", "c.json")
    assert done.exit_code == 1
    assert "F523" in done.stderr


def test_a_card_of_another_schema_or_a_parquet_without_one_is_refused(featc: Featc, project: Path) -> None:
    card = make(featc)
    (project / "c.json").write_text(json.dumps(card | {"schema": 99}))
    assert "it is of schema 99" in featc("--from", "c.json").stderr
    duckdb.sql("COPY (SELECT 1 AS x) TO 'plain.parquet'")
    assert "F523" in featc("--from", "plain.parquet").stderr


def test_secrets_are_masked_in_cards(featc: Featc, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATC_SECRET_X", 'pass"word')
    path = project / "featc.yaml"
    target = "{dialect: duckdb, database: \"{{ env_var('FEATC_SECRET_X') }}.db\"}"
    path.write_text(f"{path.read_text()}targets:\n  dev: {target}\n")
    sql = "SELECT 7 AS user_id, TIMESTAMP '2026-01-05' AS as_of, 'pass\"word' AS s"
    done = featc("small", "--spine", sql, "--out", "t.parquet")
    assert done.exit_code == 0, done.stderr
    for text in ((project / "t.parquet.featc.json").read_text(), json.dumps(read_card(project / "t.parquet"))):
        assert "word" not in text
        assert "********" in text


def test_files_that_change_meanwhile_are_told(
    store: FeatureStore, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featc.runtime.training_set import output

    real = output.nearness

    def late(*arguments: Any) -> Any:
        add_order(project)
        return real(*arguments)

    monkeypatch.setattr(output, "nearness", late)
    written = store.get_historical_features("small", "spine.csv").save("t.csv")
    assert written.card["sources"]["orders"]["changed_meanwhile"] is True


# ── hashes ─────────────────────────────────────────────────────────────────────────────────────────────

VALUES = """
SELECT * FROM (VALUES
    (1, 'a', 1.50::DECIMAL(9,2), 0.1::DOUBLE, TIMESTAMP '2026-01-01 00:00:00', true),
    (2, ' ', NULL, 1e20, NULL, false),
    (NULL, 'x,"y', 100.00, 100.0, '1969-12-31 23:59:59.999999', NULL)
) t(i, s, d, x, ts, b)
"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("SET TimeZone = 'UTC'")
    return made


def test_a_hash_does_not_depend_on_the_format_or_on_threads(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    connection.execute(f"CREATE TABLE t AS SELECT v.*, range AS n FROM range(5000), ({VALUES}) v")
    one = content(connection, "t")
    for name in ("t.parquet", "t.csv", "t.json"):
        connection.execute(f"COPY t TO '{tmp_path}/{name}'")
        found = content(connection, f"'{tmp_path}/{name}'")
        typed = {c: h for c, h in found.columns.items() if (name, c) != ("t.json", "ts")}  # text to a JSON reader
        assert typed == {c: h for c, h in one.columns.items() if c in typed}, name
    connection.execute("SET threads = 1")
    assert content(connection, "t") == one


@pytest.mark.parametrize(
    "change",
    [
        "SELECT i, s, d, x, ts, b FROM t ORDER BY i DESC",
        "SELECT * REPLACE (coalesce(i, 3) AS i) FROM t",
        "SELECT * REPLACE (nullif(s, ' ') AS s) FROM t",
        "SELECT * REPLACE (x + 1e-10 AS x) FROM t",
        "SELECT * REPLACE (ts + INTERVAL 1 microsecond AS ts) FROM t",
        "SELECT * RENAME (i AS j) FROM t",
        "SELECT s, i, d, x, ts, b FROM t",
        "FROM t LIMIT 2",
        "FROM t UNION ALL FROM t",
    ],
)
def test_a_hash_sees_every_change(change: str, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE TABLE t AS {VALUES}")
    assert content(connection, f"({change})").whole != content(connection, "t").whole


def test_the_hash_is_the_same_in_every_version(connection: duckdb.DuckDBPyConnection) -> None:
    """Pinned: a card made today is compared with sets made years later."""
    assert content(connection, f"({VALUES})").whole == "9ef4515e7367dc905689c35872a012f4"


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ("x", True),
        ("x * (1 + 1e-14)", True),
        ("x * (1 + 1e-6)", False),
        ("CASE WHEN i = 77 THEN x + 1 ELSE x END", False),
        ("CASE WHEN i = 77 THEN NULL ELSE x END", False),
        ("CASE WHEN i = 3 THEN 'inf'::DOUBLE ELSE x END", False),
        ("CASE WHEN i = 1 THEN -x ELSE x END", False),
    ],
)
def test_columns_are_near_within_the_bound_of_sums(
    change: str, near: bool, connection: duckdb.DuckDBPyConnection
) -> None:
    odd = "CASE i WHEN 3 THEN 'nan'::DOUBLE WHEN 4 THEN NULL WHEN 5 THEN 'inf'::DOUBLE ELSE sin(i) * 100 END"
    connection.execute(f"CREATE TABLE t AS SELECT i, {odd} AS x FROM range(20000) r(i)")
    one, other = nearness(connection, "t", ["x"]), nearness(connection, f"(SELECT {change} AS x FROM t)", ["x"])
    assert is_near(json.loads(json.dumps(one["x"])), other["x"]) is near


@pytest.mark.parametrize(
    ("shape", "change", "near"),
    [
        ("[x, NULL, -x]", "[x * (1 + 1e-14), NULL, -x]", True),
        ("[x, NULL, -x]", "[x * (1 + 1e-6), NULL, -x]", False),
        ("[x, 1.0]", "[1.0, x]", False),
        ("[x]", "[x, 0.0]", False),
        ("[x, NULL]", "[x, 0.0]", False),
        ("[x]", "CASE WHEN i <> 77 THEN [x] END", False),
        ("[x, 'nan'::DOUBLE]", "[x, 'inf'::DOUBLE]", False),
        ("map(['a', 'b'], [x, 1.0])", "map(['a', 'b'], [x * (1 + 1e-14), 1.0])", True),
        ("map(['a', 'b'], [x, 1.0])", "map(['a', 'b'], [x, 1.0 + 1e-6])", False),
        ("map(['a'], [x])", "map(['b'], [x])", False),
        ("list_filter([x], lambda e: e > 0)", "list_filter([x], lambda e: e > 0)", True),
    ],
)
def test_lists_and_maps_of_doubles_are_near_too(
    shape: str, change: str, near: bool, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("CREATE TABLE t AS SELECT i, sin(i) * 100 AS x FROM range(2000) r(i)")
    one, other = (nearness(connection, f"(SELECT {s} AS x FROM t)", ["x"]) for s in (shape, change))
    assert is_near(json.loads(json.dumps(one["x"])), other["x"]) is near


def test_a_set_of_doubles_is_equal_although_threads_add_in_another_order(project: Path) -> None:
    definitions = project / "features" / "orders.yaml"
    definitions.write_text(definitions.read_text().replace("sum(amount)", "sum(amount::DOUBLE / 3)"))
    store = FeatureStore(project)
    store.get_historical_features("small", "spine.csv").write("t.parquet")
    card = read_card(project / "t.parquet")
    assert set(card["result"]["near"]) == {"recent"}
    card["result"]["hash"] = card["result"]["columns"]["recent"] = "as added in another order"
    from featc.runtime.training_set.again import card_of, compare, dataset_again

    found = compare(card, card_of(dataset_again(store, card)))
    assert (found.identical, found.equal, found.near, found.differing) == (False, True, ("recent",), ())


def test_errors_of_a_card_carry_their_code(project: Path) -> None:
    with pytest.raises(FeatcError) as refused:
        read_card(project / "nothing.json")
    assert refused.value.code == "F523"
