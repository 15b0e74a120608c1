"""The algebra of aggregates: `aggregates` has one row each, `states` the partial states they are made of."""

from featc.algebra.aggregates import AGGREGATES, Aggregate, Need, lookup, scale_of
from featc.algebra.states import LAWS, Kind, Law, merge_moments

__all__ = ["AGGREGATES", "LAWS", "Aggregate", "Kind", "Law", "Need", "lookup", "merge_moments", "scale_of"]
