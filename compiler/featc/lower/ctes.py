"""A query as a list of named, commented common table expressions, and how it is laid out for a reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Ctes:
    """Collects CTEs in order. The same name with the same body is kept once; a name that is taken gets a number."""

    items: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, name: str, body: str, comment: str = "", *, materialized: bool = False) -> str:
        """Adds a CTE and returns the name it has."""
        text = f"AS {'MATERIALIZED ' if materialized else ''}(\n{indent(body)}\n)"
        free, number = name, 1
        while (known := self.items.get(free.lower())) is not None and known[2] != text:
            number += 1
            free = f"{name[:-1]}_{number}{chr(34)}" if name.endswith(chr(34)) else f"{name}_{number}"
        self.items[free.lower()] = (comment, free, text)
        return free

    def query(self, final: str) -> str:
        """The whole statement."""
        if not self.items:
            return final
        blocks = []
        for comment, name, text in self.items.values():
            lead = "".join(f"-- {line}\n" for line in comment.splitlines())
            blocks.append(f"{lead}{name} {text}")
        return "WITH\n" + ",\n\n".join(blocks) + "\n\n" + final


def indent(text: str, by: str = "    ") -> str:
    """`text` with every non-empty line indented."""
    return "\n".join(f"{by}{line}" if line else line for line in text.split("\n"))


def select(items: Iterable[str], rest: str, *, distinct: bool = False) -> str:
    """A SELECT with one item a line when it does not fit on one line. `rest` starts at FROM."""
    listed = list(items)
    rest = rest.rstrip("\n")  # where no condition follows
    head = "SELECT DISTINCT" if distinct else "SELECT"
    line = f"{head} {', '.join(listed)}"
    if len(line) <= 100 and not any("\n" in i for i in listed):
        return f"{line}\n{rest}" if rest else line
    body = ",\n".join(indent(item) for item in listed)
    return f"{head}\n{body}\n{rest}" if rest else f"{head}\n{body}"


def named(sql: str, name: str) -> str:
    """`sql AS name`, or just the name where the SQL is the name already."""
    return name if sql == name else f"{sql} AS {name}"


def conjunction(conditions: Iterable[str]) -> str:
    """WHERE over the conditions that are there, one a line; nothing when there are none."""
    found = [c for c in conditions if c]
    return "WHERE " + "\n  AND ".join(found) if found else ""
