"""featc's own scalars against independent Python, as row expressions and over requests, in both plans."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from featc import FeatureStore

BASE32 = "0123456789bcdefghjkmnpqrstuvwxyz"
AT = datetime(2026, 1, 10)


def geohash(lat: float | None, lng: float | None, length: int | None) -> str | None:
    """By bisection of exact fractions, as the geohash is defined."""
    if lat is None or lng is None or length is None or not 1 <= length <= 12:
        return None
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return None
    low, high = [Fraction(-180), Fraction(-90)], [Fraction(180), Fraction(90)]
    bits = ""
    for n in range(5 * length):
        axis, value = n % 2, Fraction((lng, lat)[n % 2])
        middle = (low[axis] + high[axis]) / 2
        (low if value >= middle else high)[axis] = middle
        bits += "1" if value >= middle else "0"
    return "".join(BASE32[int(bits[n : n + 5], 2)] for n in range(0, len(bits), 5))


def distance(lat: float | None, lng: float | None, to_lat: float | None, to_lng: float | None) -> float | None:
    """Between unit vectors, by the angle's tangent: another formula than the haversine."""
    given = (lat, lng, to_lat, to_lng)
    if any(x is None or not math.isfinite(x) for x in given):
        return None
    p, q, r, s = (math.radians(float(str(x))) for x in given)
    u = (math.cos(p) * math.cos(q), math.cos(p) * math.sin(q), math.sin(p))
    v = (math.cos(r) * math.cos(s), math.cos(r) * math.sin(s), math.sin(r))
    cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
    return 6371.0088 * math.atan2(math.hypot(*cross), sum(a * b for a, b in zip(u, v, strict=True)))


def coordinates(random: Random, greatest: int) -> float | None:
    """A coordinate: on an edge of a cell, a neighbour of one, beyond the earth, or any."""
    kind = random.random()
    if kind < 0.3:
        return random.uniform(-greatest, greatest)
    if kind < 0.6:
        edge = random.randrange(-(2**random.randint(1, 30)), 2**30) / 2**30 * greatest
        return math.nextafter(edge, random.choice((-math.inf, math.inf, edge)))
    beside = (math.nextafter(greatest, 0), math.nextafter(-greatest, 0), greatest + 1e-9, 5e-324, -5e-324)
    odd = (0.0, -0.0, -1e-20, float(greatest), -float(greatest), None, math.nan, math.inf, -math.inf)
    return random.choice((*beside, *odd))


def places(count: int) -> list[dict[str, Any]]:
    random = Random(1)
    return [
        {
            "lat": coordinates(random, 90), "lng": coordinates(random, 180), "to_lat": coordinates(random, 90),
            "to_lng": coordinates(random, 180), "n": random.choice((1, 2, 5, 6, 9, 12, 12, 0, 13, None)),
        }
        for _ in range(count)
    ]  # fmt: skip


def answers(folder: Path, expressions: dict[str, str], columns: dict[str, str], rows: Sequence[dict[str, Any]]) -> Any:
    """The values of expressions over `request.x`, in training and online."""
    (folder / "featc.yaml").write_text("version: 1\nproject: scalars\n")
    (folder / "features").mkdir()
    listed = "".join(f"      {c}: {t}\n" for c, t in columns.items())
    derived = "".join(f"      {name}: {sql}\n" for name, sql in expressions.items())
    text = f"feature_views:\n  v:\n    request:\n{listed}    features:\n{derived}"
    (folder / "features" / "v.yaml").write_text(text + "feature_services:\n  s: {features: [v]}\n")
    store = FeatureStore(folder)
    spine = [{**row, "as_of": AT} for row in rows]
    training = store.get_historical_features("s", spine).rows()
    return training, store.get_online_features("s", list(rows), at=AT)


@pytest.mark.slow
def test_geo_cell_is_the_geohash_and_haversine_km_the_distance(tmp_path: Path) -> None:
    rows = places(1500)
    here = {
        "cell": "geo_cell(request.lat, request.lng, request.n)",
        "six": "geo_cell(request.lat, request.lng, 6)",
        "km": "haversine_km(request.lat, request.lng, request.to_lat, request.to_lng)",
    }
    columns = {"lat": "double", "lng": "double", "to_lat": "double", "to_lng": "double", "n": "bigint"}
    training, online = answers(tmp_path, here, columns, rows)
    for row, one, two in zip(rows, training, online, strict=True):
        assert one["cell"] == two["cell"] == geohash(row["lat"], row["lng"], row["n"]), row
        assert one["six"] == two["six"] == geohash(row["lat"], row["lng"], 6), row
        wanted = distance(row["lat"], row["lng"], row["to_lat"], row["to_lng"])
        assert one["km"] == two["km"]
        assert (one["km"] is None) is (wanted is None), row
        assert wanted is None or abs(one["km"] - wanted) < 1e-3, row
    assert sum(r["cell"] is not None for r in training) > 400


@pytest.mark.parametrize(
    ("lat", "lng", "cell"),
    [(57.64911, 10.40744, "u4pruydqqvj8"), (52.5163, 13.3777, "u33db2"), (-33.8568, 151.2153, "r3gx2ux9")],
)
def test_geo_cell_of_known_places(tmp_path: Path, lat: float, lng: float, cell: str) -> None:
    columns = {"lat": "decimal(9,6)", "lng": "double"}
    training, online = answers(
        tmp_path, {"cell": f"geo_cell(request.lat, request.lng, {len(cell)})"}, columns, [{"lat": lat, "lng": lng}]
    )
    assert training[0]["cell"] == online[0]["cell"] == cell


def clock(request: Callable[[datetime], datetime]) -> list[datetime]:
    start = datetime(1969, 12, 28, 22, 30)
    return [request(start + timedelta(hours=7 * n, microseconds=n)) for n in range(60)]


def test_hour_of_week_in_zone_seconds_since_and_safe_div(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    instants = clock(lambda t: t) + clock(lambda t: t + timedelta(days=20_540))  # over both changes of the clock
    rows: list[dict[str, Any]] = [{"at": t, "a": n - 5, "b": n % 3} for n, t in enumerate(instants)]
    rows.append({"at": None, "a": None, "b": 0})
    here = {
        "hour": "hour_of_week(request.at)",
        "local": "hour_of_week(in_zone(request.at, 'Europe/Berlin'))",
        "idle": "seconds_since(request.at)",
        "share": "safe_div(request.a, request.b)",
    }
    training, online = answers(tmp_path, here, {"at": "timestamp", "a": "bigint", "b": "bigint"}, rows)
    for row, one, two in zip(rows, training, online, strict=True):
        at = row["at"]
        local = None if at is None else at.replace(tzinfo=ZoneInfo("UTC")).astimezone(berlin)
        wanted = {
            "hour": None if at is None else at.weekday() * 24 + at.hour,
            "local": None if local is None else local.weekday() * 24 + local.hour,
            "idle": None if at is None else (AT - at) // timedelta(microseconds=1) / 1e6,
            "share": None if row["b"] == 0 or row["a"] is None else row["a"] / row["b"],
        }
        assert {k: one[k] for k in wanted} == {k: two[k] for k in wanted} == wanted, row


def test_scalars_in_keys_of_rows_meet_those_of_requests(tmp_path: Path) -> None:
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: scalars\n")
    (tmp_path / "features").mkdir()
    (tmp_path / "data").mkdir()
    trips = "lat,lng,at\n52.5163,13.3777,2026-01-01T10:00:00\n91,0,2026-01-01T10:00:00\n"
    (tmp_path / "data" / "trips.csv").write_text(trips)
    (tmp_path / "features" / "v.yaml").write_text(
        "entities: {zone: cell}\nsources:\n  trips: {path: data/trips.csv, time: at}\nfeature_views:\n  v:\n"
        "    entity: zone\n    source: trips\n    keys: {cell: 'geo_cell(lat, lng, 5)'}\n"
        "    features: {n: count(*) over lifetime}\nfeature_services:\n  s:\n"
        "    request: {lat: double, lng: double}\n    keys: {cell: 'geo_cell(request.lat, request.lng, 5)'}\n"
        "    features: [v]\n"
    )
    store = FeatureStore(tmp_path)
    rows = [{"lat": 52.517, "lng": 13.378}, {"lat": 0.0, "lng": 0.0}, {"lat": 91.0, "lng": 0.0}]
    training = store.get_historical_features("s", [{**r, "as_of": AT} for r in rows]).rows()
    store.push("trips", str(tmp_path / "data" / "trips.csv"))
    assert [r["n"] for r in training] == [1, 0, 0] == [r["n"] for r in store.get_online_features("s", rows, at=AT)]
