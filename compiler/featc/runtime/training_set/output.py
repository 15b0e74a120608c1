"""A training set on disk: computed once into a table, hashed and counted there, then written as what was asked for.

Order is the spine's, in one file and within each file of a folder. Memory is bounded: the rows go through a DuckDB file
beside the place, since a hash of all of them belongs into the head of each parquet file.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal, quoted
from featc.runtime.training_set import card as cards
from featc.runtime.training_set.content import content
from featc.runtime.training_set.extents import stamps
from featc.runtime.training_set.folders import Part, parts_of
from featc.runtime.training_set.nearness import nearness
from featc.runtime.training_set.place import put, staging
from featc.runtime.training_set.statistics import Statistics, statistics
from featc.types import FLOATS, collection_parts, has_doubles

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.dataset import Dataset
    from featc.runtime.training_set.knowledge import KnowledgeReport

Writer = Callable[["duckdb.DuckDBPyConnection", str, cards.Card], int]
"""Makes files of a table that holds the set; gives how many."""
_FORMATS = {
    **dict.fromkeys((".parquet", ".pq"), "FORMAT parquet"),
    ".csv": "FORMAT csv, HEADER true",
    ".json": "FORMAT json, ARRAY true",
    **dict.fromkeys((".jsonl", ".ndjson"), "FORMAT json"),
}
_ENDINGS = ".parquet, .csv, .json or .jsonl, the last three perhaps with .gz"


@dataclass(frozen=True, slots=True)
class Shape:
    """One file, or a folder: by the values of `columns`, or `rows` to a file."""

    columns: tuple[str, ...] = ()
    rows: int | None = None
    overwrite: bool = False

    @property
    def is_folder(self) -> bool:
        return bool(self.columns) or self.rows is not None


@dataclass(frozen=True, slots=True)
class Written:
    """A set that was written: where, its card, how many files, and its statistics if wanted."""

    path: Path
    card: cards.Card
    files: int
    statistics: Statistics | None
    knowledge: KnowledgeReport | None = None


def write_set(
    dataset: Dataset, target: Path, shape: Shape, *, statistics: bool, knowledge: bool = False
) -> Written:
    """Writes `dataset` to `target`, and its card beside it. Raises FeatcError F520, F524 to F527 (exit code 2) before
    anything is computed, F910 (4) when it cannot be written."""
    _check_place(target, shape)
    known = dataset.knowledge() if knowledge else None
    parts = parts_of(shape.columns, dataset.columns) if shape.columns else ()
    options = "FORMAT parquet" if shape.is_folder else format_of(target)
    with staging(target) as folder:
        made = folder / "made"

        def write(connection: duckdb.DuckDBPyConnection, relation: str, whole: cards.Card) -> int:
            text = cards.as_text(whole)
            columns = [(str(n), str(t)) for n, t, *_ in connection.execute(f"DESCRIBE {relation}").fetchall()]
            head = f"{options}, KV_METADATA {{{cards.KEY}: {literal(text)}}}" if "parquet" in options else options
            if shape.is_folder:
                return _write_folder(connection, relation, columns, made, head, shape, parts)
            kind = "json" if "json" in options else "parquet" if "parquet" in options else "csv"
            rows = f"SELECT {_items(columns, kind)} FROM {relation}"
            connection.execute(f"COPY ({rows}) TO {literal(str(made))} ({head})")
            return 1

        whole, said, files = computed(dataset, folder, write, wanted=statistics, known=known)
        put(made, target, cards.as_text(whole))
    return Written(target, whole, files, said, known)


def computed(
    dataset: Dataset, folder: Path, write: Writer, *, wanted: bool = False, known: KnowledgeReport | None = None
) -> tuple[cards.Card, Statistics | None, int]:
    """Computes the set into a table in `folder`; gives its whole card, its statistics if `wanted`, and what `write`
    (connection, table, card) makes of it. `known` goes into card and statistics."""
    name = f"staged_{secrets.token_hex(4)}"
    before = stamps(dataset.project, dataset.outputs)
    card = cards.described(dataset) | ({} if known is None else {"knowledge": known.to_dict()})
    doubles = [o.name for o in dataset.outputs if has_doubles(o.type)]

    def take(connection: duckdb.DuckDBPyConnection) -> tuple[cards.Card, Statistics | None, int]:
        connection.execute(f"ATTACH {literal(str(folder / 'rows.duckdb'))} AS {name}")
        try:
            relation = f"{name}.main.made"
            connection.execute(f"CREATE TABLE {relation} AS\n{dataset.query}")
            near = nearness(connection, relation, doubles)
            after = stamps(dataset.project, dataset.outputs)
            changed = {name for name in after if after[name] != before[name]}
            whole = cards.with_result(card, content(connection, relation), near, changed)
            said = statistics(connection, relation, dataset.project, dataset.outputs) if wanted else None
            said = replace(said, knowledge=known) if said is not None else None
            return whole, said, write(connection, relation, whole)
        finally:
            connection.execute(f"DETACH {name}")

    return dataset.answer(take)


def format_of(target: Path) -> str:
    """COPY's options for a file's ending. Raises FeatcError F520 (exit code 2) for an ending that says nothing."""
    name = target.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix
    options = _FORMATS.get(ending)
    if options is None or ("parquet" in options and name.endswith(".gz")):
        message = f"the ending of '{target.name}' does not say how to write it"
        hint = f"let it be {_ENDINGS}; a folder needs --partition-by or --rows-per-file"
        raise FeatcError(Diagnostic("F520", message, hint=hint), exit_code=2)
    return f"{options}, COMPRESSION gzip" if name.endswith(".gz") else options


def _check_place(target: Path, shape: Shape) -> None:
    """Raises FeatcError F525 where a file would replace a folder or the other way round, F526 where a folder is."""
    if not shape.is_folder:
        if target.is_dir():
            raise _refused("F525", f"{target} is a folder", "name a file, or add --partition-by or --rows-per-file")
        return
    if target.is_file():
        raise _refused("F525", f"{target} is a file, and several files need a folder", "name a folder")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not shape.overwrite:
        raise _refused("F526", f"the folder {target} is there already", "name another one, or add --overwrite")
    other = next((p for p in target.rglob("*") if p.is_file() and p.suffix != ".parquet"), None)
    if other is not None:
        message = f"the folder {target} holds other files than a training set's: {other.relative_to(target)}"
        raise _refused("F526", message, "name another folder; only parquet files are replaced")


def _refused(code: str, message: str, hint: str) -> FeatcError:
    return FeatcError(Diagnostic(code, message, hint=hint), exit_code=2)


def _items(columns: Sequence[tuple[str, str]], kind: str) -> str:
    """The columns as a format can hold them without loss."""
    return ", ".join(_item(quoted(name), type_, kind) for name, type_ in columns)


def _item(name: str, type_: str, kind: str) -> str:
    if kind == "parquet" and type_ in ("HUGEINT", "UHUGEINT"):  # DuckDB would write DOUBLE
        return f"{name}::DECIMAL(38,0) AS {name}"
    if kind == "json":  # it has no NaN, and DuckDB writes it all the same
        found = _json_sql(name, type_)
        return name if found is None else f"{found} AS {name}"
    return name


def _json_sql(value: str, type_: str) -> str | None:
    """SQL for a value that holds DOUBLEs with texts for those JSON lacks; None for others."""
    if type_ in FLOATS:
        text = _odd_sql(value, f"to_json({value})::VARCHAR", quote='"')
        return f"({text})::JSON"
    key, item = collection_parts(type_) or (None, "")
    if not {key, item} & {*FLOATS}:
        return None
    items = f"lambda e: {_json_sql('e', item) or 'e'}"
    if key is None:
        return f"list_transform({value}, {items})"
    name = _odd_sql("e", "e::VARCHAR") if key in FLOATS else "e"
    keys = f"list_transform(map_keys({value}), lambda e: {name})"
    return f"CASE WHEN {value} IS NOT NULL THEN map({keys}, list_transform(map_values({value}), {items})) END"


def _odd_sql(value: str, otherwise: str, quote: str = "") -> str:
    """The text of a NaN or an infinity, else `otherwise`."""
    nan, infinity, below = (f"'{quote}{word}{quote}'" for word in ("NaN", "Infinity", "-Infinity"))
    return (
        f"CASE WHEN {value} IS NULL OR isfinite({value}) THEN {otherwise} WHEN isnan({value}) THEN {nan}"
        f" WHEN {value} > 0 THEN {infinity} ELSE {below} END"
    )


def _write_folder(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[tuple[str, str]],
    made: Path,
    head: str,
    shape: Shape,
    parts: Sequence[Part],
) -> int:
    """A folder of parquet files; gives their number. Sorted input and one thread keep the order within each file, and
    one file open at a time."""
    items = _items(columns, "parquet")
    if shape.rows is not None:
        items, by = f"{items}, (row_number() OVER () - 1) // {shape.rows} AS _part", ["_part"]
    else:
        items = ", ".join([items, *(f"{p.sql} AS {quoted(p.name)}" for p in parts if p.sql != quoted(p.name))])
        by = [quoted(p.name) for p in parts]
    made.mkdir()
    connection.execute("SET threads = 1")
    try:
        options = f"{head}, PARTITION_BY ({', '.join(by)}), OVERWRITE_OR_IGNORE true"
        rows = f"SELECT {items} FROM {relation} ORDER BY {', '.join(by)}, rowid"
        connection.execute(f"COPY ({rows}) TO {literal(str(made))} ({options})")
    finally:
        connection.execute("RESET threads")
    if shape.rows is not None:
        _flatten(made)
    files = sum(1 for _ in made.rglob("*.parquet"))
    if not files:  # no rows, but columns
        rows = f"SELECT {_items(columns, 'parquet')} FROM {relation}"
        connection.execute(f"COPY ({rows}) TO {literal(str(made / _part_name(0)))} ({head})")
    return max(files, 1)


def _flatten(made: Path) -> None:
    """`_part=7/data_0.parquet` → `part-00007.parquet`."""
    for folder in list(made.iterdir()):
        (file,) = folder.iterdir()
        file.rename(made / _part_name(int(folder.name.partition("=")[2])))
        folder.rmdir()


def _part_name(number: int) -> str:
    return f"part-{number:05}.parquet"
