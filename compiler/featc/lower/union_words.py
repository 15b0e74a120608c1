"""What a union's rows and columns are, in the words of the comments of its SQL."""

from __future__ import annotations

from collections.abc import Sequence

from featc.resolve.model import MEMBER, Source


def union_words(union: Source) -> str:
    """What the rows of a union are, for people."""
    *others, last = (m.source.name for m in union.members)
    return f"the rows of {', '.join(others)} and {last}"


def made_words(union: Source, names: Sequence[str]) -> str:
    """What the columns are that featc makes and a query reads, for people; nothing where there are none."""
    listed = set(names)
    identity = [c for c in union.id if c != MEMBER and _is_made(union, c)]
    found = [f"{c} identifies a row within its source" for c in identity if c in listed]
    found += [f"{c} orders rows of one instant" for c in union.tie_break if _is_made(union, c) and c in listed]
    plain = [c for c in union.columns if c.stands_for and c.name in listed]
    found += [f"{c.name} is {c.stands_for} as it lies there" for c in plain]
    return "; " + ", ".join(found) if found else ""


def _is_made(union: Source, name: str) -> bool:
    return union.column(name).hidden
