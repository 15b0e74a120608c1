"""What keeps generations as they should be: what is materialized goes into the one before, too, history that no read
needs goes (`featc evict`), and so does what nothing refers to (`featc gc`)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import FeatcError
from featc.runtime.generations import needs
from featc.runtime.generations import pointer as pointers
from featc.runtime.generations.building import follow
from featc.runtime.generations.definitions import project_of
from featc.runtime.generations.exclusion import alone, together
from featc.runtime.generations.pointer import Pointer
from featc.runtime.generations.swapping import before_of, bring_up
from featc.runtime.materialize.report import MaterializeReport, Progress
from featc.runtime.online import journal
from featc.runtime.online.database import Database
from featc.runtime.online.evict import Eviction
from featc.runtime.online.space import give_back
from featc.runtime.online.store import Instant
from featc.versions.kept import without_unused
from featc.versions.lock import read_lock, write_lock

if TYPE_CHECKING:
    from featc.runtime.backfill.unused import Unused
    from featc.runtime.store import FeatureStore


def materialize(
    store: FeatureStore, until: Instant, select: str | None, progress: Progress | None
) -> MaterializeReport:
    """Materializes into the generation that answers, and brings the one before it up to that, so that the way back is
    short; see `featc.runtime.materialize.materialize`. A generation before that cannot keep up is a warning, F894."""
    from featc.runtime.materialize import materialize as bring

    with together(store.online_home, "materialize"):
        done = bring(store, until, select, progress)
        served = store.serving.current()
        before = None if served.pointer is None else served.pointer.before
        if before is None or served.pointer is None or before.file == served.pointer.live.file:
            return done
        try:
            with closing(before_of(store, before)) as online:
                bring_up(store, served.path, served.project, online, lambda source, done, total: None)
        except FeatcError as error:
            warnings = tuple(replace(d, severity="warning") for d in error.diagnostics)
            return replace(done, warnings=(*done.warnings, *warnings))
        return done


def evict(store: FeatureStore, replay: int | None, *, dry_run: bool) -> tuple[Eviction, ...]:
    """Evicts from the generation that answers, and from the one before it, which takes over first what was pushed; see
    `OnlineStore.evict`. Raises FeatcError F891 too."""
    if replay is None or dry_run:
        return store.online.evict(replay, dry_run=dry_run)
    with together(store.online_home, "evict"):  # what is being built follows the journal, of which some goes here
        served = store.serving.opened()
        before = None if served.pointer is None else served.pointer.before
        if before is None or before.path(store.online_home) == served.path:
            return served.online.evict(replay)
        last = 0
        try:
            with closing(before_of(store, before)) as online:
                with closing(Database(served.path, read_only=True)) as reader:
                    follow(reader, online)
                online.evict(replay)
        except FeatcError:  # it cannot keep up: rollback says why, for as long as the journal is there
            pass
        path = before.path(store.online_home)
        if path.exists():
            with closing(Database(path, store.root, read_only=True)) as kept, kept.read() as found:
                last = journal.last(found)
        return served.online.evict(replay, journal_to=last)


@dataclass(frozen=True, slots=True)
class Collected:
    """What went, or with a dry run would go: `files` of stores, `tables` of the online store, unused `tiles` of the
    database (None: it has none), `versions` of views in featc.lock that no service pins; `previous`: the way back."""

    dry_run: bool
    previous: bool
    files: tuple[Path, ...]
    bytes: int
    tables: tuple[str, ...]
    tiles: Unused | None
    versions: tuple[str, ...] = ()
    way_back: str | None = None
    """The file of the generation before, which stays."""

    @property
    def is_nothing(self) -> bool:
        tiles = self.tiles is not None and bool(self.tiles.tables or self.tiles.states)
        return not (self.previous or self.files or self.tables or self.versions or tiles)


def collect(store: FeatureStore, *, previous: bool, versions: bool, dry_run: bool) -> Collected:
    """Drops the files of builds that were stopped, tables that no definitions in force need, tiles that no definition
    reads; with `versions` those of views that no service pins, and with `previous` the generation before the one that
    answers: then there is no way back.

    Raises FeatcError F891, F722, F725, F90x.
    """
    home = store.online_home
    with alone(home, "gc"):
        pointer = pointers.read(home)
        ends = previous and pointer is not None and pointer.before is not None
        kept = pointer if pointer is None or not ends else replace(pointer, before=None)
        files = tuple(sorted(_left(home, kept)))
        size = sum(f.stat().st_size for f in files)
        tables = _unused_tables(store, kept, dry_run=dry_run)
        gone, kept = _unpinned(store, kept, dry_run=dry_run) if versions else ((), kept)
        if not dry_run:
            if kept is not None and kept != pointer:
                pointers.write(home, kept)
            for file in files:
                file.unlink(missing_ok=True)
    from featc.runtime.backfill.unused import drop_unused

    tiles = None
    if store.database is not None and store.database.exists():
        served = [project_of(g, store.compiled) for g in kept.kept] if kept is not None else []
        tiles = drop_unused(store, dry_run=dry_run, also=served)
    way_back = None if kept is None or kept.before is None else kept.before.file
    return Collected(dry_run, ends, files, size, tables, tiles, gone, way_back)


def _unpinned(store: FeatureStore, pointer: Pointer | None, *, dry_run: bool) -> tuple[tuple[str, ...], Pointer | None]:
    """Takes the versions of views that no service pins out of featc.lock, and gives them, and the pointer with the lock
    that it goes by where that is the same."""
    lock = read_lock(store.root)
    if lock is None:
        return (), pointer
    left = without_unused(lock, store.project)
    gone = tuple(e.name for e in lock.entries if e not in left.entries)
    if gone and not dry_run:
        write_lock(store.root, left)
        if pointer is not None and pointer.live.lock == lock.text():
            pointer = replace(pointer, live=replace(pointer.live, lock=left.text()))
    return gone, pointer


def _left(home: Path, pointer: Pointer | None) -> set[Path]:
    """The files beside a store that belong to no generation that is kept."""
    kept = {home.name} if pointer is None else {g.file for g in pointer.kept}
    found: set[Path] = set()
    for base in (home.name, *pointers.files_of(home)):
        if base not in kept:
            paths = (home.with_name(base + ending) for ending in ("", "-wal", "-shm", "-journal"))
            found |= {path for path in paths if path.is_file()}
    return found


def _unused_tables(store: FeatureStore, pointer: Pointer | None, *, dry_run: bool) -> tuple[str, ...]:
    """Drops the tables of the store that answers which none of the definitions in force need. None of one to which
    nothing was ever applied: other processes may go by YAML of their own."""
    path = None if pointer is None else pointer.live.path(store.online_home)
    if pointer is None or path is None or not path.exists():
        return ()
    wanted = set(needs.tables_of(store.project))
    for generation in pointer.kept:
        if generation.file == path.name:
            wanted |= needs.tables_of(project_of(generation, store.compiled)).keys()
    with closing(Database(path, store.root, read_only=dry_run)) as database:
        with database.read() as found:
            there = [name for (name,) in found.execute("SELECT name FROM featc_tables ORDER BY name")]
        unused = tuple(name for name in there if name not in wanted)
        if unused and not dry_run:
            with database.write() as found:
                for name in unused:
                    needs.drop(found, name)
            give_back(database)
    return tuple(name.strip('"') for name in unused)
