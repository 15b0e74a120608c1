"""How often a compared probe depended on each rule: the suite prints this table and fails below a floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from typing import Any

from oracle import Aggregate, Lookup, Oracle, Probe, Version, View, rank

from . import ignoring
from .knockouts import COUNTED, knocked_out
from .model import Case

EMPTY = "an empty window"
EDGES = tuple(
    f"τ {place} the {edge} edge"
    for edge in ("lower", "upper")
    for place in ("1 µs before", "exactly on", "1 µs after")
)
BEFORE_VALUES = frozenset({"supersede", "link", "too_late"})
"""What only decides which versions there are, and until when: where those are the same, all values are."""
Values = list[list[tuple[Any, ...]]]
"""The rank of each feature's value, by probe."""
SITUATIONS = (*COUNTED, *ignoring.COUNTED, *EDGES, EMPTY)


def count(case: Case, without: Container[str] = ()) -> Counter[str]:
    """Situation -> number of the case's probes at which ignoring it changes a value of the service; `without` are
    those that are not looked at."""
    plain = case.oracle()
    names = [n for _, n, f in case.outputs() if isinstance(f, Aggregate | Lookup)]
    values = [[rank(plain.without_default(n, p)) for n in names] for p in case.probes]
    found: Counter[str] = Counter()
    for situation, kind in ((s, k) for s, k in COUNTED.items() if s not in without):
        other = knocked_out(case, kind)
        if not (BEFORE_VALUES.issuperset(overridden(kind)) and other.data == plain.data):
            found[situation] += differing(other, case, names, values, lambda name: True)
    for p in case.probes if any(s not in without for s in (*EDGES, EMPTY)) else ():
        found.update(set(edges_met(plain, names, p)))
    for situation, rule in ignoring.COUNTED.items():
        if situation not in without and rule.met(case):
            found[situation] += changes(plain, rule, case, names, values)
    return found


def overridden(kind: type[Oracle]) -> set[str]:
    """The methods of the oracle that a knock-out has of its own."""
    return {name for name, method in vars(Oracle).items() if callable(method) and getattr(kind, name) is not method}


def differing(
    other: Oracle, case: Case, names: list[str], values: Values, may_change: Callable[[str], bool]
) -> int:
    """The number of probes at which another oracle gives another value of a feature that may change."""
    return sum(
        any(rank(other.without_default(n, p)) != e for n, e in zip(names, expected, strict=True) if may_change(n))
        for p, expected in zip(case.probes, values, strict=True)
    )


def changes(plain: Oracle, rule: ignoring.Situation, case: Case, names: list[str], values: Values) -> int:
    """The number of probes at which leaving a rule out changes a feature, or a label."""
    other = case.oracle(rule.ignoring)
    if not rule.labels:
        return differing(other, case, names, values, rule.may_change)
    labels = [name for _, name, _ in case.labels() if rule.may_change(name)]
    return sum(any(told(other.label(n, p)) != told(plain.label(n, p)) for n in labels) for p in case.probes)


def told(label: tuple[Any, bool]) -> tuple[Any, bool]:
    """A label's value and completeness, to be compared."""
    return rank(label[0]), label[1]


def edges_met(oracle: Oracle, names: list[str], probe: Probe) -> Iterator[str]:
    """The edge situations, and emptiness, that decide a value at a probe."""
    for name in names:
        view, feature = oracle.features[name]
        if isinstance(feature, Aggregate) and feature.window.current:
            if not oracle.members(view, feature, probe):
                yield EMPTY
        elif isinstance(feature, Aggregate):
            members = oracle.in_window(view, feature.window, probe)
            if not members:
                yield EMPTY
            lower, upper = oracle.edges(feature.window, probe.t)
            for v in oracle.rows_of(view, probe):
                place = on_edge(v, lower, upper)
                if place and known(oracle, view, v, probe.t) and decides(oracle, view, feature, members, v, probe.t):
                    yield place
        elif isinstance(feature, Lookup) and view.ttl is not None:
            yield from ttl_edge(oracle, view, probe)


def on_edge(v: Version, lower: int | None, upper: int) -> str | None:
    """Which edge the version stands on or beside."""
    assert v.tau is not None
    if lower is not None and abs(v.tau - lower) <= 1:
        return EDGES[v.tau - lower + 1]
    return EDGES[v.tau - upper + 4] if abs(v.tau - upper) <= 1 else None


def known(oracle: Oracle, view: View, v: Version, t: int) -> bool:
    """Whether, its time apart, the version counts at t or would a microsecond later."""
    in_time = v.alpha is not None and v.alpha <= t + 1
    return in_time and not v.dead and not oracle.superseded(view, v, t) and oracle.passes(view, v)


def decides(oracle: Oracle, view: View, feature: Aggregate, members: list[Version], v: Version, t: int) -> bool:
    """Whether the value changes when the version's membership does."""
    flipped = [m for m in members if m is not v] if v in members else [*members, v]
    with_it, without = (
        oracle.aggregate(feature, oracle.last_rows(feature, oracle.in_order(view, feature, found)), t)
        for found in (members, flipped)
    )
    return rank(with_it) != rank(without)


def ttl_edge(oracle: Oracle, view: View, probe: Probe) -> Iterator[str]:
    """A state row that is just young enough, or just not."""
    assert view.ttl is not None
    lower = probe.t - view.ttl
    row = oracle.holding(view, probe)
    source = oracle.sources[str(view.source)]
    if row is not None and abs(row[source.time] - lower) <= 1:
        yield EDGES[row[source.time] - lower + 1]


def table(found: Counter[str], floor: int) -> str:
    """The counts as text, those below the floor marked."""
    width = max(map(len, SITUATIONS))
    marks = {s: "" if found[s] >= floor else f"  below {floor}" for s in SITUATIONS}
    lines = (f"{s:<{width}}  {found[s]:>6}{marks[s]}" for s in SITUATIONS)
    return "\n".join([f"{'situation':<{width}}  probes", *lines])
