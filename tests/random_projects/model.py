"""What a random case is made of: definitions that know their YAML and their meaning, data, and its uses.

    case = make_case(seed)                    # or draw_case(HypothesisDraw(data))
    case.sources, case.views                  # SourceSpec, ViewSpec: YAML text beside the oracle's definition
    case.unions                               # SourceSpec too, of sources that are several of the others together
    case.rows[source]                         # list of rows; times in µs
    case.picks                                # the service: (output name, "view.feature")
    case.probes                               # oracle.Probe(keys, t, request): the spine and the online reads
    case.steps                                # Push(source, row numbers, token, form) and Read(probe numbers)
    case.oracle()                             # Oracle over all of it; .value("view.feature", probe)
    case.spine_keys, case.request             # columns of the spine, name -> type
    render.write(case, folder)                # featc.yaml, features/, data/
    judge.check(case, folder) -> list[Difference]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import oracle
from oracle import Feature, Oracle, Probe, Row, Value

from .expressions import Expr

SERVICE = "svc"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source: `types` gives each column's declared SQL type, `file_types` the file's.

    `key_columns` maps the entities' keys to the source's columns.
    """

    meaning: oracle.Source
    key_columns: Mapping[str, str]
    types: Mapping[str, str]
    yaml: Mapping[str, Any]
    file_types: Mapping[str, str]
    format: str = "parquet"

    @property
    def name(self) -> str:
        return self.meaning.name


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One entry under `features:`; a family has several outputs. `hidden` are its inline aggregates.

    `uses` are the qualified features it reads.
    """

    name: str
    yaml: Any
    outputs: tuple[Feature, ...]
    hidden: tuple[Feature, ...] = ()
    uses: frozenset[str] = frozenset()
    family: bool = False


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A feature view: `yaml` is everything but its features."""

    name: str
    source: str | None
    keys: Mapping[str, Expr]
    features: tuple[FeatureSpec, ...]
    yaml: Mapping[str, Any]
    windows: tuple[tuple[str, oracle.Window], ...] = ()
    where: Expr | None = None
    closed: str = "left"
    ttl: int | None = None
    labels: tuple[FeatureSpec, ...] = ()
    joins: tuple[oracle.Join | oracle.ViewJoin, ...] = ()
    matches: tuple[oracle.Match, ...] = ()
    attributed: Mapping[str, Any] = field(default_factory=dict)
    """With matches: the YAML of the source that the view reads, by its name; `source` is that of its events."""
    of: str | None = None
    """The view whose rows it reads, where it does not read a source's."""

    def meaning(self) -> oracle.View:
        """The view as the oracle knows it."""
        features = tuple(f for spec in self.features for f in (*spec.outputs, *spec.hidden))
        labels = tuple(f for spec in self.labels for f in (*spec.outputs, *spec.hidden))
        where, closed, ttl, beside = self.where, self.closed, self.ttl, (self.joins, self.matches)
        return oracle.View(self.name, self.source, self.keys, features, where, closed, ttl, labels, *beside)


@dataclass(frozen=True, slots=True)
class Push:
    """A batch: numbers of rows of a source, a token or None, handed over as `dicts` or `arrow`."""

    source: str
    rows: tuple[int, ...]
    token: str | None
    form: str
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """An online read of these probes, each at its own instant."""

    probes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`known_at` and `data_until` of a training set, in µs."""

    known_at: int | None = None
    data_until: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A random project, its history, its order of arrival, and where it is looked at."""

    label: str
    entities: Mapping[str, Mapping[str, str]]
    """Entity -> its keys -> their SQL types."""
    library: Mapping[str, Mapping[str, Any]]
    """The project's own windows, as YAML."""
    vars: Mapping[str, str]
    sources: tuple[SourceSpec, ...]
    views: tuple[ViewSpec, ...]
    """Some may read a source of `unions`."""
    rows: Mapping[str, tuple[Row, ...]]
    picks: tuple[tuple[str, str], ...]
    service_yaml: tuple[Any, ...] | None
    """The service's list when it is shorter than the picks written out (whole views, globs)."""
    request: Mapping[str, str]
    probes: tuple[Probe, ...]
    steps: tuple[Push | Read, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    knowledge: tuple[Knowledge, ...] = ()
    """What training sets of labels are asked to know; the first set knows all there is."""
    unions: tuple[SourceSpec, ...] = ()
    """Sources that are others together: they have no rows of their own, and nothing is pushed to them."""

    def labels(self) -> Iterator[tuple[str, str, Feature]]:
        """(output name, view.label, definition) of the labels in the service's training sets."""
        for v in self.views:
            yield from ((f.name, f"{v.name}.{f.name}", f) for spec in v.labels for f in spec.outputs)

    def oracle(self, kind: type[Oracle] = Oracle) -> Oracle:
        """The oracle over this case's data, or a variant of it."""
        sources = [s.meaning for s in (*self.sources, *self.unions)]
        return kind(sources, [v.meaning() for v in self.views], self.rows)

    @property
    def spine_keys(self) -> dict[str, str]:
        """The key columns the service's spine needs, with types."""
        used = {k for v in self.views for k in v.keys}
        return {k: t for keys in self.entities.values() for k, t in keys.items() if k in used}

    def source(self, name: str) -> SourceSpec:
        """A source by name."""
        return next(s for s in (*self.sources, *self.unions) if s.name == name)

    def outputs(self) -> Iterator[tuple[str, str, Feature]]:
        """(output name, view.feature, definition) of everything the service returns."""
        known = {f"{v.name}.{f.name}": f for v in self.views for spec in v.features for f in spec.outputs}
        for output, name in self.picks:
            yield output, name, known[name]

    def with_(self, **changes: Any) -> Case:
        """A changed copy."""
        return replace(self, **changes)


__all__ = ["SERVICE", "Case", "FeatureSpec", "Knowledge", "Probe", "Push", "Read", "SourceSpec", "Value", "ViewSpec"]
