"""A view under work: its source, its features as written (`Template`), its request columns, its key names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featc.errors import Findings, did_you_mean
from featc.load.model import Definitions, FeatureDef, ViewDef
from featc.load.text import Text
from featc.parse import AggregateCall, BuiltinCall, Fragment, Name
from featc.resolve.columns import declared_type
from featc.resolve.model import Key, Window
from featc.resolve.pieces import Parts
from featc.resolve.scope import RowScope
from featc.resolve.sources import OpenSource, parsed
from featc.resolve.windows import WindowBook, library_window, suffix_of

if TYPE_CHECKING:
    from featc.resolve.joins import OpenJoin
    from featc.resolve.view_joins import OpenViewJoin


@dataclass(slots=True, eq=False)
class Template:
    """A feature as written: one feature, or a family with a member for each window.

    `over` are the windows of its aggregates without OVER where it has such of its own: one, or those of a series. A
    `broken` one has errors, which were reported; what depends on it is left out without a word.
    """

    view: str
    definition: FeatureDef
    text: Text
    fragment: Fragment | None
    index: int
    family: bool = False
    windows: tuple[Window, ...] = ()
    over: tuple[Window, ...] = ()
    broken: bool = False
    is_label: bool = False

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def outer_names(self) -> Iterator[Name]:
        """Names outside aggregates."""
        if self.fragment is not None:
            yield from _outer(self.fragment)

    @property
    def calls(self) -> Iterator[AggregateCall]:
        """Aggregates, in the order of the text."""
        if self.fragment is not None:
            yield from _calls(self.fragment)

    @property
    def open_calls(self) -> list[AggregateCall]:
        """Aggregates whose windows are the family's."""
        return [] if self.over else [c for c in self.calls if c.over is None]

    @property
    def bare_call(self) -> AggregateCall | None:
        """The aggregate that the feature is, when it is nothing else."""
        pieces = self.fragment.pieces if self.fragment else ()
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], AggregateCall) else None

    def member(self, window: Window | None) -> str:
        return f"{self.name}_{suffix_of(window)}" if window else self.name

    @property
    def members(self) -> tuple[tuple[str, Window | None], ...]:
        """(feature name, the family's window), in order."""
        if not self.family:
            return ((self.name, None),)
        return tuple((self.member(w), w) for w in self.windows)


def _outer(fragment: Fragment) -> Iterator[Name]:
    for piece in fragment.pieces:
        if isinstance(piece, Name):
            yield piece
        elif isinstance(piece, BuiltinCall):
            for arg in piece.args:
                yield from _outer(arg)


def _calls(fragment: Fragment) -> Iterator[AggregateCall]:
    for piece in fragment.pieces:
        if isinstance(piece, AggregateCall):
            yield piece
        elif isinstance(piece, BuiltinCall):
            for arg in piece.args:
                yield from _calls(arg)


@dataclass(frozen=True, slots=True)
class Condition:
    """What rows of another view meet, whose rows this one reads: an expression in the scope of that view, or its parts
    where nobody wrote it."""

    text: Text
    scope: RowScope
    parts: Parts | None = None
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a view as another one sees them: its source with its keys as names, the conditions that they meet,
    and its joins."""

    opened: OpenSource
    conditions: tuple[Condition, ...]
    joins: tuple[OpenJoin | OpenViewJoin, ...]


@dataclass(slots=True, eq=False)
class OpenView:
    """A view under work. `blind`: its source cannot be read, so its names cannot be judged.

    `is_service`: it holds a service's own expressions, and is no view that an author names; `roles` are the names it
    knows beside views: folded → (role, view). `labels` is the view of its labels, whose `base` it is then. `conditions`
    are what the rows of the view meet whose rows it reads.
    """

    definition: ViewDef
    opened: OpenSource | None
    blind: bool
    entity: tuple[str, ...] = ()
    key_names: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    request: dict[str, tuple[str, str]] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)
    by_name: dict[str, Template] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    lost: frozenset[str] = frozenset()
    is_service: bool = False
    roles: dict[str, tuple[str, str]] = field(default_factory=dict)
    labels: OpenView | None = None
    base: OpenView | None = None
    joins: tuple[OpenJoin | OpenViewJoin, ...] = ()
    conditions: tuple[Condition, ...] = ()
    inherited: frozenset[str] = frozenset()
    """The joins that are those of the view whose rows it reads."""

    @property
    def joins_views(self) -> bool:
        """Whether features of other views lie beside its rows."""
        return any(join.view is not None for join in self.definition.joins)

    def leave_out(self) -> None:
        """Leaves the view out, with what needs it; why, was reported."""
        self.blind = True
        for template in self.templates:
            template.broken = True

    @property
    def spoken(self) -> str:
        """The view in its author's words: labels are those of their view."""
        return self.base.name if self.base is not None else self.name

    def is_lost(self, feature: str) -> bool:
        """Whether a name belongs to a feature that could not be loaded, which was reported then."""
        folded = feature.casefold()
        return any(folded == name or folded.startswith(f"{name}_") for name in self.lost)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def is_state(self) -> bool:
        return self.opened is not None and self.opened.source.holds

    @property
    def feature_names(self) -> list[str]:
        """Names a feature of this view can be called by, for suggestions."""
        return [n for t in self.templates for n in dict.fromkeys((t.name, *(m for m, _ in t.members)))]

    @property
    def member_names(self) -> list[str]:
        """The same, before families have their windows: those of the view are supposed."""
        supposed = [
            f"{t.name}_{suffix_of(w)}"
            for t in self.templates
            if not t.family and t.open_calls
            for w in self.windows
        ]
        return [*self.feature_names, *supposed]


def open_view(
    definition: ViewDef,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    book: WindowBook,
    findings: Findings,
    rows: Rows | None = None,
) -> OpenView:
    """A view with its parts looked up and its features read; its joins are opened apart (`featc.resolve.joins`). `rows`
    are those of the view whose it reads, if it does so and they are known."""
    opened, blind = (None, True) if definition.of_view else _source_of(definition, sources, definitions, findings)
    conditions: tuple[Condition, ...] = ()
    joins: tuple[OpenJoin | OpenViewJoin, ...] = ()
    if rows is not None:
        opened, blind, conditions, joins = rows.opened, False, rows.conditions, rows.joins
    inherited = frozenset(j.definition.name for j in joins)
    if opened is not None and opened.attributed is not None:
        blind = _check_attributed(definition, opened, findings) or blind
    view = OpenView(definition, opened, blind, joins=joins, conditions=conditions, inherited=inherited)
    head = f"{definition.name}."
    view.lost = frozenset(n.removeprefix(head).casefold() for n in definitions.broken if n.startswith(head))
    view.entity, view.key_names = _entities_of(definition, definitions, findings, view)
    listed = [book.listed(entry) for entry in definition.windows]
    view.windows = tuple({w.name: w for w in listed if w is not None}.values())
    read_templates(view, findings)
    return view


def _check_attributed(definition: ViewDef, opened: OpenSource, findings: Findings) -> bool:
    """Whether a view over an attributed source asks what such a source does not do, which is reported."""
    before = len(findings.items)
    for join in definition.joins[:1]:
        message = f"{definition.name} joins, and {opened.attributed} has matches already"
        hint = f"match what follows the events under {opened.attributed}, or read {opened.source.name}"
        findings.error("F388", message, join.span, hint)
    for label in definition.labels[:1]:
        message = f"{definition.name} has labels, and reads {opened.attributed}, whose rows change as matches come"
        hint = "give the labels a view of their own, over the source that is matched"
        findings.error("F388", message, label.span, hint)
    return len(findings.items) > before


def read_templates(view: OpenView, findings: Findings) -> None:
    """Reads the view's request columns and features, and checks that its parts go together."""
    for name, column in view.definition.request.items():
        type_ = declared_type(column, findings)
        if type_ is None and column.type is None:
            findings.error(
                "F319",
                f"the request column '{name}' has no type",
                column.span,
                f"write {name}: bigint, or another type",
            )
        view.request[name.casefold()] = (name, type_ or "VARCHAR")
        if type_ is None:
            view.blind = True
    for index, feature in enumerate(view.definition.features):
        text = feature.sql if feature.sql is not None else Text(feature.name, feature.span)
        template = Template(view.name, feature, text, parsed(text, findings), index)
        template.broken = template.fragment is None
        template.over = tuple(library_window(window) for window in feature.over)
        template.is_label = view.base is not None
        view.templates.append(template)
        view.by_name.setdefault(feature.name.casefold(), template)
    _check_shape(view, findings)
    if view.blind:
        for template in view.templates:
            template.broken = True


def _source_of(
    definition: ViewDef,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
) -> tuple[OpenSource | None, bool]:
    if definition.source is None:
        return None, False
    name = definition.source.value
    if name in sources:
        return sources[name], sources[name] is None
    if name not in definitions.broken:
        findings.error(
            "F308",
            f"there is no source '{name}'",
            definition.source.span,
            did_you_mean(name, sources) or "declare it under sources:",
        )
    return None, True


def _entities_of(
    definition: ViewDef, definitions: Definitions, findings: Findings, view: OpenView
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names: list[str] = []
    keys: dict[str, None] = {}
    for entity in definition.entity or ():
        found = definitions.entities.get(entity.value)
        if found is None:
            if entity.value not in definitions.broken:
                findings.error(
                    "F308",
                    f"there is no entity '{entity.value}'",
                    entity.span,
                    did_you_mean(entity.value, definitions.entities) or "declare it under entities:",
                )
            view.blind = True
            continue
        names.append(entity.value)
        keys.update(dict.fromkeys(k.value for k in found.keys))
    if definition.entity is None and definition.source is not None:
        findings.error(
            "F309",
            f"the view {definition.name} has a source and no entity",
            definition.span,
            "write entity: followed by an entity, or entity: [] for one value over all rows",
        )
        view.blind = True
    return tuple(names), tuple(keys)


def _check_shape(view: OpenView, findings: Findings) -> None:
    """Parts of a view that do not go together."""
    definition = view.definition
    sourceless = definition.source is None
    if sourceless and definition.where is not None:
        findings.error(
            "F321",
            f"{view.name} has a where, and no source whose rows it could choose",
            definition.where.span,
            "give the view a source, or use case when in its features",
        )
    if sourceless:
        for text in definition.keys.values():
            findings.error(
                "F321",
                f"{view.name} has keys, and no source to take them from",
                text.span,
                "remove keys, or give the view a source",
            )
    if definition.ttl is not None and not view.is_state and not view.blind:
        hint = (
            "use a window instead, such as last(x) over last_30d"
            if not sourceless
            else "put it on the view that reads the state"
        )
        findings.error(
            "F321",
            f"ttl belongs to views over a state source, and {view.name} is none",
            definition.ttl.text.span,
            hint,
        )
    if view.blind or not sourceless:
        return
    for template in view.templates:
        for call in template.calls:
            findings.error(
                "F321",
                f"{view.name} has no source, so there is nothing to aggregate",
                template.text.span_at(call.start, call.end - call.start),
                "give the view a source, or refer to a feature: view.feature",
            )
            template.broken = True
