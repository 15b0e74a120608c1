"""`source: {view: v}`: a view over the rows of another, after its `where`, `let`, `join` and `keys`.

Such a view is one over v's source. It has v's conditions and joins before its own, and v's keys as names of row
expressions: they are `let` names of its scope, which stand before columns of the same name. A row that has no key in v
is none of v's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from featc.errors import Findings, did_you_mean
from featc.load.model import Definitions, ViewDef
from featc.load.text import Text
from featc.parse import Fragment, Name
from featc.resolve.asking import RowBatch
from featc.resolve.joins import join_view
from featc.resolve.model import ColumnRef
from featc.resolve.openview import Condition, OpenView, Rows, open_view
from featc.resolve.order import circle
from featc.resolve.pieces import Parts
from featc.resolve.scope import Let, RowReader, RowScope
from featc.resolve.sources import OpenSource, parsed
from featc.resolve.windows import WindowBook


def open_views(
    sources: Mapping[str, OpenSource | None], definitions: Definitions, book: WindowBook, findings: Findings
) -> dict[str, OpenView]:
    """All views, opened after those whose rows they read; in the order of the definitions."""
    views = definitions.views
    needs = {n: [d.source.value] if d.of_view and d.source is not None else [] for n, d in views.items()}
    ordered, loops = circle({n: [v for v in needed if v in views] for n, needed in needs.items()})
    for loop in loops:
        source = views[loop[0]].source
        way = " → ".join((*loop, loop[0]))
        hint = "let one of them read a source"
        findings.error("F395", f"views read the rows of each other: {way}", source.span if source else None, hint)
    found: dict[str, OpenView] = {}
    for name in [*ordered, *(n for n in views if n not in ordered)]:
        definition = views[name]
        base = _base(definition, found, definitions, findings) if definition.of_view and name in ordered else None
        rows = None if base is None else rows_of(base, findings)
        found[name] = open_view(definition, sources, definitions, book, findings, rows)
        if not found[name].joins_views:
            join_view(found[name], sources, definitions, findings)
    return {name: found[name] for name in views}


def _base(
    definition: ViewDef, found: Mapping[str, OpenView], definitions: Definitions, findings: Findings
) -> OpenView | None:
    """The view whose rows are read, as one of its rows is seen; None where there is none, which is reported."""
    assert definition.source is not None
    name, span = definition.source.value, definition.source.span
    base = found.get(name)
    if base is None:
        if name not in definitions.broken:
            hint = did_you_mean(name, definitions.views) or "declare it under feature_views:"
            if name in definitions.sources or name in definitions.attributed:
                hint = f"{name} is a source: write source: {name}"
            findings.error("F308", f"there is no view '{name}'", span, hint)
        return None
    if base.definition.source is None:
        hint = "name a view over a source"
        findings.error("F395", f"{name} is computed when asked, and has no rows", span, hint)
        return None
    if base.opened is None or base.blind:
        return None
    if base.is_state:
        message = f"{name} is over {base.opened.source.name}, whose rows hold for a time, and are no stream of events"
        findings.error("F395", message, span, f"write source: {base.opened.source.name}")
        return None
    if base.joins_views:
        message = f"{name} has features of other views beside its rows, and no view reads such rows yet"
        hint = f"read {base.opened.source.name}, with the same join:"
        findings.error("F395", message, span, hint)
        return None
    both = next((j for j in definition.joins if j.name in {o.definition.name for o in base.joins}), None)
    if both is not None:
        message = f"{name} joins {both.name} already, and its rows have it"
        findings.error("F395", message, both.span, "delete the join, or give it another name, and source:")
        return None
    return base


def rows_of(base: OpenView, findings: Findings) -> Rows:
    """The rows of a view as another sees them. A row without a key is none of them."""
    assert base.opened is not None
    scope = base.opened.scope
    conditions = list(base.conditions)
    if base.definition.where is not None:
        conditions.append(Condition(base.definition.where, scope))
    lets = dict(scope.lets)
    for key in base.key_names:
        given = {name.casefold(): text for name, text in base.definition.keys.items()}.get(key.casefold())
        text = given or Text(key, base.definition.span)
        fragment = parsed(text, findings) if given is not None else Fragment((Name((key,), 0, len(key)),), 0, len(key))
        reader = RowReader(scope, text, f"the key {key}", Findings())  # its own view tells what is wrong with it
        parts = None if fragment is None else reader.read(fragment)
        if parts is not None:
            conditions.append(Condition(text, scope, ("(", *parts, ") IS NOT NULL"), frozenset(reader.uses)))
        if parts is None or not _is_column(parts, key, scope):
            lets[key.casefold()] = Let(key, parts, frozenset(reader.uses))
    seen = replace(scope, lets=lets)
    opened = replace(base.opened, scope=seen, batch=RowBatch(base.opened.batch.columns))
    return Rows(opened, tuple(conditions), base.joins)


def _is_column(parts: Parts, key: str, scope: RowScope) -> bool:
    """Whether a key is nothing but the column of its name."""
    column = scope.columns.get(key.casefold())
    return column is not None and parts == (ColumnRef(column.name),)
