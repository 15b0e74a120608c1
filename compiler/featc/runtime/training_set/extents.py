"""How far the sources reached when a set was made: rows, instants, files. What a card remembers of them."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.lower import source as src
from featc.lower.ctes import indent, named, select
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.resolve.model import ColumnRef, Location, Output, Project, Source, feature_closure
from featc.resolve.upstream import read_sources

if TYPE_CHECKING:
    import duckdb

CHEAP = 256 * 2**20
"""Bytes of a source's files up to which their contents are hashed; above, their names and sizes are."""


def sources_of(project: Project, outputs: Sequence[Output]) -> tuple[str, ...]:
    """The sources that `outputs` are computed from, hidden dependencies included, sorted; of unions their members."""
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
    read = {name for view, _ in pairs for name in read_sources(project, project.view(view))}
    united = {m.source.name for name in read for m in project.sources[name].members}
    return tuple(sorted(name for name in read | united if name in project.stored))


def extent(connection: duckdb.DuckDBPyConnection, source: Source, root: Path) -> dict[str, Any]:
    """A source as it is now: `rows`, `first` and `last` event time, `last_arrival` (ISO text or None), and of files
    their number, bytes and hash. `source` names its files absolutely."""
    rows, first, last, arrival = connection.execute(_asked(source)).fetchall()[0]
    found = {"rows": rows, "first": first, "last": last, "last_arrival": arrival}
    return found | files_of(source.location, root)


def stamps(project: Project, outputs: Sequence[Output]) -> dict[str, list[tuple[str, int, int]]]:
    """By source the (path, size, time of change) of its files: whether they are what they were a moment ago."""
    found = {name: _files(project.sources[name].location) for name in sources_of(project, outputs)}
    return {n: [(str(p), s.st_size, s.st_mtime_ns) for p in paths for s in [p.stat()]] for n, paths in found.items()}


def _files(location: Location) -> list[Path]:
    if location.kind != "path" or "://" in location.value:
        return []
    return sorted(Path(p) for p in glob.glob(location.value, recursive=True) if Path(p).is_file())


def _asked(source: Source) -> str:
    exprs = [source.time] + ([source.available_at] if source.available_at is not None else [])
    used = dict.fromkeys(r.column for e in exprs for r in e.refs if isinstance(r, ColumnRef))
    plain = [named(src.normalised_column(source, name), quoted(name)) for name in used] or ["1 AS one"]
    times = [f"{sql} AS {name}" for sql, name in src.instants_select(source, ()) if name in (TIME, ARRIVAL)]
    rows = select(times, f"FROM (\n{indent(select(plain, f'FROM {src.relation_of(source)}'))}\n)")
    reach = [_iso(f"{which}({name})") for which, name in (("min", TIME), ("max", TIME), ("max", ARRIVAL))]
    return select(["count(*)", *reach], f"FROM (\n{indent(rows)}\n)")


def _iso(micros: str) -> str:
    return f"strftime(make_timestamp({micros}), '%Y-%m-%dT%H:%M:%S.%fZ')"


def files_of(location: Location, root: Path) -> dict[str, Any]:
    """The files of a source at a path: `files`, `bytes`, and a `hash` of their contents, or where they are large of
    their names and sizes. Nothing for other places."""
    if location.kind != "path" or "://" in location.value:
        return {}
    paths = _files(location)
    sizes = [path.stat().st_size for path in paths]
    whole = sum(sizes) <= CHEAP
    digest = hashlib.sha256()
    for path, size in zip(paths, sizes, strict=True):
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        digest.update(f"{shown.as_posix()}\0{size}\0".encode())
        if whole:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    hashed = "contents" if whole else "names and sizes"
    return {"files": len(paths), "bytes": sum(sizes), "hash_of": hashed, "hash": digest.hexdigest()[:32]}
