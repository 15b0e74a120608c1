"""Which rows of a source are pushed together: those of one dump, which a store takes whole; else each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.resolve.model import Project, Source
from featc.runtime.verify.plans import TrainingPlan
from featc.runtime.verify.rows import Rows

Parts = Mapping[str, Sequence[tuple[int, ...]]]
"""By source, the numbers of the rows that are pushed together, in the order of the first of them."""


def parts_of(project: Project, rows: Rows) -> Parts:
    """The parts of all rows. Asks DuckDB for the instants of those that are dumps."""
    found: dict[str, Sequence[tuple[int, ...]]] = {n: [(k,) for k in range(len(own))] for n, own in rows.items()}
    dumps = {name: rows[name] for name in rows if project.sources[name].in_dumps}
    if dumps:
        plan = TrainingPlan(project, dumps)
        try:
            found |= {name: wholes(plan, plan.project.sources[name], len(rows[name])) for name in dumps}
        finally:
            plan.close()
    return found


def wholes(plan: TrainingPlan, source: Source, count: int) -> list[tuple[int, ...]]:
    """The same of one source, whose rows `plan` has; rows without instants are of no dump."""
    if not source.in_dumps:
        return [(n,) for n in range(count)]
    together: dict[object, list[int]] = {}
    for n, instants in enumerate(plan.instants(source)):
        together.setdefault(n if None in instants else instants, []).append(n)
    return [tuple(numbers) for numbers in together.values()]
