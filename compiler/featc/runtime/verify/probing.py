"""Where to look: for each group of features the entities and instants at which plans most easily disagree.

Instants are taken from the entity's own rows: when one arrives, when it enters and leaves each window of the
views asked (exactly then, and a microsecond to either side), between rows, and after the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from featc.lower import source as src
from featc.lower.training.views import joined_keys_sql
from featc.resolve.model import Calendar, FeatureRef, Output, Project, View, Window, feature_closure
from featc.runtime.verify.closeness import output_of
from featc.runtime.verify.history import Probe
from featc.runtime.verify.likely import likely_requests
from featc.runtime.verify.plans import TrainingPlan, normalised, spine_columns
from featc.runtime.verify.rows import instant
from featc.runtime.verify.values import key_value, request_pools

UNKNOWN = 97
"""What the key values of an entity that no history knows are made of."""

_FAR = 10**17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """Features asked together: those of views with the same keys and request columns."""

    views: tuple[str, ...]
    outputs: tuple[Output, ...]
    keys: Mapping[str, str]
    request: Mapping[str, str]

    @property
    def name(self) -> str:
        return ", ".join(self.views)


def groups(project: Project, wanted: Sequence[tuple[str, str]]) -> list[Group]:
    """The wanted features grouped by what their spine needs, in the project's order of views."""
    found: dict[tuple[Any, Any], list[Output]] = {}
    for view_name, view in (*project.views.items(), *project.asked.items()):
        mine = [output_of(f) for f in view.features if (view_name, f.name) in wanted]
        if mine:
            keys, request = spine_columns(project, mine)
            found.setdefault((tuple(sorted(keys.items())), tuple(sorted(request.items()))), []).extend(mine)
    return [
        Group(tuple(dict.fromkeys(o.view for o in outputs)), tuple(outputs), dict(keys), dict(request))
        for (keys, request), outputs in found.items()
    ]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One row as a view sees it: whose it is, when it happened, when it was known (µs)."""

    keys: Mapping[str, Any]
    time: int
    arrival: int


def sightings(project: Project, plan: TrainingPlan) -> dict[str, list[Sighting]]:
    """The rows of every view over a source that have a key, τ and α. Asks the plan's connection."""
    found = {}
    for name, view in project.views.items():
        if view.source is None:
            continue
        source = plan.project.sources[view.source]
        items = [f"{src.key_sql(k)} AS {src.quoted(k.name)}" for k in view.keys]
        times = [f"{sql} AS {alias}" for sql, alias in src.instants_select(source, ())[:2]]
        inner = f"SELECT *, {', '.join(times)} FROM ({normalised(source)})"
        sql = f"SELECT {', '.join([*items, src.TIME, src.ARRIVAL])} FROM ({inner}) ORDER BY _nth"
        if view.finds_keys:
            sql = joined_keys_sql(plan.project, view)
        names = [k.name for k in view.keys]
        matures = -_FAR if view.maturity is None else view.maturity
        found[name] = [
            Sighting(dict(zip(names, row, strict=False)), row[-2], max(row[-1], row[-2] + matures))
            for row in plan.connection.execute(sql).fetchall()
            if None not in row and abs(row[-2]) < _FAR and abs(row[-1]) < _FAR
        ]
    return found


def probes(
    project: Project,
    group: Group,
    plan: TrainingPlan,
    seen: Mapping[str, Sequence[Sighting]],
    random: Random,
    budget: int,
) -> list[Probe]:
    """About `budget` probes of a group, several of them at one instant where that costs nothing."""
    views = _views_behind(project, group)
    entities = _entities(project, group, seen, random, max(4, budget // 12))
    request = request_pools(project, group.request)
    likely = likely_requests(views, plan, random)
    if likely.keys and entities:  # each time with another request, and so for other entities
        entities = (entities * max(4, budget // 12))[: max(len(entities), max(4, budget // 12))]
    found: list[Probe] = []

    def asked() -> dict[str, Any]:
        drawn = {n: None if random.random() < 0.08 else p.draw(random, wild=False) for n, p in request.items()}
        return drawn | (likely.draw() if likely.columns else {})

    def add(keys: Mapping[str, Any], at: int, request: Mapping[str, Any]) -> None:
        found.append(Probe(keys, at, request))

    latest = max((max(r.time, r.arrival) for rows in seen.values() for r in rows), default=0)
    requests = [asked() if likely.keys else {} for _ in entities]
    given = likely.given([Probe(k, latest + 1, r) for k, r in zip(entities, requests, strict=True)])
    each = max(1, budget // (len(entities) + 1))
    for n, keys in enumerate(entities):
        instants = _instants(views, seen, keys, given[n], random, each)
        for at in instants:
            add(keys, at, requests[n] if likely.keys else asked())
        if instants and n % 3 == 0:
            add({k: key_value(t, UNKNOWN) for k, t in group.keys.items()}, instants[0], asked())
    if not found:  # what depends on the request alone is asked with many
        for _ in range(budget if group.request and not views else 1):
            add({k: key_value(t, UNKNOWN) for k, t in group.keys.items()}, 0, asked())
    return found[: budget + 8]


def _views_behind(project: Project, group: Group) -> list[View]:
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in group.outputs))
    return [project.view(v) for v in dict.fromkeys(v for v, _ in pairs) if project.view(v).source is not None]


def _entities(
    project: Project, group: Group, seen: Mapping[str, Sequence[Sighting]], random: Random, count: int
) -> list[Mapping[str, Any]]:
    """Entities to ask: half of them those with most rows, of views that have all the group's keys, else
    combined.
    """
    counted: dict[tuple[Any, ...], int] = {}
    names = list(group.keys)
    for view_name, rows in seen.items():
        if set(names) <= {k.name for k in project.views[view_name].keys}:
            for row in rows:
                keys = tuple(row.keys[n] for n in names)
                counted[keys] = counted.get(keys, 0) + 1
    if not counted and names:
        return [dict(zip(names, made, strict=True)) for made in _combined(group, seen, random, count)]
    busiest = sorted(counted, key=lambda k: -counted[k])
    top = busiest[: count // 2]
    others = busiest[count // 2 :]
    picked = [*top, *random.sample(others, min(len(others), count - len(top)))]
    return [dict(zip(names, keys, strict=True)) for keys in picked]


def _combined(
    group: Group, seen: Mapping[str, Sequence[Sighting]], random: Random, count: int
) -> Iterator[tuple[Any, ...]]:
    """Entities whose keys no single source has: each key from the rows that have it."""
    pools = {n: [r.keys[n] for rows in seen.values() for r in rows if n in r.keys] for n in group.keys}
    for _ in range(count):
        yield tuple(random.choice(pools[n]) if pools[n] else key_value(t, UNKNOWN) for n, t in group.keys.items())


def _instants(
    views: Sequence[View],
    seen: Mapping[str, Sequence[Sighting]],
    keys: Mapping[str, Any],
    given: Mapping[FeatureRef, Any],
    random: Random,
    count: int,
) -> list[int]:
    """`count` instants for one entity, drawn in turn from the kinds above. `given` are keys that a service computes."""
    kinds: dict[str, list[int]] = {"edge": [], "arrival": [], "inside": [], "last": []}
    for view in views:
        mine = {k.name: keys.get(k.name) if k.given is None else given.get(k.given) for k in view.keys}
        rows = [r for r in seen[view.origin] if all(mine.get(k) == v for k, v in r.keys.items())]
        if not rows:
            continue
        some = random.sample(rows, min(len(rows), 8))
        for row in some:
            kinds["edge"] += [e + random.choice((-1, 0, 0, 1)) for e in edge_instants(view, row.time)]
            kinds["arrival"] += [row.arrival + d for d in (-1, 0, 1)]
            soon = random.choice((1, 1_000, 1_000_000, 60_000_000, random.randrange(1, 7_200_000_000)))
            kinds["inside"].append(max(row.time, row.arrival) + soon)
        known = [max(r.time, r.arrival) for r in rows]
        kinds["inside"].append(random.randint(min(known), max(known)))
        kinds["last"] += [max(known), max(known) + 1]
    for listed in kinds.values():
        random.shuffle(listed)
    found: dict[int, None] = {}
    turns = [k for k in ("edge", "arrival", "edge", "inside", "last") if kinds[k]]
    while len(found) < count and any(kinds.values()):
        for kind in turns:
            if kinds[kind] and len(found) < count:
                found[kinds[kind].pop()] = None
    return [t for t in found if _within_calendar(t)]


def _within_calendar(us: int) -> bool:
    try:
        instant(us + 1)
        instant(us - 1)
    except OverflowError:
        return False
    return True


def edge_instants(view: View, time: int) -> list[int]:
    """The instants at which an event at `time` enters or leaves a window of the view, to within a
    microsecond.
    """
    windows = list(dict.fromkeys(a.window for a in view.aggregations))
    if view.ttl is not None:
        windows.append(Window("ttl", length=view.ttl))
    found = []
    for window in windows:
        found += _edges(window, time)
    return found or [time]


def _unit_edges(calendar: Calendar, time: int) -> list[int]:
    """Where the calendar units near an event begin, by the zone tables of Python: those at whose beginning it comes in,
    goes out, or is passed by."""
    zone, found = ZoneInfo(calendar.zone), [time]
    try:
        shown = (_EPOCH + timedelta(microseconds=time)).astimezone(zone).replace(tzinfo=None, fold=0)
        first = shown.replace(hour=0, minute=0, second=0, microsecond=0)
        for count in (0, 1, calendar.previous, calendar.previous + 1):
            midnight = _units_later(calendar.unit, first, count).replace(tzinfo=zone)
            found.append((midnight - _EPOCH) // timedelta(microseconds=1))
    except (OverflowError, ValueError):
        pass  # beyond the years 1 to 9999
    return found


def _units_later(unit: str, day: datetime, count: int) -> datetime:
    """The first day of the unit so many after the one that holds a day."""
    if unit in ("day", "week"):
        days = count if unit == "day" else 7 * count - day.weekday()
        return day + timedelta(days=days)
    size = {"month": 1, "quarter": 3, "year": 12}[unit]
    months = (day.year * 12 + day.month - 1) // size * size + count * size
    return day.replace(year=months // 12, month=months % 12 + 1, day=1)


def _edges(window: Window, time: int) -> list[int]:
    """Written from semantics.md, not from the compiler's window rule, so that a fault there is looked for as
    well.
    """
    if window.calendar is not None:
        return _unit_edges(window.calendar, time)
    hop, offset, length = window.hop, window.offset, window.length
    if hop and window.align:
        enters = -(-time // hop) * hop + offset
        edges = [enters, enters + hop]
        return edges if length is None else [*edges, enters + length, enters + hop + length]
    edges = [time + offset]
    if length is None:
        return edges
    if hop:  # the lower end jumps at multiples of the hop
        leaves = -(-time // hop) * hop
        return [*edges, leaves + length + offset, leaves + hop + length + offset, time + length + offset]
    return [*edges, time + offset + length]
