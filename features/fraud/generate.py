"""Made-up card payments: `python generate.py [--scale 1] [--seed 11] [--out data]`.

The same scale and seed give the same bytes. Scale 1 is 2,000 cards, 250 merchants and some 60,000 transactions from
January to June 2026, in a few seconds. Written to `--out`:

    txns.parquet           versions of transactions
    chargebacks.parquet    disputes, weeks after their transactions
    merchants.parquet      what merchants sell, and since when
    spine.parquet          transactions to train on, of February and March: keys, amount, country, as_of

Thieves have a card's number for some days. Some pay from devices with which they used other cards before, or at
merchants that do not look closely; they spend rather more than the cardholder would, and some attempts are declined.
Cardholders notice within weeks. Needs only the standard library and duckdb.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import duckdb

START, DAYS = datetime(2026, 1, 1), 155
TRAINED = (datetime(2026, 2, 1), datetime(2026, 4, 1))
"""Labels look 60 days ahead, and features up to 90 days back."""
COUNTRIES = ("DE", "FR", "NL", "PL", "IT", "US")
MCCS = ("5411", "5411", "5812", "5541", "5732", "4511", "7995", "6051")

TXNS = (
    "txn_id bigint, version integer, card_id bigint, merchant_id bigint, device_id varchar, amount decimal(12,2), "
    "country varchar, response_code varchar, authorized_at timestamp, ingested_at timestamp, disputed boolean, "
    "disputed_at timestamp"
)
CHARGEBACKS = "txn_id bigint, card_id bigint, merchant_id bigint, reported_at timestamp, received_at timestamp"
MERCHANTS = "merchant_id bigint, mcc varchar, country varchar, updated_at timestamp"
SPINE = (
    "txn_id bigint, card_id bigint, merchant_id bigint, device_id varchar, amount decimal(12,2), country varchar, "
    "as_of timestamp"
)
Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Txn:
    """A transaction as authorised; money in cents. `stolen`: not by the cardholder."""

    card: int
    merchant: int
    device: str
    cents: int
    country: str
    code: str
    at: datetime
    stolen: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """Who there is. `careless` merchants are where thieves pay; `dens` are the devices they pay with."""

    cards: range
    card_weights: Sequence[float]
    home: dict[int, str]
    usual_cents: dict[int, float]
    merchants: range
    merchant_weights: Sequence[float]
    country: dict[int, str]
    careless: Sequence[int]
    dens: Sequence[str]


def open_world(rng: random.Random, scale: float) -> World:
    cards = range(1, max(60, round(2_000 * scale)) + 1)
    merchants = range(1, max(30, round(250 * scale**0.5)) + 1)
    return World(
        cards=cards,
        card_weights=list(accumulate(rng.paretovariate(1.5) for _ in cards)),
        home={card: rng.choice(COUNTRIES[:5]) for card in cards},
        usual_cents={card: rng.lognormvariate(7.8, 0.5) for card in cards},
        merchants=merchants,
        merchant_weights=list(accumulate(1 / rank**0.7 for rank in range(1, len(merchants) + 1))),
        country={merchant: rng.choice(COUNTRIES) for merchant in merchants},
        careless=rng.sample(merchants[len(merchants) // 3 :], max(3, len(merchants) // 16)),
        dens=[f"x{n}" for n in range(max(3, round(30 * scale)))],
    )


def moment(rng: random.Random) -> datetime:
    """An instant of the history, in whole seconds and mostly by day."""
    when = START + timedelta(seconds=rng.randrange(DAYS * 86_400))
    return when if 7 <= when.hour <= 22 or rng.random() < 0.2 else when + timedelta(hours=8)


def usual(rng: random.Random, world: World) -> Txn:
    """What a cardholder does."""
    card = rng.choices(world.cards, cum_weights=world.card_weights)[0]
    merchant = rng.choices(world.merchants, cum_weights=world.merchant_weights)[0]
    country = world.home[card] if rng.random() < 0.9 else world.country[merchant]
    cents = round(world.usual_cents[card] * rng.lognormvariate(0, 0.6))
    device = f"d{card}" if rng.random() < 0.85 else f"d{card}b" if rng.random() < 0.8 else f"n{rng.randrange(10**6)}"
    code = "00" if rng.random() < 0.97 else rng.choice(("51", "05"))
    return Txn(card, merchant, device, max(50, cents), country, code, moment(rng))


def theft(rng: random.Random, world: World) -> Iterable[Txn]:
    """What a thief does within a few days, trying not to be noticed."""
    card, den = rng.choice(world.cards), rng.choice(world.dens)
    at = moment(rng)
    for _ in range(rng.randint(2, 8)):
        merchant = rng.choice(world.careless if rng.random() < 0.4 else world.merchants)
        device = den if rng.random() < 0.35 else f"n{rng.randrange(10**6)}" if rng.random() < 0.4 else f"d{card}"
        country = world.country[merchant] if rng.random() < 0.35 else world.home[card]
        cents = round(world.usual_cents[card] * rng.lognormvariate(0.35, 0.7))
        code = "00" if rng.random() < 0.88 else rng.choice(("51", "05", "14"))
        yield Txn(card, merchant, device, max(100, cents), country, code, at, stolen=True)
        at += timedelta(seconds=rng.randint(120, 60_000))


def arrival(rng: random.Random, at: datetime) -> datetime:
    """Mostly some seconds later; now and then a queue is stuck for hours."""
    return at + timedelta(seconds=rng.randint(1, 4) if rng.random() < 0.97 else rng.randint(600, 6 * 3600))


def reports(rng: random.Random, txns: Sequence[Txn]) -> dict[int, datetime]:
    """When each disputed transaction is disputed: most thefts, and a few regrets."""
    found = {}
    for txn in txns:
        if txn.code == "00" and rng.random() < (0.92 if txn.stolen else 0.0006):
            found[txn.number] = txn.at + timedelta(seconds=rng.randint(2 * 86_400, 45 * 86_400))
    return found


def versions(rng: random.Random, txn: Txn, disputed_at: datetime | None) -> Iterable[Row]:
    """The rows of a transaction, as the warehouse has them in the end: a dispute is written into all of them."""
    ingested = arrival(rng, txn.at)
    end = (disputed_at is not None, disputed_at)
    yield row(txn, 1, txn.cents, ingested, end)
    if txn.code == "00" and rng.random() < 0.02:
        corrected = ingested + timedelta(seconds=rng.randint(3_600, 48 * 3_600))
        yield row(txn, 2, round(txn.cents * rng.uniform(0.8, 1.2)), corrected, end)


def row(txn: Txn, version: int, cents: int, ingested: datetime, end: tuple[bool, datetime | None]) -> Row:
    known = (txn.number, version, txn.card, txn.merchant, txn.device, money(cents), txn.country, txn.code)
    return (*known, txn.at, ingested, *end)


def claim(rng: random.Random, txn: Txn, at: datetime) -> tuple[int, int, int, datetime, datetime]:
    """A dispute, which reaches the bank in a file of the following night, or some days later."""
    night = datetime(at.year, at.month, at.day) + timedelta(days=1 if rng.random() < 0.9 else 3, hours=3)
    return (txn.number, txn.card, txn.merchant, at, night)


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def merchants(rng: random.Random, world: World) -> list[Row]:
    rows: list[Row] = []
    for merchant in world.merchants:
        rows.append((merchant, rng.choice(MCCS), world.country[merchant], datetime(2025, 6, 1)))
        if rng.random() < 0.15:
            rows.append((merchant, rng.choice(MCCS), world.country[merchant], moment(rng)))
    return rows


def write(path: Path, columns: str, rows: Iterable[Row]) -> None:
    """The rows as parquet; bytes depend on nothing but the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in (c.split(" ", 1) for c in columns.split(", ")))
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        with (Path(scratch) / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(column.split()[0] for column in columns.split(", "))
            writer.writerows(rows)
        connection.execute("set threads = 1")
        connection.execute(
            f"copy (from read_csv('{scratch}/rows.csv', header = true, columns = {{{types}}})) "
            f"to '{path}' (format parquet)"
        )


def generate(out: Path, scale: float, seed: int) -> dict[str, int]:
    """Writes every file under `out`, replacing what is there; gives the number of rows by file."""
    rng = random.Random(seed)
    world = open_world(rng, scale)
    made = [usual(rng, world) for _ in range(max(2_500, round(60_000 * scale)))]
    for _ in range(max(60, round(450 * scale))):
        made += theft(rng, world)
    made.sort(key=lambda txn: (txn.at, txn.card, txn.merchant))
    txns = [replace(txn, number=number) for number, txn in enumerate(made, start=500_001)]
    disputed = reports(rng, txns)
    end = START + timedelta(days=DAYS)
    loaded = [r for txn in txns for r in versions(rng, txn, disputed.get(txn.number))]
    claims = [claim(rng, t, disputed[t.number]) for t in txns if t.number in disputed]
    asked = [t for t in txns if TRAINED[0] <= t.at < TRAINED[1] and t.code == "00"]
    files: dict[str, tuple[str, list[Row]]] = {
        "txns.parquet": (TXNS, sorted(loaded, key=lambda r: (str(r[9]), r[0], r[1]))),
        "chargebacks.parquet": (CHARGEBACKS, sorted((c for c in claims if c[3] < end), key=lambda r: (r[3], r[0]))),
        "merchants.parquet": (MERCHANTS, merchants(rng, world)),
        "spine.parquet": (
            SPINE,
            [(t.number, t.card, t.merchant, t.device, money(t.cents), t.country, t.at) for t in asked],
        ),
    }
    for name, (columns, rows) in files.items():
        write(out / name, columns, rows)
    return {name: len(rows) for name, (_, rows) in files.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a made-up history of card payments.")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 2,000 cards and 60,000 transactions")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    arguments = parser.parse_args()
    if arguments.scale <= 0:
        parser.error("--scale must be greater than 0")
    for name, rows in generate(arguments.out, arguments.scale, arguments.seed).items():
        print(f"{rows:>8,} rows  {arguments.out / name}")


if __name__ == "__main__":
    main()
