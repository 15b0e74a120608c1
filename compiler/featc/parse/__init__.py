"""Parse: a SQL leaf as written → a `Fragment`, every token accounted for (interfaces.md, "Names")."""

from featc.parse.model import AggregateCall, BuiltinCall, Fragment, Name, Over, Piece, Problem, walk
from featc.parse.read import read
from featc.parse.statement import unsteady

__all__ = ["AggregateCall", "BuiltinCall", "Fragment", "Name", "Over", "Piece", "Problem", "read", "unsteady", "walk"]
