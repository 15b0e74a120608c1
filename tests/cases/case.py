"""Reading a case from its folder, and writing it as a project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

HERE = Path(__file__).parent
NAMES = tuple(sorted(p.parent.name for p in HERE.glob("*/definitions.yaml")))

PROJECT = "version: 1\nproject: conformance\n"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as written, None for NULL. `columns` are (name, DuckDB type)."""

    columns: tuple[tuple[str, str], ...]
    cells: tuple[tuple[str | None, ...], ...]

    def arrow(self) -> pa.Table:
        """The table by its types. Raises duckdb.Error for a cell that is no value of its column."""
        items = [f'unnest(${n}::VARCHAR[])::{type_} AS "{name}"' for n, (name, type_) in enumerate(self.columns, 1)]
        values = [[row[n] for row in self.cells] for n in range(len(self.columns))]
        return _engine().sql(f"SELECT {', '.join(items)}", params=values).to_arrow_table()

    def csv(self) -> str:
        """The table as CSV, its cells as they are."""
        shown = (",".join("" if cell is None else f'"{cell}"' for cell in row) for row in self.cells)
        return "\n".join([",".join(name for name, _ in self.columns), *shown]) + "\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it lies in its folder. `error` is empty where values are expected. `knowledge` is what its
    training set is asked to know: `known_at`, `data_until`, in knowledge.json."""

    name: str
    definitions: str
    settings: str
    sources: Mapping[str, Table]
    expected: Table
    error: tuple[str, ...]
    knowledge: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Writes the project and its data below `folder`."""
        (folder / "features").mkdir(parents=True, exist_ok=True)
        (folder / "featc.yaml").write_text(self.settings, encoding="utf-8")
        (folder / "features" / "case.yaml").write_text(self.definitions, encoding="utf-8")
        assert set(self.declared) == set(self.sources), "a file of rows for every source"
        for name, table in self.sources.items():
            path = self.file(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".csv":
                path.write_text(table.csv(), encoding="utf-8")
            else:
                pq.write_table(table.arrow(), path)

    @property
    def declared(self) -> dict[str, Any]:
        """The sources with rows of their own, as the definitions have them."""
        return _declared(self.definitions)

    def file(self, folder: Path, source: str) -> Path:
        """Where a source's rows lie in the project below `folder`."""
        return folder / str(self.declared[source]["path"])

    @property
    def identified(self) -> frozenset[str]:
        """The sources whose rows may come again: all of them have an id, or they are whole dumps (semantics.md, "What
        “equal” means")."""
        declared, found = self.declared, set()
        for name, table in self.sources.items():
            ids = declared[name].get("id", [])
            ids = [ids] if isinstance(ids, str) else ids
            places = [n for n, (column, _) in enumerate(table.columns) if column in ids]
            if declared[name].get("kind") == "snapshot":
                found.add(name)
            if ids and all(row[n] is not None for row in table.cells for n in places):
                found.add(name)
        return frozenset(found)


@cache
def _declared(definitions: str) -> dict[str, Any]:
    """Read once: the tests ask again for each source of each push."""
    found: dict[str, Any] = yaml.load(definitions, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["sources"]
    return {name: source for name, source in found.items() if not {"from", "union"} & set(source)}


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One connection for all tables: making one takes longer than reading a case."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read(name: str) -> Case:
    """The case in the folder of this name."""
    folder = HERE / name
    special = {"expected.txt", "error.txt"}
    error, settings, knowledge = (folder / name for name in ("error.txt", "featc.yaml", "knowledge.json"))
    return Case(
        name,
        (folder / "definitions.yaml").read_text(encoding="utf-8"),
        settings.read_text(encoding="utf-8") if settings.exists() else PROJECT,
        {p.stem: _table(p) for p in sorted(folder.glob("*.txt")) if p.name not in special},
        _table(folder / "expected.txt"),
        tuple(error.read_text(encoding="utf-8").splitlines()) if error.exists() else (),
        json.loads(knowledge.read_text(encoding="utf-8")) if knowledge.exists() else {},
    )


def _table(path: Path) -> Table:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    columns = tuple((name, type_) for name, _, type_ in (cell.partition(" ") for cell in head))
    assert all(len(row) == len(columns) for row in rows), f"{path}: a row has another number of cells than the head"
    return Table(columns, tuple(tuple(_cell(text) for text in row) for row in rows))


def _cell(text: str) -> str | None:
    if text == "''":
        return ""
    return text or None
