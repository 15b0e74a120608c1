"""Attribution: the rows of a source with what follows each in other sources (semantics.md, "Enrichment joins").

A version of an event counts from its own maturity on. What matches it is known by and by, and may be corrected: its
answers change at certain instants, and each answer is a row of its own that is seen from one such instant to the next.
So what comes out are versions like any other, which what reads them need not know of:

| column | meaning |
|---|---|
| `_arrival` | α of the attributed row: max(α(e), τ(e) + within + delay), with which it stands in the event order |
| `_enter` | the instant from which the answer is seen |
| `_superseded` | the instant from which another answer, or another version of the event, is seen in its place |

Mostly the row that is taken is never superseded and known soon, and one ASOF join finds it. Others meet on the keys and
a bucket of time, so that a row meets only what lies near it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.cells import ROW
from featc.lower.training.lags import usual_lag
from featc.lower.training.rows import BUCKET, ENTERED, REGULAR, row_conditions, versions
from featc.resolve.model import Join, Match, Project, Source, View
from featc_dialects import duckdb as engine

RANK, FROM, UNTIL, SETTLED, LASTS = "_rank", "_from", "_until", "_settled", "_lasts"


def with_matches(
    ctes: Ctes, project: Project, view: View, relation: str, bases: Mapping[str, str], reach: Sequence[str]
) -> str:
    """The CTE of the rows of `relation`, the versions of a view's source, with what matches them, one row for each
    answer. `bases` are the CTEs of the other sources' rows; `reach` leaves out rows which no window holds."""
    source = project.sources[view.source or ""]
    relation = _mature(ctes, view, source, relation, reach)
    for join in view.lookups:
        if join.match is None:
            raise AssertionError(f"{view.name} has joins beside its matches")
        relation = _matched(ctes, view, join, join.match, relation, bases[join.source.name])
    return relation


def _mature(ctes: Ctes, view: View, source: Source, relation: str, reach: Sequence[str]) -> str:
    """The CTE of the versions of events that can count, numbered, each from its maturity on."""
    arrival = ARRIVAL if view.maturity is None else f"greatest({ARRIVAL}, {TIME} + {view.maturity})"
    enter = f"greatest({TIME}, {arrival})"
    versioned = src.identity(source, view) is not None
    items = [
        f"row_number() OVER () AS {ROW}",
        f"* REPLACE ({arrival} AS {ARRIVAL})",
        f"{enter} AS {ENTER}",
        *([] if versioned else [f"NULL::BIGINT AS {SUPERSEDED}"]),
    ]
    seen = [f"{TIME} IS NOT NULL", f"{ARRIVAL} IS NOT NULL"]
    seen += [f"NOT {DELETED}"] if source.deleted is not None else []
    seen += [f"({SUPERSEDED} IS NULL OR {SUPERSEDED} > {enter})"] if versioned else []
    body = select(items, f"FROM {relation}\n{conjunction([*seen, *reach])}")
    comment = f"{view.name}: rows of {source.name}, numbered, from the instant on at which each counts"
    return ctes.add(quoted(f"{view.name}_unmatched"), body, comment, materialized=True)


def _matched(ctes: Ctes, view: View, join: Join, match: Match, relation: str, base: str) -> str:
    """The CTE of the rows with what one match finds for them."""
    rows = join.rows
    keys = [named(src.render(e), quoted(k.name)) for e, k in zip(join.keys, rows.keys, strict=True)]
    asked = ctes.add(
        quoted(f"{rows.name}_asked"),
        select([ROW, TIME, ENTER, SUPERSEDED, *keys], f"FROM {relation}"),
        f"{view.name}: what each row looks for in {join.source.name}, and while it is seen",
        materialized=True,
    )
    lag = f"(SELECT us FROM {usual_lag(ctes, join.source, base)})"
    following = _following(ctes, join, match, asked, base, lag)
    pairs = _pairs(ctes, view, join, match, asked, following, lag)
    answers = _answers(ctes, view, join, asked, pairs)
    items = [f"r.* REPLACE (row_number() OVER () AS {ROW}, c.{FROM} AS {ENTER}, c.{UNTIL} AS {SUPERSEDED})"]
    items += [f"f.{quoted(c)} AS {quoted(n)}" for c, n in zip(rows.state_columns, join.columns, strict=True)]
    body = select(items, f"FROM {answers} c\nJOIN {relation} r USING ({ROW})\nLEFT JOIN {following} f USING ({RANK})")
    comment = f"{view.name}: each row with its {join.name}, once for each that it has had"
    return ctes.add(quoted(f"{rows.name}_matched"), body, comment, materialized=True)


def _following(ctes: Ctes, join: Join, match: Match, asked: str, base: str, lag: str) -> str:
    """The CTE of the rows that may match, ranked: of several, the one of the least rank is taken."""
    rows, source = join.rows, join.source
    relation = versions(ctes, source, rows, base)
    enter = ENTERED
    versioned = src.identity(source, rows) is not None
    order = ", ".join(f"{c} NULLS FIRST" for c in src.state_order(source))
    items = [named(src.key_sql(k), quoted(f"_key_{n}")) for n, k in enumerate(rows.keys)]
    items += [TIME, f"{enter} AS {ENTER}", SUPERSEDED if versioned else f"NULL::BIGINT AS {SUPERSEDED}"]
    last = f" AND {SUPERSEDED} IS NULL" if versioned else ""
    items.append(f"{enter} - {TIME} <= {lag}{last} AS {REGULAR}")
    items.append(f"{'-' if match.take == 'last' else ''}row_number() OVER (ORDER BY {order}) AS {RANK}")
    items += [named(engine.canonical(quoted(c), source.column(c).type), quoted(c)) for c in rows.state_columns]
    wanted = ", ".join(src.key_sql(k) for k in rows.keys)
    listed = ", ".join(quoted(k.name) for k in rows.keys)
    several = len(rows.keys) > 1
    conditions = row_conditions(source, rows)
    conditions += [f"NOT {DELETED}"] if source.deleted is not None else []
    conditions += [f"({SUPERSEDED} IS NULL OR {SUPERSEDED} > {enter})"] if versioned else []
    conditions.append(
        f"{f'({wanted})' if several else wanted} IN (SELECT {f'({listed})' if several else listed} FROM {asked})"
    )
    body = select(items, f"FROM {relation}\n{conjunction(conditions)}")
    comment = f"{rows.name}: rows of {source.name} that may match, the one to take first of the least rank"
    return ctes.add(quoted(f"{rows.name}_following"), body, comment, materialized=True)


def _nearest(ctes: Ctes, view: View, join: Join, match: Match, asked: str, following: str) -> str:
    """The CTE of the rows with the one that would be taken of those that may match and are *regular*: never superseded,
    and known within the usual lag.

    `_settled`: nothing else that is regular can be taken, since that one is known when the row is first seen, or there
    is none.
    """
    keys = [quoted(k.name) for k in join.rows.keys]
    theirs = [f"_key_{n}" for n in range(len(keys))]
    best = select(
        [*theirs, TIME, ENTER, RANK],
        f"FROM {following}\nWHERE {REGULAR}\n"
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join([*theirs, TIME])} ORDER BY {RANK}) = 1",
    )
    if match.take == "first":
        near, inside = f"a.{TIME} <= f.{TIME}", f"f.{TIME} < a.{TIME} + {match.within}"
    else:
        near, inside = f"a._end > f.{TIME}", f"f.{TIME} >= a.{TIME}"
    rows = select(["*", f"{TIME} + {match.within} AS _end"], f"FROM {asked}")
    on = " AND ".join([*(f"a.{k} = f.{t}" for k, t in zip(keys, theirs, strict=True)), near])
    items = [
        "a.* EXCLUDE (_end)",
        f"CASE WHEN {inside} THEN f.{RANK} END AS {RANK}",
        f"CASE WHEN {inside} THEN f.{TIME} END AS _then",
        f"coalesce(NOT ({inside}) OR f.{ENTER} <= a.{ENTER}, true) AS {SETTLED}",
    ]
    body = select(items, f"FROM (\n{indent(rows)}\n) a\nASOF LEFT JOIN (\n{indent(best)}\n) f ON {on}")
    comment = f"{view.name}: each row with the {match.take} that may match it and is known within the usual lag"
    return ctes.add(quoted(f"{join.rows.name}_nearest"), body, comment, materialized=True)


def _pairs(ctes: Ctes, view: View, join: Join, match: Match, asked: str, following: str, lag: str) -> str:
    """The CTE of (row, what may match it) with the instants between which that is known of a row that is seen.

    Once a row is known for good it hides those that would be taken after it: mostly one is left.
    """
    nearest = _nearest(ctes, view, join, match, asked, following)
    settled = select(
        [ROW, RANK, f"{ENTER} AS {FROM}", f"{SUPERSEDED} AS {UNTIL}", f"true AS {LASTS}"],
        f"FROM {nearest}\nWHERE {SETTLED} AND {RANK} IS NOT NULL",
    )
    sooner = f"(NOT a.{SETTLED} OR a.{RANK} IS NULL OR f.{RANK} < a.{RANK})"
    within = str(match.within)
    parts = [settled, _met(join, match, nearest, following, (TIME, within), [f"NOT f.{REGULAR}", sooner])]
    open_ = [f"f.{REGULAR}", f"NOT a.{SETTLED}"]
    if match.take == "first":  # one that is known before the first of them happened less than the lag after it
        usual = f"greatest({lag}, 1)"
        open_ += [f"f.{TIME} >= a._then", f"f.{TIME} <= a._then + {usual}"]
        parts.append(_met(join, match, nearest, following, ("_then", usual), open_))
    else:
        parts.append(_met(join, match, nearest, following, (TIME, within), open_))
    both = "\nUNION ALL\n".join(parts)
    before = f"OVER (PARTITION BY {ROW} ORDER BY {FROM}, {RANK} ROWS UNBOUNDED PRECEDING)"
    first = f"min({RANK}) FILTER (WHERE {LASTS}) {before}"
    body = select(
        [ROW, RANK, FROM, UNTIL], f"FROM (\n{indent(both)}\n)\nQUALIFY coalesce({RANK} <= {first}, true)"
    )
    comment = f"{view.name}: what may match each row, and from when until when that is known"
    return ctes.add(quoted(f"{join.rows.name}_pairs"), body, comment, materialized=True)


def _met(
    join: Join, match: Match, nearest: str, following: str, bucket: tuple[str, str], conditions: Sequence[str]
) -> str:
    """SELECT of the pairs that meet by key and a bucket of time: (a column of the row, how long a bucket is)."""
    column, length = bucket
    keys = [quoted(k.name) for k in join.rows.keys]
    buckets = f"unnest([{column} // {length}, {column} // {length} + 1]) AS {BUCKET}"
    rows = select(["*", buckets], f"FROM {nearest}")
    on = [f"f._key_{n} = a.{k}" for n, k in enumerate(keys)] + [f"f.{TIME} // {length} = a.{BUCKET}"]
    begins, ends = f"greatest(a.{ENTER}, f.{ENTER})", f"least(a.{SUPERSEDED}, f.{SUPERSEDED})"
    lasts = f"{ends} IS NOT DISTINCT FROM a.{SUPERSEDED}"
    inside = [f"f.{TIME} >= a.{TIME}", f"f.{TIME} < a.{TIME} + {match.within}"]
    inside.append(f"({ends} IS NULL OR {ends} > {begins})")
    return select(
        [f"a.{ROW}", f"f.{RANK}", f"{begins} AS {FROM}", f"{ends} AS {UNTIL}", f"{lasts} AS {LASTS}"],
        f"FROM (\n{indent(rows)}\n) a\nJOIN {following} f\n  ON {' AND '.join(on)}\n"
        f"{conjunction([*conditions, *inside])}",
    )


def _answers(ctes: Ctes, view: View, join: Join, asked: str, pairs: str) -> str:
    """The CTE of each row's answers (`_rank`, NULL for none) and the instants from and until which each is seen."""
    entered = select([ROW, f"{ENTER} AS _instant"], f"FROM {asked}")
    known = select([ROW, FROM], f"FROM {pairs}")
    gone = select([ROW, UNTIL], f"FROM {pairs}\nWHERE {UNTIL} IS NOT NULL")
    instants = ctes.add(
        quoted(f"{join.rows.name}_instants"),
        f"{entered}\nUNION\n{known}\nUNION\n{gone}",
        f"{view.name}: the instants at which what matches a row may change",
    )
    then = f"p.{FROM} <= i._instant AND (p.{UNTIL} IS NULL OR p.{UNTIL} > i._instant)"
    first = ctes.add(
        quoted(f"{join.rows.name}_first"),
        select(
            [f"i.{ROW}", "i._instant", f"min(p.{RANK}) AS {RANK}"],
            f"FROM {instants} i\nLEFT JOIN {pairs} p ON p.{ROW} = i.{ROW} AND {then}\nGROUP BY ALL",
        ),
        f"{view.name}: the one that is taken at each of them",
    )
    history = f"PARTITION BY {ROW} ORDER BY _instant"
    changed = select(
        [ROW, RANK, f"_instant AS {FROM}"],
        f"FROM {first}\nQUALIFY row_number() OVER ({history}) = 1"
        f" OR {RANK} IS DISTINCT FROM lag({RANK}) OVER ({history})",
    )
    following = f"lead(c.{FROM}) OVER (PARTITION BY c.{ROW} ORDER BY c.{FROM})"
    body = select(
        [f"c.{ROW}", f"c.{RANK}", f"c.{FROM}", f"coalesce({following}, a.{SUPERSEDED}) AS {UNTIL}"],
        f"FROM (\n{indent(changed)}\n) c\nJOIN {asked} a USING ({ROW})\n"
        f"QUALIFY a.{SUPERSEDED} IS NULL OR c.{FROM} < a.{SUPERSEDED}",
    )
    comment = f"{view.name}: each row's answers, and from when until when each is seen"
    return ctes.add(quoted(f"{join.rows.name}_answers"), body, comment)
