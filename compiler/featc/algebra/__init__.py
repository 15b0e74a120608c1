"""The algebra of aggregates: `aggregates` has one row each, `states` the partial states they are made of."""

from featc.algebra.aggregates import AGGREGATES, Aggregate, Need, lookup, scale_of
from featc.algebra.states import HUGE, LAWS, UNIT, Kind, Law, float_total, merge_moments

__all__ = [
    "AGGREGATES",
    "HUGE",
    "LAWS",
    "UNIT",
    "Aggregate",
    "Kind",
    "Law",
    "Need",
    "float_total",
    "lookup",
    "merge_moments",
    "scale_of",
]
