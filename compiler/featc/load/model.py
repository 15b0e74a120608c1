"""What a project says, as written: the load phase's result and the resolve phase's input.

Nothing here is resolved: SQL is text, names are not looked up, columns have no types yet. Every name and
every scalar carries the place where the author wrote it. Times are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal as OneOf

from featc.errors import Diagnostic, Span
from featc.load.cases import Row as Row
from featc.load.cases import Rows as Rows
from featc.load.cases import TestDef as TestDef
from featc.load.text import SourceFile, Text

Closed = OneOf["left", "right", "both", "neither"]
Unit = OneOf["day", "week", "month", "quarter", "year"]
SourceKind = OneOf["event", "state", "snapshot"]
LocationKind = OneOf["path", "table", "sql", "union"]
Take = OneOf["first", "last"]
Through = OneOf["value", "filter", "key", "time", "order"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant in YAML (`default`, a test's value, a var). Typed by its use, not here.

    `text` is the scalar as rendered. `value` is its plain reading: null → None, true/false → bool, digits →
    int, digits with a point → Decimal, a signed exponent → float, all else (and everything quoted) → str; a
    list → tuple of Literals, a mapping → Mapping[str, Literal].
    """

    text: Text
    value: bool | int | Decimal | float | str | tuple[Literal, ...] | Mapping[str, Literal] | None
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, `us` microseconds, and the text it was written as."""

    us: int
    text: Text


@dataclass(frozen=True, slots=True)
class Deprecated:
    """`deprecated: {since, until, use}`: the first two are days as YYYY-MM-DD, the last a name to use instead."""

    since: Text | None
    until: Text | None
    use: Text | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Meta:
    """What does not change a value: description, owner, tags (in order, without repeats), free-form meta."""

    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)
    deprecated: Deprecated | None = None

    def inherited_by(self, child: Meta) -> Meta:
        """A feature's meta under this view's: the feature's own words win, tags and meta add up."""
        if self == _NO_META:
            return child
        return Meta(
            child.description if child.description is not None else self.description,
            child.owner if child.owner is not None else self.owner,
            tuple(dict.fromkeys((*self.tags, *child.tags))),
            {**self.meta, **child.meta},
            child.deprecated or self.deprecated,
        )


_NO_META = Meta()


@dataclass(frozen=True, slots=True)
class EntityDef:
    """An entity: the columns, in order, that identify it."""

    name: str
    span: Span
    keys: tuple[Text, ...]
    meta: Meta


@dataclass(frozen=True, slots=True)
class WindowDef:
    """A window of the project's library (semantics, Windows). Checked to be of one kind; a range may limit
    rows. `previous` and `timezone` go with `calendar`.
    """

    name: str
    span: Span
    range: Duration | None
    offset: Duration | None
    rows: int | None
    lifetime: bool
    hop: Duration | None
    align: bool
    meta: Meta
    calendar: Unit | None = None
    previous: int | None = None
    timezone: Text | None = None
    since: Text | None = None
    next: Duration | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where a source's rows lie: `path` (as written, relative to the project), `table`, a `sql` query, or a `union`
    of other sources."""

    kind: LocationKind
    value: Text


@dataclass(frozen=True, slots=True)
class ColumnDef:
    """A declared column of a source, or a request column. `type` is the author's text, not checked here."""

    name: str
    span: Span
    type: Text | None
    known_after: Text | None
    meta: Meta


@dataclass(frozen=True, slots=True)
class SourceDef:
    """A source of its own rows. Expressions and column names are text; `key` is empty when not declared. `union` names
    the sources whose rows it has: of all else it says `let` at most, and `time` is not the author's."""

    name: str
    span: Span
    kind: SourceKind
    location: Location
    time: Text
    available_at: Text | None
    delay: Duration | None
    id: tuple[Text, ...]
    deleted: Text | None
    tie_break: tuple[Text, ...]
    timezone: Text | None
    key: tuple[Text, ...]
    valid_to: Text | None
    final_after: Duration | None
    let: Mapping[str, Text]
    columns: Mapping[str, ColumnDef]
    meta: Meta
    union: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureDef:
    """One feature, `each` already expanded. `sql` None is the short form: the column of the feature's own
    name.

    `windows` None means the view's. `over` are the windows of aggregates without OVER, in place of a family's; with
    `series` the feature is the list of its values over each. `version` is the author's own number. `meta` already holds
    what it inherits from the view.
    """

    name: str
    span: Span
    sql: Text | None
    default: Literal | None
    windows: tuple[Text, ...] | None
    meta: Meta
    over: tuple[WindowDef, ...] = ()
    series: bool = False
    version: int | None = None


@dataclass(frozen=True, slots=True)
class JoinDef:
    """A join of a view: `name` is what its columns are called by, `source` the source of another name. `keys` maps its
    columns to row expressions; empty: its own key. `view`: a view whose features are looked up in place of rows; `keys`
    maps its keys then."""

    name: str
    span: Span
    source: Text | None
    keys: Mapping[str, Text]
    within: Duration | None
    view: Text | None = None


@dataclass(frozen=True, slots=True)
class MatchDef:
    """A match of an attributed source: a join that looks ahead for `within`, taking the `take` row. `mature`: the event
    counts once nothing more can match it."""

    join: JoinDef
    within: Duration
    take: Take
    mature: bool


@dataclass(frozen=True, slots=True)
class AttributedDef:
    """A source made of others: the rows of the event source `base`, each with what matches it."""

    name: str
    span: Span
    base: Text
    matches: tuple[MatchDef, ...]
    let: Mapping[str, Text]
    meta: Meta


@dataclass(frozen=True, slots=True)
class ViewDef:
    """A feature view. `entity` None: not written; (): global. `source` None: on demand; a view's name where `of_view`.

    `keys` maps an entity's key to a row expression. `windows` holds durations or names, as written. `closed`
    is the view's own or the project's default.
    """

    name: str
    span: Span
    entity: tuple[Text, ...] | None
    source: Text | None
    keys: Mapping[str, Text]
    where: Text | None
    windows: tuple[Text, ...]
    closed: Closed
    ttl: Duration | None
    request: Mapping[str, ColumnDef]
    features: tuple[FeatureDef, ...]
    meta: Meta
    labels: tuple[FeatureDef, ...] = ()
    joins: tuple[JoinDef, ...] = ()
    of_view: bool = False
    version: int | None = None


@dataclass(frozen=True, slots=True)
class PickDef:
    """One entry of a service: `pattern` is `view`, `view.feature` or `view.spend_*`; `output` renames one
    feature.
    """

    output: str | None
    pattern: Text
    span: Span


@dataclass(frozen=True, slots=True)
class RoleDef:
    """An entry of a service that asks a view once more: `name` goes before its features' names, `keys` maps keys of
    the view to expressions, `features` None means all.
    """

    name: str
    span: Span
    view: Text
    keys: Mapping[str, Text]
    features: tuple[Text, ...] | None


@dataclass(frozen=True, slots=True)
class ServiceDef:
    """A feature service: its picks and roles in order, expressions of its own, and the labels of its training sets."""

    name: str
    span: Span
    picks: tuple[PickDef | RoleDef, ...]
    keys: Mapping[str, Text]
    request: Mapping[str, ColumnDef]
    derived: tuple[FeatureDef, ...]
    meta: Meta
    labels: tuple[PickDef, ...] = ()
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of a target. A `secret` one never shows itself: use `.value` on purpose, `str()` for output."""

    value: str
    span: Span | None = field(default=None, compare=False)
    secret: bool = False

    def __str__(self) -> str:
        return "********" if self.secret else self.value

    def __repr__(self) -> str:
        return f"Setting({str(self)!r})"


@dataclass(frozen=True, slots=True)
class OnlineDef:
    """A target's online store. `replay_us` None is unlimited (semantics, Events and versions)."""

    store: Setting
    path: Setting | None
    url: Setting | None
    replay_us: int | None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TargetDef:
    """The target of this run. Paths are as written, relative to the project's root. `settings` are the engine's."""

    name: str
    dialect: Setting
    database: Setting | None
    dsn: Setting | None
    online: OnlineDef
    sources: Mapping[str, Location]
    span: Span | None = field(default=None, compare=False)
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyDef:
    """What services must not give: features with one of the tags `forbid` (globs), in services that `service` (globs)
    names.

    `through` are the kinds of dependence by which a tag goes on, `value` among them; None: not said, which is `value`.
    At the features that `allow` names (globs, view.feature) tags end.
    """

    span: Span
    name: str | None
    description: str | None
    service: tuple[Text, ...]
    forbid: tuple[Text, ...]
    through: tuple[Through, ...] | None
    allow: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Definitions:
    """A whole project. Mappings are in the order of files (sorted by path) and of lines.

    `targets` names all targets; only `target` was rendered, so that one target never needs another's
    environment. `broken` names definitions that exist but had errors and
    were left out.
    """

    root: Path
    project: str
    target: TargetDef
    targets: tuple[str, ...]
    closed: Closed
    vars: Mapping[str, Literal]
    entities: Mapping[str, EntityDef]
    windows: Mapping[str, WindowDef]
    sources: Mapping[str, SourceDef]
    views: Mapping[str, ViewDef]
    services: Mapping[str, ServiceDef]
    tests: Mapping[str, TestDef]
    policies: tuple[PolicyDef, ...]
    files: tuple[SourceFile, ...]
    warnings: tuple[Diagnostic, ...] = ()
    broken: frozenset[str] = frozenset()
    attributed: Mapping[str, AttributedDef] = field(default_factory=dict)


def location_of(source: SourceDef, target: TargetDef) -> Location:
    """Where `source` lies under `target`: the target's word wins over the source's own."""
    return target.sources.get(source.name, source.location)
