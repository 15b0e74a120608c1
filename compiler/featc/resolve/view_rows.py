"""A view's row expressions: asked for their types; `where` and keys as they are checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from featc.algebra import AGGREGATES, Aggregate
from featc.errors import Findings, nearest
from featc.load.text import Text
from featc.parse import AggregateCall, Fragment, Name
from featc.resolve.asking import Asked
from featc.resolve.families import Families
from featc.resolve.model import Expr, Key, Ref, Window
from featc.resolve.openview import Condition, OpenView, Template
from featc.resolve.pieces import joined
from featc.resolve.sources import OpenSource, ask_fragment, check_known, is_boolean, parsed
from featc.resolve.windows import WindowBook
from featc.types import KEY_FAMILIES, family


@dataclass(frozen=True, slots=True)
class AskedCall:
    """An aggregate call whose arguments were asked for their types."""

    row: Aggregate
    args: tuple[Asked, ...]
    condition: Asked | None
    window: Window | None


@dataclass(slots=True, eq=False)
class ViewRows:
    """Everything of one view that is evaluated on a row of its source."""

    view: OpenView
    wheres: list[tuple[Asked, Text]] = field(default_factory=list)
    keys: dict[str, tuple[Asked, Text]] = field(default_factory=dict)
    calls: dict[tuple[Template, AggregateCall], AskedCall] = field(default_factory=dict)
    since: dict[str, tuple[Asked, Fragment]] = field(default_factory=dict)
    broken: bool = False


def ask_view(view: OpenView, opened: OpenSource, families: Families, findings: Findings) -> ViewRows:
    """Asks for the types of all row expressions of a view. Labels have the keys and the `where` of their view."""
    rows = ViewRows(view)
    opened = _beside_features(opened, view)
    if view.base is None:
        _ask_where(rows, opened, findings)
        _ask_keys(rows, opened, findings)
    for template in view.templates:
        if template.broken:
            continue
        for call in template.calls:
            asked = _ask_call(template, call, opened, families.book, findings)
            if asked is None:
                template.broken = True
            else:
                rows.calls[template, call] = asked
                for window in filter(None, (asked.window, *template.windows, *template.over)):
                    template.broken |= not _ask_since(rows, window, opened, families.book, findings)
    return rows


def _beside_features(opened: OpenSource, view: OpenView) -> OpenSource:
    """The source as this view sees it: the same columns, with the names that are the view's features."""
    features = frozenset(f.name.casefold() for f in view.definition.features)
    return replace(opened, scope=replace(opened.scope, features=features))


def _ask_since(
    rows: ViewRows, window: Window, opened: OpenSource, book: WindowBook, findings: Findings
) -> bool:
    """Asks what the events are that a window begins with, where it is such a window; False where that is no row
    expression of the source, which is reported."""
    text = book.since.get(window.name) if window.since else None
    if text is None or window.name in rows.since:
        return True
    fragment = parsed(text, findings)
    asked = _ask(fragment, text, f"since of the window {window.name}", opened, findings)
    if fragment is None or asked is None:
        return False
    rows.since[window.name] = (asked, fragment)
    return True


def _ask_where(rows: ViewRows, opened: OpenSource, findings: Findings) -> None:
    """Asks for the view's `where`, after what the rows of another view meet that it reads."""
    own = [Condition(w, opened.scope) for w in [rows.view.definition.where] if w is not None]
    for condition in (*rows.view.conditions, *own):
        asked: Asked | None
        if condition.parts is None:
            fragment = parsed(condition.text, findings)
            seen = replace(opened, scope=condition.scope)
            asked = _ask(fragment, condition.text, "where", seen, findings)
        else:
            whole = Fragment((), 0, len(condition.text.value))
            asked = opened.batch.ask(condition.parts, condition.text, whole, condition.uses)
        rows.broken |= asked is None
        if asked is not None:
            rows.wheres.append((asked, condition.text))


def _ask(
    fragment: Fragment | None, text: Text, place: str, opened: OpenSource, findings: Findings
) -> Asked | None:
    return (
        None
        if fragment is None
        else ask_fragment(fragment, text, place, opened.scope, opened.batch, findings)
    )


def _ask_keys(rows: ViewRows, opened: OpenSource, findings: Findings) -> None:
    view = rows.view
    given = {name.casefold(): (name, text) for name, text in view.definition.keys.items()}
    known = {k.casefold() for k in view.key_names}
    for folded, (name, text) in given.items():
        if folded not in known:
            close = nearest(name, view.key_names)
            findings.error(
                "F309",
                f"{view.name} has no key '{name}'",
                text.span,
                f"did you mean '{close}'?"
                if close
                else f"its entity has: {', '.join(view.key_names) or 'no keys'}",
            )
    for key in view.key_names:
        if key.casefold() in given:
            text = given[key.casefold()][1]
            asked = _ask(parsed(text, findings), text, f"the key {key}", opened, findings)
        else:
            text = Text(key, view.definition.source.span if view.definition.source else view.definition.span)
            asked = _default_key(key, text, view, opened, findings)
        if asked is None:
            rows.broken = True
        else:
            rows.keys[key] = (asked, text)


def _default_key(
    key: str, text: Text, view: OpenView, opened: OpenSource, findings: Findings
) -> Asked | None:
    """The column of the key's own name."""
    inherited = view.definition.of_view and key.casefold() in opened.scope.lets
    if key.casefold() not in opened.scope.columns and not inherited:
        names = [c.name for c in opened.scope.columns.values()]
        close = nearest(key, names)
        findings.error(
            "F309",
            f"the source {opened.source.name} has no column '{key}', which {view.name} needs as its key",
            view.definition.span,
            (f"did you mean '{close}'? Put the entity's key right, or s" if close else "s")
            + f"ay which column it is, as in keys: {{{key}: {close or '<column>'}}}",
        )
        return None
    fragment = Fragment((Name((key,), 0, len(key)),), 0, len(key))
    return ask_fragment(fragment, text, f"the key {key}", opened.scope, opened.batch, findings)


def _ask_call(
    template: Template, call: AggregateCall, opened: OpenSource, book: WindowBook, findings: Findings
) -> AskedCall | None:
    row = AGGREGATES[call.row]
    text = template.text
    args = [_ask(a, text, call.name, opened, findings) for a in call.args]
    condition = _ask(call.filter, text, f"the FILTER of {call.name}", opened, findings)
    window = None
    if call.over is not None:
        over = call.over
        window = book.named(over.name, text.span_at(over.start, over.end - over.start))
    ready = [a for a in args if a is not None]
    if len(ready) < len(args) or (call.filter and condition is None) or (call.over and window is None):
        return None
    return AskedCall(row, tuple(ready), condition, window)


# ── where and keys ──────────────────────────────────────────────────────────────────────────────────────────

def checked_where(rows: ViewRows, opened: OpenSource, findings: Findings) -> Expr | None:
    """The view's `where`, all conditions together; an error makes the view broken."""
    found: list[Expr] = []
    for asked, text in rows.wheres:
        expr = asked.expr
        if (
            expr is None
            or not is_boolean(expr, text, "where", findings)
            or not check_known(expr, opened.source, text, "where", findings)
        ):
            rows.broken = True
            return None
        found.append(expr)
    if len(found) < 2:
        return found[0] if found else None
    parts: list[str | Ref] = ["("]
    for expr in found:
        parts += ["" if expr is found[0] else ") AND (", *expr.parts]
    return Expr(joined([*parts, ")"]), "BOOLEAN", found[-1].span)


def checked_keys(rows: ViewRows, opened: OpenSource, findings: Findings) -> tuple[Key, ...]:
    """The view's keys with their types (semantics.md, "Types"); an error makes the view broken."""
    found = []
    for name, (asked, text) in rows.keys.items():
        expr = asked.expr
        if expr is None:
            rows.broken = True
            continue
        if family(expr.type) not in KEY_FAMILIES:
            _refuse_key(name, expr, text, findings)
            rows.broken = True
        elif not check_known(expr, opened.source, text, f"the key {name}", findings):
            rows.broken = True
        else:
            found.append(Key(name, expr.type, expr))
    return tuple(found)


def _refuse_key(name: str, expr: Expr, text: Text, findings: Findings) -> None:
    column = getattr(expr.parts[0], "column", None) if expr.is_bare else None
    if family(expr.type) == "float":
        hint = (
            f"if its values are whole, declare it: columns: {{{column}: bigint}}"
            if column
            else "cast it to bigint or to a decimal"
        )
        findings.error(
            "F310", f"the key {name} is {expr.type}, and keys must compare exactly", text.span, hint
        )
    else:
        findings.error(
            "F310",
            f"the key {name} is {shown(expr.type)}, which keys cannot be",
            text.span,
            "use an integer, text, a boolean, date, timestamp, UUID or decimal",
        )


def shown(type_: str) -> str:
    return "NULL" if type_ == '"NULL"' else type_
