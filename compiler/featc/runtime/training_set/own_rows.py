"""Spines whose instants are later than their own rows were known: a feature then holds the row it is asked for.

A spine names a row of a source where it has all columns of the source's `id`, one of them beside the keys; or, for a
source without `id`, the column of its time. Aggregates over windows are looked at, and what they count by `where` and
time; FILTER, and limits by number of rows, are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.errors import Diagnostic
from featc.lower.training.own_rows import own_rows_sql
from featc.resolve.model import MEMBER, AggregateRef, ColumnRef, Project, Source, View, Window, feature_closure

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset


@dataclass(frozen=True, slots=True)
class OwnRows:
    """At `rows` of the spine's rows, features of `view` count the row of `source` that the spine's `columns` name;
    `feature` is one of them, and `output` the column by which it comes into the set."""

    view: str
    source: str
    columns: tuple[str, ...]
    rows: int
    of: int
    feature: str
    output: str
    instant: str

    @property
    def diagnostic(self) -> Diagnostic:
        way = f"{self.source} → {self.feature}" + (f" → {self.output}" if self.output != self.feature else "")
        by = ", ".join(self.columns)
        message = (
            f"{self.rows} of {self.of} rows of the spine are asked for after the row of {self.source} that they name"
            f" ({by}) was known, so that features count that very row: {way}"
        )
        hint = (
            f"let {self.instant} be the row's own time, or an earlier one; leave {by} out of the spine"
            f" if {'it names' if len(self.columns) == 1 else 'they name'} something else"
        )
        return Diagnostic("F369", message, hint=hint, severity="warning")


def own_rows(dataset: Dataset) -> tuple[OwnRows, ...]:
    """All such views of a training set, in order. A source is read only where the spine names rows of it.

    Views asked at keys that features compute are left out. Raises as `Dataset.answer`.
    """
    project = dataset.project
    outputs = [o for o in dataset.outputs if o.view not in project.labels]
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
    views = [project.view(name) for name in dict.fromkeys(view for view, _ in pairs)]
    asked = [v for v in views if v.source is not None and all(k.given is None for k in v.keys) and not v.ahead]
    return tuple(found for v in asked for found in _of(dataset, v, [f for n, f in pairs if n == v.name]))


def _of(dataset: Dataset, view: View, features: Sequence[str]) -> Iterator[OwnRows]:
    assert view.source is not None
    source = dataset.project.sources[view.source]
    named_by = _naming(dataset, source, view)
    counting = {f: _windows(view, f) for f in features}
    windows = list(dict.fromkeys(w for listed in counting.values() for w in listed))
    if not named_by or not windows:
        return
    given = {column: dataset.spine.given(mine) for column, mine in named_by.items()}
    sql = own_rows_sql(source, view, dataset.spine.time, given, windows)
    rows = dataset.answer(lambda c: int(c.execute(sql).fetchall()[0][0]))
    if rows:
        feature = next(f for f, listed in counting.items() if listed)
        output = _output(dataset, view.name, feature)
        yield OwnRows(
            view.origin, source.name, tuple(named_by.values()), rows, len(dataset), f"{view.origin}.{feature}", output,
            dataset.spine.time,
        )  # fmt: skip


def _naming(dataset: Dataset, source: Source, view: View) -> Mapping[str, str]:
    """The source's columns that name a row of it → the spine's; empty where the spine names none."""
    given = {c.casefold(): c for c in dataset.spine.columns if c != dataset.spine.time}
    keys = {k.name.casefold() for k in view.keys}
    bare = source.time.parts[0] if source.time.is_bare else None
    wanted = tuple(c for c in source.id if c != MEMBER) or ((bare.column,) if isinstance(bare, ColumnRef) else ())
    found = {c: given[c.casefold()] for c in wanted if c.casefold() in given}
    whole = bool(wanted) and len(found) == len(wanted)
    return found if whole and not all(c.casefold() in keys for c in wanted) else {}


def _windows(view: View, feature: str) -> list[Window]:
    """The windows of a feature's aggregates, without those of whole units before the current one."""
    found = [view.aggregation(r.name).window for r in view.feature(feature).expr.refs if isinstance(r, AggregateRef)]
    return [w for w in found if not (w.calendar is not None and w.calendar.previous)]


def _output(dataset: Dataset, view: str, feature: str) -> str:
    """The column of the set by which a feature comes into it."""
    project: Project = dataset.project
    pairs = {(o.view, o.feature): o.name for o in dataset.outputs}
    if (view, feature) in pairs:
        return pairs[view, feature]
    through = (n for pair, n in pairs.items() if (view, feature) in feature_closure(project, (pair,)))
    return next(through, feature)
