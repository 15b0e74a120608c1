"""Features that are lists and maps: wherever values are shown, written, expected or computed with."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.cli.values import to_json
from featc.errors import FeatcError
from featc.runtime.store import FeatureStore
from featc.runtime.texts import to_text

DEFINITIONS = """\
entities: {user: user_id}
sources:
  orders:
    path: orders.csv
    time: ts
    available_at: arr
    id: id
    columns:
      {id: bigint, user_id: bigint, ts: timestamp, arr: timestamp, amount: "decimal(10,2)", cat: text, at: date,
       x: double}
feature_views:
  v:
    entity: user
    source: orders
    features:
      last_three: {sql: "last(amount, 3) over last_30d", default: []}
      days: list(at, 5) over lifetime
      instants: list(ts, 5) over lifetime
      doubles: list(x, 5) over lifetime
      cats: {sql: "count_by(cat, max_keys => 5) over last_30d", default: {}}
      spent: sum_by(amount, cat, max_keys => 5) over last_30d
      by_day: histogram(at) over lifetime
      many: len(last_three)
      newest: last_three[-1]
      of_a: element_at(cats, 'a')[1]
      of_b: coalesce(cats['b'], 0)
      days_since: as_of::date - days[1]
      kinds: map_keys(cats)
      same_days: list_reverse(list_reverse(days))
      same_instants: list_reverse(list_reverse(instants))
      same_doubles: list_reverse(list_reverse(doubles))
      same_spent: case when many > 0 then spent end
tests:
  lists:
    service: v
    given: {orders: orders.csv}
    spine:
      - {user_id: 1, as_of: 2026-01-03}
      - {user_id: 3, as_of: 2026-01-03}
    expect:
      - {last_three: [1.5, 2.00], cats: {"a, b": 1, a: 2}, spent: {a: 2, "a, b": 1.5}, days: [2026-01-01, 2026-01-02],
         by_day: {2026-01-01: 1, 2026-01-02: 1}, many: 2, newest: 2, of_a: 2, of_b: 0, kinds: [a, "a, b"]}
      - {last_three: [], cats: {}, spent: null, many: 0, newest: null}
"""
ORDERS = """\
id,user_id,ts,arr,amount,cat,at,x
1,1,2026-01-01 10:00:00,2026-01-01 10:00:00,1.50,"a, b",2026-01-01,1e-320
2,1,2026-01-02 10:00:00.000001,2026-01-02 10:00:00.000001,2.00,a,2026-01-02,NaN
3,1,2026-01-02 12:00:00,2026-01-02 12:00:00,,a,,-0.1
"""
SPINE = "user_id,as_of\n1,2026-01-03 00:00:00\n3,2026-01-03 00:00:00\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: p\n")
    (tmp_path / "features" / "a.yaml").write_text(DEFINITIONS)
    for place in (tmp_path, tmp_path / "features"):
        (place / "orders.csv").write_text(ORDERS)
    (tmp_path / "spine.csv").write_text(SPINE)
    return tmp_path


def featc(folder: Path, *arguments: str) -> str:
    """What a command prints; it must end well."""
    done = CliRunner().invoke(cli, [arguments[0], "--project", str(folder), *arguments[1:]])
    assert done.exit_code == 0, done.output
    return done.output


def test_both_plans_give_the_same_lists_and_maps_and_what_is_derived_from_them(folder: Path) -> None:
    with closing(FeatureStore(folder)) as store:
        some, none = store.get_historical_features(["v"], str(folder / "spine.csv")).rows()
        store.push("orders", folder / "orders.csv")
        online = store.get_online_features(["v"], [{"user_id": 1}, {"user_id": 3}], at=datetime(2026, 1, 3))
    for row, answer in zip((some, none), online, strict=True):
        assert {k: repr(v) for k, v in answer.items()} == {k: repr(row[k]) for k in answer}
    assert some["spent"] == {"a": Decimal("2.00"), "a, b": Decimal("1.50")} == some["same_spent"]
    assert some["days"] == [date(2026, 1, 1), date(2026, 1, 2)] == some["same_days"]
    assert some["instants"] == some["same_instants"] and len(some["instants"]) == 3
    assert repr(some["doubles"]) == repr(some["same_doubles"]) == "[1e-320, nan, -0.1]"
    assert (none["last_three"], none["cats"], none["spent"], none["many"]) == ([], {}, None, 0)


FINE = """\
entities: {user: user_id}
sources:
  orders: {path: orders.csv, time: ts, columns: {user_id: bigint, ts: timestamp, fine: "decimal(38,38)"}}
feature_views:
  v:
    entity: user
    source: orders
    features:
      some: list(fine, 3) over lifetime
      one: first(fine) over lifetime
      text_of_some: some::varchar
      text_of_one: one::varchar
"""


def test_decimals_of_any_scale_reach_what_is_derived_from_them(folder: Path) -> None:
    (folder / "features" / "a.yaml").write_text(FINE)
    (folder / "orders.csv").write_text(f"user_id,ts,fine\n1,2026-01-01 00:00:00,0.{'0' * 35}391\n")
    with closing(FeatureStore(folder)) as store:
        (trained,) = store.get_historical_features(["v"], [{"user_id": 1, "as_of": datetime(2026, 1, 3)}]).rows()
        store.push("orders", folder / "orders.csv")
        (found,) = store.get_online_features(["v"], [{"user_id": 1}], at=datetime(2026, 1, 3))
    assert found == {name: trained[name] for name in found}
    assert found["text_of_one"].endswith("00391") and found["some"] == [Decimal("3.91E-36")]


def test_an_author_can_expect_them(folder: Path) -> None:
    assert "1 passed, 0 failed" in featc(folder, "test")
    wrong = DEFINITIONS.replace("last_three: [1.5, 2.00]", "last_three: [2.00, 1.5]")
    (folder / "features" / "a.yaml").write_text(wrong)
    done = CliRunner().invoke(cli, ["test", "--project", str(folder)])
    assert done.exit_code == 3 and "last_three" in done.output


NULLS = """\
entities: {user: user_id}
sources:
  orders: {path: orders.csv, time: ts, id: id, columns: {id: bigint, user_id: bigint, ts: timestamp, cat: text}}
feature_views:
  v:
    entity: user
    source: orders
    features:
      newest: {sql: last(cat), over: {range: 1d, offsets: [0d, 1d, 2d]}}
      days: {sql: last(ts), over: {range: 1d, offsets: [1d, 0d]}}
tests:
  nulls:
    service: v
    given:
      orders:
        - {id: 1, user_id: 1, ts: 2026-01-02T10:00:00Z, cat: "null"}
        - {id: 2, user_id: 1, ts: 2026-01-01T10:00:00Z, cat: ""}
    spine: [{user_id: 1, as_of: 2026-01-03}]
    expect: [{newest: ["null", "", null], days: [2026-01-01T10:00:00Z, 2026-01-02T10:00:00Z]}]
"""


def test_an_author_can_expect_nulls_in_them_and_the_text_null(folder: Path) -> None:
    (folder / "features" / "a.yaml").write_text(NULLS)
    assert "1 passed, 0 failed" in featc(folder, "test")
    for wrong in ('[null, "", null]', '["null", "", "null"]', '["null", null, null]'):
        (folder / "features" / "a.yaml").write_text(NULLS.replace('["null", "", null]', wrong))
        done = CliRunner().invoke(cli, ["test", "--project", str(folder)])
        assert done.exit_code == 3 and "newest" in done.output


@pytest.mark.parametrize(("good", "bad", "reason"), [
    ("last_three: [1.5, 2.00]", "last_three: 7", "write a list"),
    ("cats: {}", "cats: []", "write a map"),
    ("cats: {}", "cats: {a: [1]}", "plain values"),
])
def test_what_is_no_list_or_map_is_told(folder: Path, good: str, bad: str, reason: str) -> None:
    (folder / "features" / "a.yaml").write_text(DEFINITIONS.replace(good, bad))
    done = CliRunner().invoke(cli, ["test", "--project", str(folder)])
    assert done.exit_code == 1 and "F714" in done.output and reason in done.output


@pytest.mark.slow
def test_verify_proves_them(folder: Path) -> None:
    told = featc(folder, "verify", "--allow-thin")
    assert "16 of 17 features proven equal" in told, "of_b is 0 nearly everywhere"


def test_get_shows_them_as_text_and_json(folder: Path) -> None:
    featc(folder, "push", "orders", str(folder / "orders.csv"))
    asked = ("get", "v", "--key", "user_id=1", "--at", "2026-01-03T00:00:00Z")
    text = featc(folder, *asked)
    assert '{a: 2, "a, b": 1}' in text and "[2026-01-01, 2026-01-02]" in text
    as_json = "".join(featc(folder, *asked, "--format", "json").split())
    assert '"by_day":{"2026-01-01":1,"2026-01-02":1}' in as_json and '"doubles":[1e-320,"NaN",-0.1]' in as_json


def test_datasets_keep_them(folder: Path) -> None:
    for form in ("csv", "parquet", "jsonl"):
        featc(folder, "dataset", "v", "--spine", str(folder / "spine.csv"), "--out", str(folder / f"out.{form}"))
    assert """\"{a=2, 'a, b'=1}\"""" in (folder / "out.csv").read_text()
    row = pq.read_table(folder / "out.parquet").to_pylist()[0]
    assert row["cats"] == [("a", 2), ("a, b", 1)] and row["last_three"] == [Decimal("1.50"), Decimal("2.00")]
    assert "MAP(VARCHAR, BIGINT)" in featc(folder, "dataset", "v", "--spine", str(folder / "spine.csv"), "--stats")
    with closing(FeatureStore(folder)) as store:
        made: Any = store.get_historical_features(["v"], str(folder / "spine.csv"))
        assert dict(made.df()["cats"][0]) == {"a": 2, "a, b": 1}
        assert made.polars()["last_three"].to_list()[1] == []


def test_explain_says_that_rows_are_read(folder: Path) -> None:
    told = featc(folder, "explain", "v.spent")
    assert "its state is the rows, so a read takes all that its window holds" in told
    assert "a read takes about" in told


def test_texts_of_values() -> None:
    value = {"a, b": [True, None, 1.5], "": [datetime(2026, 1, 1, tzinfo=UTC)], "x": "y"}
    assert to_text(value) == '{"a, b": [true, NULL, 1.5], "": [2026-01-01 00:00:00], x: y}'
    assert to_json({True: 1, date(2026, 1, 1): 2}).split() == ["{", '"true":', "1,", '"2026-01-01":', "2", "}"]


def test_a_sum_of_a_key_that_leaves_its_type_is_an_error_in_both_plans(folder: Path) -> None:
    text = DEFINITIONS.replace("many: len(last_three)", "many: sum_by(id, cat, max_keys => 2) over lifetime")
    (folder / "features" / "a.yaml").write_text(text.split("      newest")[0])
    rows = "".join(f"{2**62 + n},1,2026-01-01 10:00:0{n},2026-01-01 10:00:00,1,a,,1\n" for n in (1, 2, 3))
    (folder / "orders.csv").write_text(ORDERS.splitlines()[0] + "\n" + rows)
    with closing(FeatureStore(folder)) as store:
        with pytest.raises(FeatcError, match="F421"):
            store.get_historical_features(["v"], str(folder / "spine.csv")).rows()
        store.push("orders", folder / "orders.csv")
        with pytest.raises(FeatcError, match=r"F421.*the sum is beyond BIGINT"):
            store.get_online_features(["v"], [{"user_id": 1}], at=datetime(2026, 1, 3))
