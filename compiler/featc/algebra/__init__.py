"""The algebra of aggregates: `aggregates` has one row each, `states` the partial states they are made of."""

from featc.algebra.aggregates import AGGREGATES, forms, lookup
from featc.algebra.row import Aggregate, BeyondType, Constant, Given, Need, Param, scale_of
from featc.algebra.states import HUGE, LAWS, LEVELS, SAMPLE, UNIT, Kind, Law, float_total, merge_moments, thresholds

__all__ = [
    "AGGREGATES",
    "HUGE",
    "LAWS",
    "LEVELS",
    "SAMPLE",
    "UNIT",
    "Aggregate",
    "BeyondType",
    "Constant",
    "Given",
    "Kind",
    "Law",
    "Need",
    "Param",
    "float_total",
    "forms",
    "lookup",
    "merge_moments",
    "scale_of",
    "thresholds",
]
