"""Which one row decides an aggregate that is the value of a row: max, last, arg_min …"""

from __future__ import annotations

from collections.abc import Mapping

from featc.algebra import AGGREGATES, Kind
from featc.resolve.model import Aggregation, View

_ORDERS: Mapping[Kind, str] = {
    Kind.MAX: "{0} IS NULL, {0} DESC, _nth",
    Kind.MIN: "{0} IS NULL, {0}, _nth",
    Kind.LAST: "{0} IS NULL, _nth DESC",
    Kind.FIRST: "{0} IS NULL, _nth",
    Kind.PICK_MAX: "{0} IS NULL OR {1} IS NULL, {1} DESC, _nth",
    Kind.PICK_MIN: "{0} IS NULL OR {1} IS NULL, {1}, _nth",
}
"""By the one state that such an aggregate needs: how its rows are ordered, the deciding one first."""


def deciding(view: View, aggregation: Aggregation, slots: Mapping[str, int]) -> str | None:
    """The order in which the row that decides an aggregation comes first, over `why_standing`; None where all rows
    decide together. `slots` are numbered as in `featc.lower.witness`."""
    types = tuple(view.slot(s).type for s in aggregation.slots)
    needs = tuple(AGGREGATES[aggregation.aggregate].needs(types).values())
    if len(needs) != 1 or needs[0].kind not in _ORDERS or len(aggregation.params) > 0:
        return None
    return _ORDERS[needs[0].kind].format(*(f"_slot_{slots[aggregation.slots[n]]}" for n in needs[0].args))
