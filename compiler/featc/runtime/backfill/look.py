"""The look for changes: what a stream's source holds now, interval by interval, against what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from featc.errors import FeatcError
from featc.lower.backfill import Stream, TilePart, TileTable, repeated_sqls, scan_sql, stream_of
from featc.resolve.model import AggregateRef
from featc.runtime.backfill.ledger import Held, Range, engine_version
from featc.runtime.backfill.session import NO_STATE, Session, told


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a source. `rows` by interval start; `counts` are the rows that count, by table name and interval
    start; `hashes` by table name and fingerprint, then by interval start. Intervals in which no row counts are left
    out of both."""

    rows: Mapping[int, int]
    counts: Mapping[str, Mapping[int, int]]
    hashes: Mapping[str, Mapping[str, Mapping[int, str]]]

    @property
    def scanned(self) -> int:
        return sum(self.rows.values())


def look(session: Session, stream: Stream) -> Found:
    """Orders the source's versions and reads it once. Leaves its repeated versions in a temporary table."""
    session.step("versions")
    for sql in repeated_sqls(stream):
        session.run(sql)
    session.step("look")
    sql, places = scan_sql(stream)
    try:
        answer = session.run(sql)
    except FeatcError as error:
        raise _blamed(session, stream, error) from None
    engine = engine_version()
    hashes = {
        each.table.name: {
            fingerprint: {row[0]: f"{engine}:{row[place]}" for row in answer if row[place] is not None}
            for fingerprint, place in each.hashes.items()
        }
        for each in places
    }
    counts = {each.table.name: {row[0]: row[each.rows] for row in answer if row[each.rows]} for each in places}
    return Found({row[0]: row[1] for row in answer}, counts, hashes)


def _blamed(session: Session, stream: Stream, error: FeatcError) -> FeatcError:
    """Whose expression a value error belongs to: one state at a time is looked at until one fails."""
    if error.code != NO_STATE:
        return error
    for table in stream.tables:
        for states in ((), *((s,) for s in table.states)):
            alone = stream_of(stream.name, (replace(table, states=states),))
            try:
                session.run(scan_sql(alone)[0])
            except FeatcError as found:
                if states:
                    return told(found, ", ".join(_features(table, states[0])))
                return told(found, f"the where or the keys of {table.view.name}")
    return error


def _features(table: TileTable, state: TilePart) -> list[str]:
    """The features whose aggregates are made of a state."""
    made_of = [f for f in table.parts.finishes if any(c.partial == state.partial for c in f.states.values())]
    read = {AggregateRef(f.aggregation.name) for f in made_of}
    return [f.qualified for f in table.view.features if read & set(f.expr.refs)]


@dataclass(frozen=True, slots=True)
class Differences:
    """Where a table and its source disagree, by interval start.

    `open`: the states to fill, all of them where the table's own fingerprint is among them; wherever they are, also
    outside the range of a run. `stale`: intervals whose tiles are of other rows than there are. `changed`: lines of
    states whose values changed while the rows stayed. `uncovered`: intervals that were empty and are not. `differing`:
    all intervals that are no longer as they were found before, which those that are merely done again are not.
    """

    open: Mapping[int, frozenset[str]]
    stale: tuple[int, ...]
    changed: tuple[tuple[str, int], ...]
    uncovered: tuple[int, ...]
    differing: frozenset[int]

    @property
    def touches_ledger(self) -> bool:
        return bool(self.stale or self.changed or self.uncovered)


def compare(table: TileTable, found: Found, held: Held, redo: Range | None) -> Differences:
    """What is to be done for a table; intervals in `redo` count as changed whatever they hold."""
    hashes = found.hashes[table.name]
    here, there = hashes[table.fingerprint], held.of(table.fingerprint)
    everything = frozenset((table.fingerprint, *(s.fingerprint for s in table.states)))
    opened: dict[int, frozenset[str]] = {}
    stale, changed = [], []
    for start in sorted({*here, *there}):
        again = redo is not None and redo[0] <= start < redo[1]
        if here.get(start) != there.get(start) or again:
            if start in there:
                stale.append(start)
            if start in here:
                opened[start] = everything
            continue
        states = (s.fingerprint for s in table.states)
        wanted = [f for f in states if held.of(f).get(start) != hashes[f][start]]
        if wanted:
            opened[start] = frozenset(wanted)
            changed += [(f, start) for f in wanted if start in held.of(f)]
    uncovered = tuple(s for s in here if s not in there and is_within(held.covered, s))
    other = {s for s in stale if here.get(s) != there[s]}
    differing = frozenset((*other, *(start for _, start in changed), *uncovered))
    return Differences(opened, tuple(stale), tuple(changed), uncovered, differing)


# ── stretches of intervals ────────────────────────────────────────────────────────────────────────────────────────


def is_within(ranges: Sequence[Range], start: int) -> bool:
    return any(first <= start < past for first, past in ranges)


def united(ranges: Sequence[Range]) -> tuple[Range, ...]:
    """The same stretches, disjoint and in order."""
    found: list[Range] = []
    for first, past in sorted(r for r in ranges if r[0] < r[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(past, found[-1][1]))
        else:
            found.append((first, past))
    return tuple(found)


def without(ranges: Sequence[Range], starts: Sequence[int], width: int) -> tuple[Range, ...]:
    """The stretches less some intervals."""
    found = list(ranges)
    for start in starts:
        found = [
            piece
            for first, past in found
            for piece in ((first, min(past, start)), (max(first, start + width), past))
            if piece[0] < piece[1]
        ]
    return tuple(found)


def common(ranges: Sequence[Range], within: Range) -> tuple[Range, ...]:
    """What of the stretches lies in one."""
    cut = ((max(first, within[0]), min(past, within[1])) for first, past in ranges)
    return tuple(r for r in cut if r[0] < r[1])
