"""The functions: featc's aggregates, its scalars, DuckDB's scalars it allows, and what it refuses."""

from __future__ import annotations

import re

from featc.algebra import AGGREGATES, LAWS, Kind
from featc.algebra.aggregates import SPELLINGS, Aggregate
from featc.closures import allow_list_markdown
from featc.decompose import Cell, Partial
from featc.lower.online_layout import is_banded
from featc.lower.training.cells import shape_of
from featc.parse.functions import BUILTINS
from featc.resolve.model import Window
from featc.types import TYPE_NAMES
from featc_dialects import duckdb
from featc_dialects.duckdb_functions import CHANGING, WINDOWS
from generating.examples import ROWS_SHOWN, Examples, example_values
from generating.markdown import MADE, code, listed, page, prose, table
from generating.scalars import groups

_SAMPLES = ("BIGINT", "DECIMAL(12,2)", "DOUBLE", "VARCHAR", "BOOLEAN", "TIMESTAMP")
_KINDS_OF_TYPE = {
    "BIGINT": "integer",
    "DECIMAL(12,2)": "decimal(p,s)",
    "DOUBLE": "double",
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "time",
}
_EXAMPLES = {
    "first_n": "first(amount, 2)",
    "last_n": "last(amount, 2)",
    "list": "list(status, 10)",
    "list_distinct": "list(distinct status, 10)",
    "nth": "nth(amount, 2)",
    "lag": "lag(amount, 1)",
    "arg_min_n": "arg_min(status, amount, 2)",
    "arg_max_n": "arg_max(status, amount, 2)",
    "streak": "streak(status = 'paid')",
    "ewma": "ewma(amount, alpha => 0.3)",
    "decay_sum": "decay_sum(amount, half_life => '6h')",
    "decay_count": "decay_count(amount, half_life => '6h')",
    "decay_count_rows": "decay_count(*, half_life => '6h')",
    "decay_avg": "decay_avg(amount, half_life => '6h')",
    "covar_samp": "covar_samp(amount, gift::int)",
    "covar_pop": "covar_pop(amount, gift::int)",
    "corr": "corr(amount, gift::int)",
    "regr_slope": "regr_slope(amount, gift::int)",
    "weighted_avg": "weighted_avg(amount, 1 + gift::int)",
    "bit_and": "bit_and(amount::int)",
    "bit_or": "bit_or(amount::int)",
    "bit_xor": "bit_xor(amount::int)",
    "quantile_cont": "quantile_cont(amount, 0.9)",
    "quantile_disc": "quantile_disc(amount, 0.9)",
    "approx_count_distinct": "approx_count_distinct(status)",
    "approx_quantile": "approx_quantile(amount, 0.9)",
    "mode": "mode(status)",
    "top_k": "top_k(status, 1)",
    "top_ratio": "top_ratio(status)",
    "entropy": "entropy(status)",
    "histogram": "histogram(status)",
    "count_by_key": "count_by(status, max_keys => 50)",
    "sum_by_key": "sum_by(amount, status, max_keys => 50)",
    "avg_by_key": "avg_by(amount, status, max_keys => 50)",
    "min_by_key": "min_by(amount, status, max_keys => 50)",
    "max_by_key": "max_by(amount, status, max_keys => 50)",
    "rate_per_hour_rows": "rate_per_hour(*)",
    "count_rows": "count(*)",
    "count": "count(amount)",
    "count_distinct": "count(distinct status)",
    "arg_min": "arg_min(status, amount)",
    "arg_max": "arg_max(status, amount)",
    "first": "first(status)",
    "last": "last(amount)",
    "bool_and": "bool_and(gift)",
    "bool_or": "bool_or(gift)",
}
_OWN = {
    "seconds_since": (
        "seconds_since(x)",
        "(`as_of` − x) in seconds, a DOUBLE; outside aggregates",
        "seconds_since(last(at) over lifetime)",
    ),
    "safe_div": ("safe_div(a, b)", "`a / nullif(b, 0)`", "safe_div(sum(amount) over lifetime, count(*) over lifetime)"),
    "in_zone": (
        "in_zone(ts, zone)",
        "the local time of a zone, as a TIMESTAMP",
        "in_zone(last(at) over lifetime, 'Europe/Berlin')",
    ),
    "hour_of_week": (
        "hour_of_week(ts)",
        "0 to 167; Monday 00h is 0",
        "hour_of_week(last(at) over lifetime)",
    ),
    "haversine_km": (
        "haversine_km(lat, lng, to_lat, to_lng)",
        "kilometres along the sphere of radius 6371.0088 km",
        "haversine_km(52.52, 13.40, 48.14, 11.58)",
    ),
    "geo_cell": (
        "geo_cell(lat, lng, n)",
        "the geohash of length n; NULL out of range",
        "geo_cell(52.52, 13.40, 6)",
    ),
}
_STATES = {
    Kind.ROWS: "a count",
    Kind.COUNT: "a count",
    Kind.SUM: "an exact sum",
    Kind.FSUM: "a sum of DOUBLEs",
    Kind.MIN: "a value",
    Kind.MAX: "a value",
    Kind.MOMENTS: "count, mean and squares",
    Kind.DISTINCT: "the different values",
    Kind.FIRST: "a value and its place",
    Kind.LAST: "a value and its place",
    Kind.PICK_MIN: "two values and their place",
    Kind.PICK_MAX: "two values and their place",
    Kind.SERIES: "the rows themselves",
    Kind.SAMPLE: "at most 4,097 hashes",
    Kind.BUCKETS: "counts by bucket, 116 for a factor of ten",
}
_SHAPES = {
    "running": "differences of running totals",
    "frame": "window frames",
    "latest": "as-of join to the last row",
    "rows": "the newest rows by number",
    "join": "join by key",
}


def functions_page() -> str:
    assert set(_OWN) == set(BUILTINS), "each of featc's own scalars is described"
    named = {row.name: _EXAMPLES.get(row.name, f"{row.name}(amount)") for row in AGGREGATES.values()}
    own = {name: example for name, (_, _, example) in _OWN.items()}
    over = {n: "last_1d" if AGGREGATES[n].ranged else "lifetime" for n in named}
    values = example_values({n: f"{e} over {over[n]}" for n, e in named.items()} | own)
    return page(
        "# Functions",
        prose(
            f"{MADE} An expression is DuckDB's, and holds scalars and aggregates only: no SELECT, no subquery, no "
            "alias. "
            "Where a name stands decides what it means: inside an aggregate, in `where`, `let`, `keys` and "
            "`filter (where …)` it is a column of the source or a `let` name; outside it is a column of a state "
            "source, a "
            "feature of the view, `view.feature`, `request.x`, `key.x` or `as_of`."
        ),
        *_written(named, values),
        *_computed(),
        *_scalars(values),
        "## Refused, and why",
        *_refused(),
        "## Computed online without DuckDB",
        prose(
            "Derived and on-demand features whose every part stands in this list are computed in the process that "
            "answers; others ask DuckDB for each read. Both give the same value."
        ),
        allow_list_markdown(),
    )


def _written(named: dict[str, str], values: Examples) -> list[str]:
    """The aggregates: how they are written, and what they give."""
    return [
        "## Aggregates",
        "```text\nsum(amount) filter (where status = 'paid') over last_7d\n```",
        prose(
            "`filter` is optional. `over` takes the name of a [window](reference/windows.md), built in or your own; "
            "without `over` "
            "the aggregate is a family, one feature for each of the view's `windows:`. NULL arguments are "
            "ignored by all "
            "aggregates but `count(*)`, by `first` and `last` too: a row counts where all arguments are there. "
            "Parameters (a count, a share, a half-life) are literals; those with a name are given by it, as in "
            "`half_life => '6h'`. Examples are over these five rows of one entity, "
            "`over lifetime`, at midnight (`rate_per_hour` over `last_1d`):"
        ),
        ROWS_SHOWN,
        _aggregates(named, values),
        _spellings(),
        "### What an argument's type makes of it",
        table(("", *_KINDS_OF_TYPE.values()), map(_types, AGGREGATES.values())),
        prose(
            "— is refused (F313). A sum that leaves its type is an error (F421) that names feature, entity and instant."
        ),
    ]


def _computed() -> list[str]:
    """What an aggregate costs in both plans, and why."""
    return [
        "### How they are computed",
        prose(
            "*Ordered*: the value depends on [event order](windows-and-time.md#equal-instants). *Taken out*: "
            "an event "
            "can be taken out of the state again exactly, so a window is a difference of two totals. *United*: "
            "the states "
            "of two stretches of time can be made one in SQL. *Tiles*: the online "
            "store keeps the states of whole stretches of time, so a long window costs tiles, not rows. Where "
            "rows came "
            "late or were corrected, training adds them by a join. Where the state is *the rows themselves*, values "
            "are exact, and a read costs as many rows as the window holds: take a short window, or `rows: n`, for busy "
            "entities, or [a sketch](decisions/0025-sketches-are-exact-functions-of-small-integers.md), "
            "whose error is stated and whose value is the same in both plans. A window *of one length* is a range "
            "without `rows:` and without a `hop:` that is not aligned."
        ),
        table(
            ("", "state", "ordered", "taken out", "united", "training", "online", "windows"),
            map(_costs, AGGREGATES.values()),
        ),
        prose(
            "A window of `rows: n` is answered from the newest n rows in both plans, whatever the aggregate. "
            "[The SQL of each shape](sql.md)."
        ),
    ]


def _scalars(values: Examples) -> list[str]:
    """featc's own scalars, and DuckDB's."""
    return [
        "## Scalars of featc",
        table(("written", "gives", "example", "value"), (_own_scalar(name, values) for name in _OWN)),
        "## Scalars of DuckDB",
        prose(
            "All that are known to depend on nothing but their arguments. What each does stands in DuckDB's own "
            "documentation. Operators, `case`, `between`, `in`, `like`, `is null`, casts (`x::date`, `try_cast`), "
            "`extract(… from …)` and lists are DuckDB's as well; `/` is division of DOUBLEs."
        ),
        *(f"**{title}**: {listed(sorted(names))}" for title, names in groups().items()),
        prose(
            f"**Types** in casts and `columns:`: {listed(dict.fromkeys(TYPE_NAMES.values()))}, and lists of them, "
            "as in `BIGINT[]`."
        ),
    ]


def _aggregates(named: dict[str, str], values: Examples) -> str:
    rows = []
    for row in AGGREGATES.values():
        found = values[row.name]
        rows.append(
            (code(named[row.name]), row.summary.partition(": ")[2] or row.summary, code(found.value), code(found.empty))
        )
    return table(("written", "gives", "value", "of nothing"), rows)


def _spellings() -> str:
    return prose(
        "Other spellings: "
        + ", ".join(f"{code(other)} for {code(name)}" for other, name in SPELLINGS.items())
        + ". Names are read in any case."
    )


def _name(row: Aggregate) -> str:
    return code(row.written({"count": "n", "share": "p", "duration": "'6h'"}))


def _types(row: Aggregate) -> tuple[str, ...]:
    """The result type for each type of the (first) argument."""
    found = []
    for type_ in _SAMPLES:
        try:
            result = row.returns((type_, *["BIGINT"] * (row.arity - 1)) if row.arity else ())
        except TypeError:
            found.append("—")
            continue
        found.append(re.sub(r"\(\d+,2\)", lambda m: "(38,s)" if "38" in m[0] else "(p,s)", result))
    return (_name(row), *found)


def _costs(row: Aggregate) -> tuple[str, ...]:
    slots = row.arity + row.timed
    kinds = dict.fromkeys(need.kind for t in ("BIGINT", "DOUBLE") for need in row.needs((t,) * slots).values())
    taken_out = {LAWS[kind].invertible for kind in kinds}
    doubles = " (of doubles: no)" if Kind.FSUM in kinds else ""
    shapes = dict.fromkeys(_SHAPES[shape_of(_cell(kind), irregular=False)] for kind in kinds if kind is not Kind.FSUM)
    frames = f"; of doubles {_SHAPES[shape_of(_cell(Kind.FSUM), irregular=False)]}" if Kind.FSUM in kinds else ""
    return (
        _name(row),
        ", ".join(dict.fromkeys(_STATES[kind] for kind in kinds)),
        "yes" if row.ordered else "",
        ("yes" + doubles) if (taken_out & {True} and Kind.FSUM in kinds) or taken_out == {True} else "",
        "yes" if all(duckdb.merges(kind) for kind in kinds) else "",
        ", ".join(shapes) + frames,
        _online([k for k in kinds if k is not Kind.FSUM]),
        "of one length" if row.ranged else "any",
    )


def _cell(kind: Kind) -> Cell:
    slots = ("x", "y")[: LAWS[kind].arity]
    return Cell("cell", Partial("partial", kind, slots, ("BIGINT",) * len(slots)), Window("last_7d", length=1))


def _online(kinds: list[Kind]) -> str:
    if all(LAWS[kind].tiled and is_banded(_cell(kind)) for kind in kinds):
        return "tiles, and the rows at a window's edges"
    if kinds == [Kind.SERIES]:
        return "rows of the window are read"
    if all(LAWS[kind].ordered for kind in kinds):
        return "one row, sought from the window's end" if kinds[0] in (Kind.FIRST, Kind.LAST) else "the window's rows"
    return "the window's different values" if kinds == [Kind.DISTINCT] else "the window's rows"


def _own_scalar(name: str, values: Examples) -> tuple[str, ...]:
    written, gives, example = _OWN[name]
    return (code(written), gives, code(example), code(values[name].value))


def _refused() -> list[str]:
    return [
        prose(
            "**The moment, the session, a zone, chance** (F208): training and serving could not agree. "
            f"{listed(sorted(CHANGING))}. "
            "Use `as_of`, the moment of asking. A time has no zone here, and `AT TIME ZONE` is refused (F209): "
            "`in_zone` gives local time."
        ),
        prose(
            f"**Window functions** (F210): {listed(sorted(WINDOWS))}. An aggregate over a named window does what is "
            "needed. Frame clauses (F206) are refused, since SQL's `rows 10 preceding` means eleven rows."
        ),
        prose(
            "**Other aggregates of DuckDB** (F211): their states cannot be merged exactly, or nobody needed them yet. "
            "ORDER BY, IGNORE NULLS and DISTINCT inside an aggregate (F212) are refused, but for `count(distinct x)` "
            "and `list(distinct x, n)`: event order is the source's, the same for all features."
        ),
        prose(
            "**Lambdas, structs, table functions** (F204), and functions whose value depends on the session's settings "
            "or on the engine's version (F207, F208). `featc help CODE` explains each."
        ),
    ]
