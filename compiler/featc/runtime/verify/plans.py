"""The two plans over given rows: the training query over tables in memory, and push and read of a fresh
store.

Everything that compares plans (verify, author tests, shrinking) asks here, so all of them see what users get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from featc.errors import FeatcError
from featc.lower import source as src
from featc.lower.ctes import named, select
from featc.lower.training import training_sql
from featc.resolve import needs
from featc.resolve.model import Location, Output, Project, Source, View
from featc.resolve.upstream import behind, read_sources
from featc.runtime.engine import connect
from featc.runtime.verify.history import Answer, Batch, Failed, Probe
from featc.runtime.verify.rows import Row, Rows, as_pushed, create, physical

_FAILURES = 24
"""So many refused probes of one output are looked for one by one; the rest of it counts as refused."""

Ask = Callable[[Sequence[Output], Sequence[Probe]], list[dict[str, Any]]]


def given_table(source: str) -> str:
    """The name of the table in memory that stands for a source."""
    return f"given_{source}"


def relocated(project: Project) -> Project:
    """The project with every source read from its table in memory."""
    tables = {
        name: replace(source, location=Location("table", given_table(name))) for name, source in project.stored.items()
    }
    return project.with_sources(tables)


def spine_columns(project: Project, outputs: Sequence[Output]) -> tuple[dict[str, str], dict[str, str]]:
    """Key and request columns (name → type) that `outputs` need."""
    keys, request = needs.spine_columns(project, outputs)
    return dict(keys), dict(request)


def patiently(
    ask: Ask, outputs: Sequence[Output], probes: Sequence[Probe], left: list[int] | None = None
) -> list[dict[str, Any]]:
    """`ask`, and where it raises the halves of the question, until just what is refused is `Failed`."""
    try:
        return ask(outputs, probes)
    except (FeatcError, duckdb.Error) as error:
        reason = _reason(error)
    if len(outputs) > 1:
        middle = len(outputs) // 2
        both = (patiently(ask, part, probes) for part in (outputs[:middle], outputs[middle:]))
        return [a | b for a, b in zip(*both, strict=True)]
    left = [_FAILURES] if left is None else left
    if len(probes) > 1 and left[0] > 0:
        middle = len(probes) // 2
        return [
            *patiently(ask, outputs, probes[:middle], left),
            *patiently(ask, outputs, probes[middle:], left),
        ]
    left[0] -= 1
    return [{o.name: Failed(reason) for o in outputs} for _ in probes]


def _reason(error: Exception) -> str:
    if isinstance(error, FeatcError):
        return f"{error.code}: {error.diagnostics[0].message}"
    return str(error).splitlines()[0]


class TrainingPlan:
    """The training query over rows in memory. `connection` holds a table per source, as `given_table` names
    it.
    """

    def __init__(self, project: Project, rows: Rows) -> None:
        self.project = relocated(project)
        self.connection = connect()
        for name, source in self.project.stored.items():
            self.give(source, rows.get(name, ()))

    def give(self, source: Source, rows: Sequence[Row]) -> None:
        """Makes `rows` all that the source has."""
        create(self.connection, given_table(source.name), physical(source), rows)

    def answers(
        self, outputs: Sequence[Output], probes: Sequence[Probe], project: Project | None = None
    ) -> list[dict[str, Any]]:
        """The values of `outputs` at each probe. `project` may hold more features than the plan's own."""
        asked = relocated(project) if project is not None else self.project

        def ask(wanted: Sequence[Output], at: Sequence[Probe]) -> list[dict[str, Any]]:
            self._spine(asked, wanted, at)
            done = self.connection.execute(training_sql(asked, wanted, extra=()))
            return [dict(zip([o.name for o in wanted], row, strict=True)) for row in done.fetchall()]

        return patiently(ask, outputs, probes) if probes and outputs else [{} for _ in probes]

    def _spine(self, project: Project, outputs: Sequence[Output], probes: Sequence[Probe]) -> None:
        keys, request = spine_columns(project, outputs)
        columns = [*keys.items(), *request.items(), ("as_of_us", "BIGINT")]
        rows = [(*(p.keys.get(k) for k in keys), *(p.request.get(r) for r in request), p.at) for p in probes]
        create(self.connection, "spine_given", columns, rows)
        self.connection.execute(
            "CREATE OR REPLACE VIEW spine AS"
            " SELECT * EXCLUDE (_nth, as_of_us), make_timestamp(as_of_us) AS as_of"
            " FROM spine_given ORDER BY _nth"
        )

    def instants(self, source: Source) -> list[tuple[int | None, int | None]]:
        """(τ, α) in µs of each row of a source, in the order given."""
        times = src.instants_select(source, ())[:2]
        items = [f"{sql} AS {name}" for sql, name in times]
        sql = select(items, f"FROM ({normalised(source)})\nORDER BY _nth")
        return [(t, a) for t, a in self.connection.execute(sql).fetchall()]

    def close(self) -> None:
        self.connection.close()


def normalised(source: Source) -> str:
    """A subquery's text: the rows in memory with their columns as expressions see them."""
    if source.members:
        return f"SELECT row_number() OVER () AS _nth, * FROM {src.relation_of(source)}"
    items = [named(src.normalised_batch_column(source, c.name), src.quoted(c.name)) for c in source.columns]
    return select(["_nth", *items], f"FROM {src.quoted(given_table(source.name))}")


class OnlinePlan:
    """Push to and read from a new store in `folder`."""

    def __init__(self, project: Project, folder: Path, name: str = "online") -> None:
        from featc.runtime.online import OnlineStore

        self.project = relocated(project)
        self._path = folder / f"{name}.db"
        self._store = OnlineStore(self._path, self.project, folder)

    def push(self, batch: Batch, rows: Rows) -> None:
        """Pushes the batch's rows."""
        source = self.project.sources[batch.source]
        picked = [rows[batch.source][n] for n in batch.rows]
        self._store.push(batch.source, as_pushed(source, picked), token=batch.token, alone=True)

    def answers(self, outputs: Sequence[Output], probes: Sequence[Probe]) -> list[Answer]:
        """The values of `outputs` at each probe, as reads give them now; one read for all probes of an
        instant.
        """
        moments: dict[int, list[int]] = {}
        for number, probe in enumerate(probes):
            moments.setdefault(probe.at, []).append(number)
        found: list[Answer] = [{} for _ in probes]
        for numbers in moments.values():
            here = [probes[n] for n in numbers]
            for n, answer in zip(numbers, patiently(self._ask, outputs, here), strict=True):
                found[n] = answer
        return found

    def _ask(self, outputs: Sequence[Output], probes: Sequence[Probe]) -> list[dict[str, Any]]:
        keys, request = spine_columns(self.project, outputs)
        rows = [{**{k: p.keys.get(k) for k in keys}, **{r: p.request.get(r) for r in request}} for p in probes]
        return [dict(row) for row in self._store.read(tuple(outputs), rows, probes[0].at)]

    def close(self) -> None:
        """Closes the store and deletes its files."""
        self._store.close()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            with suppress(OSError):
                path.unlink()


def pruned(project: Project, outputs: Sequence[Output]) -> Project:
    """The project with only the views and sources that `outputs` need: quicker to ask again and again."""
    pairs = behind(project, ((o.view, o.feature) for o in outputs))
    kept = {view for view, _ in pairs}
    wanted = frozenset(pairs)
    kept |= {project.view(name).origin for name in kept}

    def part(views: Mapping[str, View]) -> dict[str, View]:
        return {
            name: replace(view, features=tuple(f for f in view.features if (name, f.name) in wanted))
            for name, view in views.items()
            if name in kept
        }

    views = part(project.views)
    used = {name for view in views.values() for name in read_sources(project, view)}
    used |= {m.source.name for name in used for m in project.sources[name].members}
    sources: Mapping[str, Source] = {n: s for n, s in project.sources.items() if n in used}
    order = tuple(p for p in project.order if p in wanted)
    asked = part(project.asked)
    return replace(project, views=views, sources=sources, services={}, order=order, asked=asked, labels={})
