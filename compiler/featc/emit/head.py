"""The comment at the head of a training query: what it is, what it needs, how to run it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from featc.fingerprint import outputs_fingerprint
from featc.lower.backfill import FIRST, PAST, TileTable
from featc.resolve.model import Output, Project, View
from featc.resolve.needs import spine_columns


def training_head(project: Project, definition: str, outputs: Sequence[Output], path: str, version: int = 1) -> str:
    """The head of a training query of a `version`. `path` is where the file lies, seen from the project's folder."""
    keys, request = spine_columns(project, outputs)
    columns = [(name, type_, "key") for name, type_ in keys]
    columns.append(("as_of", "TIMESTAMP", "the instant each row is observed at, naive UTC"))
    columns += [(name, type_, "of the request") for name, type_ in request]
    widths = [max(len(c[i]) for c in columns) for i in (0, 1)]
    listed = [f"  {name:{widths[0]}}  {type_:{widths[1]}}  {what}" for name, type_, what in columns]
    lines = [
        f"Training query of {definition}, project {project.name}.",
        f"Version v{version}, fingerprint {outputs_fingerprint(project, outputs, (*keys, *request))}.",
        "",
        "Needs a relation `spine`, one row per wanted answer, with the columns",
        *listed,
        "and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:",
        "  SET TimeZone = 'UTC';",
        "  CREATE VIEW spine AS FROM 'spine.parquet';",
        f"  .read {path}",
    ]
    return _comment(lines)


def backfill_head(project: Project, table: TileTable, path: str) -> str:
    """The head of a file that fills a view's tiles. `path` is where the file lies, seen from the project's folder."""
    lines = [
        f"Backfill of feature view {table.view.name}, project {project.name}.",
        f"Version v{table.view.version}, fingerprint {table.fingerprint}.",
        "",
        f"Fills {table.relation}: partial states by entity and day, for one half-open interval of τ.",
        "featc backfill runs these statements, and keeps a ledger of intervals besides. In DuckDB's client, in the",
        "project's folder and the target's database, with an interval of whole days in µs since 1970, UTC:",
        "  SET TimeZone = 'UTC';",
        f"  SET VARIABLE {FIRST} = epoch_us(TIMESTAMP '2026-01-01');",
        f"  SET VARIABLE {PAST} = epoch_us(TIMESTAMP '2026-02-01');",
        f"  .read {path}",
    ]
    return _comment(lines)


def _comment(lines: Sequence[str]) -> str:
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


_PARAMETER = re.compile(r"(?<!:):([a-z_]+?)(_\d+)?\b")
_MEANINGS = {
    "t": "the instant asked for",
    "k": "what was known by then counts: t, or of an event when it entered",
    "after": "a band begins just after this τ",
    "upto": "and ends with this one",
    "first": "the number of the batch's first row",
    "first_n": "a band's first whole tile",
    "past_n": "the tile after a band's last whole one",
    "pick_upto": "the greatest τ a window holds",
    "pick_after": "the window begins just after this τ",
    "start": "a tile's first instant",
}


def online_head(project: Project, view: View, fingerprint: str, text: str) -> str:
    """The head of an online file: what it is of, and what its named parameters are.

    Parameters written `?` are columns of what the statement before, or the lift, gave.
    """
    lines = [
        f"Online plan of feature view {view.name}, project {project.name}.",
        f"Version v{view.version}, fingerprint {fingerprint}.",
    ]
    found = _parameters(view, text)
    if found:
        width = max(len(name) for name, _ in found)
        lines += ["Parameters, instants in microseconds since 1970, UTC:"]
        lines += [f"  {name:{width}}  {what}" for name, what in found]
    return _comment(lines)


def _parameters(view: View, text: str) -> list[tuple[str, str]]:
    """(parameters, meaning) of the named parameters in `text`, numbered ones together."""
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text)
    numbers: dict[str, list[str]] = {}
    for match in _PARAMETER.finditer(code):
        known = numbers.setdefault(match[1], [])
        if (match[2] or "") not in known:
            known.append(match[2] or "")
    types = {f"key_{k.name}".lower(): f"the key {k.name}, {k.type}" for k in view.keys}
    found = []
    for name, endings in numbers.items():
        listed = f":{name}{endings[0]}" if len(endings) == 1 else f":{name}{endings[0]} … {endings[-1][1:]}"
        numbered = f"{name}_n" if endings[0] and f"{name}_n" in _MEANINGS else name
        found.append((listed, types.get(name) or _MEANINGS.get(numbered, "see the statement")))
    return found
