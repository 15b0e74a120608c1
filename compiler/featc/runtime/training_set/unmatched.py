"""Views of which a spine names no entity that there is: its keys are most likely written in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.lower.training.matching import matching_sql
from featc.resolve.model import Output, Project, View, feature_closure
from featc.runtime.texts import to_text

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Unmatched:
    """None of the `entities` (their number) that the spine has for the `keys` of `view` occurs in `source`, whose keys
    look like `example`; that is empty where the source has no key at all."""

    view: str
    source: str
    keys: tuple[str, ...]
    entities: int
    example: tuple[Any, ...]

    def __str__(self) -> str:
        keys = self.keys[0] if len(self.keys) == 1 else f"({', '.join(self.keys)})"
        values = "the only value" if self.entities == 1 else f"none of the {self.entities} values"
        occurs = f"{values} of {keys} in the spine {'does not occur' if self.entities == 1 else 'occurs'}"
        if not self.example:
            return f"{self.view}: {occurs} in {self.source}, which has none"
        shown = ", ".join(f"'{v}'" if isinstance(v, str) else to_text(v) for v in self.example)
        return f"{self.view}: {occurs} in {self.source}; there they look like {shown}"


def unmatched(dataset: Dataset) -> tuple[Unmatched, ...]:
    """All such views of a training set, in order. Where a spine fits, a source is read up to the first key of it.

    Views without keys, and those asked at keys that features compute, are left out. Raises as `Dataset.answer`.
    """
    project = dataset.project
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in dataset.outputs))
    views = [project.view(name) for name in dict.fromkeys(view for view, _ in pairs)]
    asked = [v for v in views if v.source is not None and v.keys and all(k.given is None for k in v.keys)]
    asked = [v for v in asked if not v.finds_keys]
    return dataset.answer(lambda c: tuple(found for v in asked for found in _of(c, dataset, v)))


def example(
    connection: duckdb.DuckDBPyConnection, project: Project, outputs: Sequence[Output], key: str
) -> tuple[str, str] | None:
    """A source of `outputs` that has the key, and its least value there as text; None where it has none, or where
    the source cannot be read."""
    import duckdb

    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
    for name in dict.fromkeys(view for view, _ in pairs):
        view = project.view(name)
        place = next((i for i, k in enumerate(view.keys) if k.name == key and k.given is None), None)
        if view.source is None or place is None or view.finds_keys:
            continue
        try:
            found = connection.execute(matching_sql(project.sources[view.source], view).sample).fetchone()
        except duckdb.Error:
            return None
        if found is not None:
            return view.source, str(found[place])
    return None


def _of(connection: duckdb.DuckDBPyConnection, dataset: Dataset, view: View) -> Iterator[Unmatched]:
    assert view.source is not None
    sql = matching_sql(dataset.project.sources[view.source], view)
    if connection.execute(sql.first).fetchone() is not None:
        return
    entities = connection.execute(sql.asked).fetchall()[0][0]
    if entities:
        example = connection.execute(sql.sample).fetchone() or ()
        yield Unmatched(view.name, view.source, tuple(k.name for k in view.keys), entities, tuple(example))
