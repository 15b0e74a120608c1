"""Names in row expressions: columns of a source, its `let` names, and featc's own scalars written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from featc.errors import Findings, did_you_mean, nearest
from featc.load.text import Text
from featc.parse import AggregateCall, BuiltinCall, Fragment, Name
from featc.resolve.model import JOINED, Column, ColumnRef, Ref
from featc.resolve.pieces import Parts, enclosed, joined
from featc.resolve.scalars import write_out

RESERVED = frozenset({"request", "key", "source", "as_of"})


def field_of(parts: Parts, fields: Iterable[str]) -> Parts:
    """A field of a struct value."""
    for name in fields:
        quoted = name.replace("'", "''")
        parts = joined(("struct_extract(", *parts, f", '{quoted}')"))
    return parts


@dataclass(frozen=True, slots=True)
class Let:
    """A named row expression, its `let` names inlined; `parts` None when it has an error of its own."""

    name: str
    parts: Parts | None
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Looked:
    """A view that a join looks up features of. Folded: `families` with their members, `lost` features that have errors,
    which were reported, and `labels`."""

    view: str
    families: Mapping[str, tuple[str, ...]]
    lost: frozenset[str]
    labels: frozenset[str]

    def is_lost(self, name: str) -> bool:
        folded = name.casefold()
        return any(folded == lost or folded.startswith(f"{lost}_") for lost in self.lost)


@dataclass(slots=True)
class RowScope:
    """What names mean where a row of one source is at hand. Lookups ignore letter case, as DuckDB's do."""

    source: str
    columns: Mapping[str, Column]
    lets: dict[str, Let] = field(default_factory=dict)
    joins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Joins by folded name: their names as written, and what source or view each looks into."""
    views: Mapping[str, Looked] = field(default_factory=dict)
    """Of them those that look up features of views."""
    features: frozenset[str] = frozenset()
    """Names of features of the view that reads the rows: mistaken for columns, they get a hint of their own."""

    @staticmethod
    def over(source: str, columns: Iterable[Column]) -> RowScope:
        return RowScope(source, {c.name.casefold(): c for c in columns})

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns.values()] + [entry.name for entry in self.lets.values()]


@dataclass(slots=True)
class RowReader:
    """Resolves fragments of one text in a row scope; errors go to `findings`, at the author's place."""

    scope: RowScope
    text: Text
    place: str
    findings: Findings
    ref: Callable[[str], Ref] = ColumnRef
    uses: set[str] = field(default_factory=set)

    def read(self, fragment: Fragment) -> Parts | None:
        """The fragment with its names resolved; None when a name has an error (reported, or of a `let`)."""
        found: list[str | Ref] = []
        whole = True
        alone = len(fragment.pieces) == 1
        for piece in fragment.pieces:
            parts = (piece,) if isinstance(piece, str) else self._piece(piece)
            if parts is None:
                whole = False
            else:
                found += parts if alone or not isinstance(piece, Name) else enclosed(parts)
        return joined(found) if whole else None

    def _piece(self, piece: Name | BuiltinCall | AggregateCall) -> Parts | None:
        if isinstance(piece, AggregateCall):
            self._error(
                "F326",
                f"{piece.name} is an aggregate, and {self.place} is evaluated on one row",
                piece.start,
                piece.end,
                "use a row expression, or a feature for the aggregate",
            )
            return None
        if isinstance(piece, BuiltinCall):
            if piece.name == "seconds_since":
                self._error(
                    "F325",
                    "seconds_since needs as_of, which a row of the source does not know",
                    piece.start,
                    piece.end,
                    "aggregate first: seconds_since(last(x) over lifetime)",
                )
                return None
            args = [self.read(a) for a in piece.args]
            done = [a for a in args if a is not None]
            return write_out(piece.name, done) if len(done) == len(args) else None
        return self.name(piece)

    def name(self, name: Name) -> Parts | None:
        """What one name stands for."""
        first = name.parts[0].casefold()
        if first in self.scope.lets and len(name.parts) == 1:
            entry = self.scope.lets[first]
            self.uses |= {first, *entry.uses}
            return (
                None
                if entry.parts is None
                else tuple(
                    p if isinstance(p, str) or not isinstance(p, ColumnRef) else self.ref(p.column)
                    for p in entry.parts
                )
            )
        beside = self.scope.columns.get(JOINED.join(name.parts[:2]).casefold()) if first in self.scope.joins else None
        if beside is not None:
            brought: Parts = (self.ref(beside.name),)
            if len(name.parts) == 2 or beside.type.startswith("STRUCT"):
                return field_of(brought, name.parts[2:])
        elif first in self.scope.columns:
            column = self.scope.columns[first]
            parts: Parts = (self.ref(column.name),)
            if len(name.parts) == 1:
                return parts
            if column.type.startswith("STRUCT"):
                return field_of(parts, name.parts[1:])
        self._unknown(name, first)
        return None

    def _unknown(self, name: Name, first: str) -> None:
        if first in RESERVED and (len(name.parts) > 1 or first == "as_of"):
            self._error(
                "F325",
                f"{name} is not known for a row of the source",
                name.start,
                name.end,
                "use it outside the aggregate, in the feature's expression",
            )
        elif first in self.scope.views:
            self._unknown_feature(name, self.scope.views[first], self.scope.joins[first][0])
        elif first in self.scope.joins:
            join, source = self.scope.joins[first]
            if len(name.parts) == 1:
                message = f"{join} is a join, and stands for a row of {source}"
                self._error("F301", message, name.start, name.end, f"write {join}.<column>")
            else:
                columns = [c.name for c in self.scope.columns.values() if c.name.startswith(f"{join}{JOINED}")]
                message = f"{source} has no column '{'.'.join(name.parts[1:])}'"
                self._error("F301", message, name.start, name.end, did_you_mean(str(name), columns))
        elif len(name.parts) == 2 and first == self.scope.source.casefold():
            self._error(
                "F301",
                f"'{name}': a column of the view's own source stands bare",
                name.start,
                name.end,
                f"write {name.parts[1]}",
            )
        elif len(name.parts) > 1 and first in self.scope.columns:
            kind = self.scope.columns[first].type
            self._error(
                "F301",
                f"'{name}': {name.parts[0]} is {kind}, which has no fields",
                name.start,
                name.end,
                None,
            )
        elif len(name.parts) > 1:
            self._error(
                "F301",
                f"'{name}' means nothing in {self.place}",
                name.start,
                name.end,
                self._other_join(name)
                or f"columns of {self.scope.source} stand bare; those of other sources need a join: of the view",
            )
        else:
            hint = did_you_mean(str(name), self.scope.names)
            if hint and self.text.value.strip() != str(name) and not nearest(str(name), self.scope.names):
                hint = f"if it is text: '{name}'; {hint}"
            if any(first == f or first.startswith(f"{f}_") for f in self.scope.features):
                hint = f"it is a feature, and this takes columns: {', '.join(self.scope.names[:12])}"
            if self.text.value[name.start : name.start + 1] == '"':
                hint = f"text stands in single quotes: '{name}'; columns are: {', '.join(self.scope.names[:12])}"
            self._error(
                "F301", f"{self.scope.source} has no column or let '{name}'", name.start, name.end, hint
            )

    def _unknown_feature(self, name: Name, looked: Looked, join: str) -> None:
        """A name of a join with a view that is none of its features."""
        feature = ".".join(name.parts[1:])
        folded = feature.casefold()
        if len(name.parts) == 1:
            message = f"{join} is a join, and stands for features of {looked.view}"
            self._error("F301", message, name.start, name.end, f"write {join}.<feature>")
        elif folded in looked.families:
            members = ", ".join(f"{join}.{m}" for m in looked.families[folded])
            message = f"{looked.view}.{feature} is a family, and beside an event stands one feature"
            self._error("F301", message, name.start, name.end, f"name a member: {members}")
        elif folded in looked.labels:
            message = f"{feature} is a label of {looked.view}, and the event would know what comes after it"
            hint = "labels reach no feature; join a feature, whose windows look back"
            self._error("F341", message, name.start, name.end, hint)
        elif not looked.is_lost(feature):
            columns = [c.name for c in self.scope.columns.values() if c.name.startswith(f"{join}{JOINED}")]
            message = f"the view {looked.view} has no feature '{feature}'"
            self._error("F301", message, name.start, name.end, did_you_mean(str(name), columns))

    def _other_join(self, name: Name) -> str | None:
        """What to write where the name of a join or match is misspelled."""
        close = nearest(name.parts[0], [join for join, _ in self.scope.joins.values()])
        return None if close is None else f"did you mean '{'.'.join((close, *name.parts[1:]))}'?"

    def _error(self, code: str, message: str, start: int, end: int, hint: str | None) -> None:
        self.findings.error(code, message, self.text.span_at(start, end - start), hint)
