"""Names: columns of featc's own SQL, which no source, key or feature may have, and versions that are named after `@`,
which stands in no author's name."""

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


# ── versions of views ─────────────────────────────────────────────────────────────────────────────────────────────

AT = "@"
PIN = re.compile(r"([A-Za-z_]\w*)@v([1-9]\d*)", re.ASCII)
"""A view at one of its versions, `user_orders@v2`."""


_APART = re.compile(rf"{AT}\w+")


def pinned(view: str, version: int) -> str:
    """A view at one of its versions, as people name it, and as it is called in a project that has it."""
    return f"{view}{AT}v{version}"


def variant(name: str, pin: str) -> str:
    """What a source or a view is called that is part of a version of a view, and not what it is now:
    `orders@user_orders_v2`. No point stands in it, since these come between views and features."""
    return f"{name}{AT}{pin.replace(AT, '_')}"


def written(name: str) -> str:
    """The name that the author gave to what a version has under a name of its own; other names are as they are."""
    return _APART.sub("", name)


def is_kept(name: str) -> bool:
    """Whether a view or source is part of an earlier version, and none of the project's own definitions."""
    return AT in name


def plain(name: str) -> str:
    """A name that holds a version as one that any column may have: `user_orders_v2`."""
    return name.replace(AT, "_")
