"""The values every plan must give, written straight from the semantics page in plain Python.

It holds no SQL and imports nothing of the product: one method per sentence of the page, in the page's order,
exact arithmetic, no regard for speed beyond what a few dozen rows need. Instants and durations are integers
in microseconds (timestamp columns too); row expressions are callables `row -> value` with SQL's three-valued
logic done by whoever wrote them; None is NULL. A test that wants to know what one rule is worth subclasses
`Oracle` and overrides the method that states it.

Decisions where the page is silent:

* `arg_min(x, y)`, `arg_max(x, y)` ignore rows where x or y is NULL; among equal y the first in event order
  wins; NaN is the greatest y.
* -0.0 is read as 0.0 wherever it enters an order or leaves as a value.
* var and stddev over a window that holds a NaN or an infinity are NaN (what exact arithmetic gives), var_samp
  and stddev_samp of a single member are NULL even when it is NaN.
* "this feature's FILTER outcome and arguments" are those of the aggregate call whose window is being ordered.
* A NULL `deleted` means not dead, a NULL `where` or FILTER means not passed.
* A tombstone of a state source without `id` is a visible row: one of the changes that event windows count.
* A NULL or NaN part of a state source's identity (key, tau) leaves the row without identity: it corrects
  nothing.
* When no state row holds, its columns are NULL and the expression is evaluated on them.
* Units of a calendar lie side by side: one begins at the first instant whose local day is its first or a later one,
  and is current from then until the next begins, also while clocks show an hour again that lies before it. A day that
  a zone leaves out is a unit that holds nothing.
* A `since` window is ordered by the outcome of P after everything else, so that of events equal in all the rest one
  that satisfies P is the last.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

Value = Any
Row = Mapping[str, Value]
RowExpr = Callable[[Row], Value]

EPOCH = datetime(1970, 1, 1)
BIGINT_MAX = 2**63 - 1


class Overflow(ArithmeticError):
    """The exact value does not fit its declared type; the product must raise, never answer."""


# -------------------------------------------------------------------------------- definitions


@dataclass(frozen=True, slots=True)
class Source:
    """An event or state source. `columns` lists every column of the data, used or not."""

    name: str
    columns: tuple[str, ...]
    time: str
    kind: str = "event"
    available_at: str | None = None
    delay: int = 0
    id: str | None = None
    deleted: RowExpr | None = None
    tie_break: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    valid_to: str | None = None
    final_after: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """`range` (µs), `rows`, both or neither (lifetime); `hop`, `align`, `offset` as in the page's table. `calendar` is
    a unit, in `timezone`, of which 0 is to date; `since` is P."""

    range: int | None = None
    rows: int | None = None
    offset: int = 0
    hop: int | None = None
    align: bool = False
    calendar: str | None = None
    previous: int = 0
    timezone: str = "UTC"
    since: RowExpr | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate over one window. `type` is the result's: bigint decimal double text boolean timestamp."""

    name: str
    fn: str
    args: tuple[RowExpr, ...]
    window: Window
    type: str
    filter: RowExpr | None = None
    default: Value = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """An expression over the columns of the state row that holds at t (all NULL when none does)."""

    name: str
    expr: RowExpr
    type: str
    default: Value = None


@dataclass(frozen=True, slots=True)
class Derived:
    """An expression over `inputs`: names like `view.feature`, `request.x`, `key.k`, `as_of`."""

    name: str
    expr: RowExpr
    inputs: tuple[str, ...]
    type: str
    default: Value = None


Feature = Aggregate | Lookup | Derived


@dataclass(frozen=True, slots=True)
class View:
    """`keys` maps each key of the entity to the row expression that gives it; no `source` means on demand."""

    name: str
    source: str | None
    keys: Mapping[str, RowExpr]
    features: tuple[Feature, ...]
    where: RowExpr | None = None
    closed: str = "left"
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """An observation: keys, an instant t in µs, request columns."""

    keys: Mapping[str, Value]
    t: int
    request: Mapping[str, Value]


@dataclass(slots=True)
class Version:
    """A row of a source with the facts that decide when it is visible. `number` is its place in the data."""

    row: Row
    number: int
    tau: int | None
    alpha: int | None
    dead: bool
    superseded_at: int | None = None
    absent: bool = False

    @property
    def enter(self) -> int | None:
        """enter(e) = max(tau, alpha); None when either is NULL."""
        return None if self.tau is None or self.alpha is None else max(self.tau, self.alpha)


# -------------------------------------------------------------------------------- values


def rank(value: Value) -> tuple[Any, ...]:
    """Sort key of a value: NULLs first, text by UTF-8 bytes, NaN greatest, -0.0 = 0.0."""
    if value is None:
        return (0,)
    if isinstance(value, float):
        return (2,) if math.isnan(value) else (1, value)
    if isinstance(value, str):
        return (1, value.encode())
    return (1, value)


def canonical(value: Value) -> Value:
    """-0.0 becomes 0.0; everything else stays."""
    return value + 0.0 if isinstance(value, float) else value


def instant(value: Value) -> int | None:
    """A time column's value: ±infinity counts as NULL."""
    return None if isinstance(value, float) else value


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; naive is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The naive UTC datetime of an instant in µs."""
    return EPOCH + timedelta(microseconds=us)


# -------------------------------------------------------------------------------- calendars


def local_day(us: int, zone: str) -> date:
    """The day that the zone's clocks show at an instant."""
    return moment(us).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


@cache
def first_instant(day: date, zone: str) -> int:
    """The first instant at which the zone's clocks show that day, or a later one where they leave it out."""
    midnight = micros(datetime(day.year, day.month, day.day))
    minute, second = 60 * 10**6, 10**6
    minutes = range(midnight - 17 * 60 * minute, midnight + 42 * 60 * minute, minute)
    found = next(us for us in minutes if local_day(us, zone) >= day)
    return next(us for us in range(found - minute, found + 1, second) if local_day(us, zone) >= day)


def unit_start(unit: str, day: date) -> date:
    """The first day of the unit that holds a day; weeks begin on Monday."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    month = {"day": day.month, "month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[unit]
    return date(day.year, month, day.day if unit == "day" else 1)


def unit_after(unit: str, start: date, count: int) -> date:
    """The first day of the unit so many after (before, where negative) the one that starts on a day."""
    if unit in ("day", "week"):
        return start + timedelta(days=count * (7 if unit == "week" else 1))
    months = start.year * 12 + start.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[unit]
    return date(months // 12, months % 12 + 1, 1)


# -------------------------------------------------------------------------------- the page


class Oracle:
    """What each feature is at each probe, given the whole of every source's data."""

    def __init__(self, sources: Sequence[Source], views: Sequence[View], rows: Mapping[str, Sequence[Row]]):
        self.sources = {s.name: s for s in sources}
        self.views = {v.name: v for v in views}
        self.features = {f"{v.name}.{f.name}": (v, f) for v in views for f in v.features}
        self.data = {s.name: self.versions(s, rows[s.name]) for s in sources}
        self.by_key = {v.name: self.keyed(v) for v in views if v.source is not None}

    # ---- Time

    def before(self, closed: str, x: int, t: int) -> bool:
        """`x ⊲ t`: `<` under left and neither, `<=` under right and both."""
        return x < t if closed in ("left", "neither") else x <= t

    # ---- Events and versions

    def versions(self, source: Source, rows: Sequence[Row]) -> list[Version]:
        """Every row with its tau, alpha, death and the instant at which the next version supersedes it."""
        found = [self.version(source, row, number) for number, row in enumerate(rows)]
        of_one: dict[Any, list[Version]] = defaultdict(list)
        for v in found:
            identity = self.identity(source, v)
            if identity is not None:
                of_one[identity].append(v)
            else:
                self.accept(source, [v])
        kept_twice = set()
        for several in of_one.values():
            kept_twice |= self.supersede(source, several)
        return [v for v in found if v.number not in kept_twice and not v.absent]

    def version(self, source: Source, row: Row, number: int) -> Version:
        """alpha: the `available_at` column, else tau + delay, else tau."""
        tau = instant(row[source.time])
        if source.available_at is not None:
            alpha = instant(row[source.available_at])
        else:
            alpha = None if tau is None else tau + source.delay
        dead = source.deleted is not None and source.deleted(row) is True
        return Version(row, number, tau, alpha, dead)

    def identity(self, source: Source, v: Version) -> Any:
        """What makes rows versions of one event, or None: NULL alpha and NULL id supersede nothing."""
        if v.alpha is None:
            return None
        if source.id is not None:
            value = v.row[source.id]
            return None if value is None else rank(value)
        if source.kind == "state":
            key = self.key_of([v.row[k] for k in source.key])
            return None if key is None or v.tau is None else (key, v.tau)
        return None

    def supersede(self, source: Source, several: list[Version]) -> set[int]:
        """Orders the versions of one event; identical rows are one: gives the numbers of the surplus ones."""
        several.sort(key=lambda v: self.version_order(source, v))
        chain, surplus = several[:1], set()
        for v in several[1:]:
            if self.identical(source, chain[-1], v):
                surplus.add(v.number)
            else:
                chain.append(v)
        self.link(self.accept(source, chain))
        return surplus

    def accept(self, source: Source, chain: list[Version]) -> list[Version]:
        """`final_after`: a version with alpha > tau_0 + D counts as absent; tau_0 is the least tau among the event's
        accepted versions up to it, its own included."""
        accepted: list[Version] = []
        for v in chain:
            v.absent = self.too_late(source, v, [a.tau for a in (*accepted, v) if a.tau is not None])
            if not v.absent:
                accepted.append(v)
        return accepted

    def too_late(self, source: Source, v: Version, taus: list[int]) -> bool:
        """alpha > tau_0 + D; without any tau there is nothing to be late for."""
        if source.final_after is None or v.alpha is None or not taus:
            return False
        return v.alpha > min(taus) + source.final_after

    def link(self, chain: list[Version]) -> None:
        """Each version is superseded when the next one arrives."""
        for v, following in itertools.pairwise(chain):
            v.superseded_at = following.alpha

    def version_order(self, source: Source, v: Version) -> tuple[Any, ...]:
        """(alpha, tie_break…, dead last, all other source columns by name)."""
        others = sorted(c for c in source.columns if c not in source.tie_break)
        return (v.alpha, *self.tie_break(source, v), v.dead, *(rank(v.row[c]) for c in others))

    def tie_break(self, source: Source, v: Version) -> tuple[Any, ...]:
        """The declared columns that decide between equal times."""
        return tuple(rank(v.row[c]) for c in source.tie_break)

    def identical(self, source: Source, a: Version, b: Version) -> bool:
        """Equal in every source column."""
        return all(rank(a.row[c]) == rank(b.row[c]) for c in source.columns)

    def key_of(self, values: Sequence[Value]) -> tuple[Value, ...] | None:
        """A key, or None when a part of it is NULL or NaN."""
        if any(v is None or (isinstance(v, float) and math.isnan(v)) for v in values):
            return None
        return tuple(values)

    def visible(self, view: View, v: Version, t: int) -> bool:
        """`enter ⊲ t` and not `alpha(next) ⊲ t`, and not dead (tombstones are seen, see `is_tombstone`)."""
        if v.enter is None or not self.entered(view, v, t) or self.superseded(view, v, t):
            return False
        return not v.dead or self.is_tombstone(self.sources[str(view.source)], v)

    def entered(self, view: View, v: Version, t: int) -> bool:
        """`enter(e) ⊲ t`."""
        assert v.enter is not None
        return self.before(view.closed, v.enter, t)

    def superseded(self, view: View, v: Version, t: int) -> bool:
        """`alpha(next) ⊲ t`."""
        return v.superseded_at is not None and self.before(view.closed, v.superseded_at, t)

    def is_tombstone(self, source: Source, v: Version) -> bool:
        """`deleted` without `id` on a state source."""
        return v.dead and source.kind == "state" and source.id is None

    def keyed(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        """The view's rows per key; rows with a NULL or NaN key belong to none (but have superseded above)."""
        found: dict[tuple[Value, ...], list[Version]] = defaultdict(list)
        for v in self.data[str(view.source)]:
            if v.enter is None:
                continue
            key = self.key_of([expr(v.row) for expr in view.keys.values()])
            if key is not None:
                found[key].append(v)
        return found

    def rows_of(self, view: View, probe: Probe) -> list[Version]:
        """All rows of the probe's entity, visible or not; a NULL key is an unknown entity."""
        key = self.key_of([probe.keys.get(k) for k in view.keys])
        return [] if key is None else self.by_key[view.name].get(key, [])

    def passes(self, view: View, v: Version) -> bool:
        """`where:`, which applies after superseding."""
        return view.where is None or view.where(v.row) is True

    # ---- Windows

    def edges(self, window: Window, t: int) -> tuple[int | None, int]:
        """Lower (None: no lower end) and upper end of the window at t; `//` is the mathematical floor."""
        if window.calendar is not None:
            return self.calendar_edges(window.calendar, window, t)
        upper = t - window.offset
        if window.hop is not None and window.align:
            upper = upper // window.hop * window.hop
        if window.range is None:
            return None, upper
        lower = upper - window.range
        if window.hop is not None and not window.align:
            lower = lower // window.hop * window.hop
        return lower, upper

    def calendar_edges(self, unit: str, window: Window, t: int) -> tuple[int, int]:
        """To date: from the first instant of the current unit to t; the n whole units before it up to there."""
        zone, shown = window.timezone, unit_start(unit, local_day(t, window.timezone))
        following = unit_after(unit, shown, 1)
        current = following if first_instant(following, zone) <= t else shown
        if not window.previous:
            return first_instant(current, zone), t
        return first_instant(unit_after(unit, current, -window.previous), zone), first_instant(current, zone)

    def within(self, closed: str, window: Window, lower: int | None, tau: int, upper: int) -> bool:
        """The page's table: a calendar window has its first instant and, where it is over, not its end, whatever
        `closed`."""
        if window.calendar is None or lower is None:
            return self.inside(closed, lower, tau, upper)
        return lower <= tau and (tau < upper if window.previous else self.before(closed, tau, upper))

    def inside(self, closed: str, lower: int | None, tau: int, upper: int) -> bool:
        """left: lower ≤ tau < upper; right: lower < tau ≤ upper; both: both closed; neither: both open."""
        if not self.before(closed, tau, upper):
            return False
        if lower is None:
            return True
        return lower <= tau if closed in ("left", "both") else lower < tau

    def in_window(self, view: View, window: Window, probe: Probe) -> list[Version]:
        """Visible at t, passing `where`, tau between the edges."""
        lower, upper = self.edges(window, probe.t)
        return [
            v
            for v in self.rows_of(view, probe)
            if self.visible(view, v, probe.t)
            and self.passes(view, v)
            and v.tau is not None
            and self.within(view.closed, window, lower, v.tau, upper)
        ]

    def members(self, view: View, aggregate: Aggregate, probe: Probe) -> list[Version]:
        """The window's members in event order, before FILTER and NULL-skipping."""
        found = self.in_window(view, aggregate.window, probe)
        return self.last_rows(aggregate, self.in_order(view, aggregate, found))

    def last_rows(self, aggregate: Aggregate, ordered: list[Version]) -> list[Version]:
        """`rows: N`: the last N; FILTER and NULL-skipping come after. `since: P`: from the last that satisfies P."""
        since = aggregate.window.since
        if since is not None:
            begins = [place for place, v in enumerate(ordered) if since(v.row) is True]
            return ordered[begins[-1] :] if begins else []
        n = aggregate.window.rows
        return ordered if n is None else ordered[-n:]

    # ---- Order and ties

    def in_order(self, view: View, aggregate: Aggregate, found: list[Version]) -> list[Version]:
        """(tau, tie_break…, alpha, id, this feature's FILTER outcome and arguments left to right)."""
        source = self.sources[str(view.source)]
        return sorted(found, key=lambda v: self.event_order(source, aggregate, v))

    def event_order(self, source: Source, aggregate: Aggregate, v: Version) -> tuple[Any, ...]:
        """The sort key of one event for one aggregate."""
        identifier = () if source.id is None else rank(v.row[source.id])
        outcome = () if aggregate.filter is None else rank(aggregate.filter(v.row))
        arguments = [rank(arg(v.row)) for arg in aggregate.args]
        since = aggregate.window.since
        begins = () if since is None else (since(v.row) is True,)
        return (v.tau, self.tie_break(source, v), v.alpha, identifier, outcome, *arguments, *begins)

    # ---- Aggregates

    def arguments(self, aggregate: Aggregate, members: Sequence[Version]) -> list[tuple[Value, ...]]:
        """The arguments that count, in event order: FILTER true, no NULL among them."""
        found = []
        for v in members:
            if aggregate.filter is not None and aggregate.filter(v.row) is not True:
                continue
            values = tuple(canonical(arg(v.row)) for arg in aggregate.args)
            if not any(value is None for value in values):
                found.append(values)
        return found

    def aggregate(self, aggregate: Aggregate, members: Sequence[Version]) -> Value:
        """The aggregate over the members; empty: count forms 0, all else NULL."""
        return AGGREGATES[aggregate.fn](self.arguments(aggregate, members))

    # ---- State sources

    def holding(self, view: View, probe: Probe) -> Row | None:
        """The row that holds at t: the visible one of greatest tau (ties: version order), then its tests."""
        source = self.sources[str(view.source)]
        seen = [v for v in self.rows_of(view, probe) if self.visible(view, v, probe.t)]
        if not seen:
            return None
        taken = max(seen, key=lambda v: (v.tau, self.version_order(source, v)))
        assert taken.tau is not None
        if taken.dead or self.has_ended(view, source, taken, probe.t) or not self.passes(view, taken):
            return None
        if not self.young_enough(view, taken.tau, probe.t):
            return None
        return taken.row

    def has_ended(self, view: View, source: Source, v: Version, t: int) -> bool:
        """`valid_to ⊲ t`."""
        end = None if source.valid_to is None else instant(v.row[source.valid_to])
        return end is not None and self.before(view.closed, end, t)

    def young_enough(self, view: View, tau: int, t: int) -> bool:
        """`ttl: D` has the edges of `range: D`."""
        return view.ttl is None or self.inside(view.closed, t - view.ttl, tau, t)

    def lookup(self, view: View, feature: Lookup, probe: Probe) -> Value:
        """The expression over the whole row that holds; all its columns NULL when nothing holds."""
        row = self.holding(view, probe)
        if row is None:
            row = dict.fromkeys(self.sources[str(view.source)].columns)
        return canonical(feature.expr(row))

    # ---- Features

    def value(self, name: str, probe: Probe) -> Value:
        """The value of `view.feature` at a probe; `default:` is part of it."""
        found = self.without_default(name, probe)
        return self.features[name][1].default if found is None else found

    def without_default(self, name: str, probe: Probe) -> Value:
        """What the feature's own expression gives."""
        view, feature = self.features[name]
        match feature:
            case Aggregate():
                return self.aggregate(feature, self.members(view, feature, probe))
            case Lookup():
                return self.lookup(view, feature, probe)
            case Derived():
                return self.derive(feature, {i: self.input(i, probe) for i in feature.inputs})

    def input(self, name: str, probe: Probe) -> Value:
        """What a derived feature sees under a name."""
        kind, _, rest = name.partition(".")
        if name == "as_of":
            return probe.t
        if kind == "request":
            return probe.request[rest]
        if kind == "key":
            return probe.keys[rest]
        return self.value(name, probe)

    def derive(self, feature: Derived, inputs: Row) -> Value:
        """The expression on its inputs, evaluated last."""
        return canonical(feature.expr(inputs))


# -------------------------------------------------------------------------------- aggregates


def exact_sum(values: Sequence[Value]) -> Value:
    """Integers: BIGINT; decimals: decimal; DOUBLE: correctly rounded, NaN and ±inf as IEEE has them."""
    if not values:
        return None
    if isinstance(values[0], float):
        return double_sum(values)
    if isinstance(values[0], Decimal):
        return sum(values, Decimal(0))
    total = sum(values)
    if not -BIGINT_MAX - 1 <= total <= BIGINT_MAX:
        raise Overflow(f"sum {total} is no BIGINT")
    return total


def double_sum(values: Sequence[float]) -> float:
    """Correctly rounded, ±inf where that is beyond DOUBLE; the class of the naive sum when not all are finite."""
    infinities = {v for v in values if math.isinf(v)}
    if any(math.isnan(v) for v in values) or len(infinities) == 2:
        return math.nan
    return infinities.pop() if infinities else rounded(sum(map(Fraction, values)))


def rounded(value: Fraction | int) -> float:
    """The nearest DOUBLE, ±inf beyond the greatest."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def is_finite(value: Value) -> bool:
    """True for everything but NaN and ±inf."""
    return not isinstance(value, float) or math.isfinite(value)


def scaled(values: Sequence[Value]) -> tuple[list[int], int]:
    """Finite numbers as integers over one common denominator, without loss."""
    ratios = [v.as_integer_ratio() for v in values]
    scale = math.lcm(*(d for _, d in ratios))
    return [n * (scale // d) for n, d in ratios], scale


def mean(values: Sequence[Value]) -> float | None:
    """avg: DOUBLE, correctly rounded."""
    if not values:
        return None
    if not all(map(is_finite, values)):
        return double_sum(values)
    numbers, scale = scaled(values)
    return sum(numbers) / (scale * len(numbers))


def variance(values: Sequence[Value], lost: int) -> float | None:
    """Sum of squared deviations over n - lost, correctly rounded (inf beyond DOUBLE); NULL when that is not
    positive."""
    n = len(values)
    if n <= lost:
        return None
    if not all(map(is_finite, values)):
        return math.nan
    numbers, scale = scaled(values)
    spread = n * sum(x * x for x in numbers) - sum(numbers) ** 2
    return rounded(Fraction(spread, scale * scale * n * (n - lost)))


def deviation(values: Sequence[Value], lost: int) -> float | None:
    """The square root of the variance."""
    found = variance(values, lost)
    return None if found is None else math.sqrt(found)


def extreme_by(pairs: Sequence[tuple[Value, ...]], *, greatest: bool) -> Value:
    """x at the least or greatest y; among equal y the first in event order."""
    best: tuple[Value, ...] | None = None
    for pair in pairs:
        if best is None or (rank(pair[1]) > rank(best[1]) if greatest else rank(pair[1]) < rank(best[1])):
            best = pair
    return None if best is None else best[0]


def only(arguments: Sequence[tuple[Value, ...]]) -> list[Value]:
    """The single argument of each member."""
    return [a[0] for a in arguments]


AGGREGATES: Mapping[str, Callable[[list[tuple[Value, ...]]], Value]] = {
    "count": len,
    "count_distinct": lambda a: len({rank(x) for x in only(a)}),
    "sum": lambda a: exact_sum(only(a)),
    "avg": lambda a: mean(only(a)),
    "min": lambda a: min(only(a), key=rank, default=None),
    "max": lambda a: max(only(a), key=rank, default=None),
    "first": lambda a: a[0][0] if a else None,
    "last": lambda a: a[-1][0] if a else None,
    "var_samp": lambda a: variance(only(a), 1),
    "var_pop": lambda a: variance(only(a), 0),
    "stddev_samp": lambda a: deviation(only(a), 1),
    "stddev_pop": lambda a: deviation(only(a), 0),
    "bool_and": lambda a: all(only(a)) if a else None,
    "bool_or": lambda a: any(only(a)) if a else None,
    "arg_min": lambda a: extreme_by(a, greatest=False),
    "arg_max": lambda a: extreme_by(a, greatest=True),
}


# -------------------------------------------------------------------------------- what "equal" means

TOLERANT = {"sum", "avg", "var_samp", "var_pop", "stddev_samp", "stddev_pop"}
_PYTHON_TYPE: Mapping[str, type] = {
    "bigint": int,
    "decimal": Decimal,
    "double": float,
    "text": str,
    "boolean": bool,
    "timestamp": datetime,
}


def feature_kind(feature: Feature) -> str:
    """How its values are compared: an aggregate's name where a tolerance is stated, else its type."""
    if isinstance(feature, Aggregate) and feature.type == "double" and feature.fn in TOLERANT:
        return feature.fn
    return feature.type


def tolerance(kind: str, members: Sequence[Value]) -> float:
    """The stated |error| of a DOUBLE aggregate over its own members (the arguments that count)."""
    n = len(members)
    size = sum(Fraction(abs(x)) for x in members)
    if kind == "sum":
        return rounded(size / 10**9)
    if kind == "avg":
        return rounded(size / n / 10**9)
    if len({rank(x) for x in members}) == 1:
        return 0.0
    lost = 1 if kind.endswith("samp") else 0
    var, centre = variance(members, lost), mean(members)
    assert var is not None and centre is not None
    sd = math.sqrt(var)
    return 1e-9 * (var + abs(centre) * sd) if kind.startswith("var") else 1e-9 * (sd + abs(centre))


def same(kind: str, expected: Value, got: Value, members: Sequence[Value] = ()) -> bool:
    """Whether a plan's value is the oracle's, with exactly the tolerances of 'What "equal" means'.

    `kind` as from `feature_kind`; `members` are the aggregate's arguments that count. Timestamps are expected
    as µs and got as datetimes. A value of another Python type is another value.
    """
    wanted = _PYTHON_TYPE.get(kind, float)
    if expected is None or got is None:
        return expected is None and got is None
    if isinstance(got, datetime):
        return wanted is datetime and micros(got) == expected
    if type(got) is not wanted:
        return False
    if wanted is not float:
        return bool(got == expected)
    if not (is_finite(expected) and is_finite(got)):
        return rank(got) == rank(expected)
    if kind not in TOLERANT or not members or not all(map(is_finite, members)):
        return bool(got == expected)
    return bool(abs(got - expected) <= tolerance(kind, members))
