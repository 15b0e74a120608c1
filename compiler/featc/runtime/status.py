"""How things stand: what the online store holds of each source and view, what is backfilled, and whether the last
proof still holds.

Everything is read: a store is neither made nor locked, and no file is left beside it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from featc.errors import Diagnostic
from featc.fingerprint import feature_fingerprint, view_fingerprint
from featc.lower.online import keep, source_plan
from featc.resolve.model import Service, feature_closure
from featc.resolve.upstream import read_sources
from featc.runtime.backfill.standing import TilesStatus, standing
from featc.runtime.online.ledger import horizon_of
from featc.runtime.online.left import lacks_rows
from featc.runtime.proofs import Certificate, Proof

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

History = Literal["complete", "empty", "incomplete", "absent", "on demand"]
"""Of a view in the store: whole; the same before any row of its source was taken in; made after rows were taken in, or
asking for rows that were evicted before; without tables as it is defined now; nothing is kept."""

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Instants are µs since the epoch, None where nothing was pushed. `recent` are rows rejected lately, by reason;
    reads before `horizon` are refused, None while nothing was evicted."""

    name: str
    watermark: int | None
    pushed_at: int | None
    batches: int
    accepted: int
    duplicates: int
    rejected: Mapping[str, int]
    recent: Mapping[str, int]
    horizon: int | None = None


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """`tables` are those in the store that the view reads as it is defined now; `missed` rows came before them.

    `unanswered`: reads of the view are refused (F603), or will be as soon as the store is opened, for so many rows of
    its source came in before it was defined as it is now; None where reads are answered.
    """

    name: str
    fingerprint: str
    history: History
    missed: int
    tables: tuple[str, ...]
    unanswered: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """`known_to`: the oldest watermark of its sources, None if one has none; `features`: those that are not proven."""

    name: str
    sources: tuple[str, ...]
    known_to: int | None
    proof: Proof
    features: tuple[str, ...]
    verified_at: int | None


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The online store's file: its size with what was written last, and why it cannot be read, if so.

    `generation` is the number of what was applied, None where nothing was, `applied_at` when in µs, `before` what a
    rollback goes back to; `differs`: the YAML says something else.
    """

    path: Path
    size: int | None
    trouble: Diagnostic | None
    generation: int | None = None
    applied_at: int | None = None
    before: int | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The target's database: by view how its tiles stand, and why that cannot be told, if so."""

    path: Path | None
    tiles: Mapping[str, TilesStatus]
    trouble: Diagnostic | None


@dataclass(frozen=True, slots=True)
class Status:
    """How things stood at `now` (µs since the epoch)."""

    project: str
    target: str
    now: int
    store: StoreStatus
    sources: tuple[SourceStatus, ...]
    views: tuple[ViewStatus, ...]
    services: tuple[ServiceStatus, ...]
    database: DatabaseStatus


def status(store: FeatureStore, recent: int = _DAY) -> Status:
    """How the project's target stands. `recent`: so many µs back rows count as rejected lately."""
    now = time.time_ns() // 1000
    path = store.online_path
    sources: tuple[SourceStatus, ...] = tuple(_source(None, name, now) for name in store.project.sources)
    views = tuple(_views(store, {}, {}))
    trouble = None
    for attempt in range(2 if path.exists() else 0):
        logged = _log_of(path).exists()
        try:
            with glance(path) as connection:
                sources = tuple(_source(connection, name, now - recent) for name in store.project.sources)
                views = tuple(_views(store, _tables(connection), _taken_in(connection), connection))
            break
        except sqlite3.Error as error:
            if attempt or logged or not _log_of(path).exists():  # else a writer came while we read without its log
                trouble = _trouble(store, path, error)
                break
    return Status(
        store.project.name,
        store.compiled.definitions.target.name,
        now,
        _store(store, path, trouble),
        sources,
        views,
        tuple(_services(store, {s.name: s.watermark for s in sources})),
        DatabaseStatus(store.database, *standing(store)),
    )


def _store(store: FeatureStore, path: Path, trouble: Diagnostic | None) -> StoreStatus:
    served = store.serving.current()
    if served.pointer is None:
        return StoreStatus(path, size_of(path), trouble)
    live, before = served.pointer.live, served.pointer.before
    back = None if before is None else before.number
    return StoreStatus(path, size_of(path), trouble, live.number, live.applied_at, back, store.serving.differs)


# ── the store ───────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def glance(path: Path) -> Iterator[sqlite3.Connection]:
    """One moment of the store's file. Where no log lies beside it, SQLite may not make one. Raises sqlite3.Error."""
    uri = f"file:{quote(str(path))}?mode=ro{'' if _log_of(path).exists() else '&immutable=1'}"
    connection = sqlite3.connect(uri, uri=True, timeout=0.5, isolation_level=None)
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def size_of(path: Path) -> int | None:
    """Bytes of a store, with what was written last; None where there is none."""
    files = (path, _log_of(path))
    return sum(f.stat().st_size for f in files if f.exists()) if path.exists() else None


def _trouble(store: FeatureStore, path: Path, error: sqlite3.Error) -> Diagnostic:
    shown = path.relative_to(store.root) if path.is_relative_to(store.root) else path
    if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error)):
        return Diagnostic("F901", f"the online store at {shown} is locked", hint="try again in a moment")
    hint = "featc doctor says more"
    return Diagnostic("F903", f"the online store at {shown} cannot be read: {error}", hint=hint)


def _source(connection: sqlite3.Connection | None, name: str, since: int) -> SourceStatus:
    row = None
    if connection is not None and _has_books(connection):
        asked = "SELECT newest_arrival, pushed_at, batches, accepted, duplicates FROM featc_sources WHERE source = ?"
        row = connection.execute(asked, (name,)).fetchone()
    if connection is None or row is None:
        return SourceStatus(name, None, None, 0, 0, 0, {}, {})
    arrival, pushed_at, batches, accepted, duplicates = row
    rejected, recent = _rejected(connection, name, 0), _rejected(connection, name, since)
    horizon = horizon_of(connection, name) if _has(connection, "featc_horizons") else None
    return SourceStatus(name, arrival, pushed_at, batches, accepted, duplicates, rejected, recent, horizon)


def _has_books(connection: sqlite3.Connection) -> bool:
    """False for a file of no bytes, which is an empty database."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def _has(connection: sqlite3.Connection, table: str) -> bool:
    """A store of the format before lacks tables."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])


def _rejected(connection: sqlite3.Connection, source: str, since: int) -> dict[str, int]:
    rows = connection.execute(
        "SELECT reason, count(*) FROM featc_rejected JOIN featc_batches USING (batch)"
        " WHERE featc_rejected.source = ? AND pushed_at >= ? GROUP BY reason ORDER BY 2 DESC, 1",
        (source, since),
    )
    return {str(reason): int(number) for reason, number in rows}


def _tables(connection: sqlite3.Connection) -> dict[str, int]:
    """Each view's tables in the store, with the rows that came before it was made."""
    if not _has_books(connection):
        return {}
    return {str(n): int(m) for n, m in connection.execute("SELECT name, missed FROM featc_tables")}


def _taken_in(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Of each source, how many rows were accepted, and how many with those rejected: a view made now misses these."""
    if not _has_books(connection):
        return {}
    rows = connection.execute("SELECT source, accepted, accepted + rejected FROM featc_sources")
    return {str(name): (int(accepted), int(came)) for name, accepted, came in rows}


def unanswered(store: FeatureStore) -> dict[str, int]:
    """The views that the target's online store cannot answer as they are defined now, with the rows of their sources
    that came in before. Empty without a store, and where it cannot be looked at; `status` says why that is."""
    if not store.online_path.exists():
        return {}
    try:
        with glance(store.online_path) as connection:
            views = tuple(_views(store, _tables(connection), _taken_in(connection), connection))
    except sqlite3.Error:
        return {}
    return {v.name: v.unanswered for v in views if v.unanswered is not None}


def _views(
    store: FeatureStore,
    there: Mapping[str, int],
    came: Mapping[str, tuple[int, int]],
    connection: sqlite3.Connection | None = None,
) -> Iterator[ViewStatus]:
    """`there`: see `_tables`; `came`: see `_taken_in`; `connection` is to a store, if there is one."""
    project = store.project
    marks = {name: view_fingerprint(project, name) for name in project.views}
    wanted: dict[str, tuple[str, ...]] = {}
    lacking: set[str] = set()
    evicted = connection is not None and _has(connection, "featc_horizons")
    kept = keep(project)
    for source in project.sources.values():
        for plan in source_plan(kept, source).all_views:
            stream = (plan.stream.stream.table,) if plan.stream else ()
            wanted[plan.layout.view.name] = (plan.layout.events, *stream)
            if evicted and connection is not None and lacks_rows(connection, plan.layout):
                lacking.add(plan.layout.view.name)
    for name in project.views:
        tables = wanted.get(name)
        if tables is None:
            yield ViewStatus(name, marks[name], "on demand", 0, ())
            continue
        missed = max((there.get(table, 0) for table in tables), default=0)
        absent = any(table not in there for table in tables)
        source_name = project.view(name).source or ""
        parts = [m.source.name for m in project.sources[source_name].members] or [source_name]
        accepted, rows = map(sum, zip(*(came.get(part, (0, 0)) for part in parts), strict=True))
        history: History = "absent" if absent else "incomplete" if missed else "complete" if accepted else "empty"
        lost = max(missed, rows) if absent else missed
        if not lost and name in lacking:
            history, lost = "incomplete", rows
        yield ViewStatus(name, marks[name], history, missed, tuple(t for t in tables if t in there), lost or None)


# ── services and their proof ────────────────────────────────────────────────────────────────────────────────


def _services(store: FeatureStore, watermarks: Mapping[str, int | None]) -> Iterator[ServiceStatus]:
    project = store.project
    certificate = Certificate.read(store.root)
    for service in project.services.values():
        wanted = tuple((o.view, o.feature) for o in service.outputs)
        views = dict.fromkeys(view for view, _ in feature_closure(project, wanted))
        sources = tuple(dict.fromkeys(s for v in views for s in read_sources(project, project.view(v))))
        known = [watermarks[s] for s in sources]
        known_to = None if None in known else min((k for k in known if k is not None), default=None)
        proof, features = _proof(store, service, certificate)
        verified_at = certificate.at if proof != "never" else None
        yield ServiceStatus(service.name, sources, known_to, proof, features, verified_at)


def _proof(store: FeatureStore, service: Service, certificate: Certificate) -> tuple[Proof, tuple[str, ...]]:
    """The worst that the certificate says about a service's features, and about which."""
    by_state: dict[Proof, list[str]] = {}
    for output in service.outputs:
        name = f"{output.view}.{output.feature}"
        mark = feature_fingerprint(store.project, output.view, output.feature)
        by_state.setdefault(certificate.proof(name, mark), []).append(name)
    worst: Sequence[Proof] = ("different", "moved", "never", "thin")
    for state in worst:
        if state in by_state:
            return state, tuple(by_state[state])
    return "proven", ()
