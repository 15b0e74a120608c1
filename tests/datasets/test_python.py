"""The lazy set in Python: what it computes and when, how it shows itself, Feast's keywords and shapes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from datasets.conftest import let_it_overflow
from featc import FeatcError, FeatureStore
from featc.runtime.training_set.again import dataset_again

REPO = Path(__file__).resolve().parents[2]
FULL = [Decimal("16.50"), Decimal("6.50"), Decimal("1.00"), Decimal("0.00")]


def test_all_ways_to_the_rows_give_the_same(store: FeatureStore) -> None:
    dataset = store.get_historical_features("small", "spine.csv")
    assert len(dataset) == 4
    names = ["user_id", "as_of", "amount", "recent"]
    assert [row["recent"] for row in dataset.rows()] == FULL
    assert dataset.to_dict()["recent"] == FULL
    assert list(dataset.df().columns) == list(dataset.to_df().columns) == names
    assert dataset.arrow()["recent"].to_pylist() == dataset.to_arrow()["recent"].to_pylist() == FULL
    assert dataset.polars()["recent"].to_list() == FULL
    assert [row[3] for row in dataset.relation().fetchall()] == FULL
    assert pa.table(dataset)["recent"].to_pylist() == FULL
    assert pl.DataFrame(dataset)["recent"].to_list() == FULL
    assert dataset.version == "v1"
    assert len(dataset.fingerprint) == 32
    assert "user_orders_values: user_orders: its aggregates at each spine row" in dataset.explain()


@pytest.mark.slow
def test_a_stream_that_is_still_read_is_in_nobodys_way(store: FeatureStore) -> None:
    spine = "SELECT 7 AS user_id, TIMESTAMP '2026-01-05' + to_seconds(i) AS as_of FROM range(300000) r(i)"
    dataset = store.get_historical_features("small", spine)
    reader = pa.RecordBatchReader.from_stream(dataset)
    first = reader.read_next_batch()
    assert dataset.relation().limit(1).fetchall()
    assert len(dataset.head(3).rows()) == 3
    assert first.num_rows < len(dataset)
    assert first.num_rows + sum(batch.num_rows for batch in reader) == 300000


def test_the_head_is_a_set_of_the_first_rows(store: FeatureStore) -> None:
    dataset = store.get_historical_features("small", "spine.csv")
    head = dataset.head(2)
    assert (len(head), len(dataset)) == (2, 4)
    assert head.to_dict()["recent"] == FULL[:2]
    assert len(dataset.head(100)) == 4
    assert len(dataset.head(0)) == len(dataset.head(-1)) == 0
    assert head.write("head.csv").exists()
    assert duckdb.sql("SELECT count(*) FROM 'head.csv'").fetchall() == [(2,)]


def test_nothing_is_computed_before_it_is_asked_for(project: Path) -> None:
    """A source that cannot be read does no harm until then, nor does an error beyond the rows that are shown."""
    store = FeatureStore(project)
    dataset = store.get_historical_features("small", "spine.csv")
    (project / "data" / "orders.csv").write_text("order_id,user_id,amount,status,op,ordered_at,loaded_at\nx,y\n")
    assert len(dataset) == 4
    assert dataset.sql
    with pytest.raises(FeatcError):
        dataset.rows()


# ── how it shows itself ────────────────────────────────────────────────────────────────────────────────

ODD = """
SELECT 7 AS user_id, TIMESTAMP '2026-01-05' AS as_of, '<script>alert(1)</script> & "q"' AS "<b>note</b>", i
FROM range(1200) r(i)
"""


def test_a_notebook_shows_few_rows_types_and_what_it_is_and_escapes_all_else(store: FeatureStore) -> None:
    dataset = store.get_historical_features("small", ODD)
    html = dataset._repr_html_()
    assert html.count("<tr>") == 6
    assert "1,200 rows, 1 feature" in html
    assert "small v1" in html
    assert "… 1,195 more rows" in html
    assert "<small>DECIMAL(38,2)</small>" in html
    assert "<b>recent</b>" in html
    assert "<script>" not in html
    assert "<b>note" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot;" in html


def test_a_terminal_shows_the_same(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = repr(store.get_historical_features("checkout", "spine.csv"))
    assert text.splitlines()[0].startswith("checkout v1 (")
    assert text.splitlines()[0].endswith("4 rows, 8 features")
    assert all(len(line) <= 40 for line in text.splitlines()[1:-1])
    assert "more columns: " in text


def test_showing_computes_the_shown_rows_only_and_raises_nothing(project: Path) -> None:
    let_it_overflow(project)
    days = ", ".join(["(TIMESTAMP '2025-01-01')"] * 5)
    spine = "SELECT 7 AS user_id, d AS as_of FROM (VALUES {}) t(d)"
    store = FeatureStore(project)
    late = store.get_historical_features("user_orders.paid_7d", spine.format(f"{days}, ('2026-01-05')"))
    assert "… 1 more row" in repr(late)
    assert "F421" not in repr(late)
    early = store.get_historical_features("user_orders.paid_7d", spine.format(f"(TIMESTAMP '2026-01-05'), {days}"))
    assert "F421" in repr(early)
    assert "F421" in early._repr_html_()


# ── optional packages ──────────────────────────────────────────────────────────────────────────────────

BLOCKED = """
import sys
import time
from datetime import datetime
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Block())
import featc
store = featc.FeatureStore(".")
ds = store.get_historical_features("small", "spine.csv")
try:
    print(eval(sys.argv[2]))
except featc.FeatcError as error:
    print(error.code, error.exit_code, error)
"""


def in_child(blocked: str, expression: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(REPO / r) for r in ("compiler", "dialects"))}
    command = [sys.executable, "-c", BLOCKED, blocked, expression]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "expression", "extra"),
    [
        ("pandas", "ds.df()", "pandas"),
        ("pandas", "ds.to_df()", "pandas"),
        ("pyarrow", "ds.arrow()", "pandas"),
        ("polars", "ds.polars()", "polars"),
        ("pyarrow", "ds.polars()", "polars"),
        ("pandas", "store.get_online_features('small', [{'user_id': 7}], at='2026-01-05').to_df()", "pandas"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    package: str, expression: str, extra: str, project: Path
) -> None:
    said = in_child(package, expression)
    assert said.startswith(f"F521 4 error F521: {package} is needed")
    assert f"pip install 'featc[{extra}]'" in said


@pytest.mark.slow
def test_without_any_of_them_the_rest_works(project: Path) -> None:
    everything = (
        "(len(ds.rows()), len(ds.to_dict()), str(ds.write('t.parquet')), type(ds.__arrow_c_stream__()).__name__,"
        " ds.stats().rows, len(ds._repr_html_()) > 100, len(repr(ds)) > 100)"
    )
    said = in_child("pandas,polars,pyarrow,numpy", everything)
    assert said.strip() == "(4, 4, 't.parquet', 'PyCapsule', 4, True, True)"


# ── Feast's keywords and shapes ────────────────────────────────────────────────────────────────────────


def test_feasts_training_call_gives_feasts_frame(project: Path) -> None:
    store = FeatureStore(repo_path=str(project))
    entities = pd.DataFrame(
        {"user_id": [7, 8], "event_timestamp": pd.to_datetime(["2026-01-05 12:00", "2026-01-09 12:00"], utc=True)}
    )
    found = store.get_historical_features(
        entity_df=entities, features=["user_orders:spend_7d", "user_orders:orders_7d"]
    ).to_df()
    assert list(found.columns) == ["user_id", "event_timestamp", "spend_7d", "orders_7d"]
    assert found["orders_7d"].tolist() == [2, 1]
    assert str(found["event_timestamp"].dtype).startswith("datetime64[")


def test_feasts_online_call_gives_feasts_lists(project: Path) -> None:
    store = FeatureStore(repo_path=str(project))
    store.push("orders", "data/orders.csv")
    asked: dict[str, Any] = {"features": ["user_orders:spend_7d", "user_orders:orders_7d"], "at": "2026-01-05T12:00:00"}
    found = store.get_online_features(entity_rows=[{"user_id": 7}, {"user_id": 404}], **asked)
    wanted = {"user_id": [7, 404], "spend_7d": [Decimal("16.50"), Decimal("0.00")], "orders_7d": [2, 0]}
    assert found.to_dict() == wanted
    assert list(found.to_dict()) == list(wanted)
    assert list(found.to_df().columns) == list(wanted)
    assert found == [{"spend_7d": Decimal("16.50"), "orders_7d": 2}, {"spend_7d": Decimal("0.00"), "orders_7d": 0}]
    assert store.get_online_features(entity_rows={"user_id": [7, 404]}, **asked).to_dict() == wanted
    assert store.get_online_features(entity_rows=[], **asked).to_dict() == {n: [] for n in wanted}
    with pytest.raises(FeatcError) as refused:
        store.get_online_features(features=["basket:share"], entity_rows={"user_id": [7, 8], "amount": [1]})
    assert refused.value.code == "F600"
    store.close()


def test_calls_that_cannot_be_meant_say_how_it_goes(store: FeatureStore) -> None:
    frame = pd.DataFrame({"user_id": [7], "as_of": pd.to_datetime(["2026-01-05"])})
    for arguments, more in (
        ((frame, ["user_orders:spend_7d"]), {}),
        (("small",), {}),
        (("small", frame), {"entity_df": frame}),
    ):
        with pytest.raises(FeatcError) as refused:
            store.get_historical_features(*arguments, **more)
        assert refused.value.code == "F500"


ROLES = """\
feature_views:
  other:
    entity: user
    source: orders
    features: {spend_7d: max(amount) over last_7d}
feature_services:
  gift:
    request: {whom: bigint}
    features:
      - user_orders.orders_7d
      - {renamed: other.spend_7d}
      - receiver: {view: user_orders, keys: {user_id: request.whom}, features: [orders_7d]}
    derived: {more: receiver.orders_7d > user_orders.orders_7d}
"""


def test_feasts_full_names_tell_equal_names_apart(project: Path) -> None:
    (project / "features" / "roles.yaml").write_text(ROLES)
    store = FeatureStore(project)
    store.push("orders", "data/orders.csv")
    both = ["user_orders:spend_7d", "other:spend_7d"]
    frame = pd.DataFrame({"user_id": [7], "event_timestamp": pd.to_datetime(["2026-01-05 12:00"])})
    with pytest.raises(FeatcError) as refused:
        store.get_historical_features(both, frame)
    assert refused.value.code == "F504"
    found = store.get_historical_features(entity_df=frame, features=both, full_feature_names=True).to_df()
    assert list(found.columns) == ["user_id", "event_timestamp", "user_orders__spend_7d", "other__spend_7d"]
    online = store.get_online_features(both, [{"user_id": 7}], at="2026-01-05T12:00:00", full_feature_names=True)
    assert online[0] == {name: found[name][0] for name in found.columns[2:]}
    plain = store.get_online_features(both[:1], [{"user_id": 7}], at="2026-01-05T12:00:00")
    assert list(plain.to_dict()) == ["user_id", "spend_7d"], "as before where nobody asks"
    store.close()


def test_full_names_of_a_service_are_those_of_its_views_and_roles(project: Path) -> None:
    (project / "features" / "roles.yaml").write_text(ROLES)
    store = FeatureStore(project)
    spine = [{"user_id": 8, "whom": 7, "as_of": datetime(2026, 1, 5)}]
    made = store.get_historical_features("gift", spine, full_feature_names=True)
    names = ["user_orders__orders_7d", "other__spend_7d", "receiver__orders_7d", "more"]
    assert [o.name for o in made.outputs] == names
    assert [made.rows()[0][n] for n in names] == [1, Decimal("99.99"), 2, True]
    card = made.save(project / "gift.parquet").card
    again = dataset_again(store, card, spine)
    assert [o.name for o in again.outputs] == names, "and its card makes the same columns"


def test_feasts_timestamps_are_the_instant_that_values_stand_at(project: Path) -> None:
    store = FeatureStore(project)
    store.push("orders", "data/orders.csv")
    found = store.get_online_features(["user_orders:orders_7d"], [{"user_id": 7}, {"user_id": 8}], at="2026-01-05")
    assert found.to_dict(include_event_timestamps=True) == {
        "user_id": [7, 8],
        "user_id__ts": [0, 0],
        "orders_7d": [2, 1],
        "orders_7d__ts": [1767571200, 1767571200],
    }
    assert list(found.to_df(True).columns) == ["user_id", "user_id__ts", "orders_7d", "orders_7d__ts"]
    now = store.get_online_features(["user_orders:orders_7d"], [{"user_id": 7}])
    assert abs(now.to_dict(include_event_timestamps=True)["orders_7d__ts"][0] - time.time()) < 60
    store.close()
