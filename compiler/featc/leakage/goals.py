"""What a feature may read, by the resolved project and semantics.md alone: one `Goal` for each of its aggregations and
for the state it looks up, and what a row has to satisfy for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from featc.leakage.terms import ARRIVAL, AS_OF, NOBODY, SPINE, SUPERSEDED, TIME, Atom, Sum, at_most, of_row, one
from featc.resolve.model import AggregateRef, Feature, Project, Source, StateRef, View, Window

KNOWN = one(Atom("greatest", NOBODY, (AS_OF, of_row("arrived", SPINE))))
"""When the event entered that a lookup, or a feature of another view, is for: its τ or its α, whichever is later."""


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Goal:
    """Rows of `source` in `window` at the spine row's instant, for the entity of `view`.

    `looks_up`: one row of a state source, of which only what it says may be too old to count. `beside`: the spine row
    is an event, and knows what was known when that entered.
    """

    view: View
    source: Source
    window: Window
    looks_up: bool = False
    beside: bool = False

    @property
    def strict(self) -> int:
        """1 where `x ⊲ t` means `x < t`."""
        return int(self.view.closed in ("left", "neither"))


@dataclass(frozen=True, slots=True)
class Duty:
    """An inequality `sum` ≤ 0 that a row has to satisfy, the code of the error where it does not, and what it is.

    `begins`: it says where a window begins. A row that is only looked at may lie before that. `present`: `sum` has to
    be not NULL instead. `says` is the condition in words where the inequality is none that a reader knows.
    """

    code: str
    what: str
    sum: Sum
    begins: bool = False
    present: bool = False
    says: str = ""


def goals_of(project: Project, feature: Feature, *, beside: bool = False) -> list[Goal]:
    """What the rows are for that a feature's own expression reads; `beside` an event, or not."""
    view = project.view(feature.view)
    if view.source is None:
        return []
    source = project.sources[view.source]
    found: dict[tuple[Window, bool], None] = {}
    for ref in feature.expr.refs:
        if isinstance(ref, AggregateRef):
            found[view.aggregation(ref.name).window, False] = None
        if isinstance(ref, StateRef):
            window = Window("ttl", length=view.ttl) if view.ttl else Window("lifetime")
            found[window, True] = None
    return [Goal(view, source, window, looks_up, beside) for window, looks_up in found]


def arrival_of(source: Source, row: int) -> Sum:
    """α of a row, from τ where the source says how."""
    return of_row(ARRIVAL, row) if source.available_at is not None else of_row(TIME, row).add(source.delay)


def identity_of(source: Source, view: View) -> tuple[str, ...]:
    """The columns, in lower case, whose equality makes rows versions of one event; `_time` among them for states
    without id. Empty where every row is an event of its own."""
    if source.id:
        return tuple(c.lower() if _PLAIN.fullmatch(c) else '"' + c.lower().replace('"', '""') + '"' for c in source.id)
    if source.kind != "state":
        return ()
    keys = source.key or tuple(k.expr.render(lambda ref: getattr(ref, "column", "")) for k in view.keys if k.expr)
    return (*(k.lower() for k in keys), "_time")


def superseded_of(identity: tuple[str, ...], row: int) -> Sum:
    """α of the next version of a row, where rows are versions by `identity`."""
    return of_row(f"{SUPERSEDED}:{', '.join(identity)}", row)


def duties(goal: Goal, row: int, known_at: int | None) -> list[Duty]:
    """What a row has to satisfy, its keys apart. Sums are ≤ 0."""
    strict, time = goal.strict, of_row(TIME, row)
    identity = identity_of(goal.source, goal.view)
    found = [
        Duty("F571", "with a time", time, present=True, says="_time IS NOT NULL"),
        *_edges(goal, time),
    ]
    if goal.source.available_at is not None:
        arrival = of_row(ARRIVAL, row)
        found.append(Duty("F572", "with an arrival", arrival, present=True, says="_arrival IS NOT NULL"))
    if goal.view.ahead:
        known = None if known_at is None else Sum(const=known_at - strict)
    else:
        known = (KNOWN if goal.beside else AS_OF).add(-strict)
        found.insert(0, Duty("F571", "before, τ ⊲ t", at_most(time, AS_OF.add(-strict)).sum))
    if known is not None:
        found.append(Duty("F572", "known, enter ⊲ k", at_most(arrival_of(goal.source, row), known).sum))
    if known is not None and goal.view.maturity is not None:
        found.append(Duty("F572", "mature ⊲ k", at_most(time.add(goal.view.maturity), known).sum))
    if identity:
        # with k = ∞ any bound would do that only NULL, "never", is beyond
        beyond = Sum(frozenset({(Atom("forever"), 1)})) if known is None else known
        superseded = superseded_of(identity, row)
        says = "_superseded IS NULL" if known is None else ""
        found.append(Duty("F573", "without a newer version ⊲ k", at_most(beyond.add(1), superseded).sum, says=says))
    return found


def _edges(goal: Goal, time: Sum) -> list[Duty]:
    """The window's own ends."""
    strict, window = goal.strict, goal.window
    upto, after = ends(window, goal.view.closed)
    found = []
    if goal.view.ahead:
        found.append(Duty("F576", "after the past of t", at_most(AS_OF.add(1 - strict), time).sum, begins=True))
    found.append(Duty("F575", "by the window's end", at_most(time, upto).sum))
    if after is not None and not goal.view.ahead:
        found.append(Duty("F575", "from the window's begin on", at_most(after.add(1), time).sum, begins=True))
    return found


def ends(window: Window, closed: str) -> tuple[Sum, Sum | None]:
    """(the greatest τ that a window at t holds, the greatest below it), by semantics.md, "Windows". Where a calendar's
    units begin is the zone table's business: of such windows only that they end by t, and no lower end."""
    strict, lower = int(closed in ("left", "neither")), int(closed in ("left", "both"))
    if window.calendar is not None or window.since is not None:
        return AS_OF.add(-strict), None
    if window.is_ahead:  # begins where the past of t ends
        return AS_OF.add(-window.offset - strict), AS_OF.add(-strict)
    top = AS_OF.add(-window.offset)
    if window.hop and window.align:
        top = _floor(top, window.hop)
    if window.length is None:
        return top.add(-strict), None
    base = top.add(-window.length)
    if window.hop and not window.align:
        base = _floor(base, window.hop)
    return top.add(-strict), base.add(-lower)


def _floor(term: Sum, hop: int) -> Sum:
    return term.minus(one(Atom(f"mod:{hop}", NOBODY, (term,))))


def spine_key(view: View, name: str) -> Sum:
    """The key that a view is asked at."""
    given = next(k.given for k in view.keys if k.name == name)
    if given is not None:
        return of_row(f"feature:{given.view}.{given.feature}".lower(), SPINE)
    return of_row(f"col:{name.lower()}", SPINE)
