"""The oracle without a rule of calendars, of `since`, of joins, of labels or of unions; see `knockouts`.

Each says of which cases it can say anything, since most have no such window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from oracle import Aggregate, Join, Oracle, Probe, Row, Source, Version, View, Window

from .model import Case
from .union_knockouts import (
    FirstMembersArrival,
    IdsAreOfAll,
    LabelsWaitForOneMember,
    MembersAreNotCorrected,
    MembersHaveNoOrder,
    SecondMemberIsForgotten,
    UnionsAreEmpty,
)


class CalendarsAreUtc(Oracle):
    """Units begin where they do in UTC."""

    def calendar_edges(self, unit: str, window: Window, t: int) -> tuple[int, int]:
        return super().calendar_edges(unit, replace(window, timezone="UTC"), t)


class CalendarsGoByClosed(Oracle):
    """The beginning of a unit is open or closed as `closed` says."""

    def within(self, closed: str, window: Window, lower: int | None, tau: int, upper: int) -> bool:
        return self.inside(closed, lower, tau, upper)


class SinceTheFirst(Oracle):
    """A `since` window begins at the first event that satisfies its condition, not at the last."""

    def last_rows(self, aggregate: Aggregate, ordered: list[Version]) -> list[Version]:
        since = aggregate.window.since
        if since is None:
            return super().last_rows(aggregate, ordered)
        begins = [place for place, v in enumerate(ordered) if since(v.row) is True]
        return ordered[begins[0] :] if begins else []


class JoinsKnowAll(Oracle):
    """A join finds the newest knowledge of what held at the event."""

    def known_to(self, source: Source, d: Version, v: Version) -> bool:
        dead = d.dead and not self.is_tombstone(source, d)
        early = d.tau is not None and v.tau is not None and d.tau <= v.tau
        return early and d.alpha is not None and d.superseded_at is None and not dead


class JoinsReachForEver(Oracle):
    """`within` of a join is ignored."""

    def joined(self, join: Join, row: Row, v: Version) -> Row | None:
        return super().joined(replace(join, within=None) if join.within is not None else join, row, v)


class LabelsAreAlwaysComplete(Oracle):
    """A label is whatever is known of it."""

    def complete(self, name: str, probe: Probe) -> bool:
        return True


class LabelsWaitForNothing(Oracle):
    """A label is complete as soon as its window is over, however late rows may arrive."""

    def watermark(self, source: Source) -> int | None:
        until = super().watermark(source)
        return None if until is None else until + self.lateness(source)


class LabelsBeginLate(Oracle):
    """What happens at the instant of asking is history where it is a label, and a label where it is history."""

    def ahead(self, view: View, window: Window, probe: Probe) -> list[Version]:
        other = {"left": "right", "neither": "right", "right": "left", "both": "left"}
        return super().ahead(replace(view, closed=other[view.closed]), window, probe)


class LabelsKnowLittle(Oracle):
    """Labels know what was known when their window was over."""

    def ahead(self, view: View, window: Window, probe: Probe) -> list[Version]:
        assert window.next is not None
        before, self.known_at = self.known_at, probe.t + window.next
        try:
            return super().ahead(view, window, probe)
        finally:
            self.known_at = before


@dataclass(frozen=True, slots=True)
class Situation:
    """A rule that may be left out, of features or, with `labels`, of labels; `met` says whether a case has any. It may
    change those of one view `only`."""

    ignoring: type[Oracle]
    met: Callable[[Case], bool]
    labels: bool = False
    only: str = ""

    def may_change(self, name: str) -> bool:
        """Whether it may change `view.feature`."""
        return self.only in ("", name.partition(".")[0])


def _windows(case: Case) -> Iterator[Window]:
    for v in case.views:
        yield from (f.window for s in v.features for f in (*s.outputs, *s.hidden) if isinstance(f, Aggregate))


def _has_calendar(case: Case) -> bool:
    return any(w.calendar is not None for w in _windows(case))


def _has_since(case: Case) -> bool:
    return any(w.since is not None for w in _windows(case))


def _has_joins(case: Case) -> bool:
    return any(v.joins for v in case.views)


def _has_labels(case: Case) -> bool:
    return any(v.labels for v in case.views)


def _has_unions(case: Case) -> bool:
    return bool(case.unions)


def _has_labels_of_unions(case: Case) -> bool:
    return any(v.labels for v in case.views if v.name == OVER_UNION)


OVER_UNION = "vn"
"""What the generator calls a view over a union."""


COUNTED: Mapping[str, Situation] = {
    "a calendar of another zone than UTC": Situation(CalendarsAreUtc, _has_calendar),
    "an event where a calendar unit begins": Situation(CalendarsGoByClosed, _has_calendar),
    "a since window that begins anew": Situation(SinceTheFirst, _has_since),
    "a join that must not know what came later": Situation(JoinsKnowAll, _has_joins),
    "a join that finds something too old": Situation(JoinsReachForEver, _has_joins),
    "a label whose window is not over": Situation(LabelsAreAlwaysComplete, _has_labels, labels=True),
    "a label that waits for late rows": Situation(LabelsWaitForNothing, _has_labels, labels=True),
    "an event at the instant where labels begin": Situation(LabelsBeginLate, _has_labels, labels=True),
    "a label that later knowledge changes": Situation(LabelsKnowLittle, _has_labels, labels=True),
    "a view over a union": Situation(UnionsAreEmpty, _has_unions, only=OVER_UNION),
    "the second member of a union": Situation(SecondMemberIsForgotten, _has_unions, only=OVER_UNION),
    "equal ids in two members": Situation(IdsAreOfAll, _has_unions, only=OVER_UNION),
    "a tie between members": Situation(MembersHaveNoOrder, _has_unions, only=OVER_UNION),
    "a member's correction": Situation(MembersAreNotCorrected, _has_unions, only=OVER_UNION),
    "members that arrive differently": Situation(FirstMembersArrival, _has_unions, only=OVER_UNION),
    "a label that waits for the slowest member": Situation(
        LabelsWaitForOneMember, _has_labels_of_unions, labels=True, only=OVER_UNION
    ),
}
