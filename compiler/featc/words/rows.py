"""The rows behind a view's values in words: what they are, which of them count, and what is known of them.

Everything here is of one view (`Rows`), so that a family of features asks for it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from featc.algebra import AGGREGATES, Constant
from featc.algebra.phrases import PHRASES
from featc.algebra.row import Lift, Param
from featc.resolve.model import Aggregation, ColumnRef, Expr, Join, Project, Ref, Source, StateRef, View, ViewJoin
from featc.words.conditions import Conditions, listed, spoken
from featc.words.spelling import Named, Spelled, bare, spelled
from featc.words.windows import by_time, duration, last_rows


class Rows:
    """A view with a source, as `featc.words` speaks of its rows."""

    def __init__(self, project: Project, view: View) -> None:
        self.view = view
        self.source: Source = project.sources[view.source or ""]
        self.made = project.attributed.get(view.attributed) if view.attributed is not None else None
        self._stands = {c.name: c.stands_for for c in self.source.columns if c.stands_for}
        self._spelled: dict[Expr, Spelled] = {}
        self._slots = {slot.name: slot for slot in view.slots}
        self.aggregations = {a.name: a for a in view.aggregations}

    def spell(self, expr: Expr | None) -> Spelled | None:
        if expr is None:
            return None
        if expr not in self._spelled:
            self._spelled[expr] = spelled(expr, self.source.lets)
        return self._spelled[expr]

    def name(self, thing: Ref | Named) -> str:
        """What a column or `let` is called."""
        text = spoken(thing)
        return self._stands.get(text) or text

    # ── what they are ─────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def noun(self) -> str:
        """What rows are called: the source's name, its underscores as spaces."""
        name = self.source.name.replace("_", " ")
        if self.source.members:
            members = [m.source.name.replace("_", " ") for m in self.source.members]
            return f"{name} ({listed(members)})"
        return name

    def _aggregated(self, current: bool) -> str:
        return f"changes of {self.noun}" if self.source.holds and not current else self.noun

    # ── aggregates ────────────────────────────────────────────────────────────────────────────────────────────────

    def aggregation(self, aggregation: Aggregation) -> str:
        """One aggregate over one window: `sum of amount of paid orders in the 7 days before the request`."""
        row = AGGREGATES[aggregation.aggregate]
        slots = [self._slots[name] for name in aggregation.slots[: row.arity]]
        filters = list(dict.fromkeys(f for f in (self._slots[name].filter for name in aggregation.slots) if f))
        word = row.name
        if f"{word}_rows" in PHRASES and slots and slots[0].value.parts == ("true",):  # of rows, with a FILTER
            word = f"{word}_rows"
        rows = self._rows(aggregation, filters)
        values = [self._argument(_given(slot.value, row.lifts)) for slot in slots]
        arguments = dict(zip(("x", "y"), values, strict=False))
        known = values[0] if values and self._never_null(slots[0].value) else f"non-NULL {(values or [''])[0]}"
        params = {name: _parameter(row.params, name, value) for name, value in aggregation.params}
        return PHRASES[word].format(rows=rows, known=known, **arguments, **params)

    def _argument(self, expr: Expr) -> str:
        found = self.spell(expr)
        assert found is not None
        text = bare(found.text)
        shown = found.render(self.name, text)
        return shown if found.thing(text) is not None or shown.isalnum() else f"({shown})"

    def _never_null(self, expr: Expr) -> bool:
        """Whether a visible row always has a value: its time, alone."""
        return expr.parts == self.source.time.parts and self.source.time.is_bare

    def _rows(self, aggregation: Aggregation, filters: Iterable[Expr]) -> str:
        """The rows of a window with the window."""
        window, closed = aggregation.window, self.view.closed
        noun = self._aggregated(window.current)
        if window.in_order:  # the last are taken of those that pass where; FILTER comes after
            base, own = self._conditions((self.view.where,)), self._conditions(filters)
            if window.since is not None:
                begin = self._conditions((self._slots[window.since].filter or self._slots[window.since].value,))
                upper = by_time(window, closed).removeprefix("at any time ")
                rows = f"{base.about(noun)} from the last one{begin.alone()} on, it included, {upper}"
            else:
                front = " ".join([*base.adjectives, noun])
                rows = f"{last_rows(window.rows or 0, front)}{base.after()} {self._limit(aggregation)}"
            return f"those{own.alone()} among {rows}" if own else rows
        found = self._conditions((*filters, self.view.where)).about(noun)
        if window.current:
            old = "" if self.view.ttl is None else f", none older than {duration(self.view.ttl)}"
            return f"{found} in force at the request{old}"
        return f"{found} {by_time(window, closed)}"

    def _limit(self, aggregation: Aggregation) -> str:
        return by_time(aggregation.window, self.view.closed).removeprefix("at any time ")

    def _conditions(self, exprs: Iterable[Expr | None]) -> Conditions:
        found = Conditions(name=self.name)
        for expr in exprs:
            found.add(self.spell(expr))
        return found

    # ── states ────────────────────────────────────────────────────────────────────────────────────────────────────

    def state(self, column: str) -> str:
        """A column of the row that holds."""
        return f"the {column} {self.holding}"

    @property
    def holding(self) -> str:
        """When a row holds that is looked up."""
        return f"{'in the dump in force ' if self.source.in_dumps else ''}as of the request"

    @cached_property
    def state_notes(self) -> tuple[str, ...]:
        """When a state is NULL although a row was there."""
        notes: list[str] = []
        if self.view.where is not None:
            notes.append(f"NULL unless {self._text(self.view.where)}")
        if self.view.ttl is not None:
            notes.append(f"unknown after {duration(self.view.ttl)}")
        return tuple(notes)

    # ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def knowledge(self) -> str | None:
        """What of the rows is known when: None where each is known as soon as it happens."""
        if self.view.ahead:
            return "by all that is known in the end"
        source = self.source
        how = None
        if source.available_at is not None:
            how = f"by {self._text(source.available_at)}"
        elif source.delay:
            how = f"{duration(source.delay)} delay"
        if source.members:
            late = [m.source for m in source.members if m.source.delay or m.source.available_at is not None]
            how = f"each by its source: {listed([_arrival(s) for s in late])}" if late else None
        known = f"as known at the request ({how})" if how else None
        maturity = self.view.maturity
        if maturity is None:
            return known
        mature = f"each counted from {duration(maturity)} after it on"
        return f"{known}, {mature}" if known else mature

    def _text(self, expr: Expr) -> str:
        found = self.spell(expr)
        assert found is not None
        return found.render(self.name)

    def beside(self, exprs: Iterable[Expr | None]) -> tuple[str, ...]:
        """What joins bring to the rows, for those whose columns the expressions use."""
        used = {r.column for e in exprs if e is not None for r in e.refs if isinstance(r, (ColumnRef, StateRef))}
        return tuple(self._beside(join) for join in self.view.joins if used.intersection(join.columns))

    def _beside(self, join: Join | ViewJoin) -> str:
        then = f"the time of each of {self.noun}, as then known"
        if isinstance(join, ViewJoin):
            called = "" if join.name == join.view else f" of {join.view}"
            return f"{join.name}: the features{called} at {then}"
        source = join.source.name.replace("_", " ")
        of = "" if join.name == join.source.name else f" of {source}"
        if join.match is not None:
            return f"{join.name}: the {join.match.take} row{of} within {duration(join.match.within)} from each on"
        within = "" if join.rows.ttl is None else f", at most {duration(join.rows.ttl)} old"
        return f"{join.name}: {_joined(join.source)}{of} at {then}{within}"

    def used(self, aggregation: Aggregation) -> tuple[Expr | None, ...]:
        """The expressions that decide an aggregation."""
        window = aggregation.window
        slots = [self._slots[n] for n in (*aggregation.slots, *([window.since] if window.since else []))]
        keys = [k.expr for k in self.view.keys]
        return (*(s.value for s in slots), *(s.filter for s in slots), self.view.where, *keys)


def _joined(source: Source) -> str:
    return "the row in force" if source.holds else "the last row"


def _given(expr: Expr, lift: Lift | None) -> Expr:
    """The argument of an aggregate, where rows were lifted to something made of it."""
    first, last = expr.parts[0], expr.parts[-1]
    if lift is None or not isinstance(first, str) or not isinstance(last, str):
        return expr
    for type_ in ("DATE", "TIMESTAMP", "FLOAT", "DOUBLE", "BIGINT", "VARCHAR"):  # the most telling first
        around = lift.sql(type_).split("{x}")
        pattern = [re.escape(a) for a in around]
        text = expr.render(lambda ref: f"\0{expr.refs.index(ref)}\0")
        match = re.fullmatch("(?P<x>.+)".join(pattern[:2]) + "".join(f"(?P=x){p}" for p in pattern[2:]), text, re.S)
        if match is not None:
            pieces = re.split(r"\0(\d+)\0", match["x"])
            parts = [expr.refs[int(p)] if n % 2 else p for n, p in enumerate(pieces)]
            return Expr(tuple(p for p in parts if p != ""), expr.type)
    return expr


def _arrival(source: Source) -> str:
    name = source.name.replace("_", " ")
    if source.delay:
        return f"{name} {duration(source.delay)} late"
    assert source.available_at is not None
    return f"{name} by {spelled(source.available_at, source.lets).render(spoken)}"


def _parameter(params: Iterable[Param], name: str, value: Constant) -> str:
    kind = next(p.kind for p in params if p.name == name)
    return duration(int(value)) if kind == "duration" else f"{value:,}"
