"""SQLite's spelling of each partial state gives what the algebra gives."""

from __future__ import annotations

import json
import sqlite3
from math import inf, isclose, isfinite, isnan, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featc.algebra import LAWS, SAMPLE, Kind, float_total
from featc.encoding import double_to_code
from featc_dialects.sqlite import SPELLINGS, Spelling

INTEGERS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, -1, 0, 1, 2**32, -(2**32)])
)
DOUBLES = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 0.1, inf, -inf, nan, 1e15, -1e15]),
)
HUGE = st.one_of(DOUBLES, st.sampled_from([1e308, -1e308]))
"""For sums. The squares of such numbers leave DOUBLE, and so moments of them are no numbers that could be compared."""
FLOATING = (Kind.FSUM, Kind.MOMENTS)


def as_columns(kind: Kind, values: list[Any]) -> list[tuple[Any, Any]]:
    """(encoded, real) of values."""
    if kind not in FLOATING:
        return [(v, None) for v in values]
    return [(None, None) if v is None else (double_to_code(v), v if v - v == 0 else None) for v in values]


def state_of(store: sqlite3.Connection, spelling: Spelling, table: str, columns: list[str]) -> tuple[Any, ...]:
    """The fields over the rows of a table, or over stored states when it has their columns."""
    raw = columns == ["x", "r"]
    texts, mean = (spelling.raw, spelling.raw_mean) if raw else (spelling.merge, spelling.merge_mean)
    names = {"x": "x", "r": "r", "m": "m"}
    around = f", (SELECT {mean.format(*columns, **names)} AS m FROM {table})" if mean else ""
    fields = ", ".join(t.format(*columns, **names) for t in texts)
    row: tuple[Any, ...] = store.execute(f"SELECT {fields} FROM {table}{around}").fetchone()
    return row


def bounded(store: sqlite3.Connection, spelling: Spelling, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a tile keeps of these fields."""
    if not spelling.bounded:
        return fields
    given = ", ".join(f"? AS f{n}" for n in range(len(fields)))
    kept = ", ".join(t.format(*(f"f{n}" for n in range(len(fields)))) for t in spelling.bounded)
    row: tuple[Any, ...] = store.execute(f"SELECT {kept} FROM (SELECT {given})", fields).fetchone()
    return row


def same(kind: Kind, left: Any, right: Any, values: list[Any]) -> bool:
    """Equal, or as near as the law asks of DOUBLE: 1e-9 of the members' magnitude."""
    if kind not in FLOATING or left is None or right is None:
        return bool(left == right)
    if kind is Kind.FSUM:
        left, right = (float_total(left),), (float_total(right),)
    near = 1e-9 * sum(abs(v) for v in values if v is not None and isfinite(v))
    return all(
        (isnan(a) and isnan(b)) or a == b or isclose(a, b, rel_tol=1e-9, abs_tol=near)
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("kind", SPELLINGS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_states_over_rows_and_over_tiles_equal_the_algebras(kind: Kind, data: st.DataObject) -> None:
    spelling = SPELLINGS[kind]
    strategy = INTEGERS if kind not in FLOATING else HUGE if kind is Kind.FSUM else DOUBLES
    groups = data.draw(st.lists(st.lists(strategy, min_size=1, max_size=6), min_size=1, max_size=4))
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE raw (x INTEGER, r REAL) STRICT")
    fields = [f"f{n}" for n in range(len(spelling.fields))]
    types = [t or "INTEGER" for t in spelling.types]
    store.execute(
        f"CREATE TABLE tiles ({', '.join(f'{f} {t}' for f, t in zip(fields, types, strict=True))}) STRICT"
    )
    fold = LAWS[kind].fold
    for values in groups:
        store.execute("DELETE FROM raw")
        store.executemany("INSERT INTO raw VALUES (?, ?)", as_columns(kind, values))
        row = bounded(store, spelling, state_of(store, spelling, "raw", ["x", "r"]))
        store.execute(f"INSERT INTO tiles VALUES ({', '.join('?' * len(row))})", row)
        assert same(kind, spelling.state(row), fold([(n, v) for n, v in enumerate(values)]), values)
    union = state_of(store, spelling, "tiles", fields)
    merged = spelling.state(union)
    everything = [v for values in groups for v in values]
    assert same(kind, merged, fold([(n, v) for n, v in enumerate(everything)]), everything)
    if spelling.bounded:
        assert spelling.state(bounded(store, spelling, union)) == merged


@pytest.mark.parametrize("kind", SPELLINGS)
def test_no_rows_have_the_absent_state(kind: Kind) -> None:
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE raw (x INTEGER, r REAL) STRICT")
    state = SPELLINGS[kind].state(state_of(store, SPELLINGS[kind], "raw", ["x", "r"]))
    assert not state


def test_integer_sums_pass_64_bits_without_becoming_real() -> None:
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE raw (x INTEGER, r REAL) STRICT")
    store.executemany("INSERT INTO raw VALUES (?, NULL)", [(2**63 - 1,)] * 3 + [(-5,)])
    spelling = SPELLINGS[Kind.SUM]
    assert spelling.state(state_of(store, spelling, "raw", ["x", "r"])) == 3 * (2**63 - 1) - 5


def test_a_tile_keeps_no_more_hashes_than_are_needed() -> None:
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE raw (x INTEGER, r REAL) STRICT")
    hashes = [(7919 * n) % 10007 for n in range(10000)]
    store.executemany("INSERT INTO raw VALUES (?, NULL)", [(h,) for h in hashes * 2])
    spelling = SPELLINGS[Kind.SAMPLE]
    (kept,) = bounded(store, spelling, state_of(store, spelling, "raw", ["x", "r"]))
    assert json.loads(kept) == sorted(set(hashes))[: SAMPLE + 1]
