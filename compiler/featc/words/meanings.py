"""The meaning of each feature, label and output of a project, as one phrase."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from featc.resolve.model import (
    COMPLETE,
    AggregateRef,
    Expr,
    Feature,
    Output,
    Project,
    Service,
    StateRef,
    View,
)
from featc.words.conditions import listed
from featc.words.rows import Rows
from featc.words.spelling import TOKEN, Spelled, spelled
from featc.words.values import outer_name, value_words
from featc.words.windows import by_time

_TEXTS = ("VARCHAR", "DATE", "TIMESTAMP", "UUID", "BLOB", "TIME")


class Meanings:
    """The words for one project; views are looked at once, so ask one `Meanings` for many features."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._rows: dict[str, Rows] = {}
        self._said: dict[tuple[str, str], str] = {}
        self._aggregations: dict[tuple[str, str], str] = {}

    def feature(self, view: str, name: str) -> str:
        """The meaning of a feature of a view, of one as a service asks it, or of a label (`Project.labels`)."""
        found = self.project.view(view)
        return self._known(found, found.feature(name))

    def _known(self, view: View, feature: Feature) -> str:
        key = (view.name, feature.name)
        if key not in self._said:
            self._said[key] = self._feature(view, feature)
        return self._said[key]

    def output(self, service: Service, output: Output) -> str:
        """The meaning of what a service gives: a feature's, with the keys it is asked for where the service computes
        them."""
        said = self.feature(output.view, output.feature)
        if output.view == service.own:
            return said
        given = [(k.name, k.given) for k in self.project.view(output.view).keys if k.given is not None]
        keys = [f"{name} = {self.project.feature(ref.view, ref.feature).text}" for name, ref in given]
        return f"{said}; for {listed(keys)}" if keys else said

    @cached_property
    def features(self) -> dict[str, str]:
        """By `view.feature`, those of all features and labels."""
        views = (*self.project.views.values(), *self.project.labels.values())
        return {
            f"{view.origin}.{f.name}": self._known(view, f)
            for view in views
            for f in view.features
            if not f.name.endswith(COMPLETE)
        }

    # ── one feature ───────────────────────────────────────────────────────────────────────────────────────────────

    def _feature(self, view: View, feature: Feature) -> str:
        expr = feature.expr
        if view.ahead:
            if feature.name.endswith(COMPLETE):
                return "whether the data reaches to the end of its window"
            expr = _of_label(expr)
        found = spelled(expr, self._of(view).source.lets if view.source is not None else ())
        said = self._series(view, found) or self._value(view, feature, found)
        notes = self._notes(view, feature)
        default = _plain(feature.default)
        if default is not None:
            notes.append(f"{default} in place of NULL")
        if view.ahead:
            notes.append("NULL until complete")
        return "; ".join([said, *notes])

    def _of(self, view: View) -> Rows:
        if view.name not in self._rows:
            self._rows[view.name] = Rows(self.project, view)
        return self._rows[view.name]

    def _value(self, view: View, feature: Feature, found: Spelled) -> str:
        if view.source is None:
            name = outer_name(self.project, view.name, str, str)
        else:
            name = outer_name(self.project, view.name, self._aggregates(view), self._of(view).state)
        return value_words(found, name, boolean=feature.type == "BOOLEAN")

    def _aggregates(self, view: View) -> Callable[[str], str]:
        rows = self._of(view)

        def said(name: str) -> str:
            key = (view.name, name)
            if key not in self._aggregations:
                self._aggregations[key] = rows.aggregation(rows.aggregations[name])
            return self._aggregations[key]

        return said

    def _series(self, view: View, found: Spelled) -> str | None:
        """A list of one aggregate over windows, one after the other."""
        if not re.fullmatch(rf"\[{TOKEN}(?:, {TOKEN})*\]", found.text):
            return None
        refs = [found.things[t] for t in re.findall(TOKEN, found.text)]
        made = [self._of(view).aggregations[r.name] for r in refs if isinstance(r, AggregateRef)]
        if len(made) < len(refs) or len({(a.aggregate, a.slots, a.params) for a in made}) > 1:
            return None
        if any(a.window.in_order or a.window.current for a in made):
            return None
        first = self._aggregates(view)(made[0].name)
        own = by_time(made[0].window, view.closed)
        rest = [by_time(a.window, view.closed) for a in made[1:]]
        return f"list of {len(made)}: {first.replace(own, '; '.join([own, *rest]))}" if rest else f"list of {first}"

    def _notes(self, view: View, feature: Feature) -> list[str]:
        """What is to be known of the rows behind a feature that reads them itself."""
        if view.source is None or not feature.reads_rows:
            return []
        rows = self._of(view)
        notes: list[str] = []
        used: list[Expr | None] = []
        for ref in feature.expr.refs:
            if isinstance(ref, AggregateRef):
                used += rows.used(rows.aggregations[ref.name])
        notes += rows.beside(used)
        if any(isinstance(ref, StateRef) for ref in feature.expr.refs):
            notes += rows.state_notes
        if rows.knowledge is not None:
            notes.append(rows.knowledge)
        return notes


def _of_label(expr: Expr) -> Expr:
    """A label as it was written, without the case of a complete one around it."""
    parts = list(expr.parts)
    first, then, last = parts[0], parts[2] if len(parts) > 2 else None, parts[-1]
    if first != "CASE WHEN " or not isinstance(then, str) or not isinstance(last, str):
        return expr
    inner = list(parts[2:])
    inner[0] = then.removeprefix(" THEN ")
    inner[-1] = str(inner[-1]).removesuffix(" END")
    return Expr(tuple(p for p in inner if p != ""), expr.type, expr.span)


def _plain(default: str | None) -> str | None:
    """A default as its author wrote it: `0`, `'none'`."""
    if default is None:
        return None
    match = re.fullmatch(r"'((?:[^']|'')*)'::(.+)", default, re.S)
    if match is None:
        return re.sub(r"^([+-]?[\d.]+|true|false)::[\w(), ]+$", r"\1", default, flags=re.I)
    return match[1].replace("''", "'") if not match[2].startswith(_TEXTS) else f"'{match[1]}'"
