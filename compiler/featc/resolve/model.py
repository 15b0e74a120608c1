"""The resolved project: every name bound, every type known, every window a number of microseconds.

This is the representation that decompose, lower, lineage, fingerprints and the runtime read. It holds no YAML and no
sqlglot tree: an expression is DuckDB text cut at its references (`Expr.parts`), so a later phase only decides what
each reference is called where the text will run.

Conventions: instants and durations are integers in microseconds; types are DuckDB type names in canonical upper-case
spelling (`BIGINT`, `DECIMAL(12,2)`, `TIMESTAMP`, `VARCHAR`, `BOOLEAN` …); names keep the author's letter case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from featc.algebra.row import Constant
from featc.errors import Span
from featc.names import is_kept
from featc.resolve.beside import JOINED as JOINED
from featc.resolve.beside import Beside as Beside
from featc.resolve.beside import Join as Join
from featc.resolve.beside import Match as Match
from featc.resolve.beside import ViewJoin as ViewJoin
from featc.resolve.beside import join_column as join_column
from featc.resolve.expressions import AggregateRef as AggregateRef
from featc.resolve.expressions import AsOfRef as AsOfRef
from featc.resolve.expressions import ColumnRef as ColumnRef
from featc.resolve.expressions import CompleteRef as CompleteRef
from featc.resolve.expressions import Expr as Expr
from featc.resolve.expressions import FeatureRef as FeatureRef
from featc.resolve.expressions import KeyRef as KeyRef
from featc.resolve.expressions import Ref as Ref
from featc.resolve.expressions import RequestRef as RequestRef
from featc.resolve.expressions import StateRef as StateRef
from featc.resolve.extents import Calendar as Calendar
from featc.resolve.extents import Unit as Unit
from featc.resolve.extents import Window as Window
from featc.resolve.origins import DEAD as DEAD
from featc.resolve.origins import HAPPENED as HAPPENED
from featc.resolve.origins import KNOWN as KNOWN
from featc.resolve.origins import MEMBER as MEMBER
from featc.resolve.origins import Attributed as Attributed
from featc.resolve.origins import Column as Column
from featc.resolve.origins import Location as Location
from featc.resolve.origins import Member as Member
from featc.resolve.origins import Source as Source
from featc.resolve.origins import SourceKind as SourceKind
from featc.resolve.served import Output as Output
from featc.resolve.served import Role as Role
from featc.resolve.served import Service as Service
from featc.resolve.served import own_view as own_view

Closed = Literal["left", "right", "both", "neither"]


# ── views ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Key:
    """A key column of an entity as one view computes it. `expr` (over source columns) is None without a source.

    `given` is the value that the key is looked up at where a service computes it; None: the spine's column of its name.
    """

    name: str
    type: str
    expr: Expr | None = None
    given: FeatureRef | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A lifted value: what one event brings to an aggregate; NULL where the FILTER did not hold.

    `name` is a readable identifier, unique in its view (`amount`, `amount_where_paid`, `is_paid`). The slot of
    `count(*)` with a FILTER is BOOLEAN TRUE or NULL.
    """

    name: str
    value: Expr
    filter: Expr | None
    type: str


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One aggregate over one window. `aggregate` names a row of the algebra; `slots` are its lifted arguments.

    `count(*)` without FILTER has no slots. Two features that need the same aggregation share it. `name` is readable
    and unique in its view: the feature's name where the feature is nothing but this aggregation. `params` are the
    parameters that were given, by name; durations in µs.
    """

    name: str
    aggregate: str
    slots: tuple[str, ...]
    window: Window
    type: str
    span: Span | None = field(default=None, compare=False)
    params: tuple[tuple[str, Constant], ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """One output value of a view. `expr` refers to aggregations, state columns, features, request, keys, as_of.

    `default` is SQL literal text, already of the feature's type; the final value is `coalesce(expr, default)`.
    """

    view: str
    name: str
    expr: Expr
    type: str
    default: str | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    text: str = ""  # as the author wrote it, for people
    span: Span | None = field(default=None, compare=False)
    written: str = field(default="", compare=False)  # the name it was written by, which a family's members share
    version: int = field(default=1, compare=False)

    @property
    def qualified(self) -> str:
        return f"{self.view}.{self.name}"

    @property
    def reads_rows(self) -> bool:
        """Whether it reads rows of its view's source itself, and so needs the view's keys."""
        return any(isinstance(r, (AggregateRef, StateRef)) for r in self.expr.refs)


@dataclass(frozen=True, slots=True)
class View:
    """A feature view. `source` None is an on-demand or derived view.

    `where` and the slots are evaluated on the source's row; `where` applies after versions have been resolved.
    `state_columns` are the columns a state lookup has to bring (those its features use), `where` included apart.
    `ttl` in µs applies to state lookups. `of` is set on a view as a service asks it (`Project.asked`): the name of the
    view whose rows it reads, for the entity that its keys are `given`. The labels of a view are a view of their own,
    `ahead`, and `of` that view (`Project.labels`). `beside` is set on the lookup of a join. `attributed` is the name of
    the source that the author named, where that is made of others: `source` is that of its events then, and its
    matches are the joins.
    """

    name: str
    keys: tuple[Key, ...]
    entity: tuple[str, ...]
    source: str | None
    where: Expr | None
    closed: Closed
    ttl: int | None
    request: tuple[tuple[str, str], ...]
    slots: tuple[Slot, ...]
    aggregations: tuple[Aggregation, ...]
    state_columns: tuple[str, ...]
    features: tuple[Feature, ...]
    meta: Mapping[str, object] = field(default_factory=dict)
    span: Span | None = field(default=None, compare=False)
    of: str | None = None
    ahead: bool = False
    joins: tuple[Join | ViewJoin, ...] = ()
    beside: bool = False
    attributed: str | None = None
    version: int = field(default=1, compare=False)

    @property
    def origin(self) -> str:
        """The view as it is defined, whose rows are read and kept."""
        return self.of or self.name

    @property
    def joined(self) -> frozenset[str]:
        """The columns that its joins bring to its source's."""
        return frozenset(c for join in self.joins for c in join.columns)

    @property
    def lookups(self) -> tuple[Join, ...]:
        """The joins that look up rows of a source."""
        return tuple(join for join in self.joins if isinstance(join, Join))

    @property
    def view_joins(self) -> tuple[ViewJoin, ...]:
        """The joins that look up features of another view."""
        return tuple(join for join in self.joins if isinstance(join, ViewJoin))

    @property
    def maturity(self) -> int | None:
        """How long after its time an attributed event counts at the earliest, in µs; None where it counts at once."""
        mature = [j.match.within + j.source.delay for j in self.lookups if j.match is not None and j.match.mature]
        return max(mature, default=None)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources whose rows it reads itself, its own first."""
        found = [self.source, *(join.rows.source for join in self.lookups)]
        return tuple(dict.fromkeys(s for s in found if s is not None))

    def finds(self, expr: Expr | None) -> bool:
        """Whether an expression needs what joins bring, and has no value on a row of the source alone."""
        return expr is not None and any(isinstance(r, ColumnRef) and r.column in self.joined for r in expr.refs)

    @property
    def finds_keys(self) -> bool:
        """Whether joins say which entity a row is about."""
        return any(self.finds(k.expr) for k in self.keys)

    def needs_first(self, feature: Feature) -> tuple[FeatureRef, ...]:
        """The features that one of this view's needs: those it is made of, and those that say which entity is meant."""
        found = [r for r in feature.expr.refs if isinstance(r, FeatureRef)]
        if feature.reads_rows:
            found += [k.given for k in self.keys if k.given is not None]
        return tuple(dict.fromkeys(found))

    def slot(self, name: str) -> Slot:
        return next(s for s in self.slots if s.name == name)

    def aggregation(self, name: str) -> Aggregation:
        return next(a for a in self.aggregations if a.name == name)

    def feature(self, name: str) -> Feature:
        return next(f for f in self.features if f.name == name)


# ── services and the project ──────────────────────────────────────────────────────────────────────────────────────


COMPLETE = "__complete"
"""What follows a label's name in that of the column that says whether it is complete."""


def label_view(view: str) -> str:
    """The name of the view of a view's labels; no author can give a view such a name."""
    return f"{view} labels"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything, in name order per kind. `order` lists view.feature names so that parents come first.

    `views`, `sources`, `labels` and `attributed` also hold what belongs to earlier versions of views that are pinned,
    under names with an `@` (`resolve.kept`); `own_views` are those of now. `pins` says which view a version such as
    `user_orders@v2` is, where that is known.

    `asked` are views as services ask them, where these compute keys, and of the services' own expressions. They are no
    definitions: nothing is stored or listed for them. Features refer to them as to any view. `labels` are views of the
    labels of views, by `label_view`: training sets alone read them, and nothing of them is stored. `tags` are those of
    request columns and keys, as `request.x` and `key.x`; those of other definitions are in their own `meta`.
    `attributed` are the sources that are made of others: no rows are theirs.
    """

    name: str
    sources: Mapping[str, Source]
    views: Mapping[str, View]
    services: Mapping[str, Service]
    order: tuple[tuple[str, str], ...]
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: Mapping[str, View] = field(default_factory=dict)
    labels: Mapping[str, View] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributed: Mapping[str, Attributed] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)

    def view(self, name: str) -> View:
        """A view of the project, one as a service asks it, or that of a view's labels."""
        if name in self.views:
            return self.views[name]
        return self.asked[name] if name in self.asked else self.labels[name]

    def feature(self, view: str, name: str) -> Feature:
        return self.view(view).feature(name)

    def source_of(self, view: View) -> Source:
        """The source of a view, with the columns that its joins bring."""
        if view.source is None:
            raise AssertionError(f"{view.name} has no source")
        source = self.sources[view.source]
        beside = [column for join in view.joins for column in _brought(join)]
        return replace(source, columns=(*source.columns, *beside)) if beside else source

    @property
    def own_views(self) -> Mapping[str, View]:
        """The views that are defined: all but those of earlier versions."""
        return {n: v for n, v in self.views.items() if not is_kept(n)}

    @property
    def own_labels(self) -> Mapping[str, View]:
        """The same of views of labels."""
        return {n: v for n, v in self.labels.items() if not is_kept(n)}

    @property
    def stored(self) -> Mapping[str, Source]:
        """The sources that have rows of their own: all but unions."""
        return {n: s for n, s in self.sources.items() if not s.members}

    def with_sources(self, sources: Mapping[str, Source]) -> Project:
        """The project with other sources in the places of those of the same names; unions have the new ones."""
        found = {n: sources.get(n, s) for n, s in self.sources.items()}
        return replace(self, sources={n: s.found(found) for n, s in found.items()})

    def without_labels(self) -> Project:
        """The project as both plans know it."""
        order = tuple(pair for pair in self.order if pair[0] not in self.labels)
        services = {n: replace(s, labels=()) for n, s in self.services.items()}
        return replace(self, labels={}, order=order, services=services)

    def with_views(self, views: Mapping[str, View]) -> Project:
        """The project with other views in the places of those of the same names."""
        return replace(
            self,
            views={n: views.get(n, v) for n, v in self.views.items()},
            asked={n: views.get(n, v) for n, v in self.asked.items()},
        )


def _brought(join: Join | ViewJoin) -> list[Column]:
    """What a join adds to the columns of a source."""
    if isinstance(join, ViewJoin):
        pairs = zip(join.columns, join.features, strict=True)
        return [Column(name, f.type, f.type, brought=join) for name, f in pairs]
    columns = map(join.source.column, join.rows.state_columns)
    return [Column(n, c.type, c.type, c.tags, brought=join) for n, c in zip(join.columns, columns, strict=True)]


def feature_closure(project: Project, wanted: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """All (view, feature) pairs needed to compute `wanted`, parents first."""
    needed: set[tuple[str, str]] = set()
    stack = list(wanted)
    while stack:
        pair = stack.pop()
        if pair in needed:
            continue
        needed.add(pair)
        stack += [(r.view, r.feature) for r in project.view(pair[0]).needs_first(project.feature(*pair))]
    return tuple(p for p in project.order if p in needed)
