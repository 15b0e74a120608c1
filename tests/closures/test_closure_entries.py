"""Every row of the allow-list, with every type it takes, over all combinations of corner values, against
DuckDB.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import product

import duckdb
import pytest
from closure_differential import (
    INTEGER_BITS,
    Rows,
    agree,
    compiled,
    corner_rows,
    expression,
    make_rows,
    type_of,
)

from featc.closures import why_not

NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT", "DECIMAL(4,1)", "DECIMAL(12,2)",
    "DECIMAL(18,3)", "DECIMAL(20,0)", "DECIMAL(38,2)", "DECIMAL(38,10)",
)  # fmt: skip
TYPES = (*NUMBERS, "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP")

PARTS = ("year", "month", "day", "quarter", "hour", "minute", "second", "dayofweek", "isodow")
CASTS = (
    "tinyint", "smallint", "int", "integer", "bigint", "double", "boolean", "varchar", "decimal(5,0)",
    "decimal(12,2)", "numeric(38,10)", "date", "timestamp",
)  # fmt: skip
UNARY = (
    "x0 is null", "x0 is not null", "-x0", "-(-x0)", "abs(x0)", "floor(x0)", "ceil(x0)", "ceiling(x0)",
    "round(x0)", "round(x0, 0)", "round(x0, 2)", "round(x0, 15)", "sqrt(x0)", "isnan(x0)", "isinf(x0)",
    "isfinite(x0)", "length(x0)", "epoch_us(x0)", "not x0", *(f"{p}(x0)" for p in PARTS),
    *(f"extract({p} from x0)" for p in PARTS), *(f"date_part('{p}', x0)" for p in PARTS),
    *(f"cast(x0 as {t})" for t in CASTS), "x0::double", "coalesce(x0, null)",
)  # fmt: skip
BINARY = (
    "x0 + x1", "x0 - x1", "x0 * x1", "x0 / x1", "x0 // x1", "x0 % x1", "x0 = x1", "x0 == x1",
    "x0 <> x1", "x0 != x1", "x0 < x1", "x0 <= x1", "x0 > x1", "x0 >= x1", "x0 is distinct from x1",
    "x0 is not distinct from x1", "x0 between x1 and x0", "x1 not between x0 and x1", "x0 in (x1)",
    "x0 not in (x1, null)", "x0 in (x1, x0)", "x0 and x1", "x0 or x1", "x0 || x1", "coalesce(x0, x1)",
    "ifnull(x0, x1)", "nullif(x0, x1)", "greatest(x0, x1)", "least(x0, x1)", "if(x0 is null, x1, x0)",
    "case when x0 < x1 then x0 else x1 end", "case x0 when x1 then 1 end", "x0 / nullif(x1, 0)",
    "(epoch_us(x0) - epoch_us(x1)) / 1e6",
)  # fmt: skip

# How many (text, types) are on the list, by the type of x0. Change a number only with a reason: a smaller one
# means that an entry was lost, a larger one that something new is proven here for the first time.
LISTED: dict[str, int] = {
    "TINYINT": 335,
    "SMALLINT": 335,
    "INTEGER": 335,
    "BIGINT": 335,
    "DOUBLE": 360,
    "FLOAT": 56,
    "DECIMAL(4,1)": 322,
    "DECIMAL(12,2)": 322,
    "DECIMAL(18,3)": 296,
    "DECIMAL(20,0)": 323,
    "DECIMAL(38,2)": 272,
    "DECIMAL(38,10)": 296,
    "VARCHAR": 29,
    "BOOLEAN": 35,
    "DATE": 72,
    "TIMESTAMP": 80,
}


@dataclass(frozen=True)
class Outcome:
    """What became of one expression over one combination of types."""

    text: str
    types: tuple[str, ...]
    listed: bool
    reason: str | None
    present: int


def _try(text: str, rows: Rows) -> Outcome | None:
    """The comparison, or None where DuckDB itself refuses the types. A difference is an AssertionError."""
    try:
        type_ = type_of(text, rows)
    except duckdb.Error:
        return None
    closure = compiled(text, rows)
    if closure is None:
        refs = dict(zip(rows.refs.values(), rows.types, strict=True))
        return Outcome(text, rows.types, False, why_not(expression(text, rows, type_), refs), 0)  # type: ignore[arg-type]
    return Outcome(text, rows.types, True, None, agree(text, rows, closure).present)


@pytest.mark.slow
@pytest.mark.parametrize("type_", TYPES)
def test_every_listed_combination_gives_duckdbs_value_and_type_at_every_corner(type_: str) -> None:
    """Where DuckDB's type is not the rules', the expression is refused: that must not happen either."""
    tried = [_try(text, corner_rows(type_)) for text in UNARY]
    tried += [_try(text, corner_rows(type_, other)) for other in TYPES for text in BINARY]
    found = [o for o in tried if o]
    assert [o for o in found if o.reason and "DuckDB gives" in o.reason] == []
    assert [o for o in found if o.listed and not o.present] == [], "compared on NULLs alone"
    assert sum(o.listed for o in found) == LISTED[type_]


@pytest.mark.slow
def test_every_text_is_listed_for_some_types() -> None:
    combinations = [
        corner_rows(t, t) for t in ("BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP")
    ]
    lost = [
        t for t in (*UNARY, *BINARY) if not any(o and o.listed for o in (_try(t, r) for r in combinations))
    ]
    assert lost == []


LITERALS = (
    "0", "1", "-1", "7", "127", "128", "-128", "-129", "32767", "32768", "-32769", "2147483647",
    "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "-(128)", "- -127", "(1)",
    "-(2147483648)", "- -2147483648", "-9223372036854775807", "-9223372036854775808",
    "0.5", "-1.5", "0.10", "99.999", "1e3", "5e-324", "1e400", "9007199254740993",
)  # fmt: skip
LITERAL_FORMS = (
    "x0 + {}", "{} * x0", "x0 - ({})", "x0 / {}", "x0 % ({})", "coalesce(x0, {})", "greatest({}, x0)",
    "x0 < {}", "x0 in ({}, 3)", "nullif(x0, {})", "case when x0 > {} then x0 else 0 end",
    "coalesce(nullif(x0, 0), {}) + x0",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("type_", NUMBERS)
def test_number_literals_take_duckdbs_type_and_value(type_: str) -> None:
    rows, wrong, compared = corner_rows(type_), [], 0
    for literal in LITERALS:
        for form in LITERAL_FORMS:
            outcome = _try(form.format(literal), rows)
            if outcome and outcome.reason and "DuckDB gives" in outcome.reason:
                wrong.append(outcome)
            compared += bool(outcome and outcome.listed)
    assert wrong == []
    assert compared >= (120 if type_ in INTEGER_BITS or type_ == "DOUBLE" else 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        "coalesce(x0, x1, {})",
        "greatest(x0, {}, x1)",
        "x0 in (x1, {})",
        "{} between x0 and x1",
        "case when x0 is null then x1 when x1 = x0 then {} else x0 end",
    ],
)
def test_three_operands_meet_in_duckdbs_type(form: str) -> None:
    types = ("SMALLINT", "BIGINT", "DOUBLE", "DECIMAL(12,2)", "DECIMAL(18,3)")
    found = [
        _try(form.format(v), corner_rows(a, b))
        for a, b in product(types, types)
        for v in ("1", "40000", "2.25", "1e3")
    ]
    assert [o for o in found if o and o.reason and "DuckDB gives" in o.reason] == []
    assert sum(1 for o in found if o and o.listed) >= 60


@pytest.mark.parametrize(
    "text",
    [
        "'it''s'", "'a\\nb'", "''", "'😀'", "date '1969-12-31'", "'2026-01-01'::date",
        "timestamp '2026-01-01 00:00:00.5'", "timestamp '0001-01-01'",
        "cast('9999-12-31 23:59:59.999999' as timestamp)", "true", "1e400", "9223372036854775807",
        "-9223372036854775807", "0.1", "12.50", "00012",
        "-2147483648", "-(2147483648)", "-(-2147483648)", "abs(-2147483648)", "-2147483647",
        "cast(-2147483648 as int)", "-2147483648 + 1", "floor(-2147483648)",
    ],
)  # fmt: skip
def test_a_literal_alone_has_duckdbs_type_and_value(text: str) -> None:
    rows = corner_rows("BOOLEAN")
    closure = compiled(text, rows)
    assert closure is not None
    assert agree(text, rows, closure).present == len(rows.values)


def _random_doubles(count: int, seed: int) -> list[object]:
    """Random bit patterns, and numbers as people write them, on which rounding errors show."""
    rng = random.Random(seed)
    bits = [struct.unpack("d", rng.randbytes(8))[0] for _ in range(count // 2)]
    return [
        *bits,
        *(
            round(rng.uniform(-1000, 1000), rng.randint(0, 6)) + 0.5 * rng.randint(0, 1)
            for _ in range(count // 2)
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x0 / x1", "x0 % x1", "x0 * x1 + x0", "sqrt(abs(x0))", "floor(x0)", "ceil(x0)", "round(x0)",
        "round(x0, 1)", "round(x0, 2)", "round(x0, 7)", "x0 < x1", "x2 / x1", "x2 % 1000", "x3 / x2",
        "x3 % 7", "x3 * 37", "x3 < x0", "cast(x0 as int)", "x4 < x5",
        "greatest(x4, x5) || least(x4, x5)", "length(x4)", "hour(x6)", "isodow(x6)", "month(x6)",
        "year(x6)", "x6::date",
    ],
)  # fmt: skip
def test_random_values_give_duckdbs_value(text: str) -> None:
    rows = _random_rows()
    closure = compiled(text, rows)
    assert closure is not None
    assert agree(text, rows, closure).present > len(rows.values) // 4


@cache
def _random_rows(count: int = 4_000) -> Rows:
    rng = random.Random(1)
    alphabet = "aAzZ09 éßıİ\u0301\u200d\ue000\uffff😀𝒳\U0010ffff"
    doubles = zip(_random_doubles(count, 2), _random_doubles(count, 3), strict=True)
    last = 9_998 * 365 * 86_400_000_000

    def text() -> str:
        return "".join(rng.choices(alphabet, k=rng.randint(0, 4)))

    def row(a: object, b: object) -> tuple[object, ...]:
        cents = Decimal(rng.randint(-(10**12), 10**12)).scaleb(-2)
        instant = datetime(1, 1, 1) + timedelta(microseconds=rng.randrange(last))
        return a, b, rng.getrandbits(64) - 2**63, cents, text(), text(), instant

    values = [row(a, b) for a, b in doubles]
    return make_rows(
        ("DOUBLE", "DOUBLE", "BIGINT", "DECIMAL(14,2)", "VARCHAR", "VARCHAR", "TIMESTAMP"), values
    )
