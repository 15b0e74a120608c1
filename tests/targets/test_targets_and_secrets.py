"""Targets have places of their own, and a secret of theirs is shown by nothing that the commands print or write."""

from __future__ import annotations

import json
import traceback
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from featc import FeatcError, FeatureStore
from featc.cli import cli
from featc.fingerprint import feature_fingerprint

DEFINITIONS = """\
entities: {user: user_id}
sources:
  orders: {table: orders, time: at}
feature_views:
  v:
    entity: user
    source: orders
    features: {n: count(*) over lifetime}
feature_services:
  s: {features: [v]}
"""
SECRET = "pä'ss\"w\\ord{1}"


def project(folder: Path, targets: str) -> Path:
    (folder / "features").mkdir(parents=True)
    (folder / "featc.yaml").write_text(f"version: 1\nproject: shop\ndefault_target: dev\ntargets:\n{targets}")
    (folder / "features" / "v.yaml").write_text(DEFINITIONS)
    return folder


def fill(path: Path, table: str, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        schema, _, _ = table.rpartition(".")
        if schema:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        rows_sql = "SELECT 1::bigint AS user_id, TIMESTAMP '2026-01-01' + to_hours(i::int) AS at"
        connection.execute(f"CREATE TABLE {table} AS {rows_sql} FROM range({rows}) t(i)")


def count(store: FeatureStore) -> int:
    (row,) = store.get_historical_features("s", "select 1::bigint as user_id, timestamp '2026-02-01' as as_of").rows()
    return int(row["n"])


def test_a_target_says_where_sources_lie_which_is_no_part_of_a_version(tmp_path: Path) -> None:
    project(tmp_path, "  dev: {database: dev.duckdb}\n"
                      "  prod: {database: prod.duckdb, sources: {orders: {table: sales.orders_v2}}}\n")
    fill(tmp_path / "dev.duckdb", "orders", 2)
    fill(tmp_path / "prod.duckdb", "sales.orders_v2", 5)
    dev, prod = FeatureStore(tmp_path), FeatureStore(tmp_path, target="prod")
    assert (count(dev), count(prod)) == (2, 5)
    assert feature_fingerprint(dev.project, "v", "n") == feature_fingerprint(prod.project, "v", "n")


def test_every_target_has_an_online_store_of_its_own(tmp_path: Path) -> None:
    project(tmp_path, "  dev: {database: dev.duckdb}\n  prod: {database: prod.duckdb}\n"
                      "  test: {database: test.duckdb, online: {path: elsewhere/t.db}}\n")
    for name in ("dev", "prod", "test"):
        fill(tmp_path / f"{name}.duckdb", "orders", 2)
    stores = {name: FeatureStore(tmp_path, target=name) for name in ("dev", "prod", "test")}
    places = {name: str(store.online_path.relative_to(tmp_path)) for name, store in stores.items()}
    assert places == {"dev": ".featc/online.db", "prod": ".featc/online.prod.db", "test": "elsewhere/t.db"}
    stores["dev"].push("orders", [{"user_id": 1, "at": "2026-01-01T00:00:00"}])
    asked = [{"user_id": 1}]
    assert [stores[n].get_online_features("s", asked, at="2026-02-01")[0]["n"] for n in stores] == [1, 0, 0]


def test_targets_name_databases_of_their_own_where_they_name_none(tmp_path: Path) -> None:
    project(tmp_path, "  dev: {}\n  prod: {}\n")
    fill(tmp_path / ".featc" / "shop.duckdb", "orders", 1)
    fill(tmp_path / ".featc" / "shop.prod.duckdb", "orders", 3)
    assert [count(FeatureStore(tmp_path, target=name)) for name in ("dev", "prod")] == [1, 3]


def secretive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose target has a secret wherever one can stand."""
    monkeypatch.setenv("FEATC_SECRET_PLACE", SECRET)
    return project(
        folder,
        "  dev:\n    database: \"{{ env_var('FEATC_SECRET_PLACE') }}.duckdb\"\n"
        "    online: {path: \"on/{{ env_var('FEATC_SECRET_PLACE') }}.db\"}\n"
        "    sources: {orders: {path: \"data/{{ env_var('FEATC_SECRET_PLACE') }}.parquet\"}}\n",
    )


FORMS = (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1], repr(SECRET)[1:-1],
         SECRET.replace("'", "''"))  # fmt: skip


def told(text: str) -> list[str]:
    """The forms of the secret that a text shows."""
    return [form for form in FORMS if form in text]


@pytest.mark.slow
def test_no_command_prints_or_writes_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = secretive(tmp_path, monkeypatch)
    (folder / "data").mkdir()
    rows = "SELECT 1::bigint AS user_id, TIMESTAMP '2026-01-01' + to_hours(i::int) AS at FROM range(40) t(i)"
    place = str(folder / "data" / f"{SECRET}.parquet").replace("'", "''")
    duckdb.sql(f"COPY ({rows}) TO '{place}'")
    (folder / "spine.csv").write_text("user_id,as_of\n1,2026-02-01\n")
    monkeypatch.chdir(folder)
    done = 0
    for command in (
        ["build"], ["ls"], ["show", "s"], ["sql", "s"], ["sql", "v", "--plan", "lift"], ["lineage"],
        ["dataset", "s", "--spine", "spine.csv"], ["push", "orders", "spine.csv"], ["get", "s", "--key", "user_id=1"],
        ["verify", "--allow-thin"], ["test"],
    ):  # fmt: skip
        for form in ((), ("--format", "json")):
            result = CliRunner().invoke(cli, [*command, *form])
            assert not told(result.output + result.stderr), command
            done += result.exit_code == 0
    assert done >= 16
    written = [p for p in (folder / "target").rglob("*") if p.is_file()]
    assert "********" in (folder / "target" / "manifest.json").read_text()
    assert not [p for p in written if told(p.read_text())]


@pytest.mark.parametrize("debug", ["", "1"])
def test_what_goes_wrong_is_told_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    folder = secretive(tmp_path, monkeypatch)
    monkeypatch.setenv("FEATC_DEBUG", debug)
    monkeypatch.chdir(folder)
    for path in ("data", f"{SECRET}.duckdb", "on"):  # no source, no database, no folder for the store
        (folder / path).write_text("this is none")
        for command in (["build"], ["show", "s"], ["push", "orders", "featc.yaml"], ["get", "s", "--key", "user_id=1"]):
            result = CliRunner().invoke(cli, command)
            assert result.exit_code != 0
            assert not told(result.output + result.stderr), (path, command)
    with pytest.raises(FeatcError) as refused:
        FeatureStore(folder)
    assert not told("".join(traceback.format_exception(refused.value)) + repr(refused.value))


def test_a_store_that_cannot_be_opened_is_told_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = secretive(tmp_path, monkeypatch)
    (folder / "data").mkdir()
    place = str(folder / "data" / f"{SECRET}.parquet").replace("'", "''")
    duckdb.sql(f"COPY (SELECT 1::bigint AS user_id, TIMESTAMP '2026-01-01' AS at) TO '{place}'")
    (folder / "on").mkdir()
    (folder / "on" / f"{SECRET}.db").write_text("this is no database, and long enough to be looked at " * 200)
    with pytest.raises(FeatcError) as refused:
        FeatureStore(folder).push("orders", [{"user_id": 1, "at": "2026-01-01T00:00:00"}])
    assert not told("".join(traceback.format_exception(refused.value)))


def test_a_training_sets_sql_is_shown_without_the_secret_and_runs_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = secretive(tmp_path, monkeypatch)
    (folder / "data").mkdir()
    place = str(folder / "data" / f"{SECRET}.parquet").replace("'", "''")
    duckdb.sql(f"COPY (SELECT 1::bigint AS user_id, TIMESTAMP '2026-01-01' AS at) TO '{place}'")
    spine = [{"user_id": 1, "as_of": datetime(2026, 1, 2)}, {"user_id": 1, "as_of": datetime(2026, 1, 3)}]
    made = FeatureStore(folder).get_historical_features("s", spine)
    for shown in (made, made.head(1)):
        assert "********" in shown.sql
        assert not told(shown.sql + shown.explain() + repr(shown) + shown._repr_html_())
    assert len(made.rows()) == 2 and len(made.head(1).rows()) == 1, "what runs is not what is shown"
    assert not told((card := made.write(folder / "t.parquet").with_name("t.parquet.featc.json")).read_text()), card
