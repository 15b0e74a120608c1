"""Features of another view beside an event are proven of the event: at its τ, by what was known when it entered."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakage.queries import Queries, path_of, queries

DEFINITIONS = """\
entities: {card: card_id, merchant: merchant_id}
sources:
  txns:
    path: data/txns.csv
    time: paid_at
    available_at: known_at
    id: txn_id
    columns:
      {txn_id: bigint, card_id: bigint, merchant_id: text, seller: text, amount: bigint, paid_at: timestamp,
       known_at: timestamp}
feature_views:
  merchants:
    entity: merchant
    source: txns
    features:
      sold: sum(amount) over last_7d
      sales: count(*) over lifetime
  cards:
    entity: card
    source: txns
    join: {shop: {view: merchants}}
    features:
      largest: max(shop.sold) over last_1d
feature_services:
  all: {features: [cards]}
"""
SEEN = "r._enter <= s._known - 1 AND (r._superseded IS NULL OR r._superseded > s._known - 1)"
FAULTS = [
    (SEEN, "r._enter <= s._known AND (r._superseded IS NULL OR r._superseded > s._known - 1)", "F572"),
    (SEEN, "r._enter <= s._known - 1", "F573"),
    ("least(_as_of - 1, _known - 1 - (SELECT us FROM txns_lag))", "_known - 1 - (SELECT us FROM txns_lag)", "F571"),
    ("least(_as_of - 1, _known - 1 - (SELECT us FROM txns_lag))", "_as_of - 1", "F572"),
    ("r.merchant_id AND r._time <= s._at", "r.merchant_id AND r._time <= s._at + 1", "F57"),
    ("make_timestamp(_as_of) AS _at, merchant_id", "make_timestamp(_known) AS _at, merchant_id", "F577"),
    ("make_timestamp(_as_of) AS _at, merchant_id", "make_timestamp(_as_of) AS _at, seller AS merchant_id", "F577"),
    ("SELECT _row, _as_of, _known, make", "SELECT _row, _as_of, _known + 1 AS _known, make", "F577"),
    ("SELECT _row, _as_of, _known, make", "SELECT _row, _known AS _as_of, _known, make", "F577"),
    ('j."merchants.sold" AS "shop.sold"', 'j._as_of AS "shop.sold"', "F577"),
    ('"cards shop features" j USING (_row)', '"cards shop features" j ON true', "F577"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Queries:
    folder = tmp_path_factory.mktemp("view_joins")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: beside\n")
    (folder / "features" / "all.yaml").write_text(DEFINITIONS)
    (folder / "data" / "txns.csv").write_text("txn_id,card_id,merchant_id,seller,amount,paid_at,known_at\n")
    return queries(Path(folder))


def test_features_beside_events_pass(built: Queries) -> None:
    for path in built.sql:
        assert built.check(path).findings == ()
    assert {"cards.largest", "merchants.sold"} <= set(built.check(path_of("cards")).features)


@pytest.mark.parametrize(("old", "new", "code"), FAULTS)
def test_fault_in_features_beside_an_event_is_refused(built: Queries, old: str, new: str, code: str) -> None:
    path = path_of("cards")
    assert old in built.sql[path]
    found = built.check(path, built.sql[path].replace(old, new)).findings
    assert found and found[0].code.startswith(code) and found[0].line > 0, found
