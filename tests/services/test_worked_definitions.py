"""Arrival times as their authors would write them: places in the request, cells as keys, the courier's last ping."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from featc import FeatureStore
from services.test_scalars import distance, geohash

ETA = """\
entities:
  zone: cell
  courier: courier_id
  hour_of_week: how
sources:
  trips: {table: trips, time: dropoff_at, id: trip_id}
  pings: {table: pings, time: ts}
feature_views:
  zone_speed:
    entity: zone
    keys: {cell: "geo_cell(pickup_lat, pickup_lng, 6)"}
    source: trips
    windows: [30m, 2h]
    features:
      trips: count(*)
      kmh: 3600 * sum(distance_km) / nullif(sum(duration_s), 0)
  zone_season:
    entity: [zone, hour_of_week]
    keys:
      cell: geo_cell(pickup_lat, pickup_lng, 6)
      how: hour_of_week(in_zone(pickup_at, 'Europe/Berlin'))
    source: trips
    features:
      season_s_km: sum(duration_s) over last_8w / nullif(sum(distance_km) over last_8w, 0)
  courier_now:
    entity: courier
    source: pings
    features:
      lat: last(lat) over last_5m
      lng: last(lng) over last_5m
feature_services:
  eta:
    request:
      pickup_lat: double
      pickup_lng: double
      drop_lat: double
      drop_lng: double
    keys:
      how: hour_of_week(in_zone(as_of, 'Europe/Berlin'))
      cell: geo_cell(request.pickup_lat, request.pickup_lng, 6)
    features:
      - zone_season
      - courier_now
      - pickup: {view: zone_speed}
      - dropoff:
          view: zone_speed
          keys:
            cell: geo_cell(request.drop_lat, request.drop_lng, 6)
    derived:
      courier_km: haversine_km(request.pickup_lat, request.pickup_lng, courier_now.lat, courier_now.lng)
      slow_pickup: pickup.kmh_30m < dropoff.kmh_30m
"""

START = datetime(2026, 3, 2, 6)
PLACES = [(52.5163, 13.3777), (52.5200, 13.4050), (52.3667, 13.5033), (52.5219, 13.4132)]


def history(folder: Path) -> FeatureStore:
    random = Random(7)
    trips, pings = [], []
    for n in range(300):
        lat, lng = random.choice(PLACES)
        at = START + timedelta(minutes=random.randrange(400))
        trips.append((n, lat, lng, at, at + timedelta(seconds=60 * random.randint(2, 40)), random.randint(1, 9), 600))
        pings.append((n % 4, at, lat + random.random() / 100, lng))
    (folder / "features").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: eta\ntargets: {dev: {database: eta.duckdb}}\n")
    (folder / "features" / "eta.yaml").write_text(ETA)
    with duckdb.connect(str(folder / "eta.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE trips (trip_id INT, pickup_lat DOUBLE, pickup_lng DOUBLE, pickup_at TIMESTAMP,"
            " dropoff_at TIMESTAMP, distance_km INT, duration_s INT)"
        )
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?, ?, ?, ?)", trips)
        connection.execute("CREATE TABLE pings (courier_id INT, ts TIMESTAMP, lat DOUBLE, lng DOUBLE)")
        connection.executemany("INSERT INTO pings VALUES (?, ?, ?, ?)", pings)
    store = FeatureStore(folder)
    names = ("trip_id", "pickup_lat", "pickup_lng", "pickup_at", "dropoff_at", "distance_km", "duration_s")
    store.push("trips", [dict(zip(names, row, strict=True)) for row in trips])
    store.push("pings", [dict(zip(("courier_id", "ts", "lat", "lng"), row, strict=True)) for row in pings])
    return store


@pytest.mark.slow
def test_arrival_times_are_the_same_in_both_plans_and_as_counted_by_hand(tmp_path: Path) -> None:
    store = history(tmp_path)
    service = store.project.services["eta"]
    assert service.keys == (("courier_id", "INTEGER"),)
    random = Random(8)
    spine: list[dict[str, Any]] = []
    for _ in range(60):
        (lat, lng), (to_lat, to_lng) = random.choice(PLACES), random.choice(PLACES)
        asked = {"pickup_lat": lat, "pickup_lng": lng, "drop_lat": to_lat, "drop_lng": to_lng}
        at = START + timedelta(minutes=random.randrange(60, 460), seconds=1)
        spine.append({"courier_id": random.randrange(5), **asked, "as_of": at})
    with duckdb.connect(str(tmp_path / "eta.duckdb")) as connection:
        trips = connection.execute("SELECT pickup_lat, pickup_lng, dropoff_at FROM trips").fetchall()
    met = 0
    for row, found in zip(spine, store.get_historical_features("eta", spine).rows(), strict=True):
        asked = {k: v for k, v in row.items() if k != "as_of"}
        (online,) = store.get_online_features("eta", [asked], at=row["as_of"])
        assert online == {k: found[k] for k in online}
        for role, lat, lng in (("pickup", "pickup_lat", "pickup_lng"), ("dropoff", "drop_lat", "drop_lng")):
            cell = geohash(row[lat], row[lng], 6)
            since = row["as_of"] - timedelta(minutes=30)
            inside = [t for t in trips if geohash(t[0], t[1], 6) == cell and since <= t[2] < row["as_of"]]
            assert found[f"{role}_trips_30m"] == len(inside)
        wanted = distance(row["pickup_lat"], row["pickup_lng"], found["lat"], found["lng"])
        assert (wanted is None) is (found["courier_km"] is None)
        assert wanted is None or abs(found["courier_km"] - wanted) < 1e-6
        met += found["slow_pickup"] is not None and found["season_s_km"] is not None and wanted is not None
    assert met >= 5
