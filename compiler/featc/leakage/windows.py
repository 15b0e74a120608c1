"""Window functions: places on a line, running totals along it, and frames between places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from featc.leakage.aggregates import Told, split, take
from featc.leakage.query import Level, Member, Pool, line_of, mixed
from featc.leakage.terms import ARRIVAL, SPINE, TIME, Atom, Fact, Sum, at_most, of_row, one, same
from featc.leakage.values import BARE, NONE, Refused, Scope, Total, Value

_INSTANTS = frozenset({TIME, ARRIVAL, "as_of", "rank"})

_OVER_A_FRAME = (
    exp.Count,
    exp.Sum,
    exp.Min,
    exp.PercentileDisc,
    exp.Max,
    exp.Avg,
    exp.VariancePop,
    exp.ArgMin,
    exp.ArgMax,
    exp.ArrayAgg,
)
"""What depends on the rows of its frame and on no others, in whatever order."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What stands in OVER (…): what parts and orders the line, and the frame on it. `line` names the line."""

    partition: tuple[exp.Expr, ...]
    order: tuple[exp.Expr, ...]
    frame: exp.WindowSpec | None
    line: str


def window(node: exp.Window, scope: Scope, level: Level) -> Value:
    """The value of a window function at a row."""
    spec = _spec(node, level)
    call, condition = split(node.this)
    if isinstance(call, exp.RowNumber):
        return _numbered(node, spec, scope, level)
    if not isinstance(call, _OVER_A_FRAME):
        raise Refused(line_of(node), f"{call.key} may look at rows after this one")
    if spec.order and _is_so_far(spec.frame):
        return _running(call, condition, spec, scope, level)
    if spec.order and spec.frame is not None and spec.frame.args.get("kind") == "ROWS":
        return _framed(call, condition, spec, scope, level)
    raise Refused(line_of(node), "the check cannot follow this window")


def _spec(node: exp.Window, level: Level) -> Spec:
    named = node.args.get("alias")
    if named is not None:
        found = level.windows.get(named.name.lower())
        if found is None or node.args.get("partition_by") or node.args.get("order") or node.args.get("spec"):
            raise Refused(line_of(node), f"there is no window {named.name}")
        node = found
    partition = tuple(node.args.get("partition_by") or ())
    order = node.args.get("order")
    ordered = tuple(order.expressions) if order is not None else ()
    text = "; ".join([*(p.sql() for p in partition), "by", *(o.sql() for o in ordered)]).replace(":", " ")
    return Spec(partition, ordered, node.args.get("spec"), f"{level.number} {text}")


def _is_so_far(frame: exp.WindowSpec | None) -> bool:
    """Whether a frame goes from the first row to this one."""
    if frame is None:
        return True
    ends = (frame.args.get("start"), frame.args.get("end"))
    sides = (frame.args.get("start_side"), frame.args.get("end_side"))
    return ends in (("UNBOUNDED", None), ("UNBOUNDED", "CURRENT ROW")) and sides[0] == "PRECEDING" and not sides[1]


def _read(node: exp.Expr, scope: Scope, level: Level) -> Value:
    from featc.leakage.expressions import read

    return read(node, scope, level)


def _parts(spec: Spec, scope: Scope, level: Level) -> tuple[Sum, ...] | None:
    """The terms that say which part of the line a row is in; None where one of them has none."""
    from featc.leakage.items import opaque

    terms = [_read(p, scope, level).term or opaque(p, scope, level) for p in spec.partition]
    return None if any(t is None for t in terms) else tuple(t for t in terms if t is not None)


def _order(spec: Spec, scope: Scope, level: Level) -> Sum | None:
    """What orders the line first: an instant or a place, ascending. None for anything else."""
    first = spec.order[0]
    if not isinstance(first, exp.Ordered) or first.args.get("desc"):
        return None
    term = _read(first.this, scope, level).term
    if term is None or not all(atom.kind in _INSTANTS for atom, _ in term.parts) or len(term.parts) != 1:
        return None
    return term if all(n == 1 for _, n in term.parts) else None


def _numbered(node: exp.Window, spec: Spec, scope: Scope, level: Level) -> Value:
    """`row_number()`: a place on a line that time orders; else what depends on all rows of the part."""
    if not spec.order and not spec.partition and _is_spine(scope):
        return Value(of_row("row", SPINE))
    if not spec.order and not spec.partition and not scope.spine and len(scope.rows) == len(level.pool) == 1:
        (event,) = scope.rows  # which only tells rows apart
        return Value(of_row(f"row:{level.number}", event), numbers=frozenset({spec.line}))
    if spec.order:
        order, parts = _order(spec, scope, level), _parts(spec, scope, level)
        others = [_order(spec, s, level) for s in level.pool]
        if order is not None and parts is not None and all(o is not None for o in others):
            owners = order.owners()
            if len(owners) < 2:
                owner = min(owners, default=SPINE)
                place = Atom(f"rank:{spec.line}", owner, (order, *parts))
                return Value(one(place), numbers=frozenset({spec.line}), dense=True)
    return _all_of_part(node, spec, scope, level)


def _is_spine(scope: Scope) -> bool:
    return scope.single and [v.open for v in scope.items.values()] == [True]


def _all_of_part(node: exp.Window, spec: Spec, scope: Scope, level: Level) -> Value:
    """What depends on every row of the part of the line."""
    mine = [_read(p, scope, level).term for p in spec.partition]
    if scope.spine and not any(t is not None and t.atom == Atom("row", SPINE) for t in mine):
        raise Refused(line_of(node), "rows of several spine rows are numbered together")
    rows: frozenset[int] = NONE
    for other in level.pool:
        its = [_read(p, other, level).term for p in spec.partition]
        names = level.ledger.copied(other.owners())
        facts = [
            fact
            for a, b in zip(its, mine, strict=True)
            if a is not None and b is not None
            for fact in same(a.renamed(names), b, sure=False)
        ]
        copies = frozenset(names[o] for o in other.rows)
        level.ledger.tell(copies, facts)
        rows |= copies
    return Value(rows=rows, line=line_of(node))


def last_of_instant(node: exp.Expr, scope: Scope, level: Level) -> Value:
    """`lead(CASE WHEN _row IS NULL THEN x END) OVER (… ORDER BY x, _row NULLS FIRST) IS DISTINCT FROM x`: of the rows
    that are no spine rows, the last of its instant."""
    spec = _spec(node.this, level)
    asked, instant = node.this.this.this, node.expression
    ordered = [o.this.sql() for o in spec.order if isinstance(o, exp.Ordered) and not o.args.get("desc")]
    row = ordered[1] if len(ordered) == 2 and spec.order[1].args.get("nulls_first") else ""
    pattern = f"CASE WHEN {row} IS NULL THEN {instant.sql()} END"
    if not row or ordered[0] != instant.sql() or asked.sql() != pattern or _order(spec, scope, level) is None:
        raise Refused(line_of(node), "the check cannot follow which row is the last of its instant")
    return Value(last=spec.line)


def _running(
    call: exp.Expr, condition: exp.Expr | None, spec: Spec, scope: Scope, level: Level
) -> Value:
    """An aggregate over all rows up to this one. Counts and sums are kept as totals, which can be told apart."""
    order, parts = _order(spec, scope, level), _parts(spec, scope, level)
    if order is None or parts is None:
        raise Refused(line_of(call), "a running total goes along a line that time does not order")
    pool = _pool(call, condition, spec, level)
    counts = isinstance(call, exp.Count)
    settled = spec.frame is None and len(spec.order) == 1 and isinstance(call, (exp.Count, exp.Sum))
    distinct = any(isinstance(a, exp.Distinct) for a in call.iter_expressions())
    total = Total(pool, order, parts, counts and not distinct, settled and not distinct)
    return Value(total=total, line=line_of(call))


def _pool(call: exp.Expr, condition: exp.Expr | None, spec: Spec, level: Level) -> int:
    """The number of the pool of a line, with what each of its branches brings to the call."""
    name = call.sql() if condition is None else f"{call.sql()} where {condition.sql()}"
    number = level.totals.setdefault(f"{spec.line} {name}", len(level.query.pools))
    if number < len(level.query.pools):
        return number
    members = []
    for other in level.pool:
        taken = take(level, other, call, condition)
        order, parts = _order(spec, other, level), _parts(spec, other, level)
        if taken is None:
            continue
        if order is None or parts is None:
            raise Refused(line_of(call), "a running total goes along a line that time does not order")
        renamed = tuple(p.renamed(taken.names) for p in parts)
        members.append(Member(taken.rows, order.renamed(taken.names), renamed, other.spine))
    level.query.pools.append(Pool(spec.line, members))
    return number


def _framed(call: exp.Expr, condition: exp.Expr | None, spec: Spec, scope: Scope, level: Level) -> Value:
    """An aggregate over the rows between two places, seen from a row with a place of its own."""
    line = (line_of(spec.frame) if spec.frame is not None else 0) or line_of(call)
    here = _place(spec, scope, level, line)
    lows, highs = _ends(spec, scope, level, one(here), line)
    rows: frozenset[int] = NONE
    values: list[Value] = []
    for other in level.pool:
        there = _place(spec, other, level, line)
        for high in highs:
            taken = take(level, other, call, condition, _between(there, here, lows, high, line))
            if taken is None:
                continue
            if other.spine:
                raise Refused(line_of(call), "a frame aggregates values of other spine rows")
            rows |= taken.rows
            values += taken.values
    found = replace(mixed(level, values, line_of(call)), rows=rows)
    if isinstance(call, (exp.Count, exp.ArgMax, exp.ArgMin)):
        kept = mixed(level, values[:1]).numbers if isinstance(call, (exp.ArgMax, exp.ArgMin)) and values else BARE
        return replace(found, numbers=kept)
    return found


def _place(spec: Spec, scope: Scope, level: Level, line: int) -> Atom:
    """A row's place on the line that a frame goes along, where places there are without gaps."""
    first = spec.order[0]
    value = _read(first.this, scope, level) if len(spec.order) == 1 and not first.args.get("desc") else Value()
    place = value.term.atom if value.term is not None else None
    if place is None or place.kind != "rank" or not value.dense or place.args[1:] != _parts(spec, scope, level):
        raise Refused(line, "a frame of ROWS goes along a line whose places the check does not know")
    return place


def _ends(spec: Spec, scope: Scope, level: Level, here: Sum, line: int) -> tuple[Sum | None, tuple[Sum, ...]]:
    """The least place of a frame (None: the first), and the greatest; of `greatest(a, b)` the one and the other."""
    assert spec.frame is not None
    args = spec.frame.args
    low = None if args.get("start") == "UNBOUNDED" else _end(args, "start", scope, level, here, line)
    high = _end(args, "end", scope, level, here, line)
    return low, _either(high)


def _end(args: Mapping[str, Any], which: str, scope: Scope, level: Level, here: Sum, line: int) -> Sum:
    end, side = args.get(which), args.get(f"{which}_side")
    if end == "CURRENT ROW":
        return here
    if not isinstance(end, exp.Expr):
        raise Refused(line, "a frame has no end: it holds rows after every instant")
    by = _read(end, scope, level).term
    if by is None:
        raise Refused(line_of(end), "a frame goes a number of rows that the check does not know")
    return here.plus(by, 1 if side == "FOLLOWING" else -1)


def _either(term: Sum) -> tuple[Sum, ...]:
    for atom, n in term.parts:
        if atom.kind == "greatest" and n == 1:
            return tuple(e for arg in atom.args for e in _either(term.swap(atom, arg)))
    return (term,)


def _between(there: Atom, here: Atom, low: Sum | None, high: Sum, line: int) -> Told:
    """What holds of a row in a frame."""

    def told(names: Mapping[int, int]) -> Iterable[Fact]:
        place = there.renamed(names)
        facts = [at_most(one(place), high, line)]
        if low is not None:
            facts.append(at_most(low, one(place), line))
        for mine, its in zip(place.args[1:], here.args[1:], strict=True):
            facts += same(mine, its, line, sure=False)
        return facts

    return told


__all__ = ["last_of_instant", "window"]
