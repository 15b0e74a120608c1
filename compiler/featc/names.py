"""Column names that featc's own SQL uses beside the author's, and that no source, key or feature may have."""

from __future__ import annotations

import re

_INTERNAL = re.compile(
    r"_(time|arrival|enter|superseded|deleted|row|as_of|instant|place|event|nth(_\d+)?|regular|bucket|holds|until"
    r"|edge|at|last|value|newest|state|given|id_\d+|upto\w*|before_\w+|begin_\w+|in_\w+|rows|n_\w+|sum_\w+|featc_\w+)"
)


def is_internal(name: str) -> bool:
    """Whether featc's own SQL may use a column of this name beside the user's."""
    return _INTERNAL.fullmatch(name.lower()) is not None


HAPPENED = "_happened"
"""The column of a union with the instants (µs) at which the rows of its members happened."""
