"""Training sets: the lazy object behind `featc dataset` and `get_historical_features`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal, quoted
from featc.lower.training import training_sql
from featc.resolve.model import Output, Project, feature_closure
from featc.resolve.needs import spine_columns
from featc.runtime import spine as spines
from featc.runtime.reasons import reason

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
_CODED = re.compile(r"(F\d{3}): (.+)")


def _inner(project: Project, outputs: Sequence[Output]) -> list[str]:
    """What the query calls the features it computes."""
    return [f"{v}.{f}" for v, f in feature_closure(project, tuple((o.view, o.feature) for o in outputs))]


class Dataset:
    """One training set: a row per spine row, in order, with all its columns and the features (semantics.md, "The
    result"). Nothing runs until rows are asked for; the connection is its own.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        project: Project,
        outputs: Sequence[Output],
        spine: Any,
        time: str | None = None,
    ) -> None:
        self._connection = connection
        self._project = project
        self.outputs = tuple(outputs)
        keys, request = spine_columns(project, outputs)
        spines.read(connection, spine)
        names = [o.name for o in outputs]
        self._spine = spines.prepare(connection, keys, request, names, time, _inner(project, outputs))
        self.sql = training_sql(project, outputs, time=self._spine.time, extra=self._spine.extra)

    def __len__(self) -> int:
        return self._spine.rows

    def relation(self) -> duckdb.DuckDBPyRelation:
        """The answer as a DuckDB relation, computed when it is read."""
        return self._connection.sql(self.sql)

    def _answer(self, take: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs the query; an engine's error about a value becomes one that names feature, entity and instant."""
        import duckdb

        try:
            return take(self._connection)
        except (
            duckdb.ConversionException,
            duckdb.OutOfRangeException,
            duckdb.InvalidInputException,
        ) as error:
            raise self._blamed(error) from None
        except duckdb.Error as error:
            raise FeatcError(
                Diagnostic(
                    "F430",
                    f"the engine refused the training query: {reason(error)}",
                    hint="featc build checks the project; if it finds nothing, please report this",
                )
            ) from None

    def _blamed(self, error: Exception) -> FeatcError:
        """Which feature, entity and instant a value error belongs to: one feature at a time, then one row at a time."""
        why = reason(error)
        if coded := _CODED.match(why):
            return FeatcError(Diagnostic(coded[1], coded[2], hint="put the data right, or declare another type"))
        if "CSV Error" in str(error):
            hint = "put the data right, or declare another type under columns:"
            return FeatcError(Diagnostic("F422", f"a source holds a value that cannot be read: {why}", hint=hint))
        for output in self.outputs:
            sql = training_sql(self._project, [output], time=self._spine.time, extra=self._spine.extra)
            if not self._fails(sql):
                continue
            row = self._first_failing(output)
            where = ", ".join(f"{k} = {v}" for k, v in row.items())
            return FeatcError(
                Diagnostic(
                    "F421",
                    f"{output.view}.{output.feature} has no value it can give for {where}: {why}",
                    hint="a sum beyond BIGINT, an integer division by zero or a cast that fails;"
                    " widen the type (sum(amount::DOUBLE)) or guard it (nullif, try_cast)",
                )
            )
        hint = "instants lie in the years 1 to 9999; put the data right"
        return FeatcError(Diagnostic("F422", f"the sources hold a value that cannot be read: {why}", hint=hint))

    def _fails(self, sql: str) -> bool:
        import duckdb

        try:
            self._connection.execute(sql).fetchall()
        except duckdb.Error:
            return True
        return False

    def _first_failing(self, output: Output) -> dict[str, Any]:
        """The keys and instant of the first spine row for which `output` fails, by halving the spine."""
        keys, _ = spine_columns(self._project, [output])
        columns = [*(k for k, _ in keys), self._spine.time]
        connection = self._connection
        connection.execute("CREATE OR REPLACE TEMP TABLE spine_all AS SELECT row_number() OVER () AS n, * FROM spine")
        low, high = 1, self._spine.rows
        sql = training_sql(self._project, [output], time=self._spine.time, extra=("1 AS one",))
        while low < high:
            middle = (low + high) // 2
            connection.execute(
                "CREATE OR REPLACE TEMP VIEW spine AS"
                f" SELECT * EXCLUDE (n) FROM spine_all WHERE n BETWEEN {low} AND {middle}"
            )
            low, high = (low, middle) if self._fails(sql) else (middle + 1, high)
        picked = connection.execute(
            f"SELECT {', '.join(quoted(c) for c in columns)} FROM spine_all WHERE n = {low}"
        ).fetchall()
        return dict(zip(columns, picked[0], strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """All rows as dicts of Python values, in the spine's order."""
        names, found = self._answer(_named_rows(self.sql))
        return [dict(zip(names, row, strict=True)) for row in found]

    def arrow(self) -> Any:
        """A pyarrow Table."""
        return self._answer(lambda c: c.sql(self.sql).to_arrow_table())

    def df(self) -> Any:
        """A pandas DataFrame."""
        return self._answer(lambda c: c.sql(self.sql).df())

    to_df = df

    def polars(self) -> Any:
        """A polars DataFrame."""
        return self._answer(lambda c: c.sql(self.sql).pl())

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns as lists, Feast's shape."""
        rows = self.rows()
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.arrow().__arrow_c_stream__(requested_schema)

    def write(self, path: str | Path) -> Path:
        """Writes the set as parquet or CSV, by the ending of `path`; nothing is left half-written on an error."""
        target = Path(path)
        kind = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}.get(target.suffix.lower())
        if kind is None:
            raise FeatcError(
                Diagnostic(
                    "F520",
                    f"'{target.name}' ends in neither .parquet nor .csv",
                    hint="name the file train.parquet or train.csv",
                ),
                exit_code=2,
            )
        partial = target.with_name(f".{target.name}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.touch()  # before anything is computed
            copy = f"COPY (\n{self.sql}\n) TO {literal(str(partial))} (FORMAT {kind})"
            self._answer(lambda c: c.execute(copy))
            partial.replace(target)
        except OSError as error:
            hint = "check that its folder is one, its rights and the free space"
            finding = Diagnostic("F910", f"cannot write {target}: {error.strerror or error}", hint=hint)
            raise FeatcError(finding, exit_code=4) from None
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return target


def _named_rows(sql: str) -> Callable[[duckdb.DuckDBPyConnection], tuple[list[str], list[tuple[Any, ...]]]]:
    """Runs `sql` and gives column names and rows."""

    def take(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[tuple[Any, ...]]]:
        done = connection.execute(sql)
        return [d[0] for d in done.description or ()], done.fetchall()

    return take
