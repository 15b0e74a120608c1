"""Sketches are within the error they state, and what rows are lifted to stays what it is (docs/decisions/0025)."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import duckdb
import pytest

import oracle
from featc.algebra import AGGREGATES, LAWS, SAMPLE, Given, Kind, thresholds
from featc.algebra.sketches import bucket_sql, hash_sql
from featc_dialects import duckdb as duckdb_dialect

DISTINCT, QUANTILE = AGGREGATES["approx_count_distinct"], AGGREGATES["approx_quantile"]
SHARES = ("0", "0.01", "0.07", "0.25", "0.5", "0.9", "0.999", "1")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def lifted(engine: duckdb.DuckDBPyConnection, made: str, relation: str, params: Sequence[Any] = ()) -> list[int]:
    """What the engine lifts the column `x` of a relation to."""
    return [row[0] for row in engine.execute(f"SELECT {made.format(x='x')} FROM {relation}", list(params)).fetchall()]


def estimate(hashes: list[int]) -> int:
    """The finished value of these hashes, folded in two halves and merged."""
    law, half = LAWS[Kind.SAMPLE], len(hashes) // 2
    parts = [law.fold([(n, h) for n, h in enumerate(part)]) for part in (hashes[:half], hashes[half:])]
    return int(DISTINCT.finish(Given(("BIGINT",), {}), law.merge(*parts)))


def number(engine: duckdb.DuckDBPyConnection, values: list[float], share: str) -> float | None:
    """The finished quantile of these values."""
    codes = lifted(engine, bucket_sql("DOUBLE"), "(SELECT unnest($1::DOUBLE[]) AS x)", [values])
    state = LAWS[Kind.BUCKETS].fold([(n, c) for n, c in enumerate(codes)])
    found: float | None = QUANTILE.finish(Given(("BIGINT",), {"p": float(share)}), state)
    return found


# ── different values ──────────────────────────────────────────────────────────────────────────────────────────────


def test_different_values_are_counted_exactly_up_to_4096(engine: duckdb.DuckDBPyConnection) -> None:
    hashes = lifted(engine, hash_sql("BIGINT"), f"range({SAMPLE}) r(x)")
    assert [estimate((hashes * 2)[:n]) for n in (1, 2, 1000, SAMPLE, 2 * SAMPLE)] == [1, 2, 1000, SAMPLE, SAMPLE]


SIZES = (4_097, 5_000, *(pytest.param(n, marks=pytest.mark.slow) for n in (16_384, 20_000, 66_000)))


@pytest.mark.parametrize("size", SIZES)
def test_beyond_it_the_standard_error_is_at_most_the_stated_one(engine: duckdb.DuckDBPyConnection, size: int) -> None:
    trials = 30
    hashes = lifted(engine, hash_sql("BIGINT"), f"range({size * trials}) r(x)")
    errors = [estimate(hashes[n * size : (n + 1) * size]) / size - 1 for n in range(trials)]
    # of 30 trials the root of the mean square is within a quarter of the truth; the law has 3.2 %
    assert math.sqrt(sum(e * e for e in errors) / trials) < 0.032 * 1.25
    assert max(map(abs, errors)) < 5 * 0.032 and abs(sum(errors) / trials) < 4 * 0.032 / math.sqrt(trials)


@pytest.mark.parametrize("spelled", ["x * 1000003", "'user-' || x", "x / 7.0::DOUBLE", "x::DECIMAL(18,3)", "-x"])
def test_no_pattern_of_the_values_spoils_it(engine: duckdb.DuckDBPyConnection, spelled: str) -> None:
    relation = f"(SELECT {spelled} AS x FROM range(30000) r(x))"
    (type_,) = engine.execute(f"SELECT typeof(x) FROM {relation} LIMIT 1").fetchone() or ("",)
    found = estimate(lifted(engine, hash_sql(type_), relation))
    assert abs(found / 30_000 - 1) < 4 * 0.032


def test_a_sum_of_skewed_sets_does_not_depend_on_the_order_of_merging(engine: duckdb.DuckDBPyConnection) -> None:
    hashes = lifted(engine, hash_sql("BIGINT"), "range(40000) r(x)")
    law = LAWS[Kind.SAMPLE]
    sets = [law.fold([(n, h) for n, h in enumerate(hashes[a:b])]) for a, b in ((0, 9), (5, 39_000), (38_000, 40_000))]
    found = set()
    for one, two, three in itertools.permutations(sets):
        found |= {law.merge(law.merge(one, two), three), law.merge(one, law.merge(three, law.merge(two, one)))}
    assert found == {law.fold([(n, h) for n, h in enumerate(hashes)])}


VALUES: tuple[tuple[str, list[Any]], ...] = (
    ("BIGINT", [0, -1, 2**63 - 1, -(2**63)]),
    ("UBIGINT", [2**64 - 1]),
    ("HUGEINT", [-(2**100)]),
    ("DECIMAL(12,2)", [Decimal("1.23"), Decimal("-0.01")]),
    ("DECIMAL(38,2)", [Decimal("123456789012345678901234567890.12")]),
    ("DOUBLE", [0.0, -0.0, 1.5, -1.5, math.nan, -math.nan, math.inf, -math.inf, 5e-324]),
    ("FLOAT", [0.5, -0.0, math.nan]),
    ("VARCHAR", ["", "a", "é", "日本", "a\x00b", "x" * 1000]),
    ("BOOLEAN", [True, False]),
    ("TIMESTAMP", [datetime(2026, 1, 1, 12, 0, 0, 1), datetime(1969, 12, 31, 23)]),
    ("DATE", [date(2026, 1, 1), date(1, 1, 1)]),
    ("UUID", [UUID("6f1e0c5e-4b0c-4a9e-9d43-1c2d3e4f5a6b")]),
)


@pytest.mark.parametrize(("type_", "values"), VALUES)
def test_the_engine_hashes_values_as_the_definition_says(
    engine: duckdb.DuckDBPyConnection, type_: str, values: list[Any]
) -> None:
    for value in values:
        (found,) = lifted(engine, hash_sql(type_), f"(SELECT $1::{type_} AS x)", [value])
        assert found == oracle.hash_of(value), value
    assert lifted(engine, hash_sql(type_), f"(SELECT NULL::{type_} AS x)") == [None]


@pytest.mark.parametrize("bits", [63, 62, 61, 60, 57, 52, 49, 48, 47, 46])
@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 9000])
def test_the_engine_finishes_counts_as_the_algebra_does(
    engine: duckdb.DuckDBPyConnection, bits: int, size: int
) -> None:
    """Over hashes below a threshold of every level, the last one and beyond included."""
    hashes = [n * (2**bits // 9001) for n in range(size)]
    names = duckdb_dialect.FIELDS[Kind.SAMPLE]
    counts = [str(sum(h < t for h in hashes)) for t in thresholds()]
    state = State(counts[0], dict(zip(names, counts, strict=True)))
    ((found,),) = engine.execute(f"SELECT {DISTINCT.finish_sql.format(n=state)}").fetchall()
    assert found == estimate(hashes)


class State:
    """A state's fields as a finisher's template reads them."""

    def __init__(self, whole: str, fields: dict[str, str]):
        self.whole = whole
        self.__dict__.update(fields)

    def __format__(self, spec: str) -> str:
        return self.whole


def test_hashes_are_the_same_for_ever() -> None:
    assert oracle.hash_of("a") == 7000413967451013937 >> 1
    assert DISTINCT.finish(Given(("BIGINT",), {}), ()) == 0


# ── quantiles ─────────────────────────────────────────────────────────────────────────────────────────────────────

CHANCE = random.Random(7)
BAGS: dict[str, Callable[[], list[float]]] = {
    "all equal": lambda: [17.3] * 50,
    "one value": lambda: [-0.02],
    "two values far apart": lambda: [1e-200] * 7 + [1e200] * 3,
    "uniform": lambda: [CHANCE.uniform(0, 1000) for _ in range(2000)],
    "normal": lambda: [CHANCE.gauss(0, 1) for _ in range(2000)],
    "of all magnitudes": lambda: [CHANCE.choice((-1, 1)) * 10 ** CHANCE.uniform(-299, 308) for _ in range(999)],
    "the greatest there are": lambda: [1.7976931348623157e308, -1.7976931348623157e308, 1.79e308],
    "powers of the base": lambda: [1.02**n for n in range(-900, 900)],
    "prices": lambda: [round(CHANCE.lognormvariate(3, 2), 2) for _ in range(2000)],
    "negative": lambda: [-CHANCE.expovariate(1) for _ in range(1000)],
    "whole": lambda: [float(CHANCE.randint(-5, 5)) for _ in range(100)],
}


@pytest.mark.parametrize("bag", BAGS)
def test_quantiles_are_within_one_percent(engine: duckdb.DuckDBPyConnection, bag: str) -> None:
    values = BAGS[bag]()
    for share in SHARES:
        exact = sorted(values)[max(math.ceil(Fraction(share) * len(values)), 1) - 1]
        found = number(engine, values, share)
        assert found is not None and abs(found - exact) <= 0.01 * abs(exact), (share, exact, found)


def test_what_is_nearer_to_zero_than_doubles_can_tell_apart_is_zero(engine: duckdb.DuckDBPyConnection) -> None:
    assert [number(engine, [x], "0.5") for x in (5e-324, -2e-308, 9e-301, 0.0, -0.0)] == [0.0] * 5


def test_infinities_and_nan_have_their_places(engine: duckdb.DuckDBPyConnection) -> None:
    values = [math.nan, 1.0, math.inf, -math.inf]
    found = [number(engine, values, p) for p in ("0.25", "0.5", "0.75", "1")]
    assert found[0] == -math.inf and found[2] == math.inf and math.isnan(found[3] or 0.0)
    assert number(engine, [], "0.5") is None


@pytest.mark.parametrize("type_", ["BIGINT", "DECIMAL(18,4)", "FLOAT", "HUGEINT", "UTINYINT"])
def test_numbers_of_every_type_have_the_bucket_of_their_double(
    engine: duckdb.DuckDBPyConnection, type_: str
) -> None:
    for value in (0, 1, 7, 100):
        given = f"(SELECT {value}::{type_} AS x)"
        assert lifted(engine, bucket_sql(type_), given) == lifted(engine, bucket_sql("DOUBLE"), given)
    assert lifted(engine, bucket_sql(type_), f"(SELECT NULL::{type_} AS x)") == [None]


@pytest.mark.parametrize("share", SHARES)
def test_the_engine_finishes_quantiles_as_the_algebra_does(engine: duckdb.DuckDBPyConnection, share: str) -> None:
    for values in ([float(n) for n in range(-50, 51)], [math.inf, math.nan, -3.5], [1e308] * 3, [0.25]):
        codes = lifted(engine, bucket_sql("DOUBLE"), "(SELECT unnest($1::DOUBLE[]) AS x)", [values])
        sql = QUANTILE.finish_sql.format(v="$1::BIGINT[]", p=float(share))
        ((found,),) = engine.execute(f"SELECT {sql}", [codes]).fetchall()
        wanted = number(engine, values, share)
        assert found == pytest.approx(wanted, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("n", [7, 100, 1001, 10_000, 99_999])
def test_shares_are_the_decimals_that_were_written(engine: duckdb.DuckDBPyConnection, n: int) -> None:
    for share in (*SHARES, "0.1", "0.3", "0.29", "0.57", "0.333333333333333"):
        sql = f"SELECT list_aggregate(range(1, {n} + 1), 'quantile_disc', {float(share):.15f})"
        ((place,),) = engine.execute(sql).fetchall()
        assert place == max(math.ceil(Fraction(share) * n), 1), share
