"""Where a spine comes from when it is no table in memory: a file, a stream of bytes, or a SELECT.

A file is what its name says; a stream is what its first bytes say. What is broken is refused, also where DuckDB's
CSV sniffer would read it its own way.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal
from featc.runtime.extras import needed
from featc.runtime.reasons import reason

if TYPE_CHECKING:
    import duckdb

READABLE = "give a parquet, CSV or JSON file, a SELECT, or a table in memory"
_READERS = {
    **dict.fromkeys((".parquet", ".pq"), "read_parquet"),
    **dict.fromkeys((".csv", ".tsv"), "read_csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "read_json"),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), "arrow"),
}
_DELIMITERS = (",", ";", "\t", "|")
_COMMENT = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.S)


def is_select(text: str) -> bool:
    """Whether a spine given as text is SQL, and not a file's name."""
    bare = text[_COMMENT.match(text).end() :].lower()  # type: ignore[union-attr]  # matches nothing, too
    return bool(re.match(r"(select|with|from|values)\b|\(", bare))


def query(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """A SELECT as a relation. Raises FeatcError F501 when it is several statements or changes something."""
    import duckdb

    statements = connection.extract_statements(text)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        what = f"{len(statements)} statements" if len(statements) != 1 else "not a SELECT"
        raise FeatcError(Diagnostic("F501", f"the spine's SQL is {what}", hint="give one SELECT; it changes nothing"))
    bare = text.rstrip().removesuffix(";")
    return f"({bare}\n)"


def relation(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """A file as a relation. Raises FeatcError F501, F502 when it is not there, empty, or of no known kind."""
    _check(path)
    reader = _READERS[kind_of(path)]
    place = literal(str(path.resolve()))
    if reader == "arrow":
        connection.register("spine_input", _arrow(path))
        return "spine_input"
    if reader == "read_csv":
        _check_csv(connection, path)
    return f"{reader}({place})"


def kind_of(path: Path) -> str:
    """A file's ending, that of compression left out."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _check(path: Path) -> None:
    if not str(path).strip() or str(path) == ".":
        raise FeatcError(Diagnostic("F502", "the spine's name is empty", hint=READABLE), exit_code=2)
    if not path.is_file():
        what = f"the spine {path} is a folder" if path.is_dir() else f"there is no spine file {path}"
        hint = "check the path, which is relative to the current folder; a query starts with select"
        raise FeatcError(Diagnostic("F502", what, hint=hint))
    if path.stat().st_size == 0:
        what = "nothing came in on standard input" if path.stem == STREAM else f"the spine file {path} is empty"
        hint = "without rows it still needs its columns: a header, or a parquet schema"
        raise FeatcError(Diagnostic("F501", what, hint=hint))
    if kind_of(path) not in _READERS:
        hint = "let its name end in .parquet, .csv, .tsv, .json or .arrow"
        raise FeatcError(Diagnostic("F501", f"the spine file {path} does not say what it is", hint=hint))


def _check_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """A header that is one name with a delimiter in it: some line has more fields, or fewer.

    The sniffer takes such a file for one column, since that fits every line. Read with the header's own delimiter,
    DuckDB says which line it is.
    """
    import duckdb

    place = literal(str(path.resolve()))
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE FROM read_csv({place})").fetchall()]
    delimiter = next((d for d in _DELIMITERS if len(names) == 1 and d in names[0]), None)
    if delimiter is None:
        return
    columns = dict.fromkeys(next(csv.reader([names[0]], delimiter=delimiter)))
    typed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    said = f"header = true, delim = {literal(delimiter)}, quote = '\"', escape = '\"', auto_detect = false"
    try:
        connection.execute(f"SELECT count(*) FROM read_csv({place}, {said}, columns = {{{typed}}})").fetchall()
        why = "its lines have not as many fields as its header"
    except duckdb.Error as error:
        why = reason(error)
    hint = "every line needs as many fields as the header; was the stream cut?"
    raise FeatcError(Diagnostic("F501", f"the spine cannot be read: {why}", hint=hint))


def _arrow(path: Path) -> object:
    """An Arrow IPC file or stream, read whole: a stream that was cut is found out here."""
    needed("pyarrow", "pandas", "to read Arrow files")
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            if file.read(6) == b"ARROW1":
                file.seek(0)
                return pa.ipc.open_file(file).read_all()
            file.seek(max(0, file.size() - len(_END)))
            if file.read() != _END:  # pyarrow takes a stream cut between two batches for a whole one
                raise pa.ArrowInvalid("the stream has no end mark")
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        hint = "check that it is whole, and that its writer closed it"
        why = (str(error).strip().splitlines() or ["it is no Arrow data"])[0]
        raise FeatcError(Diagnostic("F501", f"the spine cannot be read: {why}", hint=hint)) from None


_END = b"\xff\xff\xff\xff\0\0\0\0"
STREAM = "stdin"
"""What a stream is called while it lies on disk, and in messages."""


@contextmanager
def spooled(stream: IO[bytes]) -> Iterator[Path]:
    """A stream of bytes as a file that says by its name what is in it, for as long as it is read."""
    with tempfile.TemporaryDirectory(prefix="featc-") as folder:
        path = Path(folder) / STREAM
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        with path.open("rb") as file:
            ending = _ending(file.read(64))
        yield path.rename(path.with_name(STREAM + ending))


def _ending(head: bytes) -> str:
    """The kind of a file by its first bytes."""
    if head.startswith(b"PAR1"):
        return ".parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return ".arrow"
    if head.startswith(b"\x1f\x8b"):
        return ".csv.gz"
    return ".json" if head.lstrip()[:1] in (b"[", b"{") else ".csv"
