"""Layers of views: the types of what a view joins of another have to be known before its own rows can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from featc.errors import Findings
from featc.load.text import Text
from featc.resolve.openview import OpenView

Needs = Mapping[str, frozenset[str]]


def layered(views: Mapping[str, OpenView], findings: Findings) -> list[list[OpenView]]:
    """The views, those that are joined in layers before those that join them. Views whose features name each other
    stand in one layer. A view that needs itself by a join is reported, F378, and blind from then on."""
    needs = {name: frozenset(_named(view, views)) for name, view in views.items()}
    joined = {name: {text.value: text for text in _joined(view, views)} for name, view in views.items()}
    for name, view in views.items():
        for other, text in list(joined[name].items()):
            way = _way(other, name, needs, joined)
            if way is None:
                continue
            if view.base is None:  # labels join what their view does
                message = f"{name} needs itself by its joins: {' → '.join((name, *way))}"
                hint = "put the features that are joined into a view of their own, which does not join"
                findings.error("F378", message, text.span, hint)
            view.leave_out()
            del joined[name][other]
    level = dict.fromkeys(views, 0)
    changed = True
    while changed:
        changed = False
        for name in views:
            deepest = max([*(level[n] for n in needs[name]), *(level[n] + 1 for n in joined[name])], default=0)
            if deepest > level[name]:
                level[name], changed = deepest, True
    return [[v for n, v in views.items() if level[n] == depth] for depth in sorted(set(level.values()))]


def _joined(view: OpenView, views: Mapping[str, OpenView]) -> Iterator[Text]:
    """The views that a view joins."""
    for join in view.definition.joins:
        if join.view is not None and join.view.value in views:
            yield join.view


def _named(view: OpenView, views: Mapping[str, OpenView]) -> Iterator[str]:
    """The views whose features a view's features name, and that of which it holds the labels."""
    if view.base is not None:
        yield view.base.name
    folded = {name.casefold(): name for name in views}
    for name in (n for t in view.templates for n in t.outer_names if len(n.parts) == 2):
        first = name.parts[0].casefold()
        found = view.roles[first][1] if first in view.roles else folded.get(first, "")
        if found in views and found != view.name:
            yield found
            labels = views[found].labels
            if view.base is not None and labels is not None and labels.name in views and labels is not view:
                yield labels.name


def _way(
    start: str, end: str, needs: Needs, joined: Mapping[str, Mapping[str, Text]]
) -> tuple[str, ...] | None:
    """The views from one to another that it needs; None where it does not."""
    before: dict[str, str | None] = {start: None}
    queue = [start]
    for node in queue:
        if node == end:
            way = [node]
            while (previous := before[way[-1]]) is not None:
                way.append(previous)
            return tuple(reversed(way))
        for other in sorted({*needs[node], *joined[node]} - before.keys()):
            before[other] = node
            queue.append(other)
    return None
