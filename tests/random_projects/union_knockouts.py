"""Rules of unions left out; see `knockouts`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from oracle import Aggregate, Oracle, Source, Version, View, instant, rank


class UnionsAreEmpty(Oracle):
    """A union has no rows: where that changes nothing, no view over one is asked for anything."""

    def united(self, source: Source) -> list[Version]:
        return []


class SecondMemberIsForgotten(Oracle):
    """A union has the rows of its members but one."""

    def united(self, source: Source) -> list[Version]:
        return [v for v in super().united(source) if v.source != source.union[1]]


class IdsAreOfAll(Oracle):
    """Rows of different members that have one id are versions of one event: identity is the id, not (source, id)."""

    def united(self, source: Source) -> list[Version]:
        found = super().united(source)
        of_one: dict[Any, list[Version]] = defaultdict(list)
        for v in found:
            identity = self.identity(self.sources[v.source], v)
            if identity is not None:
                of_one[identity].append(v)
        for several in of_one.values():
            several.sort(key=self.order_of_all)
            self.link(several)
        return found

    def order_of_all(self, v: Version) -> tuple[Any, ...]:
        """By arrival, whatever the member; equal arrivals of one member in its own order."""
        return (v.alpha, rank(v.source), self.version_order(self.sources[v.source], v))


class FirstMembersArrival(Oracle):
    """Rows of all members arrive as those of the first do."""

    def united(self, source: Source) -> list[Version]:
        first = self.sources[source.union[0]]
        return [replace(v, alpha=self.alpha_by(first, v)) for v in super().united(source)]

    def alpha_by(self, first: Source, v: Version) -> int | None:
        """The row's alpha, were it one of another member."""
        if first.available_at is not None:
            return instant(v.row[first.available_at])
        return None if v.tau is None else v.tau + first.delay


class MembersArriveAtOnce(Oracle):
    """Rows of a union are known when they happen, whatever their members say."""

    def united(self, source: Source) -> list[Version]:
        return [replace(v, alpha=v.tau) for v in super().united(source)]


class MembersHaveNoOrder(Oracle):
    """Events of equal time and tie_break are ordered by id and values, whatever their arrival and member."""

    def event_order(self, source: Source, aggregate: Aggregate, v: Version) -> tuple[Any, ...]:
        found = super().event_order(source, aggregate, v)
        tau, ties, _, _, *others = found
        return (tau, ties, *others) if source.union else found


class MembersAreNotCorrected(Oracle):
    """Old versions stay in a union."""

    def superseded(self, view: View, v: Version, t: int) -> bool:
        return not self.sources[str(view.source)].union and super().superseded(view, v, t)


class LabelsWaitForOneMember(Oracle):
    """A label is complete by the watermark and the delay of a union's first member alone."""

    def watermark(self, source: Source) -> int | None:
        return super().watermark(self.parts(source)[0])

    def lateness(self, source: Source) -> int:
        return super().lateness(self.parts(source)[0])
