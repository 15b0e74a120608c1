"""The project that a lock holds, resolved again: what there was when it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from featc.catalog import Catalog, TypeProblem
from featc.errors import Diagnostic, FeatcError
from featc.load.model import (
    AttributedDef,
    Definitions,
    EntityDef,
    FeatureDef,
    ServiceDef,
    SourceDef,
    ViewDef,
    WindowDef,
)
from featc.names import pinned
from featc.resolve.model import Location, Project, Source, label_view
from featc.versions.lock import Entry, Lock, Versioned
from featc.versions.plain import definition, from_plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Side:
    """A project as one side of a comparison. `versions` are by kind and name, as `Lock.versions` has them; None: not
    yet numbered. `made_by` says with what the fingerprints were made; `gone` are the last versions of what was there
    once."""

    definitions: Definitions
    project: Project
    versions: Mapping[tuple[str, str], Versioned] | None
    made_by: Mapping[str, str]
    gone: Mapping[tuple[str, str], Versioned] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockedCatalog:
    """Answers with the columns that a lock has, and the types that an engine gives."""

    found: Mapping[str, Sequence[tuple[str, str]]]
    engine: Catalog

    def columns(self, source: str, location: Location) -> Sequence[tuple[str, str]]:
        return self.found.get(source, ())

    def types(self, columns: Sequence[tuple[str, str]], expressions: Sequence[str]) -> Sequence[str | TypeProblem]:
        return self.engine.types(columns, expressions)


def entries(definitions: Definitions, project: Project, versions: Mapping[tuple[str, str], Versioned]) -> list[Entry]:
    """The lines of a lock for a project with versions."""
    found = [Entry("entity", n, definition(d)) for n, d in definitions.entities.items()]
    found += [Entry("window", n, definition(d)) for n, d in definitions.windows.items()]
    for name, source in definitions.sources.items():
        found.append(Entry("source", name, definition(source), columns=columns_of(project.sources[name])))
    found += [Entry("attributed", n, definition(d)) for n, d in definitions.attributed.items()]
    for name, view in definitions.views.items():
        known = versions.get(("view", name))
        bare = replace(view, features=(), labels=())
        found.append(Entry("view", name, definition(bare), {name: known} if known else {}))
        found += _members("feature", view, view.features, given(project, name), versions)
        found += _members("label", view, view.labels, given(project, label_view(name)), versions)
    for name, service in definitions.services.items():
        found.append(Entry("service", name, definition(service), {name: versions["service", name]}))
    return found


def gone(before: Lock | None, versions: Mapping[tuple[str, str], Versioned]) -> list[Entry]:
    """The lines of what was there once and is no more, the last version of each."""
    last = {} if before is None else before.gone() | before.versions()
    return [Entry("gone", f"{k}:{n}", {}, {"last": v}) for (k, n), v in last.items() if (k, n) not in versions]


def _members(
    kind: str,
    view: ViewDef,
    features: Iterable[FeatureDef],
    outputs: Mapping[str, tuple[str, ...]],
    versions: Mapping[tuple[str, str], Versioned],
) -> list[Entry]:
    found, before = [], None
    for feature in features:
        mine = {n: versions[kind, f"{view.name}.{n}"] for n in outputs.get(feature.name, ())}
        found.append(Entry(kind, f"{view.name}.{feature.name}", definition(feature), mine, before))
        before = feature.name
    return found


def given(project: Project, view: str) -> dict[str, tuple[str, ...]]:
    """The outputs that each feature as written gives: a family's members are several."""
    if view not in project.views and view not in project.labels:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for feature in project.view(view).features:
        written = feature.written
        if written:
            found[written] = (*found.get(written, ()), feature.name)
    return found


def columns_of(source: Source) -> tuple[tuple[str, str], ...]:
    """(name, type) of what the data of a source hold; nothing of a union, which has none."""
    return () if source.members else tuple((c.name, c.physical) for c in source.columns if not c.hidden)


def side_of(lock: Lock, now: Definitions, engine: Catalog, *, placed: bool = False) -> Side:
    """The project of a lock, under the target of `now`, where its sources lie as they say themselves; `placed`: as the
    target says.

    Raises FeatcError F879 when this featc cannot compile it any more.
    """
    from featc.versions.pins import resolve_pinned  # which resolves the locks that lines of this one are

    try:
        definitions = _definitions(lock, now, placed=placed)
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        message = f"featc.lock holds a definition that this featc cannot read: {trouble}"
        raise FeatcError(Diagnostic("F879", message, hint=_ANEW)) from trouble
    columns = {e.name: e.columns for e in lock.entries if e.kind == "source"}
    project, found = resolve_pinned(definitions, lock, LockedCatalog(columns, engine), locked=True)
    errors = [d for d in found if d.severity == "error"]
    if errors:
        message = f"this featc refuses what featc.lock holds: {errors[0].message}"
        raise FeatcError(Diagnostic("F879", message, hint=_ANEW))
    versions = lock.versions()
    pins = {pinned(name, v.version): name for (kind, name), v in versions.items() if kind == "view"}
    project = replace(project, pins={**project.pins, **pins})
    return Side(definitions, project, versions, lock.made_by, lock.gone())


_ANEW = "compare with `featc diff` under the featc that wrote it, or delete the file: then all definitions count as new"


def _definitions(lock: Lock, now: Definitions, *, placed: bool) -> Definitions:
    kinds: dict[str, dict[str, Entry]] = {}
    for entry in lock.entries:
        kinds.setdefault(entry.kind, {})[entry.name] = entry
    views = {}
    for name, entry in kinds.get("view", {}).items():
        view = from_plain(ViewDef, entry.definition, name)
        features = tuple(_in_order(name, kinds.get("feature", {})))
        labels = tuple(_in_order(name, kinds.get("label", {})))
        views[name] = replace(view, features=features, labels=labels)
    laid = {n: where for n, where in now.target.sources.items() if placed and n in kinds.get("source", {})}
    return replace(
        now,
        project=lock.project,
        target=replace(now.target, sources=laid),
        entities=_read(EntityDef, kinds.get("entity")),
        windows=_read(WindowDef, kinds.get("window")),
        sources=_read(SourceDef, kinds.get("source")),
        attributed=_read(AttributedDef, kinds.get("attributed")),
        views=views,
        services=_read(ServiceDef, kinds.get("service")),
        vars={},
        tests={},
        policies=(),
        files=(),
        warnings=(),
        broken=frozenset(),
    )


def _read(kind: type[T], listed: Mapping[str, Entry] | None) -> dict[str, T]:
    return {name: from_plain(kind, entry.definition, name) for name, entry in (listed or {}).items()}


def _in_order(view: str, listed: Mapping[str, Entry]) -> list[FeatureDef]:
    """The features of a view, each after the one it is said to follow; two that follow one (after a merge) by name."""
    mine = {n.partition(".")[2]: e for n, e in listed.items() if n.partition(".")[0] == view}
    following: dict[str | None, list[str]] = {}
    for name, entry in sorted(mine.items()):
        following.setdefault(entry.after if entry.after in mine else None, []).append(name)
    found: list[str] = []
    stack = list(reversed(following.get(None, ())))
    while stack:
        name = stack.pop()
        found.append(name)
        stack += reversed(following.get(name, ()))
    return [from_plain(FeatureDef, mine[n].definition, n) for n in found]
