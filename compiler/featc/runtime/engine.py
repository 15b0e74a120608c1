"""How the runtime opens DuckDB: one zone, no downloads, the project's folder as the place relative paths start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.load.model import Setting, TargetDef
from featc.lower.source import literal

if TYPE_CHECKING:
    import duckdb

Limits = Mapping[str, Setting]
"""A target's `settings:`: the engine's own names and what the author wrote."""


def limits_of(target: TargetDef, root: Path) -> Limits:
    """A target's settings for this run: a relative temp_directory lies below the project's folder."""
    place = target.settings.get("temp_directory")
    if place is None:
        return target.settings
    return {**target.settings, "temp_directory": Setting(str(root / place.value), place.span, place.secret)}


def unbuilt(target: TargetDef) -> list[Diagnostic]:
    """F199 for an engine or online store of a target that the language knows, and this version does not run."""
    return [
        Diagnostic("F199", f"{what}: {word} is not built yet", word.span or target.span, f"write {what}: {built}")
        for what, word, built in (("dialect", target.dialect, "duckdb"), ("store", target.online.store, "sqlite"))
        if word.value != built
    ]


def connect(
    root: Path | None = None, database: Path | None = None, limits: Limits | None = None, *, writes: bool = False
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that depends on nothing of the machine.

    `root` is where relative paths in definitions start. `database`, when the file exists, is attached read-only and
    becomes the default catalogue, so that `table:` sources are found by their plain names; with `writes` it is made
    where it is missing, and may be written. `limits` are the target's. Raises FeatcError F90x (exit code 4) when the
    file is locked or not a DuckDB database, F726 for a limit that the engine does not take.
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "true"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    _draw_nothing(connection)
    if root is not None:
        connection.execute(f"SET file_search_path = {literal(str(root))}")
    if database is not None:  # what memory cannot hold goes beside the database, not into the current folder
        connection.execute(f"SET temp_directory = {literal(f'{database}.tmp')}")
    limit(connection, limits or {})
    if database is not None and (writes or (database.exists() and database.stat().st_size)):
        attach(connection, database, writes=writes)
    return connection


def _draw_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    """In notebooks and under `python -c` DuckDB draws progress on stdout. In a notebook without the package that it
    draws with, it does not, and refuses to be told so."""
    drawing = connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()
    if drawing and drawing[0]:
        connection.execute("SET enable_progress_bar = false")


def limit(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Sets a target's limits. Raises FeatcError F726 at the author's line for one that the engine does not take."""
    import duckdb

    for name, setting in limits.items():
        try:
            connection.execute(f"SET {name} = {literal(setting.value)}")
        except duckdb.Error as error:
            message = f"the engine does not take {name}: {setting.value}: {str(error).splitlines()[0]}"
            hint = "such as memory_limit: 2GB, threads: 2, temp_directory: /var/tmp/featc"
            raise FeatcError(Diagnostic("F726", message, setting.span, hint)) from None


def attach(connection: duckdb.DuckDBPyConnection, database: Path, *, writes: bool = False) -> None:
    """Attaches a target's database and makes it the default catalogue."""
    import duckdb

    if writes and database.is_file() and database.stat().st_size == 0:
        database.unlink()  # a run that found no room, or died, before it wrote anything
    try:
        connection.execute(f"ATTACH {literal(str(database))} AS target{'' if writes else ' (READ_ONLY)'}")
        connection.execute("USE target")
    except duckdb.Error as error:
        raise unopened(database, error) from None


def unopened(database: Path, error: Exception) -> FeatcError:
    """Why a database cannot be opened, as people need to know it: who holds it, or what is wrong with it."""
    first = str(error).splitlines()[0]
    if type(error).__name__ == "ResourceInUseException":
        why, hint = "this process has it open", "let go of its training sets, or close the store that holds them"
    elif "lock" in first.lower():
        why, hint = "another featc process, or another program, holds it", "try again when that has ended"
    elif "space" in first.lower():
        why, hint = first, "make room, and run it again: nothing is lost"
    elif "read-only" in first.lower() or "permission" in first.lower():
        why, hint = first, "its folder has to be writable, or name another database"
    else:
        why, hint = first, "it is not a DuckDB database of a version this one reads; move it away or name another one"
    code = "F901" if why is not first else "F902"
    return FeatcError(Diagnostic(code, f"cannot open the database {database.name}: {why}", hint=hint), exit_code=4)


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
