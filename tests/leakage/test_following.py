"""What follows an event is proven to be seen only while it, and the event, are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakage.queries import Queries, path_of, queries

DEFINITIONS = """\
entities: {ad: ad_id}
sources:
  views:
    path: data/views.csv
    time: shown_at
    available_at: seen_at
    id: view_id
    deleted: gone
    columns: {view_id: bigint, ad_id: bigint, gone: boolean, shown_at: timestamp, seen_at: timestamp}
  clicks:
    path: data/clicks.csv
    time: clicked_at
    available_at: known_at
    id: click_id
    tie_break: nr
    columns: {click_id: bigint, view_id: bigint, nr: bigint, button: text, clicked_at: timestamp, known_at: timestamp}
  sales: {path: data/sales.csv, time: at, delay: 1h, columns: {view_id: bigint, amount: bigint, at: timestamp}}
  attributed:
    from: views
    match:
      click: {source: clicks, keys: {view_id: view_id}, within: 30m}
      sale: {source: sales, keys: {view_id: "coalesce(view_id, -1)"}, within: 2d, take: last}
  at_once:
    from: views
    match: {click: {source: clicks, keys: {view_id: view_id}, within: 30m, mature: false}}
feature_views:
  ads:
    entity: ad
    source: attributed
    features:
      shown: count(*) over last_7d
      clicked: count(click.click_id) over last_7d
      last_button: last(click.button) over lifetime
      sold: sum(sale.amount) over last_30d
  hasty: {entity: ad, source: at_once, features: {soon: count(click.click_id) over last_7d}}
  beside:
    entity: ad
    source: views
    join: {past: {view: ads}}
    features: {most: max(past.clicked) over lifetime}
feature_services:
  all: {features: [ads]}
"""
MATURE = "greatest(_arrival, _time + 176400000000)"
MET = "f._key_0 = a.view_id AND f._time // 1800000000 = a._bucket"
ENDS = "least(a._superseded, f._superseded)"
ASKED = "_row, _time, _enter, _superseded, view_id\n"
FAULTS = [
    (f"* REPLACE ({MATURE} AS _arrival)", "* REPLACE (_arrival AS _arrival)"),
    (f"greatest(_time, {MATURE}) AS _enter", "greatest(_time, _arrival) AS _enter"),
    (f"\n      AND (_superseded IS NULL OR _superseded > greatest(_time, {MATURE}))", ""),
    ("      AND NOT _deleted\n", ""),
    ("    FROM ads_unmatched\n", "    FROM views_versions\n"),
    (f"SELECT {ASKED}", f"SELECT {ASKED.replace('_enter', '_time AS _enter')}"),
    (f"SELECT {ASKED}", f"SELECT {ASKED.replace('_superseded', 'NULL AS _superseded')}"),
    ("coalesce(view_id, -1) AS view_id", "-1 AS view_id"),
    ("view_id AS _key_0", "click_id AS _key_0"),
    ("greatest(_time, _arrival) AS _enter,\n        _superseded,\n", "_time AS _enter,\n        _superseded,\n"),
    ("        _superseded,\n        greatest(_time", "        NULL::BIGINT AS _superseded,\n        greatest(_time"),
    ("ORDER BY _time NULLS FIRST, nr NULLS FIRST", "ORDER BY nr NULLS FIRST, _time NULLS FIRST"),
    ("        button\n", "        last_value(button) OVER (ORDER BY known_at) AS button\n"),
    ("    FROM clicks_versions\n    WHERE view_id", "    FROM clicks_source\n    WHERE view_id"),
    ("OR f._enter <= a._enter, true) AS _settled", "OR true, true) AS _settled"),
    ("WHERE _regular\n        QUALIFY", "QUALIFY"),
    ("f._time < a._time + 1800000000 THEN f._rank", "f._time < a._time + 1900000000 THEN f._rank"),
    ("WHERE _settled AND _rank IS NOT NULL", "WHERE _rank IS NOT NULL"),
    ("greatest(a._enter, f._enter) AS _from", "a._enter AS _from"),
    (f"{ENDS} AS _until", "a._superseded AS _until"),
    (MET, "f._time // 1800000000 = a._bucket"),
    ("\n          AND f._time < a._time + 1800000000\n", "\n"),
    ("    UNION\n    SELECT _row, _until\n    FROM \"ads click_pairs\"\n    WHERE _until IS NOT NULL\n", ""),
    ("AND p._from <= i._instant AND", "AND p._from <= i._instant + 1 AND"),
    ("(p._until IS NULL OR p._until > i._instant)", "true"),
    ("PARTITION BY c._row ORDER BY c._from), a._superseded)", "ORDER BY c._from), a._superseded)"),
    ("OR c._from < a._superseded", "OR true"),
    ("c._from AS _enter, c._until AS _superseded", "r._enter AS _enter, c._until AS _superseded"),
    ("c._from AS _enter, c._until AS _superseded", "c._from AS _enter, NULL AS _superseded"),
    ("LEFT JOIN \"ads click_following\" f USING (_rank)", "LEFT JOIN \"ads click_following\" f ON true"),
    ("JOIN ads_unmatched r USING (_row)", "JOIN ads_unmatched r ON true"),
    ("JOIN \"ads click_matched\" r USING (_row)", "JOIN ads_unmatched r USING (_row)"),
    ('FROM "ads sale_matched"\n    WHERE ad_id', 'FROM "ads click_following"\n    WHERE ad_id'),
    ("_enter - _time <= (SELECT us FROM ads_lag) AND _superseded IS NULL AS _regular",
     "_enter - _time <= (SELECT us FROM ads_lag) AS _regular"),
    ("_enter - _time <= (SELECT us FROM ads_lag) AND", "true AND"),
    ("r._enter <= s._as_of - 1 AND", "r._time <= s._as_of - 1 AND"),
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Queries:
    folder = tmp_path_factory.mktemp("following")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: following\n")
    (folder / "features" / "all.yaml").write_text(DEFINITIONS)
    (folder / "data" / "views.csv").write_text("view_id,ad_id,gone,shown_at,seen_at\n")
    (folder / "data" / "clicks.csv").write_text("click_id,view_id,nr,button,clicked_at,known_at\n")
    (folder / "data" / "sales.csv").write_text("view_id,amount,at\n")
    return queries(Path(folder))


def test_attributed_rows_pass(built: Queries) -> None:
    proven = set()
    for path in built.sql:
        checked = built.check(path)
        assert checked.findings == (), path
        proven |= set(checked.features)
    assert {"ads.shown", "ads.clicked", "ads.last_button", "ads.sold", "hasty.soon", "beside.most"} <= proven


@pytest.mark.parametrize(("old", "new"), FAULTS)
def test_fault_in_what_follows_is_refused(built: Queries, old: str, new: str) -> None:
    path = path_of("ads")
    assert old in built.sql[path]
    found = built.check(path, built.sql[path].replace(old, new)).findings
    assert found and found[0].code in ("F570", "F571", "F572", "F573", "F577") and found[0].line > 0, found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("greatest(_time, _arrival) AS _enter", "_time AS _enter"),
        ("coalesce(NOT (f._time < a._time + 1800000000) OR f._enter <= a._enter, true)", "true"),
        ("f._time <= a._then + greatest((SELECT us FROM clicks_lag), 1)", "true"),
    ],
)
def test_fault_where_events_count_at_once_is_refused(built: Queries, old: str, new: str) -> None:
    path = path_of("hasty")
    assert old in built.sql[path]
    assert built.check(path, built.sql[path].replace(old, new)).findings
