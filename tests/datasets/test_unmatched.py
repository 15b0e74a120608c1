"""A spine whose keys are written in another way than the data's: said, since the values alone do not tell."""

from __future__ import annotations

import json
from pathlib import Path

from datasets.conftest import Featc
from featc import FeatureStore

_NONE = "select user_id + 1000 as user_id, as_of, amount from 'spine.csv'"


def test_no_key_of_the_spine_in_the_source(featc: Featc, store: FeatureStore) -> None:
    told = "user_orders: none of the 3 values of user_id in the spine occurs in orders; there they look like 7"
    found = store.get_historical_features("checkout", _NONE).unmatched()
    assert [str(f) for f in found] == [told]
    assert told in featc("small", "--spine", _NONE).stderr
    assert told in featc("small", "--spine", _NONE, "--stats").stderr
    assert told in featc("small", "--spine", _NONE, "--out", "a.parquet").stderr
    assert told not in featc("small", "--spine", _NONE, "-q").stderr
    listed = json.loads(featc("small", "--spine", _NONE, "--stats", "--format", "json").stdout)["unmatched"]
    assert listed == [
        {"view": "user_orders", "source": "orders", "keys": ["user_id"], "entities": 3, "example": [7]}
    ]


def test_one_key_is_enough(featc: Featc, store: FeatureStore) -> None:
    assert store.get_historical_features("checkout", "spine.csv").unmatched() == ()
    assert featc("small", "--spine", "spine.csv").stderr == ""


def test_text_keys_that_lost_their_zeros(project: Path, featc: Featc) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("user_id: bigint", "user_id: varchar"))
    orders = (project / "data" / "orders.csv").read_text()
    (project / "data" / "orders.csv").write_text(orders.replace(",7,", ",007,").replace(",8,", ",008,"))
    spine = "select user_id::varchar as user_id, as_of from 'spine.csv' where user_id = 7"
    told = "the only value of user_id in the spine does not occur in orders; there they look like '007'"
    assert told in featc("small", "--spine", spine).stderr
    refused = featc("small", "--spine", "select user_id, as_of from 'spine.csv'")
    assert "orders has values such as '007', and numbers lose leading zeros" in refused.stderr
    read = "from read_csv('spine.csv', types = {'user_id': 'VARCHAR'})"
    assert told in featc("small", "--spine", f"{read} where user_id = '7'").stderr


def test_a_spine_without_entities_and_a_source_without_rows(featc: Featc, project: Path) -> None:
    assert featc("small", "--spine", f"{_NONE} where false").stderr == ""
    assert featc("small", "--spine", "select null::bigint as user_id, as_of from 'spine.csv'").stderr == ""
    head = (project / "data" / "orders.csv").read_text().splitlines()[0]
    (project / "data" / "orders.csv").write_text(head + "\n")
    features = project / "features" / "orders.yaml"
    types = {"loaded_at": "timestamp", "ordered_at": "timestamp", "status": "varchar", "op": "varchar"}
    columns = "".join(f"      {name}: {kind}\n" for name, kind in types.items())
    features.write_text(features.read_text().replace("    columns:\n", f"    columns:\n{columns}"))
    assert "occurs in orders, which has none" in featc("small", "--spine", "spine.csv").stderr
