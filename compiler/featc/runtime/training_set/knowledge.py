"""How much a training set would differ by what is known of its events: what late and corrected rows would change.

Of each feature, at how many spine rows its value with all knowledge there is differs from the one with what was known
at its instant: what a join that minds event times only would silently give. Of each label of a set with `known_at`, how
many values are others by the latest knowledge. A DOUBLE differs when it does by more than 1e-9 of the greater one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featc.lower.ctes import indent
from featc.lower.source import quoted
from featc.lower.training import Knowledge, training_sql
from featc.lower.training.cells import ROW
from featc.resolve.model import COMPLETE, Output, Project
from featc.runtime.texts import table
from featc.types import collection_parts, has_doubles

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Differing:
    """One column: of how many `values`, how many differ. Of a label only those that are complete are values."""

    column: str
    kind: str
    values: int
    differing: int


@dataclass(frozen=True, slots=True)
class KnowledgeReport:
    """All columns of a set, features first; labels only of a set with `known_at`."""

    rows: int
    columns: tuple[Differing, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data: `knowledge` of a card and of `--format json`."""
        listed = {
            kind: {c.column: {"values": c.values, "differing": c.differing} for c in self.columns if c.kind == kind}
            for kind in ("feature", "label")
        }
        return {"rows": self.rows, "features": listed["feature"], "labels": listed["label"]}

    def __str__(self) -> str:
        rows = [[c.column, c.kind, str(c.values), str(c.differing), _share(c)] for c in self.columns]
        shown = table(["column", "", "values", "differ", "share"], rows, right=frozenset((2, 3, 4)))
        return f"{shown}\nfeatures: had late and corrected rows been known; labels: by the latest knowledge"

    __repr__ = __str__


def _share(column: Differing) -> str:
    return f"{column.differing / column.values:.1%}" if column.values else ""


def knowledge_report(
    connection: duckdb.DuckDBPyConnection, project: Project, outputs: Sequence[Output], time: str, known: Knowledge
) -> KnowledgeReport:
    """Asks the training query of `outputs` once more with other knowledge, over the view `spine` of the connection."""
    features = [o for o in outputs if o.view not in project.labels]
    labels = [o for o in outputs if o.view in project.labels]
    ((rows,),) = connection.execute("SELECT count(*) FROM spine").fetchall()

    def differing(wanted: Sequence[Output], other: Knowledge, kind: str) -> list[Differing]:
        compared = [o for o in wanted if kind == "feature" or not o.feature.endswith(COMPLETE)]
        if not compared:
            return []
        sides = [training_sql(project, wanted, time=time, extra=(ROW,), knowledge=k) for k in (known, other)]
        whole = {(o.view, o.feature): f"a.{quoted(o.name)}" for o in wanted}
        counts = []
        for o in compared:
            there = "true" if kind == "feature" else whole[o.view, f"{o.feature}{COMPLETE}"]
            counts += [f"count(*) FILTER (WHERE {there})", f"count(*) FILTER (WHERE {there} AND {_differs(o)})"]
        a, b = (f"(\n{indent(side)}\n)" for side in sides)
        found = connection.execute(f"SELECT {', '.join(counts)}\nFROM {a} a\nJOIN {b} b USING ({ROW})").fetchall()[0]
        pairs = zip(found[::2], found[1::2], strict=True)
        return [Differing(o.name, kind, values, other) for o, (values, other) in zip(compared, pairs, strict=True)]

    columns = differing(features, replace(known, hindsight=True), "feature")
    if known.known_at is not None:
        columns += differing(labels, replace(known, known_at=None), "label")
    return KnowledgeReport(rows, tuple(columns))


def _differs(output: Output) -> str:
    a, b = (f"{side}.{quoted(output.name)}" for side in "ab")
    differs = f"{a} IS DISTINCT FROM {b}"
    if not has_doubles(output.type):
        return differs
    parts = collection_parts(output.type)
    if parts is None:
        return f"{differs} AND NOT coalesce({_near(a, b)}, false)"
    alike = f"len({a}) = len({b})"
    if parts[0] is not None:
        alike = f"map_keys({a}) = map_keys({b})"
        a, b = f"map_values({a})", f"map_values({b})"
    item = f"e IS NOT DISTINCT FROM {b}[i] OR coalesce({_near('e', f'{b}[i]')}, false)"
    return f"{differs} AND NOT coalesce({alike} AND list_bool_and(list_transform({a}, lambda e, i: {item})), false)"


def _near(a: str, b: str) -> str:
    # to the engine NaN is as great as NaN, and so would be near every number
    return f"(isfinite({a}) AND isfinite({b}) AND abs({a} - {b}) <= 1e-9 * greatest(abs({a}), abs({b})))"
