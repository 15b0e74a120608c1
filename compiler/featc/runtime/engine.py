"""How the runtime opens DuckDB: one zone, no downloads, the project's folder as the place relative paths start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal

if TYPE_CHECKING:
    import duckdb


def connect(root: Path | None = None, database: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that depends on nothing of the machine.

    `root` is where relative paths in definitions start. `database`, when the file exists, is attached read-only and
    becomes the default catalogue, so that `table:` sources are found by their plain names. Raises FeatcError F90x
    (exit code 4) when the file is locked or not a DuckDB database.
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "true"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    if root is not None:
        connection.execute(f"SET file_search_path = {literal(str(root))}")
    if database is not None and database.exists():
        attach(connection, database)
    return connection


def attach(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Attaches a target's database read-only and makes it the default catalogue."""
    import duckdb

    try:
        connection.execute(f"ATTACH {literal(str(database))} AS target (READ_ONLY)")
        connection.execute("USE target")
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0]
        locked = "lock" in reason.lower()
        raise FeatcError(
            Diagnostic(
                "F901" if locked else "F902",
                f"cannot open the database {database.name}: {'another process has locked it' if locked else reason}",
                hint="another process holds it; try again when that has ended"
                if locked
                else "it is not a DuckDB database of a version this one reads; move it away or name another one",
            ),
            exit_code=4,
        ) from None


def sibling(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second connection to what `connect` opened, with the same settings: a result that somebody still reads
    occupies its connection. Temporary tables and views are not shared."""
    settings = connection.execute("SELECT current_setting('file_search_path'), current_setting('search_path')")
    (files, names) = settings.fetchall()[0]
    cursor = connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.execute(f"SET file_search_path = {literal(files)}")
    if names:
        cursor.execute(f"SET search_path = {literal(names)}")
    return cursor
