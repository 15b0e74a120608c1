"""What has to run before a changed definition can answer: tiles to fill offline, rows to take in online."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.errors import FeatcError
from featc.names import is_kept
from featc.resolve.upstream import read_sources
from featc.runtime.backfill.report import ViewReport
from featc.versions.categories import Category
from featc.versions.changes import Change

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class Offline:
    """Tiles of one view: `intervals` of a day to fill from `rows` rows of its source, while `reused` are there and
    stay."""

    view: str
    intervals: int
    rows: int
    reused: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One source read for tiles: rows and, of files, bytes."""

    source: str
    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Online:
    """A view whose tables in the online store begin empty: `rows` of `sources` are to be taken in again."""

    view: str
    sources: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Work:
    """All of it. `verify` says whether values have to be proven again."""

    offline: tuple[Offline, ...] = ()
    reading: tuple[Reading, ...] = ()
    online: tuple[Online, ...] = ()
    verify: bool = False

    @property
    def is_nothing(self) -> bool:
        return not (any(o.intervals for o in self.offline) or self.online or self.verify)

    def to_json(self) -> dict[str, Any]:
        return {
            "offline": [
                {"view": o.view, "intervals": o.intervals, "rows": o.rows, "reused": o.reused} for o in self.offline
            ],
            "reading": [{"source": r.source, "rows": r.rows, "bytes": r.bytes} for r in self.reading],
            "online": [{"view": o.view, "sources": list(o.sources), "rows": o.rows} for o in self.online],
            "verify": self.verify,
        }


def work_for(store: FeatureStore, changes: Sequence[Change], *, environment: bool) -> Work:
    """What the changes need. Reads the target's database and the online store, and writes to neither."""
    moved = [c for c in changes if c.kind == "feature" and c.category >= Category.ADDITIVE]
    # what is gone needs nothing, but the tables of its view may be others without it
    kept = [n for n in store.project.views if is_kept(n)]  # which are views like any others to the store
    online = tuple(_online(store, [*(c.name for c in moved), *kept])) if moved or kept else ()
    touched = [c.name for c in moved if c.what != "removed"]
    if not touched:
        return Work(online=online, verify=environment)
    offline, reading = _offline(store, touched)
    return Work(offline, reading, online, True)


def _offline(store: FeatureStore, names: Iterable[str]) -> tuple[tuple[Offline, ...], tuple[Reading, ...]]:
    from featc.runtime.backfill.run import backfill

    if not _has_tiles(store):
        return (), ()
    try:
        report = backfill(store, select=" ".join(names), dry_run=True)
    except FeatcError as error:
        if error.code != "F720":  # none of them is made of tiles
            raise
        return (), ()
    reading = tuple(Reading(s.source, s.rows_read, s.bytes_read) for s in report.sources)
    return tuple(map(_of, report.views)), reading


def _has_tiles(store: FeatureStore) -> bool:
    """Whether anything was ever backfilled; where nothing was, training sets read rows, and nothing has to run."""
    from featc.lower.tile_table import SCHEMA

    if store.database is None or not store.database.exists():
        return False
    with store.connect() as connection:
        found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
    return bool(found[0][0])


def _of(view: ViewReport) -> Offline:
    return Offline(view.view, view.filled, view.rows_read, view.complete)


def _online(store: FeatureStore, names: Iterable[str]) -> list[Online]:
    """The views that the online store, if there is one, lacks as they are defined now."""
    from featc.runtime.status import status

    if not store.online_path.exists():
        return []
    views = dict.fromkeys(n.partition(".")[0] for n in names)
    found = []
    with store.connect() as connection:
        for standing in status(store, 0).views:
            if standing.name not in views or standing.history in ("complete", "empty", "on demand"):
                continue
            sources = tuple(read_sources(store.project, store.project.views[standing.name]))
            rows = sum(_count(store, connection, s) for s in sources)
            found.append(Online(standing.name, sources, rows))
    return found


def _count(store: FeatureStore, connection: Any, source: str) -> int:
    from featc.lower.source import relation_at

    places = store.located.sources[source].places
    return sum(connection.execute(f"SELECT count(*) FROM {relation_at(p)}").fetchall()[0][0] for p in places)
