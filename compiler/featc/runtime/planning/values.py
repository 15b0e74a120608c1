"""`featc plan --check-values`: what was and what is, computed at the same rows of a spine, and compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featc.errors import FeatcError
from featc.resolve.model import Output, Project
from featc.runtime.located import located
from featc.versions.changes import Change

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

ROWS = 1000
"""Entities that are asked, each just after the last that became known of it."""
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Differing:
    """One row at which a feature had another value: the spine's row, and both values."""

    row: Mapping[str, Any]
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Checked:
    """One feature before and after at `rows` rows of a spine, of which `differ` have other values. `failed` says why
    one of the sides has none, empty otherwise."""

    feature: str
    rows: int
    differ: int
    examples: tuple[Differing, ...] = ()
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "rows": self.rows,
            "differ": self.differ,
            "examples": [{"row": dict(e.row), "old": e.old, "new": e.new} for e in self.examples],
            "failed": self.failed or None,
        }


def check_values(
    store: FeatureStore, old: Project, changes: Iterable[Change], spine: str | None = None
) -> tuple[Checked, ...]:
    """Every feature that means something else, by the definitions of before and of now over the data of now.

    `spine` is a file or SELECT with the rows to ask at; without one, the entities that something happened to last.
    """
    by_view: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "feature" and change.what in ("changed", "affected") and change.moves:
            view, _, name = change.name.partition(".")
            by_view.setdefault(view, []).append(name)
    before = located(_where_data_lies(old, store.project), store.root)
    found: list[Checked] = []
    for view, names in by_view.items():
        found += _check(store, before, view, names, spine)
    return tuple(found)


def _where_data_lies(old: Project, new: Project) -> Project:
    """The old project over the data of the new one, but where a query was another: that is part of the definition."""
    moved = {
        name: replace(source, location=new.sources[name].location)
        for name, source in old.sources.items()
        if name in new.sources and source.query == new.sources[name].query
    }
    return old.with_sources(moved)


def _check(
    store: FeatureStore, before: Project, view: str, names: Sequence[str], spine: str | None
) -> list[Checked]:
    sides = [
        [Output(n, view, n, project.feature(view, n).type) for n in names] for project in (before, store.located)
    ]
    try:
        asked = spine if spine is not None else _recent(store, sides[1])
        old, new = (_rows(store, p, o, asked) for p, o in zip((before, store.located), sides, strict=True))
    except FeatcError as error:
        return [Checked(f"{view}.{name}", 0, 0, failed=error.diagnostics[0].message) for name in names]
    found = []
    for name in names:
        differ = [
            Differing({k: v for k, v in b.items() if k not in names}, a[name], b[name])
            for a, b in zip(old, new, strict=True)
            if not _same(a[name], b[name])
        ]
        found.append(Checked(f"{view}.{name}", len(new), len(differ), tuple(differ[:_EXAMPLES])))
    return found


def _recent(store: FeatureStore, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """Rows to ask at. They are fetched once, so that both sides have the same ones."""
    from featc.runtime.training_set.recent import recent_spine

    with store.connect() as connection:
        return _named(connection.execute(recent_spine(store.located, outputs, ROWS)))


def _rows(store: FeatureStore, project: Project, outputs: Sequence[Output], spine: Any) -> list[dict[str, Any]]:
    from featc.runtime.dataset import Dataset

    made = Dataset(store.connect(), project, outputs, spine)
    return made.answer(lambda connection: _named(connection.execute(made.query)))


def _named(result: Any) -> list[dict[str, Any]]:
    names = [d[0] for d in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return bool(a == b)
