"""Training sets: the lazy object behind `featc dataset` and `get_historical_features`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from featc.errors import Diagnostic, FeatcError
from featc.fingerprint import outputs_fingerprint
from featc.lower.training import LATEST, Knowledge, training_sql
from featc.lower.training.rows import left_out_sql
from featc.resolve.model import Output, Project, feature_closure
from featc.resolve.needs import spine_columns
from featc.resolve.upstream import read_beside
from featc.runtime import spine as spines
from featc.runtime.engine import sibling
from featc.runtime.extras import needed
from featc.runtime.reasons import reason
from featc.runtime.spine_given import read as read_spine
from featc.runtime.training_set.blame import blamed, over
from featc.runtime.training_set.entity_range import EntityRange
from featc.runtime.training_set.origin import Asked, origin_of
from featc.runtime.training_set.own_rows import OwnRows, own_rows
from featc.runtime.training_set.reading import Place, Read, Reading, choose
from featc.runtime.training_set.unmatched import Unmatched, example, unmatched
from featc.secrets import mask

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.training_set.knowledge import KnowledgeReport
    from featc.runtime.training_set.output import Written
    from featc.runtime.training_set.statistics import Statistics

T = TypeVar("T")


def _places(project: Project) -> dict[str, str]:
    """Where the sources lie, as a SELECT may name it; secrets are masked."""
    shown = {n: (s.location.kind, mask(s.location.value)) for n, s in project.sources.items()}
    return {name: f"'{value}'" if kind == "path" else f"its {kind}: {value}" for name, (kind, value) in shown.items()}


def _inner(project: Project, outputs: Sequence[Output]) -> list[str]:
    """What the query calls the features it computes."""
    return [f"{v}.{f}" for v, f in feature_closure(project, tuple((o.view, o.feature) for o in outputs))]


class Dataset:
    """One training set: a row per spine row, in order, with all its columns and the features (semantics.md, "The
    result"). Nothing runs until rows are asked for; the connection is its own.

    `query` is what runs, `sql` what may be shown of it; `outputs` are the columns of features and labels; `known` says
    what the labels know, and raises F529 for spine rows that are later. Whatever asks for rows
    raises FeatcError F421 or F422 when a value cannot be given, naming feature, entity and instant.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        project: Project,
        outputs: Sequence[Output],
        spine: Any,
        time: str | None = None,
        asked: Asked | None = None,
        knowledge: Knowledge = LATEST,
    ) -> None:
        self._connection = connection
        self.project = project
        self.outputs = tuple(outputs)
        self.asked = asked or Asked()
        self.known = knowledge
        keys, request = spine_columns(project, outputs)
        self.origin = origin_of(spine, self.asked.root)
        is_range = isinstance(spine, EntityRange)
        read_spine(connection, spine.sql(project, outputs) if is_range else spine, _places(project))
        names = [o.name for o in outputs]
        such = partial(example, connection, project, outputs)
        self.spine = spines.prepare(connection, keys, request, names, time, _inner(project, outputs), such)
        if knowledge.known_at is not None:
            spines.check_known_at(connection, self.spine, knowledge.known_at)
        self.reading = Reading()
        self.query = self._query()
        self._running: duckdb.DuckDBPyConnection | None = None

    def _query(self) -> str:
        return training_sql(
            self.project,
            self.outputs,
            time=self.spine.time,
            extra=self.spine.extra,
            tiles=self.reading.tables,
            knowledge=self.known,
        )

    def choose(self, project: Project, root: Path, read: Read) -> None:
        """Decides whether backfilled tiles are read; `project` is the one whose files are named from `root`."""
        place = Place(self._connection, self.project, project, root, self.spine.time)
        self.reading = choose(place, self.outputs, read)
        self.query = self._query()

    # ── what it is ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def sql(self) -> str:
        """`query`, the training query over a relation `spine`, for people: a location that is a secret is masked."""
        return mask(self.query)

    def __len__(self) -> int:
        return self.spine.rows

    @cached_property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, DuckDB type) of all columns: the spine's, then the features'. Nothing is computed."""
        described = self.answer(lambda c: c.execute(f"DESCRIBE {self.query}").fetchall())
        return tuple((str(name), str(type_)) for name, type_, *_ in described)

    @property
    def version(self) -> str:
        """The version of the service; of a list of features, which has none, v1."""
        return f"v{self.asked.version}"

    @cached_property
    def fingerprint(self) -> str:
        """Everything that decides the values, as far as definitions do."""
        keys, request = spine_columns(self.project, self.outputs)
        return outputs_fingerprint(self.project, self.outputs, (*keys, *request))

    def explain(self) -> str:
        """The stages of the query in their order, and what each of them does."""
        from featc.lower.training import stages

        found = stages(self.project, self.outputs, self.reading.tables)
        return mask("\n".join(f"{name}: {what}" for name, what in (*self.reading.words.items(), *found)))

    def progress(self) -> float | None:
        """The share of the running query that is done, 0 to 100; None when nothing runs or nobody knows."""
        running = self._running
        share = running.query_progress() if running is not None else -1.0
        return share if share >= 0 else None

    # ── its rows ──────────────────────────────────────────────────────────────────────────────────────────────────

    def head(self, n: int = 5) -> Dataset:
        """The training set of the spine's first `n` rows, which alone are computed when it is asked."""
        few = copy(self)
        rows = max(0, min(n, len(self)))
        few.spine = replace(self.spine, rows=rows)
        few.query = over(self._query(), self.spine, 0, rows)
        return few

    def relation(self) -> duckdb.DuckDBPyRelation:
        """The answer as a DuckDB relation, computed when it is read."""
        return self._cursor().sql(self.query)

    def left_out(self) -> dict[str, int]:
        """Source → how many of its rows came too late for its `final_after` and count as absent; none, no entry."""
        pairs = feature_closure(self.project, tuple((o.view, o.feature) for o in self.outputs))
        known = {**self.project.views, **self.project.labels}
        defined = (known.get(name) or known.get(self.project.view(name).origin) for name, _ in pairs)
        reading = [r for v in defined if v is not None for r in (*read_beside(self.project, v), v)]
        views = {v.source: v for v in reading if v.source is not None}
        sources = {name: self.project.sources[name] for name in sorted(views)}
        final = {name: left_out_sql(s, views[name]) for name, s in sources.items() if s.final_after is not None}
        counts = {name: self.answer(partial(_only_value, sql)) for name, sql in final.items()}
        return {name: count for name, count in counts.items() if count}

    def unmatched(self) -> tuple[Unmatched, ...]:
        """The views of which no entity of the spine occurs in their source, so that all their values are empty ones."""
        return unmatched(self)

    def own_rows(self) -> tuple[OwnRows, ...]:
        """The views whose features count, at some spine rows, the very row of their source that the spine names."""
        return own_rows(self)

    def rows(self) -> list[dict[str, Any]]:
        """All rows as dicts of Python values, in the spine's order."""
        names, found = self.answer(_named_rows(self.query))
        return [dict(zip(names, row, strict=True)) for row in found]

    def arrow(self) -> Any:
        """A pyarrow Table. Raises FeatcError F521 without pyarrow; the Arrow stream needs none."""
        needed("pyarrow", "pandas", "for arrow()")
        return self.answer(lambda c: c.sql(self.query).to_arrow_table())

    to_arrow = arrow

    def df(self) -> Any:
        """A pandas DataFrame. Raises FeatcError F521 without pandas."""
        needed("pandas", "pandas", "for df()")
        return self.answer(lambda c: c.sql(self.query).df())

    to_df = df

    def polars(self) -> Any:
        """A polars DataFrame. Raises FeatcError F521 without polars."""
        needed("polars", "polars", "for polars()")
        needed("pyarrow", "polars", "for polars()")
        return self.answer(lambda c: c.sql(self.query).pl())

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns as lists, Feast's shape."""
        names, found = self.answer(_named_rows(self.query))
        return {name: [row[i] for row in found] for i, name in enumerate(names)}

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as a stream of Arrow batches, computed as they are read."""
        return self.answer(lambda c: c.sql(self.query).__arrow_c_stream__(requested_schema))

    # ── what is made of it ────────────────────────────────────────────────────────────────────────────────────────

    def write(
        self,
        path: str | Path,
        *,
        partition_by: str | Sequence[str] = (),
        rows_per_file: int | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Writes the set and, beside it, its card; gives the path. Nothing is left half-written on an error.

        The ending decides: .parquet, .csv, .json, .jsonl, and .csv.gz and the like. With `partition_by` (columns, or
        `year(c)`, `month(c)`, `day(c)`) or `rows_per_file` it is a folder of parquet files; one that exists already
        is replaced only with `overwrite`. Raises FeatcError F520 to F527, F910.
        """
        return self.save(path, partition_by=partition_by, rows_per_file=rows_per_file, overwrite=overwrite).path

    def save(
        self,
        path: str | Path,
        *,
        partition_by: str | Sequence[str] = (),
        rows_per_file: int | None = None,
        overwrite: bool = False,
        statistics: bool = False,
        knowledge: bool = False,
    ) -> Written:
        """As `write`; gives the card, too, and the statistics if wanted; with `knowledge` card and statistics say how
        much the set would differ by other knowledge."""
        from featc.runtime.training_set.output import Shape, write_set

        columns = (partition_by,) if isinstance(partition_by, str) else tuple(partition_by)
        shape = Shape(columns, rows_per_file, overwrite)
        return write_set(self, Path(path), shape, statistics=statistics, knowledge=knowledge)

    def stats(self, *, knowledge: bool = False) -> Statistics:
        """What the features' values are like, in one pass; distinct counts and quantiles are approximate. With
        `knowledge` also what that method says."""
        from featc.runtime.training_set.statistics import statistics

        found = self.answer(lambda c: statistics(c, f"(\n{self.query}\n)", self.project, self.outputs))
        return replace(found, knowledge=self.knowledge()) if knowledge else found

    def knowledge(self) -> KnowledgeReport:
        """At how many spine rows a feature would differ had late and corrected rows been known, and of a set with
        `known_at` how many label values are others by the latest knowledge. Costs as much as the set once more."""
        from featc.runtime.training_set.knowledge import knowledge_report

        return self.answer(lambda c: knowledge_report(c, self.project, self.outputs, self.spine.time, self.known))

    def __repr__(self) -> str:
        from featc.runtime.training_set.display import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from featc.runtime.training_set.display import as_html

        return as_html(self)

    # ── running it ────────────────────────────────────────────────────────────────────────────────────────────────

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for each answer, so that none waits for another to be read."""
        cursor = sibling(self._connection)
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW spine AS FROM {self.spine.relation}")
        cursor.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")  # for `progress`
        return cursor

    def answer(self, take: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs a query; an engine's error about a value becomes one that names feature, entity and instant.

        Raises FeatcError F421, F422; F430 when the engine refuses the query; F522, F910 (exit code 4) when memory or
        disk ran out.
        """
        import duckdb

        cursor = self._running = self._cursor()
        try:
            return take(cursor)
        except (
            duckdb.ConversionException,
            duckdb.OutOfRangeException,
            duckdb.InvalidInputException,
        ) as error:
            listed = [(o, tuple(k for k, _ in spine_columns(self.project, [o])[0])) for o in self.outputs]
            raise blamed(self._cursor(), error, self.project, listed, self.spine, self.known) from None
        except duckdb.OutOfMemoryException as error:
            hint = "free memory or disk, or ask for fewer spine rows at a time"
            finding = Diagnostic("F522", f"the engine ran out of memory: {reason(error)}", hint=hint)
            raise FeatcError(finding, exit_code=4) from None
        except duckdb.IOException as error:
            hint = "check that the files are there, their rights and the free space"
            finding = Diagnostic("F910", f"the engine could not read or write: {reason(error)}", hint=hint)
            raise FeatcError(finding, exit_code=4) from None
        except duckdb.Error as error:
            raise FeatcError(
                Diagnostic(
                    "F430",
                    f"the engine refused the training query: {reason(error)}",
                    hint="featc build checks the project; if it finds nothing, please report this",
                )
            ) from None
        finally:
            self._running = None


def _only_value(sql: str, connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.sql(sql).fetchall()[0][0])


def _named_rows(sql: str) -> Callable[[duckdb.DuckDBPyConnection], tuple[list[str], list[tuple[Any, ...]]]]:
    """Runs `sql` and gives column names and rows."""

    def take(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[tuple[Any, ...]]]:
        done = connection.execute(sql)
        return [d[0] for d in done.description or ()], done.fetchall()

    return take
