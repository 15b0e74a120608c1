"""The allow-list as people read it. A test holds it against the rules, row by row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the documentation: its rules (`Term.op`), how they are written, what they take and give."""

    ops: tuple[str, ...]
    written: str
    takes: str
    gives: str
    falls_back: str = ""


_ANY = "two values of one type; numbers of any two; DATE with TIMESTAMP"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        ("ref",),
        "a reference",
        "TINYINT … BIGINT, DOUBLE, FLOAT, DECIMAL, VARCHAR, BOOLEAN, DATE, TIMESTAMP",
        "the same",
        "the value is not of its type's Python class, or out of its range",
    ),
    Entry(
        ("number",),
        "`1`, `2.5`, `1e3`",
        "up to BIGINT; up to 18 digits with a point",
        "INTEGER or BIGINT (or the other operand's type), DECIMAL, DOUBLE",
    ),
    Entry(
        ("text", "true", "false", "null"),
        "`'text'`, `true`, `false`, `null`",
        "",
        "VARCHAR, BOOLEAN, the type it meets",
    ),
    Entry(("instant",), "`date '2026-01-31'`, `timestamp '2026-01-31 10:00:00'`", "", "DATE, TIMESTAMP"),
    Entry(
        ("+", "-", "*"),
        "`a + b`, `a - b`, `a * b`",
        "integers; decimals and integers; DOUBLE with any number",
        "the wider integer; DECIMAL as DuckDB widens it; DOUBLE",
        "overflow",
    ),
    Entry(("-",), "`a - b`", "DATE, DATE", "BIGINT (days)"),
    Entry(
        ("/",),
        "`a / b`",
        "any two numbers",
        "DOUBLE; `x / 0` is ±inf or NaN",
        "a DECIMAL operand beyond 2^53 units",
    ),
    Entry(("//",), "`a // b`", "integers", "the wider one, towards zero", "by zero; overflow"),
    Entry(
        ("%",),
        "`a % b`",
        "integers, decimals, DOUBLE",
        "the common type, sign of `a`; DOUBLE by zero is NaN",
        "by zero, and by -1 for integers",
    ),
    Entry(("neg", "abs"), "`-a`, `abs(a)`", "any number", "the same type", "overflow"),
    Entry(
        ("=", "<>", "<", "<=", ">", ">="),
        "`=` `==` `<>` `!=` `<` `<=` `>` `>=`",
        _ANY,
        "BOOLEAN; NaN is equal to itself and greatest, -0.0 = 0.0, text by UTF-8 bytes",
        "DECIMAL beyond 2^53 units with DOUBLE",
    ),
    Entry(
        ("is distinct from", "is not distinct from"),
        "`a is [not] distinct from b`",
        _ANY,
        "BOOLEAN, never NULL",
    ),
    Entry(("is null",), "`a is [not] null`", "any type", "BOOLEAN"),
    Entry(("between",), "`a [not] between x and y`", _ANY, "BOOLEAN"),
    Entry(("in",), "`a [not] in (x, y, …)`", _ANY, "BOOLEAN"),
    Entry(
        ("and", "or", "not"),
        "`and`, `or`, `not`",
        "BOOLEAN",
        "BOOLEAN, three-valued; both sides are evaluated",
    ),
    Entry(
        ("case", "if"),
        "`case when c then a … else b end`, `if(c, a, b)`",
        _ANY,
        "the common type",
        "a branch would raise, taken or not",
    ),
    Entry(("case of",), "`case x when v then a … end`", "`x` and every `v` of one type", "the common type"),
    Entry(
        ("coalesce",),
        "`coalesce(a, b, …)`, `ifnull(a, b)`",
        _ANY,
        "the common type",
        "an operand would raise",
    ),
    Entry(("nullif",), "`nullif(a, b)`", _ANY, "the type of `a`"),
    Entry(
        ("greatest", "least"),
        "`greatest(a, b, …)`, `least(a, b, …)`",
        f"{_ANY}; not FLOAT",
        "the common type; NULLs are passed over",
    ),
    Entry(
        ("floor", "ceil"),
        "`floor(a)`, `ceil(a)`, `ceiling(a)`",
        "integers, DOUBLE; DECIMAL(p,s)",
        "DOUBLE; DECIMAL(p,0)",
    ),
    Entry(
        ("round",),
        "`round(a)`, `round(a, n)`",
        "DOUBLE; n from 0 to 15",
        "DOUBLE, halves away from zero; 2.675 is short of a half and gives 2.67",
    ),
    Entry(("sqrt",), "`sqrt(a)`", "integers, DOUBLE", "DOUBLE", "below zero"),
    Entry(("isnan", "isinf", "isfinite"), "`isnan(a)`, `isinf(a)`, `isfinite(a)`", "DOUBLE", "BOOLEAN"),
    Entry(("length",), "`length(a)`", "VARCHAR", "BIGINT (code points)"),
    Entry(("||",), "`a || b`", "VARCHAR", "VARCHAR"),
    Entry(("epoch_us",), "`epoch_us(a)`, and so `seconds_since(a)`", "TIMESTAMP, DATE", "BIGINT"),
    Entry(
        ("year", "month", "day", "quarter", "dayofweek", "isodow"),
        "`year(a)` …, `extract(year from a)`, `date_part('year', a)`",
        "TIMESTAMP, DATE",
        "BIGINT",
        "outside the years 1 to 9999",
    ),
    Entry(
        ("hour", "minute", "second"),
        "`hour(a)` …, `extract(hour from a)`, `date_part('hour', a)`",
        "TIMESTAMP",
        "BIGINT",
    ),
    Entry(
        ("cast",),
        "`cast(a as t)`, `a::t`",
        "integer ↔ integer, BOOLEAN; integer → DOUBLE, DECIMAL, VARCHAR; DOUBLE → integer (halves to even); "
        "DECIMAL → DOUBLE (scale up to 22), DECIMAL of no smaller scale; FLOAT → DOUBLE; DATE ↔ TIMESTAMP",
        "t",
        "out of range; DECIMAL beyond 2^53 units to DOUBLE",
    ),
)


def allow_list_markdown() -> str:
    """The allow-list as a table, ready for the docs."""
    lines = ["| written | takes | gives | DuckDB is asked when |", "|---|---|---|---|"]
    for entry in ENTRIES:
        cells = (entry.written, entry.takes, entry.gives, entry.falls_back)
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"
