"""Which functions an expression may call, and what to say about those it may not."""

from __future__ import annotations

from featc.algebra import AGGREGATES
from featc.algebra.aggregates import SPELLINGS, forms
from featc.errors import nearest
from featc.parse.model import Problem
from featc_dialects.duckdb_functions import AGGREGATES as DUCKDB_AGGREGATES
from featc_dialects.duckdb_functions import CHANGING, SCALARS, SORTING, TABLES, WINDOWS

EXAMPLES: dict[str, str] = {
    "seconds_since": "x",
    "safe_div": "x, y",
    "in_zone": "ts, 'Europe/Berlin'",
    "hour_of_week": "x",
    "haversine_km": "lat, lng, to_lat, to_lng",
    "geo_cell": "lat, lng, 6",
}
BUILTINS: dict[str, int] = {name: example.count(",") + 1 for name, example in EXAMPLES.items()}
"""featc's own scalars and how many arguments each takes."""

LISTED = "featc help functions lists the aggregates"

_INSTEAD = {
    "row_number": "count(*) over lifetime counts the rows so far",
    "rank": "count(*) filter (where …) over a window counts those ahead",
    "lead": "a feature never sees later rows",
    "first_value": "write first(x) over lifetime",
    "last_value": "write last(x) over lifetime",
    "any_value": "write first(x) or last(x)",
    "arbitrary": "write first(x) or last(x)",
    "count_if": "write count(*) filter (where …)",
    "countif": "write count(*) filter (where …)",
    "average": "write avg(x)",
    "mean": "write avg(x)",
    "total": "write sum(x)",
    "var": "write var_samp(x) or var_pop(x)",
    "std": "write stddev_samp(x) or stddev_pop(x)",
    "distinct_count": "write count(distinct x)",
    "count_distinct": "write count(distinct x)",
    "nvl": "write coalesce(x, y)",
    "isnull": "write x is null",
    "len": "write length(x)",
    "getdate": "use as_of, the moment of asking",
    "sysdate": "use as_of, the moment of asking",
    "datediff": "write date_diff('day', a, b)",
    "fsum": "write sum(x)",
    "kahan_sum": "write sum(x)",
    "favg": "write avg(x)",
    "to_timestamp": "write make_timestamp(x * 1000000) or epoch_ms(x * 1000), which give naive UTC",
    "make_timestamptz": "write make_timestamp(…), which gives naive UTC",
    "age": "write date_diff('day', a, b) or a - b; for the time until the moment of asking, seconds_since(x)",
    "timezone": "write in_zone(ts, 'Europe/Berlin')",
    **dict.fromkeys(
        ("list_aggregate", "list_aggr", "array_aggregate", "array_aggr"), "write list_sum(x), list_max(x) …"
    ),
    **dict.fromkeys(
        SORTING, "lists are in event order, or in that of their aggregate, as top_k(x, 10); maps in order of their keys"
    ),
    "hash": "its values change between versions of the engine; md5(x) does not",
}
_MOMENT = frozenset(
    """
    now today current_date current_time current_timestamp localtime localtimestamp get_current_timestamp
    get_current_time current_localtime current_localtimestamp transaction_timestamp ago
    """.split()  # noqa: SIM905
)


def is_aggregate(name: str) -> bool:
    return bool(forms(name))


def aggregate_names() -> str:
    return ", ".join(sorted({row.word for row in AGGREGATES.values()}))


def changing(name: str, start: int) -> Problem:
    """What to say about a function whose value depends on more than its arguments."""
    if name in _MOMENT:
        day = name in ("today", "current_date")
        hint = f"use {'as_of::date' if day else 'as_of'}, the moment of asking"
        return Problem("F208", f"{name} depends on when it runs", start, len(name), hint)
    hint = _INSTEAD.get(name, "leave it out: equal rows must give equal features")
    return Problem("F208", f"{name} depends on more than its arguments", start, len(name), hint)


def refusal(name: str, start: int) -> Problem | None:
    """Why `name(…)` may not be called, or None when it may."""
    if name in BUILTINS or is_aggregate(name):
        return None
    size = len(name)
    if name in CHANGING:
        return changing(name, start)
    if name in SORTING:
        return Problem("F208", f"{name} sorts as the session's settings say", start, size, _INSTEAD[name])
    if name in SCALARS:
        return None
    if name in WINDOWS:
        hint = _INSTEAD.get(name, "use an aggregate over a named window, as in last(x) over lifetime")
        return Problem(
            "F210",
            f"{name} is a window function, and features are aggregates over windows",
            start,
            size,
            hint,
        )
    if name in DUCKDB_AGGREGATES:
        hint = _INSTEAD.get(name, LISTED)
        return Problem("F211", f"featc has no aggregate {name}", start, size, hint)
    if name in TABLES or name == "unnest":
        return Problem(
            "F204",
            f"{name} gives a table, and an expression needs a value",
            start,
            size,
            "declare it as a source",
        )
    own = [*BUILTINS, *(row.word for row in AGGREGATES.values()), *SPELLINGS]
    close = nearest(name, own) or nearest(name, SCALARS)
    hint = _INSTEAD.get(name) or (
        f"did you mean '{close}'?"
        if close
        else "use a scalar function of DuckDB, or an aggregate; " + LISTED
    )
    return Problem("F207", f"there is no function {name}", start, size, hint)
