"""Compares closures with DuckDB: the same text, types and values on both sides, results to the bit."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import product

import duckdb
import pyarrow as pa

from featc.closures import Closure, FallBack, compile_closure
from featc.resolve.model import AggregateRef, Expr

_NAME = re.compile(r"'(?:[^']|'')*'|\b(x\d)\b")

INTEGER_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
NAN, INF = float("nan"), float("inf")


def _integers(bits: int) -> list[object]:
    top = 2 ** (bits - 1)
    near = [
        v for e in (7, 15, 31, 53, 63) for v in (2**e - 1, 2**e, 2**e + 1, -(2**e) - 1, -(2**e), 1 - 2**e)
    ]
    return [None, 0, 1, -1, 2, 3, -3, 7, -7, 10, 100, *dict.fromkeys(v for v in near if -top <= v < top)]


def _decimals(precision: int, scale: int) -> list[object]:
    unit, most = Decimal(1).scaleb(-scale), 10**precision - 1
    units = [0, 1, -1, 2, 3, -7, 10**scale, -(10**scale), 10**scale // 2, -(10**scale) // 2, 5 * 10**scale,
        most, -most,
             most // 3, 2**53, 2**53 + 1, -(2**53), 12345, 2**31, 10**17]  # fmt: skip
    fit = dict.fromkeys(u for u in units if abs(u) <= most)
    return [None, *(_scaled(u, unit) for u in fit)]


def _scaled(units: int, unit: Decimal) -> Decimal:
    sign, digits = (1 if units < 0 else 0), tuple(map(int, str(abs(units))))
    exponent = unit.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal((sign, digits, exponent))


_DOUBLES: list[object] = [
    None, 0.0, -0.0, NAN, INF, -INF, 5e-324, -5e-324, 2.2250738585072014e-308, 1e308, -1e308,
    1.7976931348623157e308,
    1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 0.2, 0.3, 1 / 3, 1e-9, 0.49999999999999994,
    4503599627370495.5, 1e15,
    2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**31, -(2.0**31), 2.0**63, -(2.0**63), 1e17, 123456.789, 1.005,
    2.675, 7.0,
]  # fmt: skip
_TEXTS: list[object] = [
    None, "", " ", "a", "A", "b", "ab", "a ", "Z", "z", "é", "e\u0301", "ß", "İ", "ı", "ﬀ", "\uffff",
    "\ue000", "😀", "𝒳",
    "👨‍👩‍👧", "\u0000", "a\u0000b", "a\u0000", "0", "10", "9", "null", "'", "a\nb", "\x7f", "\x80", "日本",
    "\U0010ffff",
]  # fmt: skip
_INSTANTS: list[object] = [
    None, datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2000, 2, 29, 12), datetime(2026, 3, 29, 1, 30),
    datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 0, 0, 1), datetime(2025, 12, 31, 23, 59, 59, 999999),
    datetime(1900, 1, 1), datetime(1899, 12, 31, 23), datetime(1582, 10, 10), datetime(4, 2, 29),
    datetime(2026, 12, 28),
    datetime(1969, 12, 28, 5, 4, 3, 2), datetime(2024, 12, 30, 8),
]  # fmt: skip
_DATES: list[object] = [None, *dict.fromkeys(v.date() for v in _INSTANTS if isinstance(v, datetime))]


def as_float32(value: object) -> object:
    if not isinstance(value, float):
        return value
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return INF if value > 0 else -INF


def corners(type_: str) -> list[object]:
    """Values of a type where implementations part."""
    if type_ in INTEGER_BITS:
        return _integers(INTEGER_BITS[type_])
    if type_.startswith("DECIMAL"):
        return _decimals(*(int(n) for n in re.findall(r"\d+", type_)))
    if type_ == "FLOAT":
        return [as_float32(v) for v in _DOUBLES]
    return {
        "DOUBLE": _DOUBLES,
        "VARCHAR": _TEXTS,
        "BOOLEAN": [None, True, False],
        "TIMESTAMP": _INSTANTS,
        "DATE": _DATES,
    }[type_]


def _arrow_type(type_: str) -> pa.DataType:
    if type_.startswith("DECIMAL"):
        return pa.decimal128(*(int(n) for n in re.findall(r"\d+", type_)))
    return {"TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
            "FLOAT": pa.float32(), "VARCHAR": pa.string(), "BOOLEAN": pa.bool_(),
            "TIMESTAMP": pa.timestamp("us"),
            "DATE": pa.date32()}[type_]  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows of columns x0, x1 … with a column i that numbers them, in DuckDB and as Python tuples."""

    types: tuple[str, ...]
    values: tuple[tuple[object, ...], ...]
    table: str

    @property
    def refs(self) -> dict[str, AggregateRef]:
        return {f"x{i}": AggregateRef(f"x{i}") for i in range(len(self.types))}


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": "1"})


def make_rows(types: Sequence[str], values: Sequence[tuple[object, ...]]) -> Rows:
    con = connection()
    count = con.execute("select count(*) from duckdb_tables()").fetchall()[0]
    table = f"rows_{count[0]}"
    columns = [pa.array([v[i] for v in values], _arrow_type(t)) for i, t in enumerate(types)]
    arrow = pa.table(
        [pa.array(range(len(values)), pa.int32()), *columns],
        names=["i", *(f"x{i}" for i in range(len(types)))],
    )
    con.register("incoming", arrow)
    con.execute(f"create table {table} as from incoming")
    con.unregister("incoming")
    return Rows(tuple(types), tuple(values), table)


@cache
def corner_rows(*types: str) -> Rows:
    """Every combination of the types' corner values."""
    return make_rows(types, list(product(*(corners(t) for t in types))))


def expression(text: str, rows: Rows, type_: str) -> Expr:
    parts: list[str | AggregateRef] = []
    end = 0
    for match in _NAME.finditer(text):
        if match[1]:
            parts += [text[end : match.start()], rows.refs[match[1]]]
            end = match.end()
    parts.append(text[end:])
    return Expr(tuple(p for p in parts if p != ""), type_)


def type_of(text: str, rows: Rows) -> str:
    """DuckDB's type of the expression; raises duckdb.Error when there is none."""
    found = (
        connection()
        .execute(f"select typeof(any_value(({text}\n))) from (from {rows.table} limit 0)")
        .fetchall()[0]
    )
    return str(found[0])


def compiled(text: str, rows: Rows, default: str | None = None) -> Closure | None:
    """The closure, given the type DuckDB says the expression has."""
    types: Mapping[AggregateRef, str] = dict(zip(rows.refs.values(), rows.types, strict=True))
    return compile_closure(expression(text, rows, type_of(text, rows)), types, default)  # type: ignore[arg-type]


def same(a: object, b: object) -> bool:
    """Equal to the bit, NaNs alike."""
    if a.__class__ is not b.__class__:
        return False
    if isinstance(a, float) and isinstance(b, float):
        return (a != a and b != b) or struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, Decimal):
        return str(a) == str(b)
    return a == b


@dataclass(frozen=True)
class Agreement:
    """What a comparison saw: rows compared, rows whose value was not NULL, rows that fell back."""

    compared: int
    present: int
    fallen: int


def agree(text: str, rows: Rows, closure: Closure) -> Agreement:
    """Asserts that the closure gives DuckDB's value for every row it answers. DuckDB must not raise for
    those rows.
    """
    results: dict[int, object] = {}
    names = {ref.name: i for i, ref in enumerate(rows.refs.values())}
    order = [names[r.name] for r in closure.refs]  # type: ignore[union-attr]
    for i, values in enumerate(rows.values):
        try:
            results[i] = closure.evaluate(*[values[k] for k in order])
        except FallBack:
            continue
    if not results:
        return Agreement(0, 0, len(rows.values))
    con = connection()
    con.register("kept", pa.table({"i": pa.array(results, pa.int32())}))
    query = f"select i, ({text}\n) from (select * from {rows.table} semi join kept using (i))"
    for i, value in con.execute(query).fetchall():
        assert same(results[i], value), (
            f"{text} of {rows.values[i]}: closure {results[i]!r}, DuckDB {value!r}\n{closure.source}"
        )
    present = sum(v is not None for v in results.values())
    return Agreement(len(results), present, len(rows.values) - len(results))
