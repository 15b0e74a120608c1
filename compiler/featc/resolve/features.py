"""Features: expressions over aggregations, state columns and each other; types, parents first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from featc.catalog import Catalog, TypeProblem
from featc.errors import Findings, Span
from featc.parse import AggregateCall, BuiltinCall, Fragment, Name
from featc.resolve.asking import narrowed, quoted, refused
from featc.resolve.defaults import default_sql
from featc.resolve.families import Families
from featc.resolve.lifted import Lifted
from featc.resolve.meaning import FeatureNeed
from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    KeyRef,
    Ref,
    RequestRef,
    StateRef,
    Window,
)
from featc.resolve.openview import OpenView, Template
from featc.resolve.pieces import Parts, enclosed, joined
from featc.resolve.scalars import write_out
from featc.resolve.sources import meta_of
from featc.resolve.view_rows import shown
from featc.types import collection_parts, family

Pair = tuple[str, str]


def asked_view(own: str, role: str) -> str:
    """The name of a view in a role of the service whose own view is `own`: no view of an author has a point in it."""
    return f"{own.partition(' ')[2]}.{role}"


@dataclass(slots=True, eq=False)
class Draft:
    """A feature on its way to a type. `parents` are the features it refers to."""

    template: Template
    name: str
    parts: Parts
    parents: tuple[Pair, ...]
    type: str | None = None
    broken: bool = False

    @property
    def pair(self) -> Pair:
        return self.template.view, self.name


@dataclass(slots=True)
class Drafts:
    """All features of all views, parents first."""

    views: Mapping[str, OpenView]
    families: Families
    lifted: Mapping[str, Lifted]
    findings: Findings
    found: dict[Pair, Draft] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def write(self, views: Collection[str]) -> None:
        """Writes out the expression of every feature of these views, of every template that is not broken."""
        for template in self.families.order:
            if template.broken or template.view not in views:
                continue
            for name, window in template.members:
                assert template.fragment is not None
                parts = self._over(template.fragment, template) if template.over else self._read(
                    template.fragment, template, window
                )
                if parts is None:
                    template.broken = True
                    break
                parents = tuple(dict.fromkeys(self.pair(p) for p in parts if isinstance(p, FeatureRef)))
                self.found[template.view, name] = Draft(template, name, parts, parents)

    def _over(self, fragment: Fragment, template: Template) -> Parts | None:
        """The expression over the feature's own window; over those of a series, the list of them."""
        found = [self._read(fragment, template, window) for window in template.over]
        whole = [parts for parts in found if parts is not None]
        if len(whole) < len(found):
            return None
        if not template.definition.series:
            return whole[0]
        items = [part for parts in whole for part in (", ", *parts)]
        return joined(("[", *items[1:], "]"))

    def _read(self, fragment: Fragment, template: Template, window: Window | None) -> Parts | None:
        found: list[str | Ref] = []
        alone = len(fragment.pieces) == 1
        for piece in fragment.pieces:
            parts = (piece,) if isinstance(piece, str) else self._piece(piece, template, window)
            if parts is None:
                return None
            found += enclosed(parts) if isinstance(piece, Name) and not alone else parts
        return joined(found)

    def _piece(
        self, piece: Name | BuiltinCall | AggregateCall, template: Template, window: Window | None
    ) -> Parts | None:
        if isinstance(piece, AggregateCall):
            name = (
                self.lifted[template.view].names.get((template, piece, window))
                if template.view in self.lifted
                else None
            )
            return None if name is None else (AggregateRef(name),)
        if isinstance(piece, BuiltinCall):
            args = [self._read(a, template, window) for a in piece.args]
            done = [a for a in args if a is not None]
            return write_out(piece.name, done) if len(done) == len(args) else None
        meaning = self.families.meant[template, piece.start]
        if not isinstance(meaning, FeatureNeed):
            return meaning
        member = self.families.member(meaning, template, piece)
        if member is None or member.template.broken:
            return None
        chosen = member.window
        if member.whole:
            chosen = next((w for w in member.template.windows if w == window), None)
            if chosen is None:
                return None
        asked = member.template.view
        if meaning.role is not None:
            asked = asked_view(template.view, meaning.role)
            self.roles[asked] = member.template.view
        return (FeatureRef(asked, member.template.member(chosen)),)

    def pair(self, ref: FeatureRef) -> Pair:
        """The feature that a reference is to, whatever role it is asked in."""
        return self.roles.get(ref.view, ref.view), ref.feature

    def levels(self) -> list[list[Draft]]:
        """Features by their distance from the sources: those of one level need only earlier ones."""
        level: dict[Pair, int] = {}
        rows: list[list[Draft]] = []
        for pair, draft in self.found.items():
            level[pair] = 1 + max((level.get(p, -1) for p in draft.parents), default=-1)
            while len(rows) <= level[pair]:
                rows.append([])
            rows[level[pair]].append(draft)
        return rows


@dataclass(slots=True)
class Typing:
    """Gives every feature its type, level by level; equal questions are asked once. Views may come in layers: what has
    its type by then is not asked for again."""

    drafts: Drafts
    views: Mapping[str, OpenView]
    key_types: dict[str, Mapping[str, str]]
    catalog: Catalog
    findings: Findings
    known: dict[tuple[str, tuple[str, ...]], str | TypeProblem] = field(default_factory=dict)

    def settle(self) -> None:
        """Gives types to the features that have none yet."""
        for level in self.drafts.levels():
            row = [draft for draft in level if draft.type is None and not draft.broken]
            questions: list[tuple[Draft, str, tuple[str, ...]]] = []
            for draft in row:
                self._check_parents(draft)
                types = self._types(draft)
                if types is None:
                    draft.broken = True
                elif len(draft.parts) == 1 and not isinstance(draft.parts[0], str):
                    self._accept(draft, next(iter(types.values())))
                else:
                    text, columns = self._question(draft, types)
                    questions.append((draft, text, columns))
            self._ask([(text, columns) for _, text, columns in questions])
            for draft, text, columns in questions:
                self._answer(draft, self.known[text, columns], columns)

    def _check_parents(self, draft: Draft) -> None:
        if any(p not in self.drafts.found or self.drafts.found[p].broken for p in draft.parents):
            draft.broken = True

    def _types(self, draft: Draft) -> dict[Ref, str] | None:
        if draft.broken:
            return None
        found: dict[Ref, str] = {}
        for part in draft.parts:
            if not isinstance(part, str):
                type_ = self._type(part, draft)
                if type_ is None:
                    return None
                found[part] = type_
        return found

    def _type(self, ref: Ref, draft: Draft) -> str | None:
        view = self.views[draft.template.view]
        match ref:
            case AggregateRef(name):
                return self.drafts.lifted[view.name].types.get(name)
            case StateRef(column) | ColumnRef(column):
                known = view.opened.column(column) if view.opened else None
                return known.type if known else None
            case FeatureRef():
                return self.drafts.found[self.drafts.pair(ref)].type
            case RequestRef(name):
                return view.request[name.casefold()][1]
            case KeyRef(name):
                return self.key_types[view.name].get(name)
            case AsOfRef():
                return "TIMESTAMP"
            case CompleteRef():
                return "BOOLEAN"

    def _question(self, draft: Draft, types: Mapping[Ref, str]) -> tuple[str, tuple[str, ...]]:
        """The expression over columns named by position and type, so that a family's members ask the same."""
        names = {ref: quoted(f"{i} {type_}") for i, (ref, type_) in enumerate(types.items())}
        text = "".join(p if isinstance(p, str) else names[p] for p in draft.parts)
        return text, tuple(types.values())

    def _ask(self, questions: list[tuple[str, tuple[str, ...]]]) -> None:
        fresh = [q for q in dict.fromkeys(questions) if q not in self.known]
        columns = dict.fromkeys((f"{i} {t}", t) for _, types in fresh for i, t in enumerate(types))
        answers = self.catalog.types(list(columns), [text for text, _ in fresh]) if fresh else ()
        self.known.update(zip(fresh, answers, strict=True))

    def _answer(self, draft: Draft, answer: str | TypeProblem, types: tuple[str, ...]) -> None:
        if not isinstance(answer, TypeProblem):
            self._accept(draft, answer)
            return
        draft.broken = True
        template = draft.template
        if template.broken:
            return  # told for another member of the family
        template.broken = True
        names = dict.fromkeys(p for p in draft.parts if not isinstance(p, str))
        calls = self._calls(template)
        spoken = (calls.get(r) or _spoken(r) for r in names)
        types_of = dict(zip(spoken, types, strict=True))
        self.findings.items.append(refused(answer, types_of, _span(template)))

    def _calls(self, template: Template) -> dict[Ref, str]:
        """Aggregations in the author's words."""
        lifted = self.drafts.lifted.get(template.view)
        written: dict[Ref, str] = {}
        for (owner, call, _), name in lifted.names.items() if lifted else ():
            if owner is template:
                written[AggregateRef(name)] = " ".join(template.text.value[call.start : call.end].split())
        return written

    def _accept(self, draft: Draft, type_: str) -> None:
        draft.parts, draft.type = narrowed(draft.parts, type_)
        parts = collection_parts(draft.type)
        nested = draft.template.definition.series and parts is not None and family(parts[1]) == "other"
        if family(draft.type) != "other" or (parts is not None and not nested):
            return
        draft.broken = True
        if not draft.template.broken:
            draft.template.broken = True
            hint = "write cast(null as bigint), or another type" if type_ == '"NULL"' else _cast_hint(type_)
            self.findings.error(
                "F314",
                f"{draft.name} is of type {shown(type_)}, which features cannot have yet",
                _span(draft.template),
                hint,
            )


def _span(template: Template) -> Span:
    fragment = template.fragment
    if fragment is None:
        return template.text.span
    return template.text.span_at(fragment.start, max(1, fragment.end - fragment.start))


def _cast_hint(type_: str) -> str:
    if "ZONE" in type_:
        return "times are naive UTC: cast it to timestamp"
    if type_ == "INTERVAL":
        return "write a number instead, such as epoch(x) for seconds"
    return "cast it, as in x::varchar, or take a part of it"


def _spoken(ref: Ref) -> str:
    match ref:
        case AggregateRef(name) | RequestRef(name) | KeyRef(name):
            return name
        case StateRef(column) | ColumnRef(column):
            return column
        case FeatureRef(_, feature):
            return feature
        case AsOfRef():
            return "as_of"
        case CompleteRef():
            return "complete"


def finished_feature(draft: Draft, findings: Findings) -> Feature:
    """The feature of a draft that has its type."""
    assert draft.type is not None
    definition, text = draft.template.definition, draft.template.text
    expr = Expr(draft.parts, draft.type, _span(draft.template))
    default = default_sql(definition.default, draft.type, draft.name, findings)
    return Feature(
        draft.template.view,
        draft.name,
        expr,
        draft.type,
        default,
        meta_of(definition.meta),
        " ".join(text.value.split()),
        definition.span,
        definition.name,
    )
