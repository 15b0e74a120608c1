"""Attribution: where a query finds what follows each event, and from when until when each answer is seen (semantics.md,
"Enrichment joins").

Which row an event is given depends on all that may match it, also on what comes later: then the answer changes, and the
row is seen with the new one from then on. That is no fact of a row, so these stages are recognised, and not derived:
each is compared with the definition as a tree. Of what comes out (`…_matched`) follows for a row e with its match f:

* it is seen no earlier than e counts, which is at max(τ, α) and once e is mature, and no earlier than f is known;
* it is seen no longer than e and f are, since at the instant at which one of them is superseded the answer is another;
* τ(e) ≤ τ(f) < τ(e) + within, and the keys of f are those that e asks for.

So f's columns count as columns of the event from there on, and `_enter` and `_superseded` bound when a row is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp

from featc.leakage.goals import arrival_of, identity_of, superseded_of
from featc.leakage.joins import UNKNOWN, fresh
from featc.leakage.query import Level, Query, line_of
from featc.leakage.selects import read_query
from featc.leakage.sources import plain
from featc.leakage.terms import NOBODY, SUPERSEDED, TIME, Atom, Sum, at_most, of_row, one
from featc.leakage.values import Refused, Relation, Value, Variant
from featc.leakage.versions import version_order
from featc.resolve.model import ColumnRef, Expr, Join, Match, Source, View

STAGES = ("asked", "following", "nearest", "pairs", "instants", "first", "answers", "matched")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a CTE is to be: a stage of a view's match, or (`join` None) its events before any is looked for."""

    kind: str
    view: View
    join: Join | None


def following_of(name: str, query: Query) -> Stage | None:
    """The stage that a CTE of this name is to be; the name has a number where it is not the first of its kind."""
    views = (v for v in query.project.views.values() if v.attributed is not None)
    for view in views:
        if _is(name, f"{view.name}_unmatched"):
            return Stage("unmatched", view, None)
        for join in view.lookups:
            for kind in STAGES:
                if _is(name, f"{join.rows.name}_{kind}"):
                    return Stage(kind, view, join)
    return None


def _is(name: str, stage: str) -> bool:
    return re.fullmatch(rf"{re.escape(stage.lower())}(_\d+)?", name) is not None


def follow(name: str, body: exp.Expr, stage: Stage, query: Query) -> Relation:
    """The relation of a stage. Raises Refused F577 where it does not say what the definition says."""
    if stage.join is None:
        return _unmatched(body, stage.view, query)
    match = stage.join.match
    assert match is not None
    of = _Of(stage.view, stage.join, match, query, body)
    match stage.kind:
        case "asked":
            of.check(of.asked())
        case "following":
            of.check_following()
        case "nearest":
            of.check(of.nearest())
        case "pairs":
            of.check(of.pairs())
        case "instants":
            of.check(of.instants())
        case "first":
            of.check(of.first())
        case "answers":
            of.check(of.answers())
        case _:
            of.check(of.matched())
            return _matched(body, stage.view, stage.join, of.table("r", "matched", "unmatched"), query)
    # nothing but the next stage reads it: to whoever else does, it is rows of nobody knows where
    return (Variant(rows=frozenset({query.ledger.row(line_of(body), UNKNOWN)})),)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _spelled(expr: Expr) -> str:
    return expr.render(lambda ref: _quoted(ref.column) if isinstance(ref, ColumnRef) else "")


def _wrong(node: exp.Expr, what: str) -> Refused:
    return Refused(line_of(node), what, "F577")


# ── the events ────────────────────────────────────────────────────────────────────────────────────────────────────


def _unmatched(body: exp.Expr, view: View, query: Query) -> Relation:
    """The versions of the events, each from when on it counts."""
    source = query.project.sources[view.source or ""]
    arrival = "_arrival" if view.maturity is None else f"greatest(_arrival, _time + {view.maturity})"
    enter = f"greatest(_time, {arrival})"
    versioned = bool(identity_of(source, view))
    items = ["row_number() OVER () AS _row", f"* REPLACE ({arrival} AS _arrival)", f"{enter} AS _enter"]
    items += [] if versioned else ["NULL::BIGINT AS _superseded"]
    needed = ["_time IS NOT NULL", "_arrival IS NOT NULL"]
    needed += ["NOT _deleted"] if source.deleted is not None else []
    needed += [f"(_superseded IS NULL OR _superseded > {enter})"] if versioned else []
    if {k for k, v in body.args.items() if v} - {"expressions", "from_", "where"}:
        raise _wrong(body, f"the check cannot follow which events {view.name} counts")
    if [plain(i) for i in body.expressions] != [_plain_item(i) for i in items]:
        raise _wrong(body, f"events of {view.name} do not count from {enter} on, as its definition says")
    missing = [n for n in needed if _plain_condition(n) not in _conditions(body)]
    if missing:
        raise _wrong(body, f"events of {view.name} count that do not meet {missing[0]}")
    rows = body.copy()
    rows.set("expressions", [exp.Star()])
    found = read_query(rows, query)
    (variant,) = found if len(found) == 1 else (Variant(),)
    if len(variant.rows) != 1 or query.ledger.sources.get(next(iter(variant.rows))) != source.name:
        raise _wrong(body, f"the events of {view.name} are not the rows of {source.name}")
    (event,) = variant.rows
    enters = _enters(view, source, event)
    columns = {**variant.columns, "_row": Value(), "_arrival": Value(rows=variant.rows, line=line_of(body))}
    columns["_enter"] = Value(one(Atom("greatest", NOBODY, tuple(enters))), variant.rows, line=line_of(body))
    if not versioned:
        columns["_superseded"] = Value(is_null=True)
    elif columns["_superseded"].term != superseded_of(identity_of(source, view), event):
        raise _wrong(body, f"the events of {view.name} are not the versions of {source.name}")
    return (replace(variant, columns=columns),)


def _enters(view: View, source: Source, event: int) -> list[Sum]:
    """What an event is no earlier seen than."""
    time = of_row(TIME, event)
    return [time, arrival_of(source, event), *([] if view.maturity is None else [time.add(view.maturity)])]


def _matched(body: exp.Expr, view: View, join: Join, relation: str, query: Query) -> Relation:
    """The events with what one match found, once for each answer."""
    source = query.project.sources[view.source or ""]
    level = Level(query, 0, {})
    (variant,) = fresh(query.relations[relation], level)
    (event,) = variant.rows
    line = line_of(body)
    seen, gone = of_row(f"seen:{join.name}", event), of_row(f"{SUPERSEDED}:the answer of {join.name}", event)
    before, until = variant.columns["_enter"].term, variant.columns["_superseded"].term
    facts = [at_most(e, seen, line) for e in (*_enters(view, source, event), *([before] if before else []))]
    facts += [at_most(gone, until, line)] if until is not None else []
    level.ledger.tell({event}, facts)
    columns = {**variant.columns, "_row": Value()}
    columns |= {"_enter": Value(seen, variant.rows, line=line), "_superseded": Value(gone, variant.rows, line=line)}
    for column in join.columns:
        name = column.lower()
        columns[name] = Value(of_row(f"col:{name}", event), variant.rows, line=line)
    return (replace(variant, columns=columns),)


# ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _plain_item(text: str) -> str:
    return plain(sqlglot.parse_one(f"SELECT {text}", dialect="duckdb").expressions[0])


def _plain_condition(text: str) -> str:
    return plain(sqlglot.parse_one(f"SELECT 1 WHERE {text}", dialect="duckdb").args["where"].this.unnest())


def _conditions(body: exp.Expr) -> list[str]:
    where = body.args.get("where")
    if where is None:
        return []
    return [plain(c.unnest()) for c in (where.this.flatten() if isinstance(where.this, exp.And) else [where.this])]


@dataclass(slots=True)
class _Of:
    """The stages of one match as the definition says them; names of other stages are those that `body` reads."""

    view: View
    join: Join
    match: Match
    query: Query
    body: exp.Expr

    def check(self, wanted: str) -> None:
        if plain(self.body) != plain(sqlglot.parse_one(wanted, dialect="duckdb")):
            what = f"what follows the events of {self.view.name} is not found as {self.join.name} says"
            raise _wrong(self.body, what)

    def table(self, alias: str, *kinds: str) -> str:
        """The name of the CTE that is read, which has to be a stage of these kinds: under an alias, or the only one."""
        tables = [t for t in self.body.find_all(exp.Table) if not alias or (t.alias or "").lower() == alias]
        names = list(dict.fromkeys(t.name.lower() for t in tables))
        found = [n for n in names if (s := following_of(n, self.query)) is not None and self._is_mine(s, kinds)]
        if len(found) != 1 or found[0] not in self.query.relations:
            raise _wrong(self.body, f"there is no {' or '.join(kinds)} of {self.join.name} here")
        return found[0]

    def _is_mine(self, stage: Stage, kinds: tuple[str, ...]) -> bool:
        if stage.kind not in kinds or stage.view.name != self.view.name:
            return False
        if stage.kind == "unmatched":
            return self._before() is None
        return stage.join is not None and stage.join.name == (
            self._before() if stage.kind == "matched" and self.join.name != stage.join.name else self.join.name
        )

    def _before(self) -> str | None:
        """The match before this one."""
        names = [j.name for j in self.view.lookups]
        place = names.index(self.join.name)
        return names[place - 1] if place else None

    @property
    def keys(self) -> list[str]:
        return [_quoted(k.name) for k in self.join.rows.keys]

    @property
    def lag(self) -> str:
        """The usual lag of the source that is matched, which may only choose among ways to the same rows."""
        return f"greatest((SELECT us FROM {_quoted(self._lag_name())}), 1)"

    def _lag_name(self) -> str:
        names = {t.name.lower() for t in self.body.find_all(exp.Table)}
        return next((n for n in names if _is(n, f"{self.join.source.name}_lag")), f"{self.join.source.name}_lag")

    def asked(self) -> str:
        pairs = [(_spelled(e), k) for e, k in zip(self.join.keys, self.keys, strict=True)]
        keys = [k if sql == k else f"{sql} AS {k}" for sql, k in pairs]
        relation = _quoted(self.table("", "matched", "unmatched"))
        return f"SELECT _row, _time, _enter, _superseded, {', '.join(keys)} FROM {relation}"

    def nearest(self) -> str:
        asked, following = _quoted(self.table("", "asked")), _quoted(self.table("", "following"))
        theirs = [f"_key_{n}" for n, _ in enumerate(self.keys)]
        listed = ", ".join([*theirs, "_time"])
        within = self.match.within
        near, inside = "a._time <= f._time", f"f._time < a._time + {within}"
        if self.match.take == "last":
            near, inside = "a._end > f._time", "f._time >= a._time"
        on = " AND ".join([*(f"a.{k} = f.{t}" for k, t in zip(self.keys, theirs, strict=True)), near])
        return (
            f"SELECT a.* EXCLUDE (_end), CASE WHEN {inside} THEN f._rank END AS _rank,"
            f" CASE WHEN {inside} THEN f._time END AS _then,"
            f" coalesce(NOT ({inside}) OR f._enter <= a._enter, true) AS _settled"
            f" FROM (SELECT *, _time + {within} AS _end FROM {asked}) a ASOF LEFT JOIN"
            f" (SELECT {', '.join(theirs)}, _time, _enter, _rank FROM {following} WHERE _regular"
            f" QUALIFY row_number() OVER (PARTITION BY {listed} ORDER BY _rank) = 1) f ON {on}"
        )

    def pairs(self) -> str:
        nearest, following = _quoted(self.table("", "nearest")), _quoted(self.table("", "following"))
        within = str(self.match.within)
        settled = (
            f"SELECT _row, _rank, _enter AS _from, _superseded AS _until, true AS _lasts FROM {nearest}"
            " WHERE _settled AND _rank IS NOT NULL"
        )
        sooner = ["NOT f._regular", "(NOT a._settled OR a._rank IS NULL OR f._rank < a._rank)"]
        late = self._met(nearest, following, "_time", within, sooner)
        open_, bucket = ["f._regular", "NOT a._settled"], ("_time", within)
        if self.match.take == "first":
            open_ += ["f._time >= a._then", f"f._time <= a._then + {self.lag}"]
            bucket = ("_then", self.lag)
        parts = " UNION ALL ".join([settled, late, self._met(nearest, following, *bucket, open_)])
        before = "OVER (PARTITION BY _row ORDER BY _from, _rank ROWS UNBOUNDED PRECEDING)"
        return (
            f"SELECT _row, _rank, _from, _until FROM ({parts})"
            f" QUALIFY coalesce(_rank <= min(_rank) FILTER (WHERE _lasts) {before}, true)"
        )

    def _met(self, nearest: str, following: str, column: str, length: str, conditions: list[str]) -> str:
        on = [f"f._key_{n} = a.{k}" for n, k in enumerate(self.keys)] + [f"f._time // {length} = a._bucket"]
        begins, ends = "greatest(a._enter, f._enter)", "least(a._superseded, f._superseded)"
        inside = ["f._time >= a._time", f"f._time < a._time + {self.match.within}"]
        inside.append(f"({ends} IS NULL OR {ends} > {begins})")
        buckets = f"unnest([{column} // {length}, {column} // {length} + 1]) AS _bucket"
        return (
            f"SELECT a._row, f._rank, {begins} AS _from, {ends} AS _until,"
            f" {ends} IS NOT DISTINCT FROM a._superseded AS _lasts"
            f" FROM (SELECT *, {buckets} FROM {nearest}) a JOIN {following} f ON {' AND '.join(on)}"
            f" WHERE {' AND '.join([*conditions, *inside])}"
        )

    def instants(self) -> str:
        asked, pairs = _quoted(self.table("", "asked")), _quoted(self.table("", "pairs"))
        return (
            f"SELECT _row, _enter AS _instant FROM {asked} UNION SELECT _row, _from FROM {pairs}"
            f" UNION SELECT _row, _until FROM {pairs} WHERE _until IS NOT NULL"
        )

    def first(self) -> str:
        instants, pairs = _quoted(self.table("i", "instants")), _quoted(self.table("p", "pairs"))
        then = "p._from <= i._instant AND (p._until IS NULL OR p._until > i._instant)"
        return (
            f"SELECT i._row, i._instant, min(p._rank) AS _rank FROM {instants} i"
            f" LEFT JOIN {pairs} p ON p._row = i._row AND {then} GROUP BY ALL"
        )

    def answers(self) -> str:
        first, asked = _quoted(self.table("", "first")), _quoted(self.table("a", "asked"))
        history = "PARTITION BY _row ORDER BY _instant"
        return (
            "SELECT c._row, c._rank, c._from, coalesce(lead(c._from) OVER (PARTITION BY c._row ORDER BY c._from),"
            f" a._superseded) AS _until FROM (SELECT _row, _rank, _instant AS _from FROM {first}"
            f" QUALIFY row_number() OVER ({history}) = 1 OR _rank IS DISTINCT FROM lag(_rank) OVER ({history})) c"
            f" JOIN {asked} a USING (_row) QUALIFY a._superseded IS NULL OR c._from < a._superseded"
        )

    def matched(self) -> str:
        answers, following = _quoted(self.table("c", "answers")), _quoted(self.table("f", "following"))
        relation = _quoted(self.table("r", "matched", "unmatched"))
        pairs = zip(self.join.rows.state_columns, self.join.columns, strict=True)
        brought = "".join(f", f.{_quoted(c)} AS {_quoted(n)}" for c, n in pairs)
        return (
            "SELECT r.* REPLACE (row_number() OVER () AS _row, c._from AS _enter, c._until AS _superseded)"
            f"{brought} FROM {answers} c JOIN {relation} r USING (_row) LEFT JOIN {following} f USING (_rank)"
        )

    # what may match: rows of the other source, each with when it is known and its place among those that may match

    def check_following(self) -> None:
        body, rows, source = self.body, self.join.rows, self.join.source
        if {k for k, v in body.args.items() if v} - {"expressions", "from_", "where"}:
            raise _wrong(body, f"the check cannot follow which rows of {source.name} may match")
        versioned = bool(identity_of(source, rows))
        enter = "greatest(_time, _arrival)"
        last = " AND _superseded IS NULL" if versioned else ""
        in_order = [f"{_quoted(c)} NULLS FIRST" for c in ("_time", *source.tie_break, "_arrival", *source.told_by)]
        order = ", ".join([*in_order, *(c for c in version_order(source) if c not in in_order)])
        sign = "-" if self.match.take == "last" else ""
        lag = f"(SELECT us FROM {_quoted(self._lag_name())})"
        wanted = [f"{_key(k.expr, k.type)} AS _key_{n}" for n, k in enumerate(rows.keys)]
        wanted += ["_time", f"{enter} AS _enter", "_superseded" if versioned else "NULL::BIGINT AS _superseded"]
        wanted.append(f"{enter} - _time <= {lag}{last} AS _regular")
        wanted.append(f"{sign}row_number() OVER (ORDER BY {order}) AS _rank")
        items = body.expressions
        if [plain(i) for i in items[: len(wanted)]] != [_plain_item(i) for i in wanted]:
            raise _wrong(body, f"rows of {source.name} may match otherwise than {self.join.name} says")
        for item in items[len(wanted) :]:
            if any(item.find_all(exp.Window, exp.AggFunc, exp.Select)):
                raise _wrong(item, f"{item.alias or item.name} of {source.name} is made of other rows")
        needed = ["_time IS NOT NULL", *(["_arrival IS NOT NULL"] if source.available_at is not None else [])]
        needed += [f"{_key(k.expr, k.type)} IS NOT NULL" for k in rows.keys]
        needed += ["NOT _deleted"] if source.deleted is not None else []
        needed += [f"(_superseded IS NULL OR _superseded > {enter})"] if versioned else []
        missing = [n for n in needed if _plain_condition(n) not in _conditions(body)]
        if missing:
            raise _wrong(body, f"rows of {source.name} may match that do not meet {missing[0]}")
        self._check_rows(source, rows, versioned=versioned)

    def _check_rows(self, source: Source, rows: View, *, versioned: bool) -> None:
        """That they are read from the versions of the source."""
        start = self.body.args["from_"].this
        relation = self.query.relations.get(start.name.lower(), ()) if isinstance(start, exp.Table) else ()
        for variant in relation:
            owners = [o for o in variant.rows if self.query.ledger.sources.get(o) == source.name]
            mine = len(variant.rows) == len(owners) == 1
            time = mine and variant.columns.get("_time", Value()).term == of_row(TIME, owners[0])
            of_all = superseded_of(identity_of(source, rows), owners[0]) if mine and versioned else None
            gone = variant.columns.get("_superseded", Value())
            if not time or (versioned and gone.term != of_all and not gone.is_null):
                raise _wrong(start, f"what may match is not read from the versions of {source.name}")
        if not relation:
            raise _wrong(start, f"what may match is not read from the versions of {source.name}")


def _key(expr: Expr | None, type_: str) -> str:
    assert expr is not None
    text = _spelled(expr)
    return text if expr.type == type_ else f"{text}::{type_}"
