"""Aggregate calls as text and as meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import oracle
from oracle import Value, Window

from .expressions import Expr


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate call without its window."""

    sql: str
    fn: str
    args: tuple[Expr, ...]
    filter: Expr | None
    type: str
    params: Mapping[str, Value] = field(default_factory=dict)

    def over(self, name: str, window: Window, default: Value = None) -> oracle.Aggregate:
        """The feature it is over a window."""
        return oracle.Aggregate(name, self.fn, self.args, window, self.type, self.filter, default, self.params)


def filtered(sql: str, condition: Expr | None) -> str:
    """A call's text with its FILTER."""
    return sql if condition is None else f"{sql} filter (where {condition.sql})"
