"""Whose fault a value error is: the feature, the entity and the instant behind an engine's bare message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import quoted
from featc.lower.training import Knowledge, training_sql
from featc.lower.written import Written, over_source
from featc.resolve.model import Output, Project, Source, feature_closure
from featc.runtime.culprit import culprit
from featc.runtime.reasons import coded, reason
from featc.runtime.spine import Spine

if TYPE_CHECKING:
    import duckdb


def blamed(
    connection: duckdb.DuckDBPyConnection,
    error: Exception,
    project: Project,
    outputs: Sequence[tuple[Output, tuple[str, ...]]],
    spine: Spine,
    knowledge: Knowledge,
) -> FeatcError:
    """An engine's error about a value as F421 or F422, found by running one feature at a time, then fewer rows.

    `outputs`: each with the names of the keys it needs.
    """
    why = reason(error)
    if ours := coded(why):
        return FeatcError(Diagnostic(ours[0], ours[1], hint="put the data right, or declare another type"))
    if "CSV Error" in str(error):
        hint = "put the data right, or declare another type under columns:"
        return FeatcError(Diagnostic("F422", f"a source holds a value that cannot be read: {why}", hint=hint))
    for output, keys in outputs:
        sql = training_sql(project, [output], time=spine.time, extra=("1 AS one",), knowledge=knowledge)
        if not _fails(connection, sql, spine, 0, spine.rows):
            continue
        found = _culprit(connection, project, output, why)
        if found is not None and not found.of_feature:
            message = f"{found.what} fails, so {output.view}.{output.feature} has no value: {why}"
            hint = "guard it (nullif, try_cast), or put the data right"
            return FeatcError(Diagnostic("F421", message, found.expr.span, hint))
        row = _first_failing(connection, sql, spine, [*keys, spine.time])
        where = ", ".join(f"{k} = {v}" for k, v in row.items())
        return FeatcError(
            Diagnostic(
                "F421",
                f"{output.view}.{output.feature} has no value it can give for {where}: {why}",
                found.expr.span if found is not None else None,
                hint="a sum beyond BIGINT, an integer division by zero or a cast that fails;"
                " widen the type (sum(amount::DOUBLE)) or guard it (nullif, try_cast)",
            )
        )
    hint = "instants lie in the years 1 to 9999; put the data right"
    return FeatcError(Diagnostic("F422", f"the sources hold a value that cannot be read: {why}", hint=hint))


def _culprit(connection: duckdb.DuckDBPyConnection, project: Project, output: Output, why: str) -> Written | None:
    """The row expression behind a feature's failure, in its view or in one that the feature takes others of."""
    import duckdb

    for name in dict.fromkeys(v for v, _ in feature_closure(project, ((output.view, output.feature),))):
        view = project.view(name)
        source = project.sources[view.source] if view.source is not None else None

        def fails(written: Written, source: Source | None = source) -> str | None:
            assert source is not None
            try:
                connection.execute(over_source(source, written)).fetchall()
            except duckdb.Error as error:
                return reason(error)
            return None

        if source is not None and (found := culprit(source, view, why, fails)) is not None:
            return found
    return None


def over(sql: str, spine: Spine, start: int, end: int) -> str:
    """The training query over the spine's rows from `start` to before `end`."""
    rows = f"FROM {spine.relation} LIMIT {end - start}" + (f" OFFSET {start}" if start else "")
    return f"WITH spine AS ({rows})\nSELECT * FROM (\n{sql}\n)"


def _fails(connection: duckdb.DuckDBPyConnection, sql: str, spine: Spine, start: int, end: int) -> bool:
    import duckdb

    try:
        connection.execute(over(sql, spine, start, end)).fetchall()
    except duckdb.Error:
        return True
    return False


def _first_failing(
    connection: duckdb.DuckDBPyConnection, sql: str, spine: Spine, columns: Sequence[str]
) -> dict[str, Any]:
    """The keys and instant of the first spine row for which the query fails, by halving the spine."""
    low, high = 0, spine.rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fails(connection, sql, spine, low, middle) else (middle, high)
    listed = ", ".join(quoted(c) for c in columns)
    picked = connection.execute(f"SELECT {listed} FROM {spine.relation} LIMIT 1 OFFSET {low}").fetchall()
    return dict(zip(columns, picked[0], strict=True))
