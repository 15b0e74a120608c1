"""What a report of `featc why` has to say, by the oracle: which rows count, and how all others stand.

Nothing of the product is used but the report. A row is known by its time and by all that the data says in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import oracle
from oracle import Aggregate, Lookup, Oracle, Probe, Version, View, instant, micros, rank

Row = tuple[Any, ...]


def known(time: int | None, data: dict[str, Any], columns: Iterable[str]) -> Row:
    """A row as it is compared."""
    return (time, *(rank(plain(data[c])) for c in columns))


def plain(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else oracle.canonical(value)


def expected(judge: Oracle, view: View, aggregate: Aggregate, probe: Probe) -> dict[str, list[Version]]:
    """The entity's rows by standing, of an aggregate over a window of time."""
    members = judge.members(view, aggregate, probe)
    kept = [v for v in members if aggregate.filter is None or aggregate.filter(v.row) is True]
    lower, upper = judge.edges(aggregate.window, probe.t)
    rows = [v for v in judge.rows_of(view, probe) if v.enter is not None and v.tau is not None]
    inside = [v for v in rows if judge.within(view.closed, aggregate.window, lower, v.tau, upper)]
    gone = [v for v in inside if judge.superseded(view, v, probe.t)]
    seen = [v for v in inside if judge.visible(view, v, probe.t) or (v.dead and entered(judge, view, v, probe.t))]
    reached = judge.in_window(view, aggregate.window, probe)
    able = [
        v for v in rows if judge.passes(view, v) and not v.dead and not judge.superseded(view, v, probe.t)
        and not any(v is other for other in inside)
    ]  # fmt: skip
    return {
        "counted": kept,
        "filtered": without(members, kept),
        "beyond": without(reached, members),
        "where": [v for v in seen if not v.dead and not judge.passes(view, v)],
        "deleted": [v for v in seen if v.dead],
        "superseded": gone,
        "unknown": [v for v in inside if not judge.entered(view, v, probe.t) and not any(v is g for g in gone)],
        "before": [v for v in able if lower is not None and v.tau is not None and v.tau <= lower],
        "after": [v for v in able if v.tau is not None and v.tau >= upper],
    }


def entered(judge: Oracle, view: View, v: Version, t: int) -> bool:
    return judge.entered(view, v, t) and not judge.superseded(view, v, t)


def without(all_: list[Version], some: list[Version]) -> list[Version]:
    return [v for v in all_ if not any(v is s for s in some)]


def differences(judge: Oracle, name: str, probe: Probe, report: Any) -> Iterator[str]:
    """In what a report is wrong about the rows of the feature asked for."""
    view, feature = judge.features[name]
    source = judge.sources[str(view.source)] if view.source else None
    (asked, *_) = report.features
    if isinstance(feature, Lookup) and asked.state is not None:
        row = judge.holding(view, probe)
        found = [r for r in asked.state.rows if r.standing == "holds"]
        columns = list(found[0].data) if found else []
        wanted = [] if row is None else [known(instant(row[source.time]), row, columns)]
        got = [known(r.time, r.data, columns) for r in found]
        if (row is None) != (not found) or (found and wanted != got):
            yield f"holds: expected {row}, got {found}"
    if not isinstance(feature, Aggregate) or len(asked.aggregates) != 1:
        return
    (told,) = asked.aggregates
    in_order = feature.window.rows is not None or feature.window.since is not None
    if feature.window.current:
        own = judge.in_order(view, feature, judge.current(view, probe))
        kept = [v for v in own if feature.filter is None or feature.filter(v.row) is True]
        standings = {"counted": kept, "filtered": without(own, kept)}
    else:
        standings = expected(judge, view, feature, probe)
    for standing, versions in standings.items():
        rows = [r for r in told.rows if r.standing == standing]
        number = told.counts.get(standing, 0)
        if view.matches and standing not in ("counted", "filtered", "beyond", "where"):
            # versions that were replaced before they matured never counted, and are not listed; what is to come depends
            # on matches that are to come
            continue
        if number != len(versions):
            yield f"{standing}: expected {len(versions)}, got {number} of {versions}: {told.counts}"
            continue
        if standing in ("before", "after", "beyond"):
            near = nearest(standing, versions, judge, view, feature)
            if [r.time for r in rows] != [v.tau for v in near]:
                yield f"{standing}: expected {near}, got {rows}"
            continue
        columns = list(rows[0].data) if rows and not in_order else []  # last rows may tie in all that counts
        wanted = Counter(known(v.tau, by_name(v.row, columns), columns) for v in versions)
        got = Counter(known(r.time, r.data, columns) for r in rows)
        if rows and wanted != got:
            yield f"{standing}: expected {wanted - got}, got {got - wanted}"
        if len(rows) != len(versions):
            yield f"{standing}: {len(versions)} rows and {len(rows)} listed"


def by_name(row: Any, columns: Iterable[str]) -> dict[str, Any]:
    found = {k.lower(): v for k, v in row.items()}
    return {c: row[c] if c in row else found[c.lower()] for c in columns}


def nearest(standing: str, versions: list[Version], judge: Oracle, view: View, feature: Aggregate) -> list[Version]:
    """The three nearest to the window, in event order."""
    ordered = judge.in_order(view, feature, versions)
    return ordered[:3] if standing == "after" else ordered[-3:]


def label_differences(judge: Oracle, name: str, probe: Probe, report: Any) -> Iterator[str]:
    """The same of a label's own rows, those after the instant."""
    view, label = judge.labels[name]
    (asked, *_) = report.features
    if not isinstance(label, Aggregate) or len(asked.aggregates) != 1:
        return
    (told,) = asked.aggregates
    ahead = judge.ahead(view, label.window, probe)
    kept = [v for v in ahead if label.filter is None or label.filter(v.row) is True]
    for standing, versions in {"counted": kept, "filtered": without(ahead, kept)}.items():
        rows = [r for r in told.rows if r.standing == standing]
        columns = list(rows[0].data) if rows else []
        wanted = Counter(known(v.tau, by_name(v.row, columns), columns) for v in versions)
        got = Counter(known(r.time, r.data, columns) for r in rows)
        if wanted != got or told.counts.get(standing, 0) != len(versions):
            yield f"{standing}: expected {versions}, got {rows}"
