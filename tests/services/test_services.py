"""Services that compute keys: roles, keys from the request and from features, expressions of their own.

Every value here is worked out by hand, and asked of both plans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from featc import FeatureStore
from featc.cli import cli
from featc.emit import build_files
from featc.fingerprint import service_fingerprint
from featc.lineage.graph import project_graph
from featc.runtime.author_tests import run_tests

DEFINITIONS = """\
entities: {zone: cell, courier: courier_id, listing: listing_id, seller: seller_id, region: region, hours: how}
sources:
  trips: {path: data/trips.csv, time: at, available_at: loaded_at, id: trip_id}
  listings: {kind: state, path: data/listings.csv, time: at, key: listing_id}
  sellers: {kind: state, path: data/sellers.csv, time: at, key: seller_id}
feature_views:
  zone_speed:
    entity: zone
    keys: {cell: "'z' || zone"}
    source: trips
    windows: [30m, 2h]
    features:
      trips: count(*)
      km: sum(km)
  hourly:
    entity: [zone, hours]
    keys: {cell: "'z' || zone", how: "hour_of_week(in_zone(at, 'Europe/Berlin'))"}
    source: trips
    features:
      seen: count(*) over lifetime
  zone_share:
    features:
      long: zone_speed.km_2h / nullif(zone_speed.trips_2h, 0)
      name: upper(key.cell)
  listing_state:
    entity: listing
    source: listings
    features: [seller_id, price]
  seller_state:
    entity: seller
    source: sellers
    features: [region, rating]
  regional:
    entity: region
    source: sellers
    features:
      sellers: count(distinct seller_id) over lifetime
"""

ETA = """\
feature_services:
  eta:
    request: {from_zone: bigint, to_zone: bigint}
    keys:
      cell: "'z' || request.from_zone"
      how: hour_of_week(in_zone(as_of, 'Europe/Berlin'))
    features:
      - hourly
      - pickup: {view: zone_speed, features: [trips]}
      - dropoff:
          view: zone_speed
          keys: {cell: "'z' || request.to_zone"}
          features: [trips_30m, km_2h]
      - far: {view: zone_share, keys: {cell: "'z' || request.to_zone"}}
      - zone_share.name
    derived:
      busier: pickup.trips_2h > dropoff.trips_2h
      hours: {sql: "hour(as_of) + coalesce(request.to_zone, 0)", default: -1}
      both: upper(key.cell) || '-' || far.name
"""

CHAIN = """\
feature_services:
  sale:
    keys:
      seller_id: listing_state.seller_id
      region: seller_state.region
    features:
      - regional
      - seller_state.rating
      - owner: {view: seller_state, keys: {seller_id: "coalesce(key.listing_id, 0) + 63"}, features: [rating]}
    derived:
      worth: listing_state.price * seller_state.rating
"""

TRIPS = """\
trip_id,zone,at,loaded_at,km
1,1,2026-01-05T09:10:00,2026-01-05T09:10:00,5
2,2,2026-01-05T10:05:00,2026-01-05T10:05:00,3
3,1,2026-01-05T10:10:00,2026-01-05T10:10:00,2
4,2,2026-01-05T10:00:00,2026-01-05T10:30:00,11
"""
LISTINGS = """\
listing_id,at,seller_id,price
7,2026-01-01T00:00:00,70,10
7,2026-01-05T10:15:00,71,12
8,2026-01-01T00:00:00,,3
"""
SELLERS = """\
seller_id,at,region,rating
70,2026-01-01T00:00:00,north,4
71,2026-01-01T00:00:00,south,2
72,2026-01-04T00:00:00,north,5
"""


def project(folder: Path, *services: str, definitions: str = DEFINITIONS) -> FeatureStore:
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: eta\n")
    (folder / "features" / "views.yaml").write_text(definitions)
    for number, text in enumerate(services):
        (folder / "features" / f"service_{number}.yaml").write_text(text)
    for name, text in (("trips", TRIPS), ("listings", LISTINGS), ("sellers", SELLERS)):
        (folder / "data" / f"{name}.csv").write_text(text)
    return FeatureStore(folder)


def both(store: FeatureStore, service: str, at: str, **asked: Any) -> Mapping[str, Any]:
    """A vector, the same in both plans; everything that was pushed had arrived before it."""
    instant = datetime.fromisoformat(at)
    (row,) = store.get_historical_features(service, [{**asked, "as_of": instant}]).rows()
    training = {o.name: row[o.name] for o in store.outputs(service)}
    for source in store.project.sources:
        store.push(source, f"{store.root}/data/{source}.csv", token=source)
    (online,) = store.get_online_features(service, [asked], at=at + "Z")
    assert online == training
    assert {k: type(v) for k, v in online.items()} == {k: type(v) for k, v in training.items()}
    return online


def test_a_role_is_the_view_at_the_keys_of_its_expressions(tmp_path: Path) -> None:
    store = project(tmp_path, ETA)
    assert both(store, "eta", "2026-01-05T10:20:00", from_zone=1, to_zone=2) == {
        "seen": 1,  # Monday 11h in Berlin: trip 3; trip 1 was at 10h
        "pickup_trips_30m": 1,
        "pickup_trips_2h": 2,
        "dropoff_trips_30m": 1,  # trip 4 is not known yet
        "dropoff_km_2h": 3,
        "far_long": 3.0,
        "far_name": "Z2",
        "name": "Z1",
        "busier": True,
        "hours": 12,
        "both": "Z1-Z2",
    }
    later = both(store, "eta", "2026-01-05T10:31:00", from_zone=2, to_zone=1)
    assert (later["seen"], later["pickup_trips_2h"], later["dropoff_km_2h"], later["busier"]) == (2, 2, 7, False)


def test_a_key_that_is_null_or_unknown_is_an_unknown_entity(tmp_path: Path) -> None:
    store = project(tmp_path, ETA)
    found = both(store, "eta", "2026-01-05T10:20:00", from_zone=99, to_zone=None)
    assert found == {
        "seen": 0, "pickup_trips_30m": 0, "pickup_trips_2h": 0, "dropoff_trips_30m": 0, "dropoff_km_2h": None,
        "far_long": None, "far_name": None, "name": "Z99", "busier": False, "hours": 10, "both": None,
    }  # fmt: skip


def test_keys_come_from_features_of_views_whose_keys_came_from_features(tmp_path: Path) -> None:
    store = project(tmp_path, CHAIN)
    before = both(store, "sale", "2026-01-05T10:14:00", listing_id=7)
    assert before == {"sellers": 2, "rating": 4, "owner_rating": 4, "worth": 40}
    after = both(store, "sale", "2026-01-05T10:16:00", listing_id=7)
    assert after == {"sellers": 1, "rating": 2, "owner_rating": 4, "worth": 24}
    nobodys = {"sellers": 0, "rating": None, "owner_rating": 2, "worth": None}
    assert both(store, "sale", "2026-01-05T10:16:00", listing_id=8) == nobodys
    unknown = {"sellers": 0, "rating": None, "owner_rating": None, "worth": None}
    assert both(store, "sale", "2026-01-05T10:16:00", listing_id=None) == unknown


@pytest.mark.slow
def test_many_rows_are_answered_in_order_whatever_their_keys(tmp_path: Path) -> None:
    store = project(tmp_path, ETA)
    spine = [
        {"from_zone": a, "to_zone": b, "as_of": datetime(2026, 1, 5, 10, minute)}
        for a in (1, None, 2, 1)
        for b in (2, 1, 9)
        for minute in (12, 31)
    ]
    together = store.get_historical_features("eta", spine).rows()
    alone = [store.get_historical_features("eta", [row]).rows()[0] for row in spine if None not in row.values()]
    assert [r for r in together if r["from_zone"] is not None] == alone


def test_the_spine_needs_only_what_is_not_computed(tmp_path: Path) -> None:
    services = project(tmp_path, ETA, CHAIN).project.services
    assert services["eta"].keys == ()
    assert services["eta"].request == (("from_zone", "BIGINT"), ("to_zone", "BIGINT"))
    assert services["sale"].keys == (("listing_id", "BIGINT"),)
    assert services["sale"].request == ()


def test_a_key_of_a_wider_type_that_its_key_cannot_be_is_nobody(tmp_path: Path) -> None:
    narrow = DEFINITIONS.replace("key: seller_id}", "key: seller_id, columns: {seller_id: integer}}")
    service = (
        "feature_services:\n  s:\n    request: {seller: bigint}\n    features:\n"
        "      - it: {view: seller_state, keys: {seller_id: request.seller}}\n"
    )
    store = project(tmp_path, service, definitions=narrow)
    assert both(store, "s", "2026-01-05T10:00:00", seller=70) == {"it_region": "north", "it_rating": 4}
    assert both(store, "s", "2026-01-05T10:00:00", seller=2**40 + 70) == {"it_region": None, "it_rating": None}


def test_roles_of_one_entity_are_asked_once_and_a_source_is_read_once(tmp_path: Path) -> None:
    store = project(tmp_path, ETA)
    outputs = store.outputs("eta")
    asked = {o.name: o.view for o in outputs}
    assert asked["pickup_trips_2h"] != asked["dropoff_km_2h"]
    sql = build_files(store.compiled)["sql/duckdb/services/eta/training.sql"]
    assert sql.count("data/trips.csv") == 1
    keyed = "          view: zone_speed\n          keys: {cell: \"'z' || request.to_zone\"}\n"
    assert keyed in ETA
    plain = project(tmp_path / "same", ETA.replace(keyed, "          view: zone_speed\n"))
    names = {o.name: o.view for o in plain.outputs("eta")}
    assert names["pickup_trips_2h"] == names["dropoff_km_2h"]


def test_lineage_says_what_a_value_and_whose_it_is_come_from(tmp_path: Path) -> None:
    graph = project_graph(project(tmp_path, ETA, CHAIN).project)
    behind = {(e.parent.name, e.kind) for e in graph.edges if e.child.name == "eta.dropoff_km_2h"}
    assert behind == {("zone_speed.km_2h", "value"), ("request.to_zone", "key")}
    behind = {(e.parent.name, e.kind) for e in graph.edges if e.child.name == "sale.sellers"}
    assert behind == {
        ("regional.sellers", "value"), ("seller_state.region", "key"), ("listing_state.seller_id", "key"),
    }  # fmt: skip
    behind = {(e.parent.name, e.kind) for e in graph.edges if e.child.name == "sale.worth"}
    assert behind == {
        ("listing_state.price", "value"), ("seller_state.rating", "value"), ("listing_state.seller_id", "key"),
    }  # fmt: skip


def test_the_manifest_tells_roles_from_views(tmp_path: Path) -> None:
    manifest = json.loads(build_files(project(tmp_path, ETA).compiled)["manifest.json"])
    service = manifest["services"]["eta"]
    outputs = {o["name"]: (o["view"], o["feature"], o["role"]) for o in service["outputs"]}
    assert outputs["dropoff_km_2h"] == ("zone_speed", "km_2h", "dropoff")
    assert outputs["pickup_trips_2h"] == ("zone_speed", "trips_2h", "pickup")
    assert outputs["seen"] == ("hourly", "seen", None)
    assert outputs["busier"] == (None, "busier", None)
    assert service["roles"]["dropoff"] == {"view": "zone_speed", "keys": ["cell"]}
    assert service["expressions"]["dropoff.cell"]["sql"] == "'z' || request.to_zone"
    assert not [f for f in manifest["features"] if f.startswith(("eta", "service"))]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("'z' || request.to_zone\"}\n          feat", "'y' || request.to_zone\"}\n          feat", True),
        ("hour(as_of) + ", "2 + hour(as_of) + ", True),
        ("hour_of_week(in_zone(as_of, 'Europe/Berlin'))", "hour_of_week(as_of)", True),
        ("'z' || request.from_zone", "(('z'   || request.from_zone))", False),
    ],
)
def test_the_services_version_holds_its_expressions(tmp_path: Path, before: str, after: str, changes: bool) -> None:
    assert ETA.count(before) == 1
    found = []
    for name, text in (("before", ETA), ("after", ETA.replace(before, after))):
        it = project(tmp_path / name, text).project
        found.append(service_fingerprint(it, it.services["eta"]))
    assert (found[0] != found[1]) is changes


def test_author_tests_and_lists_of_features_ask_services_with_roles(tmp_path: Path) -> None:
    store = project(tmp_path, ETA, CHAIN)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "eta.yaml").write_text(
        "tests:\n  a_role:\n    service: eta\n    given:\n      trips:\n"
        "        - {trip_id: 1, zone: 4, at: 2026-01-05T10:00:00Z, loaded_at: 2026-01-05T10:00:00Z, km: 2}\n"
        "    spine:\n      - {from_zone: 3, to_zone: 4, as_of: 2026-01-05T10:10:00Z}\n"
        "    expect:\n      - {dropoff_trips_30m: 1, pickup_trips_30m: 0, both: Z3-Z4}\n"
    )
    report = run_tests(FeatureStore(tmp_path))
    assert [(o.name, o.mismatches) for o in report.outcomes] == [("a_role", ())]
    spine = [{"listing_id": 7, "from_zone": 1, "to_zone": 2, "as_of": datetime(2026, 1, 5, 10, 14)}]
    listed = ["sale", "eta", "seller_state.region"]
    (row,) = store.get_historical_features(listed, [{**spine[0], "seller_id": 72}]).rows()
    assert (row["rating"], row["dropoff_km_2h"], row["region"]) == (4, 3, "north")


@pytest.mark.slow
def test_verify_proves_roles_and_derived_features(tmp_path: Path) -> None:
    report = project(tmp_path, ETA, CHAIN).verify("eta sale", allow_thin=True)
    names = {f.feature: f for f in report.features}
    assert {"eta.dropoff.km_2h", "service eta.busier", "service sale.worth", "sale.owner.rating"} <= set(names)
    assert report.exit_code == 0
    for name in ("eta.dropoff.trips_30m", "service eta.busier", "service sale.worth"):
        assert names[name].substantive >= 10, name


def test_the_list_of_a_service_says_what_each_output_is(tmp_path: Path) -> None:
    project(tmp_path, ETA)
    told = CliRunner().invoke(cli, ["ls", "eta", "--project", str(tmp_path)]).stdout
    lines = {line.split()[0]: line.split(maxsplit=2)[2] for line in told.splitlines()[2:]}
    assert lines["eta.dropoff_km_2h"] == "zone_speed.km_2h at cell = 'z' || request.to_zone"
    assert lines["eta.busier"] == "pickup.trips_2h > dropoff.trips_2h"
    answer = CliRunner().invoke(cli, ["ls", "eta.dropoff_*", "--project", str(tmp_path), "--format", "json"])
    outputs = json.loads(answer.stdout)["outputs"]
    assert {name: o["role"] for name, o in outputs.items()} == {
        "eta.dropoff_trips_30m": "dropoff", "eta.dropoff_km_2h": "dropoff",
    }  # fmt: skip


def test_views_with_a_key_of_two_types_are_asked_in_roles(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("entities: {", "entities: {code: code, ") + (
        "  by_zone:\n    entity: code\n    source: trips\n    keys: {code: zone}\n"
        "    features: {n: count(*) over lifetime}\n"
        "  by_cell:\n    entity: code\n    source: trips\n    keys: {code: \"'z' || zone\"}\n"
        "    features: {m: count(*) over lifetime}\n"
    )
    service = (
        "feature_services:\n  s:\n    request: {zone: bigint}\n    keys: {code: request.zone}\n    features:\n"
        "      - by_zone\n      - cell: {view: by_cell, keys: {code: \"'z' || request.zone\"}}\n"
    )
    store = project(tmp_path, service, definitions=definitions)
    assert both(store, "s", "2026-01-05T11:00:00", zone=2) == {"n": 2, "cell_m": 2}


@pytest.mark.slow
def test_a_difference_in_a_derived_feature_is_saved_as_a_test_of_its_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featc.lower.training import views

    store, right = project(tmp_path, ETA), views.feature_sql
    with monkeypatch.context() as patch:
        patch.setattr(views, "feature_sql", lambda v, f, *more: "true" if f.name == "busier" else right(v, f, *more))
        report = store.verify("eta.busier", allow_thin=True)
    assert report.exit_code == 3
    (case,) = report.cases
    (outcome,) = run_tests(FeatureStore(tmp_path), [case.path]).outcomes
    assert not outcome.diagnostics
    assert {m.column for m in outcome.mismatches} == {"busier"}, "it runs as it stands, through both plans"


def test_roles_of_one_view_read_their_source_once(tmp_path: Path) -> None:
    """Whatever keys the picks of a view have; tests/services/test_random_services.py holds their values to the law."""
    spine = [{"from_zone": 1, "to_zone": 2, "as_of": datetime(2026, 1, 5, 10, 20)}]
    made = project(tmp_path, ETA).get_historical_features("eta", spine)
    assert {"eta.pickup", "eta.dropoff"} <= {o.view for o in made.outputs}, "two of one view, at other keys"
    plan = made.answer(lambda c: c.execute(f"EXPLAIN {made.query}").fetchall())
    assert "\n".join(row[1] for row in plan).count("READ_CSV") == 1
