"""Differences of running totals: which rows a count or a sum between two edges is of."""

from __future__ import annotations

from featc.leakage.query import Level, members
from featc.leakage.terms import at_most
from featc.leakage.values import Total, Value


def comparable(a: Total, b: Total) -> bool:
    """Whether two totals are of the same rows and values, up to two edges."""
    same_rows = (a.pool, a.keys) == (b.pool, b.keys)
    return same_rows and a.settled and b.settled and a.fixed and b.fixed


def between(level: Level, upto: Total, before: Total, line: int) -> Value:
    """A difference of running totals: of the rows after the one edge, up to the other, whichever is later."""
    query = level.query
    rows = members(query, upto, before, line) | members(query, before, upto, line)
    return Value(rows=rows, line=line)


def surplus(level: Level, upto: Total | None, before: Total | None, line: int) -> Value | None:
    """By how many a running count is greater than another, or whether it is. That depends on the rows between, if the
    one edge is later than the other, and on nothing if it is not. None where they cannot be compared."""
    if upto is None or before is None or not comparable(upto, before) or not upto.counts:
        return None
    later = at_most(before.at.add(1), upto.at, line)
    rows = members(level.query, upto, before, line)
    level.ledger.tell(rows, [later])
    return Value(rows=rows, facts=(later,), line=line)
