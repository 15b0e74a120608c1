"""Made-up histories, made to go wrong: ties, exact edges, late and corrected rows, moves, deaths, odd values.

A history plays in *scenes*, each with a few entities and a stretch of time of its own, so that one store and
one query hold many small histories. Most rows are variations of an earlier row of the scene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any

from featc.resolve.model import Project, Source, View
from featc.runtime.verify.rows import STAMPS, Row, instant
from featc.runtime.verify.values import Pool, key_value, settable
from featc.types import INTEGERS, family

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
_LEAP_NIGHT = (datetime(2024, 3, 30, 22) - datetime(1970, 1, 1)).days * DAY + 22 * HOUR
ENTITIES = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of time from `base` on (µs), the numbers its key values are made of, and how odd its values
    are.

    A `dense` scene is a busy hour of ordinary rows, so that narrow filters over short windows are met at all.
    """

    number: int
    base: int
    wild: bool
    nulls: float
    dense: bool = False


def scenes(count: int) -> tuple[Scene, ...]:
    """The scenes of a history: the first before 1970, the last with NaN, infinities and integers beyond
    DOUBLE.
    """
    found = []
    for n in range(count):
        base = -2 * DAY - 7 * HOUR if n == 0 else _LEAP_NIGHT + (n - 1) * 400 * DAY
        found.append(Scene(n, base, wild=n == count - 1, nulls=(0.04, 0.12, 0.3)[n % 3]))
    return tuple(found)


def dense_scenes(count: int) -> tuple[Scene, ...]:
    """Scenes of ordinary rows close together."""
    return tuple(Scene(n, _LEAP_NIGHT + n * 400 * DAY, wild=False, nulls=0.02, dense=True) for n in range(count))


def lengths(project: Project, source: Source) -> tuple[int, ...]:
    """The spans of time (µs) that matter to rows of a source: windows, offsets, hops, ttl, delay, and their
    sums.
    """
    found = {source.delay, SECOND}
    for view in project.views.values():
        if view.source != source.name:
            continue
        found.add(view.ttl or 0)
        for aggregation in view.aggregations:
            window = aggregation.window
            length = window.span or 0
            found |= {length, window.offset, length + window.offset, window.hop or 0}
    found |= {j.match.within for v in project.views.values() if source.name in v.sources for j in v.lookups if j.match}
    return tuple(sorted(found - {0}))


def window_lengths(project: Project, source: Source) -> list[int]:
    """The lengths of windows (µs) over a source, the shortest first."""
    views = [v for v in project.views.values() if v.source == source.name]
    return sorted({a.window.span for v in views for a in v.aggregations if a.window.span})


class Maker:
    """Makes the rows of one source, one scene after the other."""

    def __init__(
        self, project: Project, source: Source, pools: Mapping[str, Pool], random: Random, *, tame: bool
    ) -> None:
        self.source, self.pools, self.random, self.tame = source, pools, random, tame
        self.lengths = lengths(project, source)
        self.windows = window_lengths(project, source)
        self.columns = [c.name for c in source.columns]
        self.keys = _key_columns(project, source)
        self.follows = _follows(project, source)
        self.time = settable(source.time)
        self.arrival = settable(source.available_at)
        self.until = settable(source.valid_to)
        self.deleted = [r.column for r in source.deleted.refs if hasattr(r, "column")] if source.deleted else []
        self.fixed = {
            *self.keys,
            *source.id,
            *source.tie_break,
            *filter(None, (self.time, self.arrival, self.until)),
        }
        self.made: list[dict[str, Any]] = []
        self.identities = 0

    def scene(self, scene: Scene, rows: int) -> list[Row]:
        """About `rows` rows of a scene, in an order that means nothing."""
        self.made = []
        span = self._span(scene)
        for _ in range(rows):
            later = self.made and self.random.random() < (0.2 if scene.dense else 0.45)
            row = self._revision(scene, span) if later else self._fresh(scene, span)
            if self.source.in_dumps and self.made and self.random.random() < 0.8:  # one more row of a dump
                other = self.random.choice(self.made[-6:])
                row |= {c: other[c] for c in (self.time, self.arrival) if c is not None}
            self.made.append(row)
        return [tuple(row[c] for c in self.columns) for row in self.made]

    def _span(self, scene: Scene) -> int:
        """How long a scene lasts (µs): often hardly longer than the shortest of the lengths that matter."""
        if not scene.dense:
            return self.random.choice(self.lengths[:3]) * 2
        spans = self.windows or [HOUR]
        return 2 * spans[max(0, scene.number - 1) % len(spans)]

    def _fresh(self, scene: Scene, span: int) -> dict[str, Any]:
        row: dict[str, Any] = {c: self._value(c, scene) for c in self.columns}
        if self.random.random() < 0.9:
            row |= {c: self._alive(c) for c in self.deleted}
        self._place(row, scene)
        self._happen(row, self._moment(scene, span))
        if self.made and self.random.random() < 0.2:  # a twin: another event of the same entity and instant
            other = self.random.choice(self.made[-6:])
            row |= {c: other[c] for c in (*self.keys, *filter(None, (self.time,)))}
        self._arrive(row, scene, span, None)
        self.identities += 1
        for c in self.source.id:
            row[c] = None if self.random.random() < 0.03 else key_value(self.source.column(c).physical, self.identities)
        self._order(row)
        return row

    def _revision(self, scene: Scene, span: int) -> dict[str, Any]:
        """A later, equal, moved, corrected or dead version of an earlier row, or its copy."""
        old = self.random.choice(self.made[-6:])
        row = dict(old)
        if self.random.random() < 0.1:
            return row
        identified = bool(self.source.id)
        if self.random.random() < (0.2 if identified else 0.45):
            self._place(row, scene)
        if self.random.random() < (0.25 if identified else 0.5):
            self._happen(row, self._moment(scene, span))
        self._arrive(row, scene, span, old)
        for c in self.columns:
            odds = (0.1 if scene.dense else 0.4) if c in self.deleted else 0.35
            if c not in self.fixed and self.random.random() < odds:
                row[c] = self._value(c, scene)
        self._order(row)
        return row

    def _place(self, row: dict[str, Any], scene: Scene) -> None:
        """Puts the row at one of the scene's entities, the first more often; sometimes at none."""
        for c in self.keys:
            who = 0 if self.random.random() < 0.5 else self.random.randrange(ENTITIES)
            type_ = self.source.column(c).physical
            lost = self.random.random() < 0.03
            number = entity_number(scene, who)
            if c in self.follows:  # events are numbered one after the other: one of about the same number
                number = max(1, self.identities + self.random.randint(-9, 3))
            row[c] = None if lost else key_value(type_, number)

    def _moment(self, scene: Scene, span: int) -> int | None:
        """An event time: any, or a tie with an earlier row's, or a window's length from one, ±1 µs."""
        if self.random.random() < 0.02:
            return None
        known = [m for m in (self._time_of(r) for r in self.made) if m is not None]
        near = [m for m in known if abs(m - scene.base) < 800 * DAY]
        kind = self.random.random()
        if near and kind < 0.2:
            return self.random.choice(near)
        if near and kind < 0.55:
            step = self.random.choice(self.lengths) * self.random.choice((1, 1, -1))
            return self.random.choice(near) + step + self.random.choice((-1, 0, 0, 1))
        moment = scene.base + self.random.randrange(max(span, 1))
        unit = self.random.choice((1, SECOND, HOUR))
        return moment // unit * unit

    def _time_of(self, row: Mapping[str, Any]) -> int | None:
        return us_of(row[self.time]) if self.time is not None else None

    def _happen(self, row: dict[str, Any], moment: int | None) -> None:
        if self.time is not None:
            row[self.time] = self._instant(self.time, moment)
        if self.until is not None:
            lasts = self.random.choice(self.lengths) if self.random.random() < 0.5 else None
            end = None if moment is None or lasts is None else moment + lasts
            row[self.until] = self._instant(self.until, end)

    def _arrive(self, row: dict[str, Any], scene: Scene, span: int, old: Mapping[str, Any] | None) -> None:
        """An arrival: with the usual lag, late, before the event, at another row's instant, or never."""
        if self.arrival is None:
            return
        before = us_of(old[self.arrival]) if old is not None else None
        happened = self._time_of(row)
        kind = self.random.random()
        if scene.dense and happened is not None and kind < 0.9:
            arrival = happened + self.random.choice((0, 1, span // 16))
        elif kind < 0.03:
            arrival = None
        elif kind < 0.15 and self.made:
            arrival = us_of(self.random.choice(self.made)[self.arrival])
        elif before is not None and kind < 0.8:
            arrival = before + self.random.choice((0, 1, SECOND, *self.lengths))
        elif happened is not None and kind < 0.75:
            arrival = happened + self.random.choice((0, 1, SECOND, SECOND, *self.lengths[:2]))
        else:
            arrival = scene.base + self.random.randrange(-span, 3 * span)
        row[self.arrival] = self._instant(self.arrival, arrival)

    def _order(self, row: dict[str, Any]) -> None:
        for c in self.source.tie_break:
            type_ = self.source.column(c).physical
            numbered = type_ in INTEGERS and self.random.random() < 0.9
            row[c] = self.random.randint(0, 3) if numbered else self.pools[c].draw(self.random, wild=False, tame=True)

    def _instant(self, column: str, moment: int | None) -> Any:
        if moment is None:
            return None
        made = instant(moment)
        return made.date() if self.source.column(column).physical == "DATE" else made

    def _value(self, column: str, scene: Scene) -> Any:
        if self.random.random() < scene.nulls:
            return None
        tame = self.tame or scene.dense
        return self.pools[column].draw(self.random, wild=scene.wild and not tame, tame=tame)

    def _alive(self, column: str) -> Any:
        """A value of a column that tells deletions, as rows that are not deleted mostly have it."""
        pool = self.pools[column]
        if pool.type == "BOOLEAN":
            return False
        return next((v for v in pool.found if v not in pool.named), None)


def us_of(value: Any) -> int | None:
    """An instant or date as microseconds; None stays None."""
    if isinstance(value, datetime):
        delta = value - datetime(1970, 1, 1)
        return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds
    return (value - date(1970, 1, 1)).days * DAY if isinstance(value, date) else None


def entity_number(scene: Scene, who: int) -> int:
    """The number key values are made of: 1, 11, 111 in the first scene, 2, 12, 112 in the second, …"""
    return (scene.number + 1) + (0, 10, 110)[who]


def _follows(project: Project, source: Source) -> frozenset[str]:
    """Columns that matches compare with the id of the events that these rows follow."""
    found: set[str | None] = set()
    for view in project.views.values():
        if view.attributed is None or view.source is None:
            continue
        events = project.sources[view.source]
        for join in (j for j in view.lookups if j.source.name == source.name):
            pairs = zip(join.rows.keys, join.keys, strict=True)
            found.update(settable(k.expr) for k, e in pairs if settable(e) in events.id)
    return frozenset(c for c in found if c is not None)


def _key_columns(project: Project, source: Source) -> list[str]:
    """Columns that are keys of a view or of the state, and nothing but a column."""
    joins = [j for v in project.views.values() for j in v.lookups]
    readers: Sequence[View] = [*project.views.values(), *(j.rows for j in joins)]
    named = [settable(k.expr) for v in readers if v.source == source.name for k in v.keys]
    named += [settable(e) for v in readers if v.source == source.name for j in v.joins for e in j.keys]
    for view in project.views.values():  # what a join brings, and a key or another join goes by
        asked = {settable(e) for e in (*(k.expr for k in view.keys), *(e for j in view.joins for e in j.keys))}
        for join in view.lookups:
            pairs = zip(join.rows.state_columns, join.columns, strict=True)
            named += [c for c, brought in pairs if join.source.name == source.name and brought in asked]
    own = {c.name for c in source.columns}  # and not what joins bring
    found = dict.fromkeys([*source.key, *(c for c in named if c in own)])
    usable = (*INTEGERS, "FLOAT", "DOUBLE", *STAMPS)
    return [c for c in found if family(t := source.column(c).physical) != "other" or t in usable]
