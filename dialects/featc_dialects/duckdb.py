"""DuckDB: the training engine, and the one in which every row expression is evaluated.

`partial` spells a partial state as aggregate calls, for a window frame or a GROUP BY alike; `merge` spells the union
of two states. Both follow `featc.algebra.states.LAWS`, which the conformance suite holds them to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from featc.algebra import LEVELS, Kind, scale_of, thresholds
from featc.types import FLOATS, decimal_parts, family

NAME = "duckdb"


def _over(call: str, tail: str, condition: str = "") -> str:
    """An aggregate call with its FILTER and what follows it (`OVER w`, a FILTER of the caller's as `tail`)."""
    if condition and tail.startswith(" FILTER (WHERE "):
        return f"{call} FILTER (WHERE {condition} AND {tail.removeprefix(' FILTER (WHERE ')}"
    return f"{call}{f' FILTER (WHERE {condition})' if condition else ''}{tail}"


def partial(
    kind: Kind,
    slots: Sequence[str],
    types: Sequence[str],
    rank: str,
    present: str,
    tail: str,
    share: float | None = None,
) -> tuple[str, ...]:
    """The SQL of each field of a state (`fields(kind)`).

    `slots` are column names; `rank` a BIGINT column that numbers an entity's rows in event order; `present` is a
    column that is NULL on rows which are not events; `tail` is ` OVER window` or ` FILTER (WHERE …)` or empty.
    With `share` the state has to answer for that share alone, and is not united with others.
    """
    x = slots[0] if slots else present
    match kind:
        case Kind.ROWS:
            return (_over(f"count({present})", tail),)
        case Kind.COUNT:
            return (_over(f"count({x})", tail),)
        case Kind.SUM:
            return (_over(f"sum({_addable(x, types[0])})", tail),)
        case Kind.FSUM:
            return (_over(f"sum({x})", tail), _over(f"sum({x} / 2 ** 64)", tail, f"abs({x}) >= 2 ** 900"))
        case Kind.MIN:
            return (_over(f"min({x})", tail),)
        case Kind.MAX:
            return (_over(f"max({x})", tail),)
        case Kind.DISTINCT:
            return (_over(f"count(DISTINCT {x})", tail),)
        case Kind.MOMENTS:
            return _counted_squares(x, types[0], tail)
        case Kind.FIRST:
            return (_over(f"arg_min({x}, {rank})", tail), _over(f"min({rank})", tail, f"{x} IS NOT NULL"))
        case Kind.LAST:
            return (_over(f"arg_max({x}, {rank})", tail), _over(f"max({rank})", tail, f"{x} IS NOT NULL"))
        case Kind.PICK_MIN | Kind.PICK_MAX:
            y = slots[1]
            found = f"{x} IS NOT NULL AND {y} IS NOT NULL"
            if kind is Kind.PICK_MIN:
                return (_over(f"min({{'by': {y}, 'nth': {rank}, 'value': {x}}})", tail, found),)
            return (_over(f"max({{'by': {y}, 'nth': -{rank}, 'value': {x}}})", tail, found),)
        case Kind.SERIES:
            fields = "".join(f", '{name}': {slot}" for name, slot in zip("abcdef", slots, strict=False))
            found = " AND ".join(f"{slot} IS NOT NULL" for slot in slots)
            return (_over(f"list({{'nth': {rank}{fields}}})", tail, found),)
        case Kind.SAMPLE:
            # the engine counts different values of any frame fast, and lists of them slowly
            below = (_over(f"count(DISTINCT {x})", tail, f"{x} < {threshold}") for threshold in thresholds()[1:])
            return (_over(f"count(DISTINCT {x})", tail), *below)
        case Kind.BUCKETS if share is not None:
            # one code that stands for all: the engine ranks any frame fast, and lists of them take room
            return (f"[{_over(f'quantile_disc({x}, {share:.15f})', tail)}]",)
        case Kind.BUCKETS:
            return (_over(f"list({x})", tail, f"{x} IS NOT NULL"),)


def _counted_squares(x: str, type_: str, tail: str) -> tuple[str, ...]:
    """How many values there are, their mean, the squares of what they are from it, and how many are not finite."""
    if type_ not in FLOATS:
        # the engine adds wide ones up in DECIMAL(38), which they may leave on the way
        real = f"{x}::DOUBLE" if is_wide(type_) else x
        n, mean = _over(f"count({x})", tail), _over(f"avg({real})", tail)
        return (n, mean, f"{_over(f'var_pop({x})', tail)} * {n}", "0")
    finite = f"isfinite({x})"
    n = _over(f"count({x})", tail, finite)
    squares = f"{_over(f'var_pop({x})', tail, finite)} * {n}"
    return (n, _over(f"avg({x})", tail, finite), squares, f"{_over(f'count({x})', tail)} - {n}")


def is_wide(type_: str) -> bool:
    """Whether a sum of many may leave DECIMAL(38), which the engine adds up in, although its value does not."""
    parts = decimal_parts(type_)
    return parts is not None and parts[0] > 28


def _addable(x: str, type_: str) -> str:
    """What is added up: wide decimals as scaled integers of any length."""
    return f"replace({x}::VARCHAR, '.', '')::BIGNUM" if is_wide(type_) else x


FIELDS: dict[Kind, tuple[str, ...]] = {
    **dict.fromkeys(Kind, ("",)),
    Kind.FSUM: ("", "huge"),
    Kind.MOMENTS: ("n", "mean", "m2", "odd"),
    Kind.FIRST: ("", "nth"),
    Kind.LAST: ("", "nth"),
    Kind.SAMPLE: ("", *(f"below_{level}" for level in range(1, LEVELS + 1))),
}
"""Suffixes of the columns a state is kept in; the state's own name is the one without suffix."""


def fields(kind: Kind, cell: str) -> tuple[str, ...]:
    """The column names of a cell's state."""
    return tuple(f"{cell}_{suffix}" if suffix else cell for suffix in FIELDS[kind])


def value(kind: Kind, types: Sequence[str], state: Sequence[str]) -> str:
    """What a finisher reads of a single-valued state."""
    match kind:
        case Kind.PICK_MIN | Kind.PICK_MAX:
            return f"{state[0]}.value"
        case Kind.SERIES:
            return f"list_sort({state[0]})"
        case Kind.FSUM:
            return _finite(state[0], state[0], f"{state[1]} * 2 ** 64")
        case Kind.SUM if is_wide(types[0]):
            return _narrowed(state[0], types[0])
        case _:
            return state[0]


def _narrowed(total: str, type_: str) -> str:
    """A total of wide decimals as a decimal. One beyond the type does not survive the cast: it is an error, as it
    should be."""
    scale = scale_of(type_)
    whole = f"{total}::VARCHAR::DECIMAL(38,0)"
    return f"{whole} * 0.{1:0{scale}}::DECIMAL({scale},{scale})" if scale else whole


def shared(kind: Kind, types: Sequence[str], state: Sequence[str], n: str) -> str:
    """A sum divided by a number, which may be a difference, as DOUBLE. Of a series: the sum of `n`, a list of values
    of its first slot, which no sum on the way may overflow."""
    if kind is Kind.SERIES:
        if not is_wide(types[0]):
            return f"list_sum({n})"
        return _narrowed(f"list_sum(list_transform({n}, lambda e: {_addable('e', types[0])}))", types[0])
    n = f"({n})" if " " in n else n
    if kind is Kind.FSUM:
        return _finite(state[0], f"{state[0]} / {n}", f"{state[1]} / {n} * 2 ** 64")
    total = f"({state[0]}::VARCHAR || 'e-{scale_of(types[0])}')" if is_wide(types[0]) else state[0]
    return f"{total}::DOUBLE / {n}"


def _finite(total: str, usual: str, scaled: str) -> str:
    """`usual`, or what a sum that left DOUBLE on the way is by its huge members (`featc.algebra.states.HUGE`)."""
    return f"CASE\n    WHEN isfinite({total}) THEN {usual}\n    ELSE {scaled}\nEND"


def _added(a: str, b: str) -> str:
    return f"coalesce({a} + {b}, {a}, {b})"


def _moments(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    (na, ma, qa, oa), (nb, mb, qb, ob) = a, b
    n = f"(coalesce({na}, 0) + coalesce({nb}, 0))"
    return (
        n,
        f"coalesce({ma} + ({mb} - {ma}) * ({nb} / {n}), {ma}, {mb})",
        f"coalesce({qa} + {qb} + ({mb} - {ma}) ** 2 * ({na}::DOUBLE * {nb} / {n}), {qa}, {qb})",
        f"(coalesce({oa}, 0) + coalesce({ob}, 0))",
    )


def _nearer(less: str) -> Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]:
    def merged(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
        take_b = f"{b[1]} {less} {a[1]} OR {a[1]} IS NULL"
        return tuple(f"CASE WHEN {take_b} THEN {y} ELSE {x} END" for x, y in zip(a, b, strict=True))

    return merged


def _best(function: str) -> Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]:
    # greatest and least skip NULLs, and order NaN above everything
    return lambda a, b: (f"{function}({a[0]}, {b[0]})",)


_MERGES: dict[Kind, Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]] = {
    Kind.ROWS: lambda a, b: (_added(a[0], b[0]),),
    Kind.COUNT: lambda a, b: (_added(a[0], b[0]),),
    Kind.SUM: lambda a, b: (_added(a[0], b[0]),),
    Kind.FSUM: lambda a, b: (_added(a[0], b[0]), _added(a[1], b[1])),
    Kind.MIN: _best("least"),
    Kind.MAX: _best("greatest"),
    Kind.MOMENTS: _moments,
    Kind.FIRST: _nearer("<"),
    Kind.LAST: _nearer(">"),
    Kind.PICK_MIN: _best("least"),
    Kind.PICK_MAX: _best("greatest"),
    Kind.SERIES: lambda a, b: (f"nullif(list_concat({a[0]}, {b[0]}), [])",),
    Kind.BUCKETS: lambda a, b: (f"nullif(list_concat({a[0]}, {b[0]}), [])",),
}


def merges(kind: Kind) -> bool:
    """Whether two states of this kind can be united in SQL; counts of different values cannot."""
    return kind in _MERGES


_UNITED: dict[Kind, tuple[str, ...]] = {
    Kind.ROWS: ("sum({})::BIGINT",),
    Kind.COUNT: ("sum({})::BIGINT",),
    Kind.SUM: ("sum({})",),
    Kind.FSUM: ("sum({})", "sum({})"),
    Kind.MIN: ("min({})",),
    Kind.MAX: ("max({})",),
}


def unites(kind: Kind) -> bool:
    """Whether one aggregation unites any number of states of this kind."""
    return kind in _UNITED or kind is Kind.MOMENTS


def united(kind: Kind, columns: Sequence[str], tail: str) -> tuple[str, ...]:
    """The state of the union of many disjoint sets, field by field, over the columns that hold theirs."""
    if kind is Kind.MOMENTS:
        return _united_moments(columns, tail)
    calls = zip(_UNITED[kind], columns, strict=True)
    return tuple(call.replace("({})", f"({column}){tail}") for call, column in calls)


def _united_moments(columns: Sequence[str], tail: str) -> tuple[str, ...]:
    """Moments united one after the other: no sum of squares, so that no small spread drowns in a large mean."""
    names = FIELDS[Kind.MOMENTS]

    def state(values: Sequence[str]) -> str:
        return "{" + ", ".join(f"'{name}': {sql}" for name, sql in zip(names, values, strict=True)) + "}"

    both = _moments(*([f"{side}.{name}" for name in names] for side in ("a", "b")))
    reduced = f"list_reduce(list({state(columns)}){tail}, lambda a, b: {state(both)})"
    return tuple(f"({reduced}).{name}" for name in names)


def merge(kind: Kind, a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    """The state of the union of two disjoint sets, field by field; an absent side is NULL."""
    return _MERGES[kind](a, b)


def canonical(sql: str, type_: str) -> str:
    """A lifted value with one representation: −0.0 becomes 0.0, instants at ±infinity NULL."""
    if type_ == "FLOAT":
        return f"{sql} + 0::FLOAT"
    if type_ == "DOUBLE":
        return f"{sql} + 0.0::DOUBLE"
    return sql


def result(sql: str, aggregate_type: str, state_type: str) -> str:
    """A finished value in the type the algebra promises (sums of integers come out of the engine as HUGEINT, also in
    maps)."""
    if aggregate_type.startswith("MAP("):
        return f"({sql})::{aggregate_type}"
    return f"{sql}::{aggregate_type}" if family(aggregate_type) == "integer" and state_type == "HUGEINT" else sql
