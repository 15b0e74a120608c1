"""SQLite: the embedded online store. How it spells partial states over encoded values (`featc.encoding`).

Only what SQLite computes exactly is spelled: integer sums are split in a high and a low half, so that they never
overflow into REAL; sums of DOUBLE keep NaN and ±inf apart, which SQLite would turn into NULL. Kinds without a
spelling depend on event order or are sets: the online read takes their rows instead (`lower.online_read`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from json import loads
from math import inf, isnan, nan
from typing import Any

from featc.algebra import HUGE, SAMPLE, UNIT, Kind
from featc.encoding import NAN_CODE, double_to_code, is_wide

NAME = "sqlite"
MIN_VERSION = (3, 38, 0)
"""STRICT tables, NOT MATERIALIZED and UPSERT are needed."""

MOST_TERMS = 400
"""SELECTs put into one by UNION ALL; SQLite takes 500."""

MOST_COLUMNS = 2000
"""Columns of a table or of a SELECT."""

_PINF, _NINF = double_to_code(inf), double_to_code(-inf)
_HALF = 2**32


@dataclass(frozen=True, slots=True)
class Spelling:
    """One kind of state in SQLite.

    `fields` are the suffixes of its columns and `types` theirs ('' is the slot's own). `raw` gives each field over
    rows, with `{x}` the encoded slot, `{r}` its finite REAL and `{m}` the mean that `raw_mean` gives over the same
    rows. `merge` gives each field over stored states, with `{0}` … their columns and `{m}` from `merge_mean`.
    `state` turns the fields into the algebra's state. `bounded` gives what a tile keeps of each field, with `{0}` … for
    what `raw` or `merge` gave, where that is not bounded yet.
    """

    fields: tuple[str, ...]
    types: tuple[str, ...]
    raw: tuple[str, ...]
    merge: tuple[str, ...]
    state: Callable[[Sequence[Any]], Any]
    raw_mean: str | None = None
    merge_mean: str | None = None
    bounded: tuple[str, ...] = ()

    @property
    def uses_real(self) -> bool:
        return any("{r}" in text for text in self.raw)


def _first(fields: Sequence[Any]) -> Any:
    return fields[0]


def _count(fields: Sequence[Any]) -> int:
    return fields[0] or 0


def _integer_sum(fields: Sequence[Any]) -> int | None:
    high, low = fields
    return None if high is None else high * _HALF + low


def _double_sum(fields: Sequence[Any]) -> tuple[float, float] | None:
    total, huge, nans, pinfs, ninfs = fields
    if nans is None:
        return None
    if nans or (pinfs and ninfs):
        return (nan, 0.0)
    if pinfs or ninfs:
        return (inf if pinfs else -inf, 0.0)
    return (total or 0.0, huge or 0.0)


def _moments(fields: Sequence[Any]) -> tuple[int, float, float, int] | None:
    n, mean, m2, odd = fields
    if not n:
        return (0, 0.0, 0.0, odd) if odd else None
    spread = nan if m2 is None else m2
    return (n, nan if mean is None else mean, inf if isnan(spread) else spread, odd)


def _sample(fields: Sequence[Any]) -> Any:
    """Of hashes as JSON: a list over rows, a list of such over tiles."""
    found = loads(fields[0]) if fields[0] else []
    lists = found if found and isinstance(found[0], list) else [found]
    merged = merge(*map(sorted, lists))  # of many tiles, only the least hashes are looked at
    return tuple(islice((h for h, _ in groupby(merged)), SAMPLE + 1)) or None


def _buckets(fields: Sequence[Any]) -> dict[int, int] | None:
    """Of counts as JSON: an object over rows, in which a name may come often, a list of such over tiles."""
    counts: Counter[int] = Counter()

    def add(pairs: list[tuple[str, int]]) -> None:
        for code, n in pairs:
            counts[int(code)] += n

    loads(fields[0] or "[]", object_pairs_hook=add)
    return counts or None


def _over_atoms(select: str) -> str:
    """A SELECT over `v`, the numbers in JSON text, and `k`, the names they have."""
    return f"({select.format(atoms='(SELECT key AS k, atom AS v FROM json_tree({0}) WHERE atom IS NOT NULL)')})"


SPELLINGS: dict[Kind, Spelling] = {
    Kind.ROWS: Spelling(("",), ("INTEGER",), ("count(*)",), ("sum({0})",), _count),
    Kind.COUNT: Spelling(("",), ("INTEGER",), ("count({x})",), ("sum({0})",), _count),
    Kind.SUM: Spelling(
        ("high", "low"),
        ("INTEGER", "INTEGER"),
        ("sum({x} >> 32)", "sum({x} & 4294967295)"),
        ("sum({0})", "sum({1})"),
        _integer_sum,
    ),
    Kind.FSUM: Spelling(
        ("", "huge", "nan", "pinf", "ninf"),
        ("REAL", "REAL", "INTEGER", "INTEGER", "INTEGER"),
        (
            f"sum({{r}}) FILTER (WHERE abs({{r}}) < {HUGE})",
            f"sum({{r}} / {UNIT}) FILTER (WHERE abs({{r}}) >= {HUGE})",
            f"sum({{x}} = {NAN_CODE})",
            f"sum({{x}} = {_PINF})",
            f"sum({{x}} = {_NINF})",
        ),
        ("sum({0})", "sum({1})", "sum({2})", "sum({3})", "sum({4})"),
        _double_sum,
    ),
    Kind.MIN: Spelling(("",), ("",), ("min({x})",), ("min({0})",), _first),
    Kind.MAX: Spelling(("",), ("",), ("max({x})",), ("max({0})",), _first),
    Kind.MOMENTS: Spelling(
        ("n", "mean", "m2", "odd"),
        ("INTEGER", "REAL", "REAL", "INTEGER"),
        ("count({r})", "avg({r})", "sum(({r} - {m}) * ({r} - {m}))", "count({x}) - count({r})"),
        ("sum({0})", "sum({0} * {1}) / sum({0})", "sum({2} + {0} * ({1} - {m}) * ({1} - {m}))", "sum({3})"),
        _moments,
        raw_mean="avg({r})",
        merge_mean="sum({0} * {1}) / sum({0})",
    ),
    Kind.SAMPLE: Spelling(
        ("",),
        ("TEXT",),
        ("json_group_array(DISTINCT {x}) FILTER (WHERE {x} IS NOT NULL)",),
        ("'[' || group_concat({0}) || ']'",),
        _sample,
        bounded=(
            _over_atoms(
                "SELECT json_group_array(v) FROM"
                f" (SELECT DISTINCT v FROM {{atoms}} ORDER BY v LIMIT {SAMPLE + 1})"
            ),
        ),
    ),
    Kind.BUCKETS: Spelling(
        ("",),
        ("TEXT",),
        ("json_group_object({x}, 1) FILTER (WHERE {x} IS NOT NULL)",),
        ("'[' || group_concat({0}) || ']'",),
        _buckets,
        bounded=(
            _over_atoms(
                "SELECT json_group_object(k, n) FROM (SELECT k, sum(v) AS n FROM {atoms} GROUP BY k ORDER BY k)"
            ),
        ),
    ),
}


def unsupported(kind: Kind, types: Sequence[str]) -> str | None:
    """Why SQLite cannot compute a state over these slots, or None when it can."""
    if kind not in SPELLINGS:
        return "it depends on event order or is a set, so its rows are read"
    if kind is Kind.SUM and is_wide(types[0]):
        return f"{types[0]} has no arithmetic in SQLite, so its rows are added up in process"
    return None
