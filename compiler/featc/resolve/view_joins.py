"""Joins with another view: its features beside each event (semantics.md, "Enrichment joins").

To the view that joins, `risk.chargeback_rate_30d` is a column like any other. Its type is the feature's, so that views
are resolved in layers (`featc.resolve.layers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from featc.errors import Findings, did_you_mean, nearest
from featc.load.model import Definitions, JoinDef
from featc.load.text import Text
from featc.parse import Fragment, Name
from featc.resolve.asking import Asked, RowBatch
from featc.resolve.features import Draft, Drafts
from featc.resolve.model import (
    AggregateRef,
    Beside,
    Column,
    Expr,
    Key,
    RequestRef,
    StateRef,
    ViewJoin,
    join_column,
)
from featc.resolve.openview import OpenView
from featc.resolve.pieces import joined
from featc.resolve.scope import Looked
from featc.resolve.sources import OpenSource, ask_fragment, check_known, parsed
from featc.types import KEY_FAMILIES, common_type, family


@dataclass(frozen=True, slots=True)
class OpenViewJoin:
    """A join with a view under work: the features it can bring, by the names of their columns, and what each key of
    that view has to equal."""

    definition: JoinDef
    view: OpenView
    features: Mapping[str, Draft]
    keys: tuple[tuple[Key, Asked | None, Text], ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """The views that can be joined, with the types of their features."""

    views: Mapping[str, OpenView]
    drafts: Drafts
    definitions: Definitions

    def open(self, definition: JoinDef, opened: OpenSource, findings: Findings) -> OpenViewJoin | None:
        """The join, its keys asked over the rows that lie beside each other so far; None where it has errors."""
        view = self._view(definition, findings)
        if view is None or _is_odd(definition, findings):
            return None
        keys = self._keys(definition, view, opened, findings)
        if keys is None:
            return None
        found = {n: d for (v, n), d in self.drafts.found.items() if v == view.name and not d.broken}
        return OpenViewJoin(definition, view, found, keys)

    def _view(self, definition: JoinDef, findings: Findings) -> OpenView | None:
        text = definition.view
        assert text is not None
        known = {n: v for n, v in self.views.items() if v.base is None and not v.is_service}
        if text.value not in known and text.value not in self.definitions.broken:
            hint = did_you_mean(text.value, known) or "declare it under feature_views:"
            findings.error("F308", f"there is no view '{text.value}'", text.span, hint)
        view = known.get(text.value)
        return None if view is None or view.blind else view

    def _keys(
        self, definition: JoinDef, view: OpenView, opened: OpenSource, findings: Findings
    ) -> tuple[tuple[Key, Asked | None, Text], ...] | None:
        names = {k.name.casefold(): k for k in view.keys}
        given: dict[str, Text] = {}
        for name, text in definition.keys.items():
            if name.casefold() not in names:
                hint = did_you_mean(name, [k.name for k in view.keys]) or f"its keys: {', '.join(view.key_names)}"
                findings.error("F379", f"{view.name} has no key '{name}'", text.span, hint)
                return None
            given[name.casefold()] = text
        found = []
        for folded, key in names.items():
            text = given.get(folded, Text(key.name, definition.span))
            if folded not in given and folded not in opened.scope.columns and folded not in opened.scope.lets:
                message = f"{opened.source.name} has no column '{key.name}', the key of {view.name}"
                close = nearest(key.name, opened.scope.names)
                hint = f"say whose features they are: keys: {{{key.name}: {close or '<expression over the event>'}}}"
                findings.error("F379", message, definition.span, hint)
                return None
            bare = Fragment((Name((key.name,), 0, len(key.name)),), 0, len(key.name))
            fragment = parsed(text, findings) if folded in given else bare
            place = f"the key {key.name} of the join {definition.name}"
            asked = None
            if fragment is not None:
                asked = ask_fragment(fragment, text, place, opened.scope, opened.batch, findings)
            if asked is None:
                return None
            found.append((key, asked, text))
        return tuple(found)


def _is_odd(definition: JoinDef, findings: Findings) -> bool:
    """Whether a join with a view says what only one with a source can."""
    if definition.source is not None:
        message = f"the join '{definition.name}' names a source and a view"
        findings.error("F381", message, definition.source.span, "leave one of them out")
        return True
    if definition.within is not None:
        message = f"the join '{definition.name}' has within:, and looks up features of a view"
        hint = "how far back they look is up to their windows"
        findings.error("F381", message, definition.within.text.span, hint)
        return True
    return False


def extended(opened: OpenSource, made: OpenViewJoin) -> OpenSource:
    """The source with the columns that a join with a view brings."""
    name, view = made.definition.name, made.view
    types = {n: d.type for n, d in made.features.items() if d.type is not None}
    columns = [Column(join_column(name, n), t, t) for n, t in types.items()]
    broken = [t.name for t in view.templates if t.broken]
    looked = Looked(
        view.name,
        {t.name.casefold(): tuple(m for m, _ in t.members) for t in view.templates if t.family},
        frozenset(n.casefold() for n in (*view.lost, *broken)),
        frozenset(n.casefold() for n in (view.labels.feature_names if view.labels else ())),
    )
    folded = name.casefold()
    scope = replace(
        opened.scope,
        columns={**opened.scope.columns, **{c.name.casefold(): c for c in columns}},
        joins={**opened.scope.joins, folded: (name, view.name)},
        views={**opened.scope.views, folded: looked},
    )
    return replace(opened, scope=scope, batch=RowBatch((*opened.batch.columns, *columns), opened.batch.asked))


def finished_view_join(
    view: str, join: OpenViewJoin, wanted: Iterable[str], opened: OpenSource, drafts: Drafts, findings: Findings
) -> ViewJoin | None:
    """The join with those of its features whose columns are `wanted`; None where it has errors, which are reported."""
    names, columns = join.definition.name, set(wanted)
    used = {n: d for n, d in join.features.items() if join_column(names, n) in columns}
    for name, draft in used.items():
        if not _can_stand(view, join, name, draft, drafts, findings):
            return None
    keys = [_key(join, key, asked, text, opened, findings) for key, asked, text in join.keys]
    whole = [k for k in keys if k is not None]
    if len(whole) < len(keys):
        return None
    beside = tuple(Beside(n, d.type or "") for n, d in used.items())
    plain = tuple(Key(k.name, k.type) for k, _, _ in join.keys)
    return ViewJoin(names, join.view.name, beside, plain, tuple(whole))


def _can_stand(
    view: str, join: OpenViewJoin, name: str, draft: Draft, drafts: Drafts, findings: Findings
) -> bool:
    """Whether a feature can stand beside an event: it needs nothing that only a request brings, and an online store can
    give its values back."""
    span, spoken = join.definition.span, f"{join.view.name}.{name}"
    if family(draft.type or "") == "other":
        message = f"{view} joins {spoken}, which is {draft.type}"
        hint = "an online store cannot give such values back: join a feature that takes what you need of it"
        findings.error("F377", message, span, hint)
        return False
    holding = next((d for d in _behind(draft, drafts) if _reads_what_holds(d, drafts)), None)
    if holding is not None:
        by = "" if holding is draft else f" by {'.'.join(holding.pair)}"
        message = f"{view} joins {spoken}, which reads the rows that hold{by}, and that is not built yet beside events"
        hint = "join the source itself, if one row of it is meant; else aggregate its changes as events"
        findings.error("F382", message, span, hint)
        return False
    asked = next(_request_of(draft, drafts), None)
    if asked is None:
        return True
    owner, column = asked
    by = "" if owner == draft.pair else f" by {'.'.join(owner)}"
    message = f"{view} joins {spoken}, which needs request.{column}{by}, and an event is no request"
    hint = "join the features it is made of, and write its expression over their columns"
    findings.error("F380", message, span, hint)
    return False


def _request_of(draft: Draft, drafts: Drafts) -> Iterator[tuple[tuple[str, str], str]]:
    """(view and feature, request column) of what a feature needs of a request."""
    for here in _behind(draft, drafts):
        yield from ((here.pair, p.name) for p in here.parts if isinstance(p, RequestRef))


def _reads_what_holds(draft: Draft, drafts: Drafts) -> bool:
    """Whether a feature itself aggregates over `current`, or looks into dumps."""
    view = draft.pair[0]
    opened, lifted = drafts.views[view].opened, drafts.lifted.get(view)
    if opened is not None and opened.source.in_dumps:
        return any(isinstance(p, (AggregateRef, StateRef)) for p in draft.parts)
    named = {p.name for p in draft.parts if isinstance(p, AggregateRef)}
    return lifted is not None and any(a.window.current for a in lifted.aggregations.values() if a.name in named)


def _behind(draft: Draft, drafts: Drafts) -> Iterator[Draft]:
    """A feature, and all it is made of."""
    stack, seen = [draft], {draft.pair}
    while stack:
        here = stack.pop()
        yield here
        for pair in here.parents:
            if pair not in seen and pair in drafts.found:
                seen.add(pair)
                stack.append(drafts.found[pair])


def _key(
    join: OpenViewJoin, key: Key, asked: Asked | None, text: Text, opened: OpenSource, findings: Findings
) -> Expr | None:
    """What a key of the other view has to equal, in the key's type: what no value of it equals is NULL, which is
    nobody."""
    expr = asked.expr if asked is not None else None
    if expr is None or not check_known(expr, opened.source, text, f"the key {key.name}", findings):
        return None
    if expr.type == key.type:
        return expr
    type_ = common_type(key.type, expr.type)
    if type_ is None or family(type_) not in KEY_FAMILIES:
        message = f"the key {key.name} of {join.view.name} is {key.type}, and what it has to equal is {expr.type}"
        hint = "cast the expression to the key's type" if type_ is None else "keys must compare exactly"
        findings.error("F374", message, expr.span or text.span, hint)
        return None
    cast = ("try_cast((", *expr.parts, f") AS {key.type})")
    parts = joined(("CASE WHEN ", *cast, " = (", *expr.parts, ") THEN ", *cast, " END"))
    return Expr(parts, key.type, expr.span)
