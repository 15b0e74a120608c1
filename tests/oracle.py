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
* A tombstone of a state source without `id` hides older rows from lookups, and is itself dead: no event window
  counts it, since a dead row's other columns say nothing.
* A NULL or NaN part of a state source's identity (key, tau) leaves the row without identity: it corrects
  nothing.
* A label may use features, which are those of its probe, and labels, of which all must be complete; it is complete
  itself when its own windows and those are.
* The greatest enter of a source is taken over its accepted versions that have one, whatever their key.
* `--known-at` bounds the watermark, also one that is given.
* `current`: a row with a NULL or NaN key, the source's or the view's, is never visible, so that an older one of its key
  stays its own.
* A dump is there when any of its rows has a tau and an alpha, and is not too late, whatever their keys. A row in it
  that `deleted` marks is a tombstone, as in a state source without id.
* When no state row holds, its columns are NULL and the expression is evaluated on them.
* Units of a calendar lie side by side: one begins at the first instant whose local day is its first or a later one,
  and is current from then until the next begins, also while clocks show an hour again that lies before it. A day that
  a zone leaves out is a unit that holds nothing.
* A row of a union has its members' names in the union's spelling, and in its member's own where that is another.
* A `since` window is ordered by the outcome of P after everything else, so that of events equal in all the rest one
  that satisfies P is the last.

The aggregates over whole series (`over_series`), where the page is silent:

* A row of which any argument is NULL is ignored; a parameter (n, p, half_life …) is no argument.
* Lists are in event order, `last(x, n)` and `list(x, n)` with the newest last; `list` leaves out the oldest beyond n.
  `list(distinct x, n)` is in order of the last appearance of each value, the newest kept.
* `arg_min(x, y, n)` is in order of y, equal y in event order.
* `mode`, `top_k`: equally frequent values by the least; maps are in order of their keys; a keyed map keeps the
  max_keys most frequent keys, equally frequent ones by the least key.
* `skewness` needs 3 values, `kurtosis` 4, `corr` and `regr_slope` 2, `covar_samp` 2: else NULL; NULL too where all
  values are equal as DOUBLEs (for `corr` either side, for `regr_slope` the second). All of these are NaN where a value
  is not finite. `weighted_avg` is NULL where the weights add up to 0.
* `geomean` is NaN where a value is negative. `product` multiplies DOUBLEs in event order.
* `drawdown` is the greatest of (greatest so far - value), NaN being greatest, 0 for a single finite value.
* Weights of decay are 2 ** (-(t - tau) / half_life), t being the observation's instant whatever the window's offset.
* A quantile's share is the decimal number that was written, not its nearest DOUBLE. `quantile_cont` lies between the
  neighbours of place p * (n - 1); `quantile_disc` is the ceil(p * n)th value. Both are DOUBLE.
* `approx_count_distinct` and `approx_quantile` are the sketches of docs/decisions/0025, which are exact functions of
  their arguments: every plan gives the same value.
* `count` forms, `decay_count`, `rate_per_hour` and `streak` are 0 for no rows, all else NULL.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Value = Any
T = TypeVar("T")
Row = Mapping[str, Value]
RowExpr = Callable[[Row], Value]

EPOCH = datetime(1970, 1, 1)
BIGINT_MAX = 2**63 - 1


class Overflow(ArithmeticError):
    """The exact value does not fit its declared type; the product must raise, never answer."""


# -------------------------------------------------------------------------------- definitions


@dataclass(frozen=True, slots=True)
class Source:
    """An event or state source. `columns` lists every column of the data, used or not. `let` are names for row
    expressions, of which only unions know.

    With `union`, the names of event sources, its rows are theirs: it has `columns`, the names of all of them, and
    perhaps `let`, but no time (nor anything that goes with one) of its own. `doubles` are its columns that are DOUBLE
    though whole numbers in a member.
    """

    name: str
    columns: tuple[str, ...]
    time: str = ""
    kind: str = "event"
    available_at: str | None = None
    delay: int = 0
    id: str | None = None
    deleted: RowExpr | None = None
    tie_break: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    valid_to: str | None = None
    final_after: int | None = None
    let: Mapping[str, RowExpr] = field(default_factory=dict)
    union: tuple[str, ...] = ()
    text_ids: bool = False
    doubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """`range` (µs), `rows`, both or neither (lifetime); `hop`, `align`, `offset` as in the page's table. `calendar` is
    a unit, in `timezone`, of which 0 is to date; `since` is P; `next` stands alone, of labels; so does `current`, of
    states."""

    range: int | None = None
    rows: int | None = None
    offset: int = 0
    hop: int | None = None
    align: bool = False
    calendar: str | None = None
    previous: int = 0
    timezone: str = "UTC"
    since: RowExpr | None = None
    next: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate over one window. `type` is the result's: bigint decimal double text boolean timestamp, or of these
    `list T` and `map K V`. `params` are what is given beside arguments; durations in µs."""

    name: str
    fn: str
    args: tuple[RowExpr, ...]
    window: Window
    type: str
    filter: RowExpr | None = None
    default: Value = None
    params: Mapping[str, Value] = field(default_factory=dict)


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
class Join:
    """Columns of `source` beside each event, as `name.column`: of the row whose columns equal `keys`, row expressions
    over the event and the joins before."""

    name: str
    source: str
    keys: Mapping[str, RowExpr]
    within: int | None = None


@dataclass(frozen=True, slots=True)
class ViewJoin:
    """Features of `view` beside each event, as `name.feature`: of the entity whose keys equal `keys`, row expressions
    over the event and the joins before."""

    name: str
    view: str
    keys: Mapping[str, RowExpr]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Columns of `source` beside each event of an attributed source, as `name.column`: of the `take` row, in event
    order, whose columns equal `keys` and that follows the event within so many µs."""

    name: str
    source: str
    keys: Mapping[str, RowExpr]
    within: int
    take: str = "first"
    mature: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """`keys` maps each key of the entity to the row expression that gives it; no `source` means on demand. With
    `matches` its source is attributed, and `source` that of its events."""

    name: str
    source: str | None
    keys: Mapping[str, RowExpr]
    features: tuple[Feature, ...]
    where: RowExpr | None = None
    closed: str = "left"
    ttl: int | None = None
    labels: tuple[Feature, ...] = ()
    joins: tuple[Join | ViewJoin, ...] = ()
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """An observation: keys, an instant t in µs, request columns. `known_by` is the knowledge instant k where it is not
    t: of features beside an event."""

    keys: Mapping[str, Value]
    t: int
    request: Mapping[str, Value]
    known_by: int | None = None

    @property
    def k(self) -> int:
        """The knowledge instant."""
        return self.t if self.known_by is None else self.known_by


@dataclass(slots=True)
class Version:
    """A row of a source with the facts that decide when it is visible. `number` is its place in the data of `source`,
    which of a union's row is the member."""

    source: str
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
        tau, alpha = self.tau, self.alpha
        if tau is None or alpha is None:
            return None
        return tau if tau > alpha else alpha


# -------------------------------------------------------------------------------- values


def rank(value: Value) -> tuple[Any, ...]:
    """Sort key of a value: NULLs first, text by UTF-8 bytes, NaN greatest, -0.0 = 0.0."""
    if value is None:
        return (0,)
    if isinstance(value, float):
        return (2,) if math.isnan(value) else (1, value)
    if isinstance(value, str):
        return (1, value.encode())
    if isinstance(value, list):
        return (1, [rank(x) for x in value])
    if isinstance(value, dict):
        return (1, [(rank(k), rank(x)) for k, x in value.items()])
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


def as_text(id: Value) -> Value:
    """An id as it is compared where those of a union's members are of types that do not compare."""
    return None if id is None else str(id)


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
    """What each feature is at each probe, given the whole of every source's data; and each label, by what was known at
    `known_at` (None: all there is) of data that reaches to `data_until` (None: as far as there are rows)."""

    known_at: int | None = None
    data_until: int | None = None

    def __init__(self, sources: Sequence[Source], views: Sequence[View], rows: Mapping[str, Sequence[Row]]):
        self.sources = {s.name: s for s in sources}
        self.views = {v.name: v for v in views}
        self.features = {f"{v.name}.{f.name}": (v, f) for v in views for f in v.features}
        self.labels = {f"{v.name}.{f.name}": (v, f) for v in views for f in v.labels}
        self.data = {s.name: self.versions(s, rows[s.name]) for s in sources if not s.union}
        self.data |= {s.name: self.united(s) for s in sources if s.union}
        self.by_key: dict[str, dict[tuple[Value, ...], list[Version]]] = {}
        self.answered: dict[tuple[Any, ...], Any] = {}

    def once(self, question: tuple[Any, ...], answer: Callable[[], T]) -> T:
        """What was answered before: the same question comes for every feature and every row."""
        if question not in self.answered:
            self.answered[question] = answer()
        found: T = self.answered[question]
        return found

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
        return Version(source.name, row, number, tau, alpha, dead)

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
        others = sorted((c for c in source.columns if c not in source.tie_break), key=lambda c: (c.lower(), c))
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

    # ---- Unions

    def united(self, source: Source) -> list[Version]:
        """The rows of the members, each as it is in its own, with the columns of all."""
        of_all = ((m, v) for m in self.parts(source) for v in self.data[m.name])
        return [replace(v, row=self.completed(source, m, v.row)) for m, v in of_all]

    def completed(self, source: Source, member: Source, row: Row) -> Row:
        """Columns and `let` names by name, whatever their case, NULL where the member has none; `_source`; then the
        union's own `let`."""
        values = {**row, **{name: expr(row) for name, expr in member.let.items()}}
        by_name = {name.lower(): value for name, value in values.items()}
        found = {c: self.widened(source, c, by_name.get(c.lower())) for c in source.columns}
        found = {**values, **found, "_source": member.name}
        return {**found, **{name: expr(found) for name, expr in source.let.items()}}

    def widened(self, source: Source, name: str, value: Value) -> Value:
        """The value in the common type of the members' columns."""
        return float(value) if name in source.doubles and value is not None else value

    def parts(self, source: Source) -> list[Source]:
        """A union's members; any other source is alone."""
        return [self.sources[name] for name in source.union] or [source]

    # ---- Visibility

    def visible(self, view: View, v: Version, t: int) -> bool:
        """`enter ⊲ t` and not `alpha(next) ⊲ t`, and not dead (tombstones are seen, see `is_tombstone`)."""
        if v.enter is None or not self.entered(view, v, t) or self.superseded(view, v, t):
            return False
        source = self.sources[str(view.source)]
        if source.kind == "snapshot":
            acting = self.once(("in force", view.name, view.closed, t), lambda: self.in_force(view, t))
            if self.dump(v) != acting:
                return False
        return not v.dead or self.is_tombstone(source, v)

    def entered(self, view: View, v: Version, t: int) -> bool:
        """`enter(e) ⊲ t`."""
        assert v.enter is not None
        return self.before(view.closed, v.enter, t)

    def superseded(self, view: View, v: Version, t: int) -> bool:
        """`alpha(next) ⊲ t`."""
        return v.superseded_at is not None and self.before(view.closed, v.superseded_at, t)

    def is_tombstone(self, source: Source, v: Version) -> bool:
        """`deleted` without `id` on a state source, or in a dump."""
        return v.dead and source.kind != "event" and source.id is None

    # ---- Snapshots

    def dump(self, v: Version) -> tuple[int, int]:
        """Rows of equal (tau, alpha) are one dump."""
        assert v.tau is not None
        assert v.alpha is not None
        return v.tau, v.alpha

    def in_force(self, view: View, t: int) -> tuple[int, int] | None:
        """The dump that acts at t: of those that have entered, at max(tau, alpha), the one with the greatest tau, and
        of those the greatest alpha; an older one than a visible one changes nothing."""
        rows = self.data[str(view.source)]
        return max((self.dump(v) for v in rows if v.enter is not None and self.entered(view, v, t)), default=None)

    def keyed(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        """The view's rows per key; rows with a NULL or NaN key belong to none (but have superseded above)."""
        found: dict[tuple[Value, ...], list[Version]] = defaultdict(list)
        for plain in self.data[str(view.source)]:
            if plain.enter is None:
                continue
            v = replace(plain, row=self.beside(view, plain)) if view.joins else plain
            key = self.key_of([expr(v.row) for expr in view.keys.values()])
            if key is not None:
                found[key].append(v)
        return found

    def rows_of(self, view: View, probe: Probe) -> list[Version]:
        """All rows of the probe's entity, visible or not; a NULL key is an unknown entity."""
        key = self.key_of([probe.keys.get(k) for k in view.keys])
        if key is None:
            return []
        if view.matches:
            rows = self.once(("attributed", view.name, view.closed, probe.k), lambda: self.attributed(view, probe.k))
            return [v for v in rows if self.key_of([expr(v.row) for expr in view.keys.values()]) == key]
        if view.name not in self.by_key:
            self.by_key[view.name] = self.keyed(view)
        return self.by_key[view.name].get(key, [])

    def passes(self, view: View, v: Version) -> bool:
        """`where:`, which applies after superseding."""
        return view.where is None or view.where(v.row) is True

    # ---- Enrichment joins

    def beside(self, view: View, v: Version) -> Row:
        """The event's row with the columns of its joins."""
        row = dict(v.row)
        for join in view.joins:
            if isinstance(join, ViewJoin):
                row |= self.features_beside(join, row, v)
                continue
            found = self.joined(join, row, v)
            for column in self.sources[join.source].columns:
                row[f"{join.name}.{column}"] = None if found is None else canonical(found[column])
        return row

    def features_beside(self, join: ViewJoin, row: Row, v: Version) -> Row:
        """The other view at t = tau(e) under its own ⊲, with k = enter(e)."""
        assert v.tau is not None
        probe = Probe({key: expr(row) for key, expr in join.keys.items()}, v.tau, {}, v.enter)
        return {f"{join.name}.{f}": canonical(self.value(f"{join.view}.{f}", probe)) for f in join.features}

    def joined(self, join: Join, row: Row, v: Version) -> Row | None:
        """What held at the event's own tau, using versions known by enter(e); the latest in event order."""
        source = self.sources[join.source]
        key = self.key_of([expr(row) for expr in join.keys.values()])
        if key is None:
            return None
        seen = [
            d
            for d in self.data[join.source]
            if self.known_to(source, d, v) and self.key_of([d.row[c] for c in join.keys]) == key
        ]
        if not seen:
            return None
        taken = max(seen, key=lambda d: self.join_order(source, d))
        assert taken.tau is not None
        assert v.tau is not None
        end = None if source.valid_to is None else instant(taken.row[source.valid_to])
        if taken.dead or (end is not None and end <= v.tau):
            return None
        return taken.row if join.within is None or v.tau - join.within <= taken.tau else None

    def known_to(self, source: Source, d: Version, v: Version) -> bool:
        """`tau_d ≤ tau(e)`, `alpha_d ≤ enter(e)`, not `alpha(next) ≤ enter(e)`, whatever `closed`."""
        assert v.tau is not None
        assert v.enter is not None
        if d.tau is None or d.alpha is None or (d.dead and not self.is_tombstone(source, d)):
            return False
        superseded = d.superseded_at is not None and d.superseded_at <= v.enter
        return d.tau <= v.tau and d.alpha <= v.enter and not superseded

    def join_order(self, source: Source, d: Version) -> tuple[Any, ...]:
        """States: tau, then version order. Events: event order, and where that ties, version order."""
        if source.kind == "state":
            return (d.tau, *self.version_order(source, d))
        identifier = () if source.id is None else rank(d.row[source.id])
        order = (d.tau, self.tie_break(source, d), d.alpha, identifier)
        return (*order, *self.version_order(source, d))

    # ---- Enrichment joins: attribution

    def attributed(self, view: View, t: int) -> list[Version]:
        """The events of the source by what is known at t: each with its alpha as an attributed row, and what matches it
        then."""
        found = []
        for v in self.data[str(view.source)]:
            if v.tau is None or v.alpha is None:
                continue
            row = dict(v.row)
            for match in view.matches:
                taken = self.match(view, match, v, t)
                for column in self.sources[match.source].columns:
                    row[f"{match.name}.{column}"] = None if taken is None else canonical(taken[column])
            matures = [self.mature(m, v.tau) for m in view.matches if m.mature]
            found.append(replace(v, row=row, alpha=max([v.alpha, *matures])))
        return found

    def mature(self, match: Match, tau: int) -> int:
        """When nothing that is known in time can match any more: tau(e) + within + delay."""
        source = self.sources[match.source]
        return tau + match.within + (source.delay if source.available_at is None else 0)

    def match(self, view: View, match: Match, e: Version, t: int) -> Row | None:
        """The first, or last, in event order of the visible rows with equal keys and tau(e) ≤ tau < tau(e) + within."""
        source = self.sources[match.source]
        key = self.key_of([expr(e.row) for expr in match.keys.values()])
        if key is None:
            return None
        able = [
            d
            for d in self.data[match.source]
            if self.follows(match, e, d)
            and self.is_known(view, d, t)
            and self.key_of([d.row[c] for c in match.keys]) == key
        ]
        able.sort(key=lambda d: self.join_order(source, d))
        return None if not able else able[0 if match.take == "first" else -1].row

    def follows(self, match: Match, e: Version, d: Version) -> bool:
        """`tau(e) ≤ tau_d < tau(e) + within`."""
        assert e.tau is not None
        return d.tau is not None and e.tau <= d.tau < e.tau + match.within

    def is_known(self, view: View, d: Version, t: int) -> bool:
        """Whether a row that may match is visible at t."""
        entered = d.enter is not None and self.entered(view, d, t)
        return entered and not self.superseded(view, d, t) and not d.dead

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
        asked = self.key_of([probe.keys.get(k) for k in view.keys])
        seen = self.once(("seen", view.name, view.closed, asked, probe.k), lambda: self.seen(view, probe))
        return [v for v in seen if v.tau is not None and self.within(view.closed, window, lower, v.tau, upper)]

    def seen(self, view: View, probe: Probe) -> list[Version]:
        """The entity's rows that are visible at t and pass `where`, of any time."""
        rows = self.rows_of(view, probe)
        return [v for v in rows if self.visible(view, v, probe.k) and not v.dead and self.passes(view, v)]

    def members(self, view: View, aggregate: Aggregate, probe: Probe) -> list[Version]:
        """The window's members in event order, before FILTER and NULL-skipping."""
        if aggregate.window.current:
            return self.in_order(view, aggregate, self.current(view, probe))
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
        """(tau, tie_break…, alpha, source name, id, this feature's FILTER outcome and arguments left to right)."""
        source = self.sources[str(view.source)]
        return sorted(found, key=lambda v: self.event_order(source, aggregate, v))

    def event_order(self, source: Source, aggregate: Aggregate, v: Version) -> tuple[Any, ...]:
        """The sort key of one event for one aggregate."""
        own = self.sources[v.source]
        identifier = () if own.id is None else rank(as_text(v.row[own.id]) if source.text_ids else v.row[own.id])
        outcome = () if aggregate.filter is None else rank(aggregate.filter(v.row))
        arguments = [rank(arg(v.row)) for arg in aggregate.args]
        since = aggregate.window.since
        begins = () if since is None else (since(v.row) is True,)
        ties, name = self.padded(source, self.tie_break(own, v)), rank(v.source)
        return (v.tau, ties, v.alpha, name, identifier, outcome, *arguments, *begins)

    def padded(self, source: Source, ties: tuple[Any, ...]) -> tuple[Any, ...]:
        """The tie-breaking columns of a member, NULL for those that only others have."""
        most = max(len(m.tie_break) for m in self.parts(source))
        return ties + (rank(None),) * (most - len(ties))

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

    def aggregate(self, aggregate: Aggregate, members: Sequence[Version], t: int) -> Value:
        """The aggregate over the members; empty: count forms 0, all else NULL."""
        if aggregate.fn in AGGREGATES:
            return AGGREGATES[aggregate.fn](self.arguments(aggregate, members))
        return OVER_SERIES[aggregate.fn](self.series(aggregate, members, t))

    def series(self, aggregate: Aggregate, members: Sequence[Version], t: int) -> Series:
        """The arguments that count, with how long ago each was at t."""
        found, ages = [], []
        for v in members:
            for values in self.arguments(aggregate, [v]):
                assert v.tau is not None
                found.append(values)
                ages.append(t - v.tau)
        return Series(found, ages, aggregate.params, aggregate.window.range or aggregate.window.next)

    # ---- State sources

    def holding(self, view: View, probe: Probe) -> Row | None:
        """The row that holds at t: the visible one of greatest tau (ties: version order), then its tests."""
        source = self.sources[str(view.source)]
        seen = [v for v in self.rows_of(view, probe) if self.visible(view, v, probe.k)]
        if probe.known_by is not None:  # what is known later may also lie later
            seen = [v for v in seen if v.tau is not None and self.before(view.closed, v.tau, probe.t)]
        if not seen:
            return None
        taken = max(seen, key=lambda v: (v.tau, self.version_order(source, v)))
        return taken.row if self.holds(view, taken, probe.t) else None

    def current(self, view: View, probe: Probe) -> list[Version]:
        """The rows that hold at t, of those keys of the source whose row is the entity's."""
        asked = self.key_of([probe.keys.get(k) for k in view.keys])
        return [
            v
            for v in self.once(("own rows", view.name, view.closed, probe.t), lambda: self.own_rows(view, probe.t))
            if v is not None and self.entity(view, v) == asked and asked is not None and self.holds(view, v, probe.t)
        ]

    def own_rows(self, view: View, t: int) -> list[Version | None]:
        """The own row of each key of the source's, None where it has none."""
        places = self.once(("places", view.name), lambda: self.by_place(view))
        return [self.own_row(view, rows, t) for rows in places.values()]

    def by_place(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        """A state source's rows by its key, or the view's where it has none; without those that have a NULL key of the
        source's or of the view's, which are never visible."""
        source = self.sources[str(view.source)]
        found: dict[tuple[Value, ...], list[Version]] = defaultdict(list)
        for v in self.data[source.name]:
            place = self.key_of([v.row[k] for k in source.key]) if source.key else self.entity(view, v)
            if place is not None and self.entity(view, v) is not None:
                found[place].append(v)
        return found

    def entity(self, view: View, v: Version) -> tuple[Value, ...] | None:
        """Which entity a row is about."""
        return self.key_of([expr(v.row) for expr in view.keys.values()])

    def own_row(self, view: View, rows: Sequence[Version], t: int) -> Version | None:
        """The visible row of greatest tau (ties: version order)."""
        source = self.sources[str(view.source)]
        seen = [v for v in rows if self.visible(view, v, t)]
        return max(seen, key=lambda v: (v.tau, self.version_order(source, v))) if seen else None

    def holds(self, view: View, v: Version, t: int) -> bool:
        """Unless it is a tombstone, has ended, fails `where` or is too old."""
        source = self.sources[str(view.source)]
        assert v.tau is not None
        ended = v.dead or self.has_ended(view, source, v, t)
        return not ended and self.passes(view, v) and self.young_enough(view, v.tau, t)

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

    # ---- Labels

    def label(self, name: str, probe: Probe) -> tuple[Value, bool]:
        """The value of a label, and whether it is complete: NULL when it is not, whatever its default."""
        view, label = self.labels[name]
        if not self.complete(name, probe):
            return None, False
        match label:
            case Aggregate():
                ahead = self.in_order(view, label, self.ahead(view, label.window, probe))
                found = self.aggregate(label, ahead, probe.t)
            case Derived():
                found = self.derive(label, {i: self.label_input(i, probe) for i in label.inputs})
            case Lookup():
                raise TypeError("a state is no label")
        return (label.default if found is None else found), True

    def label_input(self, name: str, probe: Probe) -> Value:
        """What a label sees under a name."""
        return self.label(name, probe)[0] if name in self.labels else self.input(name, probe)

    def ahead(self, view: View, window: Window, probe: Probe) -> list[Version]:
        """The versions known, passing `where`, of t ≤ tau < t+W under left and neither, t < tau ≤ t+W otherwise."""
        assert window.next is not None
        end = probe.t + window.next
        return [
            v
            for v in self.rows_of(view, probe)
            if self.known(view, v)
            and self.passes(view, v)
            and v.tau is not None
            and (probe.t <= v.tau < end if view.closed in ("left", "neither") else probe.t < v.tau <= end)
        ]

    def known(self, view: View, v: Version) -> bool:
        """`alpha ⊲ k` and not `alpha(next) ⊲ k`, k = ∞ or the knowledge instant; and not dead."""
        assert v.alpha is not None
        if v.dead and not self.is_tombstone(self.sources[str(view.source)], v):
            return False
        if self.known_at is None:
            return v.superseded_at is None
        superseded = v.superseded_at is not None and self.before(view.closed, v.superseded_at, self.known_at)
        return self.before(view.closed, v.alpha, self.known_at) and not superseded

    def complete(self, name: str, probe: Probe) -> bool:
        """`t + W + D ≤` the watermark, for every window behind the label."""
        view, label = self.labels[name]
        if isinstance(label, Derived):
            return all(self.complete(i, probe) for i in label.inputs if i in self.labels)
        assert isinstance(label, Aggregate)
        assert label.window.next is not None
        source = self.sources[str(view.source)]
        until = self.watermark(source)
        return until is not None and probe.t + label.window.next + self.lateness(source) <= until

    def lateness(self, source: Source) -> int:
        """D: `final_after`, which is the same of all members, else the greatest `delay` of any, else 0."""
        members = self.parts(source)
        final = members[0].final_after
        return max(m.delay for m in members) if final is None else final

    def watermark(self, source: Source) -> int | None:
        """`data_until`, else the source's greatest enter; at most the knowledge instant."""
        enters = [v.enter for v in self.data[source.name] if v.enter is not None]
        until = self.data_until if self.data_until is not None else max(enters, default=None)
        return until if until is None or self.known_at is None else min(until, self.known_at)

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
                return self.aggregate(feature, self.members(view, feature, probe), probe.t)
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
    "approx_count_distinct": lambda a: about_distinct(only(a)),
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


# -------------------------------------------------------------------------------- aggregates over series


@dataclass(frozen=True, slots=True)
class Series:
    """The arguments that count, in event order; µs from each to t; the aggregate's parameters; the window's length."""

    rows: list[tuple[Value, ...]]
    ages: list[int]
    params: Mapping[str, Value]
    length: int | None = None

    @property
    def values(self) -> list[Value]:
        """The first argument of each row."""
        return [r[0] for r in self.rows]

    @property
    def finite(self) -> bool:
        """Whether no argument is NaN or infinite."""
        return all(is_finite(x) for row in self.rows for x in row)


LARGEST = Fraction(17) * 10**307
LEAST = Fraction(2) ** -1022
PRECISE = Context(prec=60, Emin=-(10**15), Emax=10**15, traps=[])


def decimal(value: Fraction | int) -> Decimal:
    """A fraction to sixty digits."""
    ratio = Fraction(value)
    return PRECISE.divide(Decimal(ratio.numerator), Decimal(ratio.denominator))


def root(value: Fraction) -> Fraction:
    """The square root, to sixty digits."""
    return Fraction(PRECISE.sqrt(decimal(value)))


def halved(age: int, half_life: int) -> Fraction:
    """2 ** (-age / half_life), to sixty digits; 0 where no DOUBLE is as small.

    An age is negative where a rule is broken on purpose; its weight has a bound, or it would take all memory there is.
    """
    if age > 5000 * half_life:
        return Fraction(0)
    age = max(age, -500 * half_life)
    return Fraction(PRECISE.power(Decimal(2), decimal(Fraction(-age, half_life))))


def average(values: Sequence[Value]) -> Fraction:
    """The mean of finite numbers, exactly."""
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def moment_of(values: Sequence[Value], power: int) -> Fraction:
    """The mean of powers of deviations from the mean, exactly."""
    centre = average(values)
    return sum(((Fraction(x) - centre) ** power for x in values), Fraction(0)) / len(values)


def joint(s: Series) -> Fraction:
    """The mean product of the deviations of both arguments, exactly."""
    first, second = ([r[n] for r in s.rows] for n in (0, 1))
    a, b = average(first), average(second)
    return sum(((Fraction(x) - a) * (Fraction(y) - b) for x, y in s.rows), Fraction(0)) / len(s.rows)


def all_equal(values: Sequence[Value]) -> bool:
    """One value, or none."""
    return len({rank(x) for x in values}) < 2


def constant(values: Sequence[Value]) -> bool:
    """One number, or none, as DOUBLEs have it."""
    return all_equal([float(x) for x in values])


def unless_empty(fn: Callable[[Series], Value]) -> Callable[[Series], Value]:
    """NULL for no rows."""
    return lambda s: fn(s) if s.rows else None


def at(values: Sequence[Value], place: int) -> Value:
    """The value at a place counted from 0, NULL outside."""
    return values[place] if 0 <= place < len(values) else None


def newest_distinct(s: Series) -> list[Value]:
    """Each value once, where it was last seen; at most n, the oldest left out."""
    values = s.values
    last = [x for i, x in enumerate(values) if not any(rank(x) == rank(y) for y in values[i + 1 :])]
    return last[-s.params["n"] :]


def extremes_by(s: Series, *, greatest: bool) -> list[Value]:
    """x of the n rows of least or greatest y; equal y in event order."""
    placed = sorted(s.rows, key=lambda r: rank(r[1]), reverse=greatest)
    return [x for x, _ in placed[: s.params["n"]]]


def streak(s: Series) -> int:
    """How many of the newest values are true without a break."""
    return len(list(itertools.takewhile(bool, reversed(s.values))))


def drawdown(s: Series) -> float:
    """The greatest fall from the greatest value so far."""
    falls = []
    for i, value in enumerate(s.values):
        peak = max(s.values[: i + 1], key=rank)
        if is_finite(peak) and is_finite(value):
            falls.append(rounded(Fraction(peak) - Fraction(value)))
        else:
            falls.append(float(peak) - float(value))
    return max(falls, key=rank)


def ewma(s: Series) -> float:
    """(1 - alpha) * former + alpha * value."""
    written = Fraction(str(s.params["alpha"]))
    if s.finite:
        exact = Fraction(s.values[0])
        for value in s.values[1:]:
            exact = (1 - written) * exact + written * Fraction(value)
        return rounded(exact)
    alpha, found = float(written), float(s.values[0])
    for value in s.values[1:]:
        found = (1 - alpha) * found + alpha * float(value)
    return found


def weights(s: Series, since: int = 0) -> list[Fraction]:
    """What each row weighs at t, or at an instant so many µs before."""
    return [halved(age - since, s.params["half_life"]) for age in s.ages]


def decay_sum(s: Series) -> float:
    if not s.finite:
        return double_sum(s.values)
    return rounded(sum(Fraction(x) * w for x, w in zip(s.values, weights(s), strict=True)))


def decay_avg(s: Series) -> float:
    if not s.finite:
        return double_sum(s.values)
    own = weights(s, min(s.ages))
    return rounded(sum((Fraction(x) * w for x, w in zip(s.values, own, strict=True)), Fraction(0)) / sum(own))


def skewness(s: Series) -> float | None:
    n = len(s.rows)
    if n < 3 or constant(s.values):
        return None
    if not s.finite:
        return math.nan
    m2, m3 = moment_of(s.values, 2), moment_of(s.values, 3)
    found = root(n * (n - 1) * m3 * m3 / m2**3) / (n - 2)
    return rounded(-found if m3 < 0 else found)


def kurtosis(s: Series) -> float | None:
    n = len(s.rows)
    if n < 4 or constant(s.values):
        return None
    if not s.finite:
        return math.nan
    ratio = moment_of(s.values, 4) / moment_of(s.values, 2) ** 2
    return rounded(((n + 1) * ratio - 3 * (n - 1)) * (n - 1) / ((n - 2) * (n - 3)))


def covariance(s: Series, lost: int) -> float | None:
    n = len(s.rows)
    if n <= lost:
        return None
    return rounded(joint(s) * n / (n - lost)) if s.finite else math.nan


def side(s: Series, n: int) -> list[Value]:
    """One of the arguments."""
    return [r[n] for r in s.rows]


def correlation(s: Series) -> float | None:
    a, b = side(s, 0), side(s, 1)
    if len(s.rows) < 2 or constant(a) or constant(b):
        return None
    if not s.finite:
        return math.nan
    both = joint(s)
    found = root(both * both / (moment_of(a, 2) * moment_of(b, 2)))
    return rounded(-found if both < 0 else found)


def slope(s: Series) -> float | None:
    b = side(s, 1)
    if len(s.rows) < 2 or constant(b):
        return None
    return rounded(joint(s) / moment_of(b, 2)) if s.finite else math.nan


def geometric(s: Series) -> float:
    values = [float(x) for x in s.values]
    if any(math.isnan(x) or x < 0 for x in values) or (0.0 in values and math.inf in values):
        return math.nan
    if 0.0 in values:
        return 0.0
    if math.inf in values:
        return math.inf
    logs = [PRECISE.ln(Decimal(x)) for x in s.values]
    total = Decimal(0)
    for x in logs:
        total = PRECISE.add(total, x)
    return float(PRECISE.exp(PRECISE.divide(total, Decimal(len(logs)))))


def product(s: Series) -> float:
    found = 1.0
    for x in s.values:
        found *= float(x)
    return found


def weighted(s: Series) -> float | None:
    if s.finite:
        weight = sum(Fraction(w) for _, w in s.rows)
        return rounded(sum(Fraction(x) * Fraction(w) for x, w in s.rows) / weight) if weight else None
    weight = double_sum([float(w) for _, w in s.rows])
    total = double_sum([float(x) * float(w) for x, w in s.rows])
    return total / weight if weight else None


def bits(fn: Callable[[int, int], int]) -> Callable[[Series], int]:
    return lambda s: functools.reduce(fn, s.values)


def neighbours(s: Series, share: Fraction) -> tuple[Value, Value, Fraction]:
    """The values around a quantile's place, and how far it is from the first to the second."""
    values = sorted(s.values, key=rank)
    place = share * (len(values) - 1)
    return values[math.floor(place)], values[math.ceil(place)], place - math.floor(place)


def quantile(s: Series, share: Fraction) -> float:
    low, high, part = neighbours(s, share)
    if rank(low) == rank(high):
        return float(low)
    if is_finite(low) and is_finite(high):
        return rounded(Fraction(low) * (1 - part) + Fraction(high) * part)
    return float(low) * float(1 - part) + float(high) * float(part)


def share_of(s: Series) -> Fraction:
    """A quantile's share, as it was written."""
    return Fraction(str(s.params["p"]))


def discrete(s: Series) -> float:
    values = sorted(s.values, key=rank)
    return float(values[max(math.ceil(share_of(s) * len(values)), 1) - 1])


def canonical_text(value: Value) -> str:
    """What is hashed of a value: DOUBLEs by their bits, instants as µs since the epoch, dates as days.

    A plan writes decimals with all the digits of their type, which does not matter: equal ones have one text.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else str(struct.unpack(">q", struct.pack(">d", value + 0.0))[0])
    if isinstance(value, datetime):
        return str(micros(value))
    if isinstance(value, date):
        return str((value - EPOCH.date()).days)
    return format(value.normalize(PRECISE), "f") if isinstance(value, Decimal) else str(value)


def hash_of(value: Value) -> int:
    """The upper 63 bits of the second half of the MD5 of its text, least byte first."""
    return int.from_bytes(hashlib.md5(canonical_text(value).encode()).digest()[8:], "little") >> 1


def about_distinct(values: Sequence[Value]) -> int:
    """The hashes below 2^63 / 4^level, at the first of nine levels that leaves at most 4,096, times 4^level."""
    hashes = {hash_of(x) for x in values}
    for level in range(9):
        below = sum(h < 2 ** (63 - 2 * level) for h in hashes)
        if below <= 4096:
            return below * 4**level
    return 4097 * 4**8


def about(x: float) -> float:
    """The number that stands for the bucket (1.02^(i-1), 1.02^i] of |x|, equally near to both ends; 0 below 1e-300."""
    if not is_finite(x):
        return x
    if abs(x) < 1e-300:
        return 0.0
    i = math.ceil(math.log(abs(x)) / math.log(1.02))
    return math.copysign(min(1.02 ** (i - 1) * (2.04 / 2.02), 1.7976931348623157e308), x)


def frequencies(values: Sequence[Value]) -> list[tuple[Value, int]]:
    """(value, how often), the most frequent first, equally frequent ones by value."""
    counts: dict[Any, int] = defaultdict(int)
    shown = {rank(x): x for x in values}
    for x in values:
        counts[rank(x)] += 1
    return [(shown[r], n) for r, n in sorted(counts.items(), key=lambda e: (-e[1], e[0]))]


def entropy(s: Series) -> float:
    n = len(s.rows)
    found = Decimal(0)
    for _, times in frequencies(s.values):
        part = decimal(Fraction(times, n))
        found = PRECISE.subtract(found, PRECISE.multiply(part, PRECISE.ln(part)))
    return float(PRECISE.divide(found, PRECISE.ln(Decimal(2))))


def by_value(pairs: Sequence[tuple[Value, Value]]) -> dict[Value, Value]:
    """A map in order of its keys."""
    return dict(sorted(pairs, key=lambda e: rank(e[0])))


def keyed(place: int, fn: Callable[[list[Value]], Value]) -> Callable[[Series], Value]:
    """A map from the most frequent keys, the argument at `place`, to what `fn` makes of their first arguments."""

    def over(s: Series) -> Value:
        kept = [k for k, _ in frequencies([r[place] for r in s.rows])[: s.params["max_keys"]]]
        return by_value([(k, fn([r[0] for r in s.rows if rank(r[place]) == rank(k)])) for k in kept])

    return over


OVER_SERIES: Mapping[str, Callable[[Series], Value]] = {
    "first_n": unless_empty(lambda s: s.values[: s.params["n"]]),
    "last_n": unless_empty(lambda s: s.values[-s.params["n"] :]),
    "list": unless_empty(lambda s: s.values[-s.params["n"] :]),
    "list_distinct": unless_empty(newest_distinct),
    "nth": unless_empty(lambda s: at(s.values, s.params["n"] - 1)),
    "lag": unless_empty(lambda s: at(s.values, len(s.values) - 1 - s.params["n"])),
    "arg_min_n": unless_empty(lambda s: extremes_by(s, greatest=False)),
    "arg_max_n": unless_empty(lambda s: extremes_by(s, greatest=True)),
    "streak": streak,
    "drawdown": unless_empty(drawdown),
    "ewma": unless_empty(ewma),
    "decay_sum": unless_empty(decay_sum),
    "decay_count": lambda s: rounded(sum(weights(s), Fraction(0))),
    "decay_avg": unless_empty(decay_avg),
    "rate_per_hour": lambda s: rounded(Fraction(len(s.rows) * 3_600_000_000, s.length or 1)),
    "skewness": skewness,
    "kurtosis": kurtosis,
    "covar_samp": lambda s: covariance(s, 1),
    "covar_pop": lambda s: covariance(s, 0),
    "corr": correlation,
    "regr_slope": slope,
    "geomean": unless_empty(geometric),
    "product": unless_empty(product),
    "weighted_avg": unless_empty(weighted),
    "bit_and": unless_empty(bits(lambda a, b: a & b)),
    "bit_or": unless_empty(bits(lambda a, b: a | b)),
    "bit_xor": unless_empty(bits(lambda a, b: a ^ b)),
    "median": unless_empty(lambda s: quantile(s, Fraction(1, 2))),
    "quantile_cont": unless_empty(lambda s: quantile(s, share_of(s))),
    "quantile_disc": unless_empty(discrete),
    "approx_quantile": unless_empty(lambda s: about(discrete(s))),
    "mode": unless_empty(lambda s: frequencies(s.values)[0][0]),
    "top_k": unless_empty(lambda s: [x for x, _ in frequencies(s.values)[: s.params["k"]]]),
    "top_ratio": unless_empty(lambda s: frequencies(s.values)[0][1] / len(s.rows)),
    "entropy": unless_empty(entropy),
    "histogram": unless_empty(lambda s: by_value(frequencies(s.values))),
    "count_by": unless_empty(keyed(0, len)),
    "sum_by": unless_empty(keyed(1, exact_sum)),
    "avg_by": unless_empty(keyed(1, mean)),
    "min_by": unless_empty(keyed(1, lambda values: min(values, key=rank))),
    "max_by": unless_empty(keyed(1, lambda values: max(values, key=rank))),
}


# -------------------------------------------------------------------------------- how near those must be


def largest(values: Sequence[Value]) -> Fraction:
    """The greatest size among the finite ones."""
    return max((abs(Fraction(x)) for x in values if is_finite(x)), default=Fraction(0))


def relative(s: Series, expected: float) -> float:
    """1e-9 of the value."""
    return abs(expected) * 1e-9 if math.isfinite(expected) else 0.0


def of_largest(s: Series, expected: float) -> float:
    """1e-9 of the greatest member."""
    return rounded(largest(s.values) / 10**9)


def of_weighed(s: Series, weigh: list[Fraction]) -> float:
    """1e-9 of the sum of what the members weigh; nothing is said where that is beyond DOUBLE."""
    size = sum((abs(Fraction(x)) * w for x, w in zip(s.values, weigh, strict=True) if is_finite(x)), Fraction(0))
    return math.inf if size > LARGEST else rounded(size / 10**9) + 1e-300


def of_decayed_mean(s: Series, expected: float) -> float:
    own = weights(s, min(s.ages))
    return of_weighed(s, [w / sum(own) for w in own])


def lost_digits(values: Sequence[Value]) -> float:
    """The mean in standard deviations: what is left of a mean is known that much less well. Inf where DOUBLEs cannot
    tell the values apart or their distance is beyond DOUBLE."""
    if not all(map(is_finite, values)) or all_equal(values):
        return 0.0
    if Fraction(max(values)) - Fraction(min(values)) > LARGEST:
        return math.inf
    found = rounded(root(average(values) ** 2 / moment_of(values, 2)))
    return found if found < 1e6 else math.inf


def of_shape(s: Series, expected: float) -> float:
    return 1e-9 * max(1.0, abs(expected)) * (1 + lost_digits(s.values))


def of_pair(s: Series, expected: float) -> float:
    return 1e-9 * (1 + lost_digits(side(s, 0)) + lost_digits(side(s, 1)))


def spread_of(values: Sequence[Value]) -> Fraction:
    """The standard deviation."""
    return root(moment_of(values, 2))


def of_covariance(s: Series, expected: float) -> float:
    """In proportion to both spreads and means; nothing is said where a product is beyond DOUBLE or below it."""
    if not s.finite:
        return 0.0
    a, b = side(s, 0), side(s, 1)
    if largest(a) * largest(b) * len(a) > LARGEST or (largest(a) and largest(a) > LARGEST / len(a)):
        return math.inf
    if largest(b) > LARGEST / len(b):
        return math.inf
    sa, sb, ma, mb = spread_of(a), spread_of(b), abs(average(a)), abs(average(b))
    return rounded(2 * (sa * sb + ma * sb + mb * sa) / 10**9 + ma * mb / 10**18) + 1e-300


def of_slope(s: Series, expected: float) -> float:
    if not s.finite:
        return 0.0
    a, b = side(s, 0), side(s, 1)
    if all_equal(b):
        return 0.0
    lost = lost_digits(a) + lost_digits(b)
    unit = spread_of(b)
    scale = spread_of(a) / unit
    if lost == math.inf or largest(a) * len(a) > LARGEST / 2 or scale > LARGEST / 10**8:
        return math.inf
    return rounded((abs(Fraction(expected)) + scale) * Fraction(1 + lost) / 10**9 + abs(average(a)) / unit / 10**9)


def of_weights(s: Series, expected: float) -> float:
    """Weights that nearly cancel say little, and so do products beyond DOUBLE or below it."""
    if not s.finite:
        products = [Fraction(x) * Fraction(w) for x, w in s.rows if is_finite(x) and is_finite(w)]
        return math.inf if any(abs(p) > LARGEST for p in products) else 0.0
    products = [abs(Fraction(x) * Fraction(w)) for x, w in s.rows]
    if any(0 < p < LEAST for p in products):
        return math.inf
    size = sum(products)
    total, sizes = abs(sum(Fraction(w) for _, w in s.rows)), sum(abs(Fraction(w)) for _, w in s.rows)
    if not sizes:
        return 0.0
    if size > LARGEST or total * 10**6 < sizes or sizes > LARGEST:
        return math.inf
    return rounded((size / total + abs(Fraction(expected)) * sizes / total) / 10**9) + 1e-300


SLACK: Mapping[str, Callable[[Series, float], float]] = {
    "drawdown": of_largest,
    "ewma": of_largest,
    "decay_sum": lambda s, e: of_weighed(s, weights(s)),
    "decay_count": relative,
    "decay_avg": of_decayed_mean,
    "rate_per_hour": relative,
    "skewness": of_shape,
    "kurtosis": of_shape,
    "covar_samp": of_covariance,
    "covar_pop": of_covariance,
    "corr": of_pair,
    "regr_slope": of_slope,
    "geomean": relative,
    "product": relative,
    "weighted_avg": of_weights,
    "median": of_largest,
    "quantile_cont": of_largest,
    "quantile_disc": of_largest,
    "approx_quantile": relative,
    "entropy": lambda s, e: 1e-9 * (1 + e),
}
"""The aggregates over series with a tolerance: the greatest |error|, inf where the page promises nothing."""


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
    if not isinstance(feature, Aggregate) or not feature.type.endswith("double"):
        return feature.type
    if feature.type == "double":
        return feature.fn if feature.fn in TOLERANT or feature.fn in SLACK else feature.type
    return f"{feature.fn}: {feature.type}" if feature.fn in ("sum_by", "avg_by") else feature.type


def is_tolerant(kind: str) -> bool:
    """Whether values of a kind may differ by rounding."""
    return kind in TOLERANT or kind in SLACK or ":" in kind


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


def same(kind: str, expected: Value, got: Value, members: Any = ()) -> bool:
    """Whether a plan's value is the oracle's, with exactly the tolerances of 'What "equal" means'.

    `kind` as from `feature_kind`; `members` are the aggregate's arguments that count, or its Series. Timestamps are
    expected as µs and got as datetimes. A value of another Python type is another value.
    """
    slack = 0.0
    if kind in SLACK and isinstance(members, Series) and members.rows:
        slack = SLACK[kind](members, 0.0 if expected is None else expected)
        if slack == math.inf:
            return True  # beyond what DOUBLEs can tell
    if expected is None or got is None:
        return expected is None and got is None
    if kind.startswith("list "):
        items = kind.removeprefix("list ")
        return isinstance(got, list) and len(got) == len(expected) and all(map(same, [items] * len(got), expected, got))
    if "map " in kind:
        return same_map(kind, expected, dict(got) if isinstance(got, list) else got, members)
    wanted = _PYTHON_TYPE.get(kind, float)
    if isinstance(got, datetime):
        return wanted is datetime and micros(got) == expected
    if type(got) is not wanted:
        return False
    if wanted is not float:
        return bool(got == expected)
    if not (is_finite(expected) and is_finite(got)):
        return rank(got) == rank(expected)
    if kind in SLACK:
        return bool(abs(got - expected) <= slack)
    if kind not in TOLERANT or not members or not all(map(is_finite, members)):
        return bool(got == expected)
    return bool(abs(got - expected) <= tolerance(kind, members))


def same_map(kind: str, expected: Mapping[Value, Value], got: Any, members: Any) -> bool:
    """The same keys in the same order, and the same values; `sum_by: map K double` has the sum's tolerance per key."""
    function, _, types = kind.rpartition(": ")
    _, keys, values = types.split(" ")
    if not isinstance(got, dict) or not all(map(same, [keys] * len(expected), expected, got)):
        return False
    if len(got) != len(expected):
        return False
    for key, (one, other) in zip(expected, zip(expected.values(), got.values(), strict=True), strict=True):
        own = [x for x, k in members.rows if rank(k) == rank(key)] if function else ()
        if function == "sum_by" and sum(abs(Fraction(x)) for x in own if is_finite(x)) > LARGEST:
            continue
        if not same(function.removesuffix("_by") or values, one, other, own):
            return False
    return True
