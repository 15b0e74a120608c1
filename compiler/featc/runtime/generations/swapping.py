"""The swap: another generation answers, at once, with all that was pushed until then.

While the pointer is replaced, the file that answered is locked for writing. A push that waits for the lock finds
another pointer once it has it, and goes into the other generation; one that had it before is in the journal, and is
taken over.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.names import written
from featc.resolve.model import Project
from featc.runtime.generations import needs
from featc.runtime.generations import pointer as pointers
from featc.runtime.generations.building import Refilled, arrives_as_in, build, follow, remove
from featc.runtime.generations.definitions import project_of
from featc.runtime.generations.exclusion import alone
from featc.runtime.generations.pointer import Generation, Pointer
from featc.runtime.located import located
from featc.runtime.materialize import books
from featc.runtime.materialize.intake import bring_in
from featc.runtime.materialize.report import Progress
from featc.runtime.materialize.run import engine_of, in_order
from featc.runtime.online import OnlineStore
from featc.runtime.online.database import Database
from featc.versions.lock import Lock, parse_lock

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

_FEW = 200
"""Batches that may be left to take over while pushes wait."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """The generation that answers now, what of it was read again, and whether there is a way back. `followed` are the
    batches that were taken over from the one that answered before."""

    number: int
    file: str
    refilled: tuple[Refilled, ...]
    followed: int
    reversible: bool


def is_served(store: FeatureStore, lock: Lock) -> bool:
    """Whether the online store answers by a lock; so does one that is not there."""
    pointer = pointers.read(store.online_home)
    return not store.online_home.exists() if pointer is None else pointer.live.lock == lock.text()


def _means(lock: Lock) -> object:
    return lock.versions(), {(e.kind, e.name): e.columns for e in lock.entries if e.kind == "source"}


def bring_into_force(store: FeatureStore, lock: Lock, before: Lock | None, progress: Progress) -> Swapped | None:
    """Makes the online store answer by the store's project, whose lock is `lock`: in the file it has where that has all
    that is needed, else in one beside it.

    `before` is what was applied last. None where there is no online store. Raises FeatcError F89x, and what
    reading sources and writing stores can raise; then what answered before answers still.
    """
    home = store.online_home
    with alone(home, "apply"):
        pointer = pointers.read(home)
        path = home if pointer is None else pointer.live.path(home)
        if not path.exists():
            return None
        with closing(Database(path, store.root)) as leader:
            old = pointer.live if pointer is not None else _first(path, before)
            known = None if old is None else _complete(store, leader, old)
            old = old if known is not None else None
            number = (pointer.last if pointer is not None else 0 if old is None else old.number) + 1
            fresh = Generation(number, path.name, lock.text(), time.time_ns() // 1000)
            if old is not None and _means(parse_lock(old.lock)) == _means(lock):
                same = replace(old, lock=fresh.lock)
                kept = Pointer(same, None, same.number) if pointer is None else replace(pointer, live=same)
                _swap(home, leader, None, kept)
                return Swapped(same.number, same.file, (), 0, kept.before is not None)
            found = _in_the_same_file(leader, store.project, known)
            made = Pointer(fresh if found else replace(fresh, file=pointers.file_of(home, number)), old, number)
            if found:
                swapped = _swap_alone(home, leader, made)
            else:
                swapped = _build_and_swap(store, known, leader, made, progress)
        for gone in pointer.kept if pointer is not None else ():
            if gone.file not in {g.file for g in made.kept}:
                remove(gone.path(home))
        return swapped


def _first(path: Path, before: Lock | None) -> Generation | None:
    """What a store that was never applied answers by: what was locked last."""
    return None if before is None else Generation(1, path.name, before.text(), time.time_ns() // 1000)


def _complete(store: FeatureStore, leader: Database, generation: Generation) -> Project | None:
    """The project of a generation, if this featc can compile it, and finds all of it in the file."""
    try:
        project = project_of(generation, store.compiled)
    except FeatcError:  # then there is no way back to it
        return None
    with leader.read() as found:
        return None if needs.lacking(found, project) else project


def _in_the_same_file(leader: Database, project: Project, old: Project | None) -> bool:
    """Whether a file has all that definitions need, and either of them keeps up what the other needs."""
    with leader.read() as found:
        if needs.lacking(found, project):
            return False
    return old is None or needs.tables_of(old).keys() == needs.tables_of(project).keys()


def _swap_alone(home: Path, leader: Database, pointer: Pointer) -> Swapped:
    _swap(home, leader, None, pointer)
    return Swapped(pointer.live.number, pointer.live.file, (), 0, pointer.before is not None)


def _build_and_swap(
    store: FeatureStore, old: Project | None, leader: Database, pointer: Pointer, progress: Progress
) -> Swapped:
    home, live = store.online_home, pointer.live
    built = live.path(home)
    refilled = build(store, store.project, old, leader, built, progress)
    try:
        with closing(OnlineStore(built, store.project, store.root)) as online:
            followed = _swap(home, leader, online, pointer)
    except BaseException:
        if pointers.read(home) != pointer:
            remove(built)
        raise
    return Swapped(live.number, live.file, refilled, followed, pointer.before is not None)


def _swap(home: Path, leader: Database, follower: OnlineStore | None, pointer: Pointer) -> int:
    """Takes over what was pushed to `leader` since, and replaces the pointer while nothing can be pushed."""
    if follower is None:
        with leader.write():
            pointers.write(home, pointer)
        return 0
    # what is read here is what others have committed: the transaction that keeps them out writes nothing
    with closing(Database(leader.path, read_only=True)) as reader:
        followed = now = follow(reader, follower)
        while now > _FEW:
            now = follow(reader, follower)
            followed += now
        with follower.engine.batch, leader.write():
            followed += follow(reader, follower)
            pointers.write(home, pointer)
    return followed


def roll_back(store: FeatureStore, progress: Progress) -> tuple[Swapped, Lock]:
    """Makes the generation before answer again, with all that came in meanwhile; gives the lock that it goes by.

    Raises FeatcError F892 where there is none, F894 where it cannot take in what came since, F891, F90x; then what
    answered before answers still.
    """
    home = store.online_home
    with alone(home, "rollback"):
        pointer = pointers.read(home)
        if pointer is None or pointer.before is None:
            message = "there is no generation of the online store to go back to"
            hint = "featc apply makes one, and featc gc --previous drops it; take the YAML from git, and apply that"
            raise FeatcError(Diagnostic("F892", message, hint=hint))
        back, live = pointer.before, pointer.live
        project = project_of(back, store.compiled)
        turned = Pointer(back, live, pointer.last)
        with closing(Database(live.path(home), store.root)) as leader:
            if back.file == live.file:
                with leader.read() as found:
                    gone = needs.lacking(found, project)
                if gone:
                    message = f"the generation before needs rows of {', '.join(sorted(gone))} that featc evict dropped"
                    hint = "take the YAML from git as it was then, and featc apply it: what it needs is read again"
                    raise FeatcError(Diagnostic("F894", message, hint=hint))
                _swap(home, leader, None, turned)
                return Swapped(back.number, back.file, (), 0, True), parse_lock(back.lock)
            with closing(before_of(store, back)) as online:
                served = project_of(live, store.compiled)
                followed, refilled = bring_up(store, leader.path, served, online, progress)
                followed += _swap(home, leader, online, turned)
        return Swapped(back.number, back.file, refilled, followed, True), parse_lock(back.lock)


def before_of(store: FeatureStore, before: Generation) -> OnlineStore:
    """The store of the generation before, opened. Raises FeatcError F894 where its file is gone, F60x, F879, F90x."""
    path = before.path(store.online_home)
    if not path.exists():  # a new one would have what the journal has, which need not be all
        message = f"the generation before cannot answer: its file {before.file} is gone"
        hint = "take the YAML from git as it was then, and featc apply it; featc gc --previous gives up the way back"
        raise FeatcError(Diagnostic("F894", message, hint=hint))
    return OnlineStore(path, project_of(before, store.compiled), store.root)


def bring_up(
    store: FeatureStore, leader: Path, served: Project, online: OnlineStore, progress: Progress
) -> tuple[int, tuple[Refilled, ...]]:
    """Takes over what was pushed to and materialized into another store, which goes by `served`, since. Raises
    FeatcError F894."""
    refilled = []
    try:
        with closing(Database(leader, store.root, read_only=True)) as reader:
            followed = follow(reader, online)
            with reader.read() as found:
                reached = {n: books.intervals(found, n) or books.intervals(found, written(n)) for n in online.plans}
        data = located(online.project, store.root).sources
        plans = [p for p in online.plans.values() if not p.source.members and reached[p.source.name]]
        with engine_of(store) as engine:
            for plan in in_order(plans):
                name = plan.source.name
                until = books.watermark(reached[name]) if arrives_as_in(plan.source, served) else None
                with online.database.read() as found:
                    if books.intervals(found, name) == reached[name]:
                        continue
                report = bring_in(online.database, engine, plan, data[name], until, progress, online.beside)
                if report.accepted:
                    refilled.append(Refilled(name, report.accepted, 0))
    except FeatcError as error:
        first = error.diagnostics[0]
        message = f"the generation before cannot take in what came since: {first.message}"
        raise FeatcError(Diagnostic("F894", message, hint=first.hint), exit_code=error.exit_code) from error
    return followed, tuple(refilled)
