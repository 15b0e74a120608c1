"""Made-up data for the worked projects: for each source where it lies, its columns, and how its rows come about."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

START = datetime(2026, 2, 20)
Row = dict[str, Any]
Make = Callable[["Maker", int], Row]


@dataclass(frozen=True, slots=True)
class Table:
    """A source's data: `place` is a file, or a table's name where it has no suffix. `make` gives row number n."""

    place: str
    types: Mapping[str, pa.DataType]
    rows: int
    make: Make


@dataclass(frozen=True, slots=True)
class Worked:
    """A project: its tables, a service, what to ask it (keys, request), and what must come back not NULL."""

    tables: Sequence[Table]
    service: str
    keys: Mapping[str, Any]
    request: Mapping[str, Any] = field(default_factory=dict)
    answers: Sequence[str] = ()
    days: int = 60


class Maker:
    """Draws values; everything happens within `days` days."""

    def __init__(self, seed: int, days: int) -> None:
        self.random, self.days = random.Random(seed), days

    def moment(self) -> datetime:
        return START + timedelta(seconds=self.random.randrange(self.days * 86_400))

    def soon(self, after: datetime, most: timedelta) -> datetime:
        return after + timedelta(seconds=self.random.randrange(1, int(most.total_seconds())))

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def number(self, most: int) -> int:
        return self.random.randint(1, most)

    def real(self, low: float, high: float) -> float:
        return round(self.random.uniform(low, high), 4)

    def money(self, most: int) -> Decimal:
        return Decimal(self.random.randint(100, most * 100)) / 100


TEXT, INT, REAL, FLAG, STAMP = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us")
MONEY = pa.decimal128(12, 2)


def write(worked: Worked, folder: Path, seed: int = 3) -> None:
    """Writes the data of a project, which lies below `folder`."""
    (folder / ".featc").mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / ".featc" / "worked.duckdb")) as database:
        for table in worked.tables:
            maker = Maker(seed, worked.days)
            rows = [table.make(maker, n) for n in range(table.rows)]
            columns = {c: pa.array([r[c] for r in rows], type=t) for c, t in table.types.items()}
            _put(pa.table(columns), table.place, folder, database)


def _put(rows: pa.Table, place: str, folder: Path, database: duckdb.DuckDBPyConnection) -> None:
    path = folder / place
    if path.suffix in (".parquet", ".pq", ".csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            pc.write_csv(rows, path)
        else:
            pq.write_table(rows, path)
        return
    schema, _, name = place.rpartition(".")
    if schema:
        database.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    database.register("rows", rows)
    database.execute(f"CREATE TABLE {place if schema else name} AS FROM rows")
    database.unregister("rows")


# ── machines ──────────────────────────────────────────────────────────────────────────────────────────────────


def reading(m: Maker, n: int) -> Row:
    sensor = m.one("vibration", "temperature", "current")
    return {"machine_id": m.number(4), "sensor": sensor, "value": m.real(0, 90), "ts": m.moment(), "seq": n}


IOT = Worked(
    (
        Table(
            "data/readings/2026/all.parquet",
            {"machine_id": INT, "sensor": TEXT, "value": REAL, "ts": STAMP, "seq": INT},
            4000,
            reading,
        ),
        Table(
            "ops.alarms",
            {"machine_id": INT, "raised_at": STAMP},
            60,
            lambda m, n: {"machine_id": m.number(4), "raised_at": m.moment()},
        ),
    ),
    "rul",
    {"machine_id": 2},
    answers=("vibration_mean_1d", "vib_decayed", "gap_s", "hours_since_alarm", "alarms_7d"),
)

# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────


def trip(m: Maker, n: int) -> Row:
    picked = m.moment()
    seconds = m.number(2400)
    return {
        "trip_id": n,
        "pickup_at": picked,
        "dropoff_at": picked + timedelta(seconds=seconds),
        "pickup_lat": m.real(52.50, 52.52),
        "pickup_lng": m.real(13.38, 13.41),
        "distance_km": m.real(0.5, 12),
        "duration_s": seconds,
    }


def ping(m: Maker, n: int) -> Row:
    return {"courier_id": m.number(3), "lat": m.real(52.4, 52.6), "lng": m.real(13.3, 13.5), "ts": m.moment()}


ETA = Worked(
    (
        Table(
            "trips",
            {
                **dict.fromkeys(("trip_id", "duration_s"), INT),
                **dict.fromkeys(("pickup_at", "dropoff_at"), STAMP),
                **dict.fromkeys(("pickup_lat", "pickup_lng", "distance_km"), REAL),
            },
            9000,
            trip,
        ),
        Table("pings", {"courier_id": INT, "lat": REAL, "lng": REAL, "ts": STAMP}, 9000, ping),
    ),
    "eta",
    {"courier_id": 2},
    {"pickup_lat": 52.51, "pickup_lng": 13.39, "drop_lat": 52.512, "drop_lng": 13.4},
    answers=("season_s_km", "lat", "pickup_kmh_30m", "dropoff_trips_2h", "courier_km"),
    days=10,
)

# ── taxis ─────────────────────────────────────────────────────────────────────────────────────────────────────

TAXI = Worked(
    (
        Table(
            "data/taxi_tour.csv",
            {
                "id": TEXT,
                "vendor_id": INT,
                "pickup_datetime": STAMP,
                "passenger_count": INT,
                "pickup_latitude": REAL,
            },
            1500,
            lambda m, n: {
                "id": f"id{n}",
                "vendor_id": m.number(2),
                "pickup_datetime": m.moment(),
                "passenger_count": m.number(5),
                "pickup_latitude": m.real(40.6, 40.9),
            },
        ),
    ),
    "demo",
    {"vendor_id": 1, "passenger_count": 2},
    {"pickup_latitude": 40.7},
    answers=("vendor_sum_pl_1d", "pax_cnt_1d", "vendor_sum_with_self"),
)

# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────────

CARDS = Worked(
    (
        Table(
            "data/transactions.pq",
            {"user_id": TEXT, "amt": REAL, "timestamp": STAMP},
            3000,
            lambda m, n: {"user_id": f"user_{m.number(8)}", "amt": m.real(1, 400), "timestamp": m.moment()},
        ),
        Table(
            "data/customers.pq",
            {"user_id": TEXT, "lat": REAL, "long": REAL, "signup_timestamp": STAMP},
            8,
            lambda m, n: {
                "user_id": f"user_{n + 1}",
                "lat": m.real(30, 48),
                "long": m.real(-120, -70),
                "signup_timestamp": START - timedelta(days=m.number(300)),
            },
        ),
    ),
    "fraud_detection",
    {"user_id": "user_3"},
    {"amt": 120.5, "merch_lat": 40.0, "merch_long": -80.0},
    answers=("transaction_count_daily_30d", "amt_mean_3d", "lat", "is_high", "above_avg", "distance_km"),
)

# ── fraud ─────────────────────────────────────────────────────────────────────────────────────────────────────


def txn(m: Maker, n: int) -> Row:
    at = m.moment()
    return {
        "txn_id": n,
        "card_id": m.number(6),
        "merchant_id": m.number(5),
        "device_id": f"d{m.number(6)}",
        "amount": m.money(300),
        "country": m.one("DE", "FR", "US"),
        "response_code": m.one("00", "00", "00", "51"),
        "authorized_at": at,
        "ingested_at": m.soon(at, timedelta(seconds=5) if m.number(10) > 1 else timedelta(hours=6)),
    }


FRAUD = Worked(
    (
        Table(
            "raw.txns",
            {
                **dict.fromkeys(("txn_id", "card_id", "merchant_id"), INT),
                **dict.fromkeys(("device_id", "country", "response_code"), TEXT),
                **dict.fromkeys(("authorized_at", "ingested_at"), STAMP),
                "amount": MONEY,
            },
            3000,
            txn,
        ),
        Table(
            "raw.chargebacks",
            {"txn_id": INT, "merchant_id": INT, "reported_at": STAMP},
            300,
            lambda m, n: {"txn_id": 10 * n, "merchant_id": m.number(5), "reported_at": m.moment()},
        ),
        Table(
            "raw.merchants",
            {"merchant_id": INT, "mcc": TEXT, "updated_at": STAMP},
            40,
            lambda m, n: {"merchant_id": n % 5 + 1, "mcc": m.one("7995", "5411", "6051"), "updated_at": m.moment()},
        ),
    ),
    "auth_score",
    {"card_id": 2, "merchant_id": 3, "device_id": "d4"},
    {"amount": "120.50", "country": "DE"},
    answers=("txns_7d", "spend_7d", "worst_merchant_7d", "gambling_spend_7d", "decayed_spend", "chargeback_rate_90d",
             "cards_7d", "z_amount", "new_country", "first_time_merchant"),
)  # fmt: skip

PROJECTS: Mapping[str, Worked] = {"a_fraud": FRAUD, "g_iot": IOT, "h_eta": ETA, "t_openmldb": TAXI, "t_tecton": CARDS}
