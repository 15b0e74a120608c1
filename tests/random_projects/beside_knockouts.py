"""The oracle with a rule about features beside events left out; see `knockouts`."""

from __future__ import annotations

from dataclasses import replace

from oracle import Oracle, Row, Version, ViewJoin

FOREVER = 2**61


class BesideIsKnownAtT(Oracle):
    """Features of another view beside an event are what was known at the event's own time."""

    def features_beside(self, join: ViewJoin, row: Row, v: Version) -> Row:
        return super().features_beside(join, row, replace(v, alpha=v.tau))


class BesideKnowsAll(Oracle):
    """They are what is known in the end."""

    def features_beside(self, join: ViewJoin, row: Row, v: Version) -> Row:
        return super().features_beside(join, row, replace(v, alpha=FOREVER))


class BesideOfJoinsIsNothing(Oracle):
    """Views that join have no features to lie beside events: where that changes nothing, no join lies upon another."""

    def features_beside(self, join: ViewJoin, row: Row, v: Version) -> Row:
        found = super().features_beside(join, row, v)
        return dict.fromkeys(found) if self.views[join.view].joins else found
