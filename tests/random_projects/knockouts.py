"""The oracle with one rule left out: what a value would be if that rule were ignored.

`coverage` counts how often a knock-out changes a value at a compared probe; `test_random` asks that the
generator notices each of them, before any product code is mutated.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oracle import Aggregate, Match, Oracle, Probe, Source, Value, Version, View, Window

from .beside_knockouts import BesideIsKnownAtT, BesideKnowsAll
from .model import Case, Push
from .union_knockouts import FirstMembersArrival, IdsAreOfAll, SecondMemberIsForgotten

ZERO: Mapping[str, Value] = {"bigint": 0, "double": 0.0, "text": "", "boolean": False, "timestamp": 0}


class NeverSuperseded(Oracle):
    """Old versions stay."""

    def superseded(self, view: View, v: Version, t: int) -> bool:
        return False


class MovesLeaveTheOldKey(Oracle):
    """A version supersedes only versions with the same key."""

    keys: Mapping[str, tuple[str, ...]] = {}

    def supersede(self, source: Source, several: list[Version]) -> set[int]:
        columns = self.keys[source.name]
        return by_group(super().supersede, source, several, lambda v: tuple(v.row[c] for c in columns))


class MovesLeaveTheOldTime(Oracle):
    """A version supersedes only versions with the same event time."""

    def supersede(self, source: Source, several: list[Version]) -> set[int]:
        return by_group(super().supersede, source, several, lambda v: v.tau)


def by_group(
    supersede: Callable[[Source, list[Version]], set[int]],
    source: Source,
    several: list[Version],
    group: Callable[[Version], Any],
) -> set[int]:
    """Applies the rule to each group apart."""
    groups: dict[Any, list[Version]] = defaultdict(list)
    for v in several:
        groups[group(v)].append(v)
    return {n for members in groups.values() for n in supersede(source, members)}


class DeathBeforeBirthIsLost(Oracle):
    """A dead version does nothing when the version it kills has not entered yet."""

    def link(self, chain: list[Version]) -> None:
        kept: list[Version] = []
        for v in chain:
            born = kept[-1].enter if kept and not kept[-1].dead else None
            if not (v.dead and born is not None and v.alpha is not None and born >= v.alpha):
                kept.append(v)
        super().link(kept)


class NothingIsTooLate(Oracle):
    """`final_after` is ignored."""

    def too_late(self, source: Source, v: Version, taus: list[int]) -> bool:
        return False


class TooLateByItsOwnTime(Oracle):
    """A version is too late by its own τ, not by the least of its event's."""

    def too_late(self, source: Source, v: Version, taus: list[int]) -> bool:
        return super().too_late(source, v, taus[-1:])


class TieBreakIsIgnored(Oracle):
    """The declared tie-breaking columns decide nothing."""

    def tie_break(self, source: Source, v: Version) -> tuple[Any, ...]:
        return ()


class EverythingIsKnown(Oracle):
    """Membership as it is in the end, not as it was at t: what an unsettled tile holds."""

    def entered(self, view: View, v: Version, t: int) -> bool:
        return v.tau is not None and self.before(view.closed, v.tau, t)

    def superseded(self, view: View, v: Version, t: int) -> bool:
        return v.superseded_at is not None


class FutureIsSeen(Oracle):
    """A read at t sees what the store holds after t."""

    def entered(self, view: View, v: Version, t: int) -> bool:
        return True

    def inside(self, closed: str, lower: int | None, tau: int, upper: int) -> bool:
        return lower is None or (lower <= tau if closed in ("left", "both") else lower < tau)


class EveryRowIsRegular(Oracle):
    """Each row enters with its source's usual lag and is never superseded."""

    lags: Mapping[str, int] = {}

    def entered(self, view: View, v: Version, t: int) -> bool:
        assert v.tau is not None
        return self.before(view.closed, v.tau + self.lags[v.source], t)

    def superseded(self, view: View, v: Version, t: int) -> bool:
        return False


class NullCounts(Oracle):
    """A NULL argument is taken for a zero."""

    def arguments(self, aggregate: Aggregate, members: Sequence[Version]) -> list[tuple[Value, ...]]:
        return super().arguments(filled(aggregate), members)


def filled(aggregate: Aggregate) -> Aggregate:
    """The aggregate with zeros for NULL arguments, of the type the other members have."""

    def zero(arg: Callable[[Any], Value]) -> Callable[[Any], Value]:
        def fn(row: Any) -> Value:
            value = arg(row)
            return ZERO.get(getattr(arg, "type", "bigint"), 0) if value is None else value

        return fn

    return Aggregate(
        aggregate.name,
        aggregate.fn,
        tuple(map(zero, aggregate.args)),
        aggregate.window,
        aggregate.type,
        aggregate.filter,
        aggregate.default,
    )


class NaNIsNull(Oracle):
    """A NaN argument is ignored."""

    def arguments(self, aggregate: Aggregate, members: Sequence[Version]) -> list[tuple[Value, ...]]:
        found = super().arguments(aggregate, members)
        return [a for a in found if not any(isinstance(x, float) and math.isnan(x) for x in a)]


class ReplaysCountTwice(Oracle):
    """A row pushed twice is two events."""

    again: frozenset[tuple[str, int]] = frozenset()

    def in_window(self, view: View, window: Window, probe: Probe) -> list[Version]:
        found = super().in_window(view, window, probe)
        return [v for v in found for _ in range(2 if (v.source, v.number) in self.again else 1)]


# ------------------------------------------------------------------------------------- what only mutants do


class LowerEdgeLate(Oracle):
    """Windows begin 1 µs late."""

    def edges(self, window: Window, t: int) -> tuple[int | None, int]:
        lower, upper = super().edges(window, t)
        return (None if lower is None else lower + 1), upper


class LowerEdgeEarly(Oracle):
    """Windows begin 1 µs early."""

    def edges(self, window: Window, t: int) -> tuple[int | None, int]:
        lower, upper = super().edges(window, t)
        return (None if lower is None else lower - 1), upper


class UpperEdgeLate(Oracle):
    """Windows end 1 µs late."""

    def edges(self, window: Window, t: int) -> tuple[int | None, int]:
        lower, upper = super().edges(window, t)
        return lower, upper + 1


class UpperEdgeEarly(Oracle):
    """Windows end 1 µs early."""

    def edges(self, window: Window, t: int) -> tuple[int | None, int]:
        lower, upper = super().edges(window, t)
        return lower, upper - 1


class LowerEdgeSwapped(Oracle):
    """The open lower end is closed, the closed one open."""

    def inside(self, closed: str, lower: int | None, tau: int, upper: int) -> bool:
        other = {"left": "neither", "neither": "left", "right": "both", "both": "right"}
        return super().inside(other[closed], lower, tau, upper)


class UpperEdgeSwapped(Oracle):
    """`⊲` is the other of `<` and `≤`."""

    def before(self, closed: str, x: int, t: int) -> bool:
        return not (t < x if closed in ("left", "neither") else t <= x)


class SupersededAtEnter(Oracle):
    """A version stays until the next one enters, not until it arrives."""

    def link(self, chain: list[Version]) -> None:
        super().link(chain)
        for v, following in itertools.pairwise(chain):
            v.superseded_at = following.enter if following.enter is not None else following.alpha


class WhereBeforeSuperseding(Oracle):
    """A version that fails `where` supersedes nothing."""

    def keyed(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        source = self.sources[str(view.source)]
        everything = self.data[source.name]
        if view.where is not None and not source.union:
            rows = [v.row for v in everything if self.known_to_pass(view, v)]
            self.data[source.name] = self.versions(source, rows)
        found = super().keyed(view)
        self.data[source.name] = everything
        return found

    def known_to_pass(self, view: View, v: Version) -> bool:
        """Whether a row passes, as far as that can be said of one without a time, which has nothing beside it."""
        assert view.where is not None
        if view.joins and v.enter is None:
            return True
        return view.where(self.beside(view, v)) is True


class MatchesAreKnown(Oracle):
    """What matches an event is known as soon as it happens."""

    def is_known(self, view: View, d: Version, t: int) -> bool:
        happened = d.enter is not None and d.tau is not None and self.before(view.closed, d.tau, t)
        return happened and not self.superseded(view, d, t) and not d.dead


class NothingMatures(Oracle):
    """Attributed events count as soon as they are known."""

    def mature(self, match: Match, tau: int) -> int:
        return tau


class FilterBeforeLastRows(Oracle):
    """`rows: N` takes the last N that pass FILTER."""

    def last_rows(self, aggregate: Aggregate, ordered: list[Version]) -> list[Version]:
        condition = aggregate.filter
        if condition is not None:
            ordered = [v for v in ordered if condition(v.row) is True]
        return super().last_rows(aggregate, ordered)


class EmptySumIsZero(Oracle):
    """The sum of nothing is 0."""

    def aggregate(self, aggregate: Aggregate, members: Sequence[Version], t: int) -> Value:
        found = super().aggregate(aggregate, members, t)
        return ZERO.get(aggregate.type, 0) if found is None and aggregate.fn == "sum" else found


class TiesByArrival(Oracle):
    """Equal times are ordered by their place in the data."""

    def event_order(self, source: Source, aggregate: Aggregate, v: Version) -> tuple[Any, ...]:
        return (v.tau, v.number)


class TtlIsIgnored(Oracle):
    """A state row of any age holds."""

    def young_enough(self, view: View, tau: int, t: int) -> bool:
        return True


class TtlOneLess(Oracle):
    """A state row is too old 1 µs too early."""

    def young_enough(self, view: View, tau: int, t: int) -> bool:
        return super().young_enough(with_ttl(view, -1), tau, t)


class TtlOneMore(Oracle):
    """A state row is too old 1 µs too late."""

    def young_enough(self, view: View, tau: int, t: int) -> bool:
        return super().young_enough(with_ttl(view, 1), tau, t)


def with_ttl(view: View, more: int) -> View:
    """The view with so many µs more of ttl."""
    return view if view.ttl is None else replace(view, ttl=view.ttl + more)


class IntegersAreReal(Oracle):
    """Integers pass through DOUBLE."""

    def aggregate(self, aggregate: Aggregate, members: Sequence[Version], t: int) -> Value:
        found = super().aggregate(aggregate, members, t)
        return int(float(found)) if aggregate.type == "bigint" and found is not None else found


class KeysAreGlued(Oracle):
    """Composite keys are one text."""

    def key_of(self, values: Sequence[Value]) -> tuple[Value, ...] | None:
        found = super().key_of(values)
        return None if found is None else ("".join(map(str, found)),)


class DefaultAfterDerived(Oracle):
    """A derived feature sees its parents without their defaults."""

    def input(self, name: str, probe: Probe) -> Value:
        return self.without_default(name, probe) if name in self.features else super().input(name, probe)


class RowsStayWithTheirEntity(Oracle):
    """A state row ends the rows of its own entity only, so that what has left an entity still holds there."""

    def by_place(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        found = super().by_place(view)
        return {(*k, self.entity(view, v)): [w for w in rows if self.entity(view, w) == self.entity(view, v)]
                for k, rows in found.items() for v in rows}  # fmt: skip


class OlderRowsHoldToo(Oracle):
    """A key's older rows hold beside its newest."""

    def by_place(self, view: View) -> dict[tuple[Value, ...], list[Version]]:
        return {(*k, v.number): [v] for k, rows in super().by_place(view).items() for v in rows}


class WhereBeforeTheOwnRow(Oracle):
    """A row that fails `where` lets an older one of its key hold."""

    def own_row(self, view: View, rows: Sequence[Version], t: int) -> Version | None:
        return super().own_row(view, [v for v in rows if self.passes(view, v)], t)


class DumpsEndNothing(Oracle):
    """A dump says nothing of the keys it does not hold: their older rows stay."""

    def in_force(self, view: View, t: int) -> Any:
        return EVERY


class Every:
    """What equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0


EVERY = Every()


class LateDumpsAct(Oracle):
    """The dump that entered last is in force, also when it is older than one that was there."""

    def in_force(self, view: View, t: int) -> tuple[int, int] | None:
        rows = [v for v in self.data[str(view.source)] if v.enter is not None and self.entered(view, v, t)]
        return self.dump(max(rows, key=lambda v: (v.enter, *self.dump(v)))) if rows else None


class RowsOfTheSource(Oracle):
    """A view over the rows of another takes all of its source that pass nothing."""

    def passes(self, view: View, v: Version) -> bool:
        return super().passes(view, v) or view.name == OVER


OVER = "vo"
"""What the generator calls a view over the rows of another."""


COUNTED: Mapping[str, type[Oracle]] = {
    "a superseded version inside a window": NeverSuperseded,
    "an event moved to another key": MovesLeaveTheOldKey,
    "an event moved in time": MovesLeaveTheOldTime,
    "a death before birth": DeathBeforeBirthIsLost,
    "a version later than final_after": NothingIsTooLate,
    "a version late by an earlier one's time": TooLateByItsOwnTime,
    "a tie decided by tie_break": TieBreakIsIgnored,
    "a tile not settled at the probe": EverythingIsKnown,
    "a replayed batch": ReplaysCountTwice,
    "an irregular row": EveryRowIsRegular,
    "a NULL argument": NullCounts,
    "a NaN argument": NaNIsNull,
    "a read before the store's newest event": FutureIsSeen,
    "a state that left its entity": RowsStayWithTheirEntity,
    "a row that a dump does not hold": DumpsEndNothing,
    "a dump older than a visible one": LateDumpsAct,
}
MUTANTS: Mapping[str, type[Oracle]] = {
    "future leak": FutureIsSeen,
    "lower edge 1 µs late": LowerEdgeLate,
    "lower edge 1 µs early": LowerEdgeEarly,
    "upper edge 1 µs late": UpperEdgeLate,
    "upper edge 1 µs early": UpperEdgeEarly,
    "lower edge open for closed": LowerEdgeSwapped,
    "upper edge open for closed": UpperEdgeSwapped,
    "superseded at enter": SupersededAtEnter,
    "where before superseding": WhereBeforeSuperseding,
    "FILTER before last N": FilterBeforeLastRows,
    "empty sum 0": EmptySumIsZero,
    "final_after ignored": NothingIsTooLate,
    "final_after by a version's own time": TooLateByItsOwnTime,
    "tie broken by arrival": TiesByArrival,
    "TTL ignored": TtlIsIgnored,
    "unsettled tile used": EverythingIsKnown,
    "replay counted twice": ReplaysCountTwice,
    "NULL counted": NullCounts,
    "NaN to NULL": NaNIsNull,
    "integer to REAL": IntegersAreReal,
    "composite keys glued": KeysAreGlued,
    "default after derived": DefaultAfterDerived,
    "beside known at t": BesideIsKnownAtT,
    "beside knows all": BesideKnowsAll,
    "states stay with their entity": RowsStayWithTheirEntity,
    "older states hold too": OlderRowsHoldToo,
    "where before a key's own row": WhereBeforeTheOwnRow,
    "dumps end nothing": DumpsEndNothing,
    "late dumps act": LateDumpsAct,
    "ids of different members are one": IdsAreOfAll,
    "members have the first member's arrival": FirstMembersArrival,
    "the second member is forgotten": SecondMemberIsForgotten,
}


def knocked_out(case: Case, kind: type[Oracle]) -> Oracle:
    """The oracle of a case without one rule, told what of the case it needs."""
    facts: dict[str, Callable[[], Any]] = {
        "keys": lambda: {s.name: tuple(s.key_columns.values()) for s in case.sources},
        "lags": lambda: {name: usual_lag(versions) for name, versions in case.oracle().data.items()},
        "again": lambda: frozenset(replayed(case)),
    }
    wanted = {name: fact() for name, fact in facts.items() if hasattr(kind, name)}
    return case.oracle(type(kind.__name__, (kind,), wanted) if wanted else kind)


def usual_lag(versions: Sequence[Version]) -> int:
    """The most frequent enter - tau."""
    lags = Counter(v.enter - v.tau for v in versions if v.enter is not None and v.tau is not None)
    return min(lags, key=lambda lag: (-lags[lag], lag), default=0)


def replayed(case: Case) -> Iterator[tuple[str, int]]:
    """Rows that were pushed again."""
    for step in case.steps:
        if isinstance(step, Push) and step.replay:
            yield from ((step.source, n) for n in step.rows)
