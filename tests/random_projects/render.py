"""A case as a project on disk: featc.yaml, features/*.yaml, data files; its spine and batches as values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from oracle import Row, Value, moment

from .model import SERVICE, Case, SourceSpec, ViewSpec

ARROW = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(12,2)": pa.decimal128(12, 2),
    "varchar": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write(case: Case, folder: Path) -> None:
    """Writes the whole project under the folder."""
    for name, text in texts(case).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for source in case.sources:
        path = folder / source.yaml["path"]
        if source.format == "csv":
            path.write_text(csv_text(source, case.rows[source.name]), encoding="utf-8")
        else:
            pq.write_table(table(source, case.rows[source.name]), path)


# ------------------------------------------------------------------------------------- definitions


def texts(case: Case) -> dict[str, str]:
    """File name -> YAML."""
    project: dict[str, Any] = {"version": 1, "project": "random", "paths": ["features"]}
    if case.defaults:
        project["defaults"] = dict(case.defaults)
    if case.vars:
        project["vars"] = dict(case.vars)
    data: dict[str, Any] = {"entities": {e: entity(keys) for e, keys in case.entities.items()}}
    if case.library:
        data["windows"] = {w: dict(y) for w, y in case.library.items()}
    data["sources"] = {s.name: dict(s.yaml) for s in (*case.sources, *case.unions)}
    for made in (v.attributed for v in case.views):
        data["sources"] |= made
    labels = {"labels": [v.name for v in case.views if v.labels]}
    views = {
        "feature_views": {v.name: view(v) for v in case.views},
        "feature_services": {SERVICE: {"features": service(case), **(labels if labels["labels"] else {})}},
    }
    files = {"featc.yaml": project, "features/data.yaml": data, "features/views.yaml": views}
    return {name: dump(content) for name, content in files.items()}


def view(v: ViewSpec) -> dict[str, Any]:
    """A view with its features and labels."""
    found = {**v.yaml, "features": {s.name: feature(s.yaml) for s in v.features}}
    return {**found, "labels": {s.name: feature(s.yaml) for s in v.labels}} if v.labels else found


def dump(content: Any) -> str:
    """Block-style YAML that quotes what needs it and folds no line."""
    text = yaml.dump(
        content, Dumper=_DUMPER, sort_keys=False, default_flow_style=False, width=10**6, allow_unicode=True
    )
    return str(text)


def entity(keys: Mapping[str, str]) -> Any:
    """The short form of an entity."""
    return next(iter(keys)) if len(keys) == 1 else list(keys)


def feature(entry: Any) -> Any:
    """A feature's YAML with a decimal default as a plain number."""
    if isinstance(entry, dict) and isinstance(entry.get("default"), Decimal):
        return {**entry, "default": float(entry["default"])}
    return entry


def service(case: Case) -> list[Any]:
    """The service's list: as drawn, or each pick by name."""
    if case.service_yaml is not None:
        return list(case.service_yaml)
    return [name if name.endswith("." + output) else {output: name} for output, name in case.picks]


# ------------------------------------------------------------------------------------- data


def table(source: SourceSpec, rows: Sequence[Row]) -> pa.Table:
    """Rows as the data file has them."""
    columns = {
        c: pa.array([stored(source, c, n, row[c]) for n, row in enumerate(rows)], type=ARROW[t])
        for c, t in source.file_types.items()
    }
    return pa.table(columns)


def stored(source: SourceSpec, name: str, number: int, value: Value) -> Value:
    """A value in the file's type: an integer column kept as DOUBLE has NaN for some of its NULLs."""
    if source.file_types[name] == "double" and source.types[name] == "bigint":
        if value is None:
            return math.nan if number % 2 else None
        return float(value)
    return value


def batch(case: Case, source_name: str, numbers: Sequence[int], form: str) -> Any:
    """Rows to push: an Arrow table, or a list of dicts with Python values."""
    source, rows = case.source(source_name), case.rows[source_name]
    if form == "arrow":
        return table(source, [rows[n] for n in numbers])
    types = source.file_types.items()
    return [{c: python(t, stored(source, c, n, rows[n][c])) for c, t in types} for n in numbers]


def python(type: str, value: Value) -> Value:
    """The value a Python user would hold: a naive UTC datetime for a timestamp, also in a list or a map."""
    if value is None:
        return None
    form, _, rest = type.partition(" ")
    if form == "list":
        return [python(rest, x) for x in value]
    if form == "map":
        key, _, item = rest.partition(" ")
        return {python(key, k): python(item, x) for k, x in value.items()}
    return moment(value) if type == "timestamp" else value


def csv_text(source: SourceSpec, rows: Sequence[Row]) -> str:
    """The data as CSV: text quoted, NULL empty."""
    types = source.file_types.items()
    lines = (",".join(csv_word(t, row[c]) for c, t in types) for row in rows)
    return "\n".join([",".join(source.file_types), *lines, ""])


def csv_word(sql_type: str, value: Value) -> str:
    """One value of a CSV file."""
    if value is None:
        return ""
    match sql_type:
        case "varchar":
            return '"' + str(value).replace('"', '""') + '"'
        case "timestamp":
            return moment(value).isoformat(" ", "microseconds")
        case "boolean":
            return "true" if value else "false"
        case _:
            return str(value)


# ------------------------------------------------------------------------------------- observations

TAG = "row_tag"
"""A column of the spine that nothing reads: it must come back as it was."""


def spine(case: Case, numbers: Sequence[int] | None = None) -> pa.Table:
    """The probes, or some of them, as a table: keys, as_of, request columns, a tag."""
    probes = case.probes if numbers is None else [case.probes[n] for n in numbers]
    columns = {k: pa.array([p.keys[k] for p in probes], type=ARROW[t]) for k, t in case.spine_keys.items()}
    columns["as_of"] = pa.array([p.t for p in probes], type=ARROW["timestamp"])
    for c, t in case.request.items():
        columns[c] = pa.array([p.request[c] for p in probes], type=ARROW[t])
    columns[TAG] = pa.array(range(len(probes)), type=pa.int64())
    return pa.table(columns)


def requests(case: Case, numbers: Sequence[int]) -> list[dict[str, Value]]:
    """What an online read is given for some probes."""
    probes = [case.probes[n] for n in numbers]
    return [{**{k: p.keys[k] for k in case.spine_keys}, **p.request} for p in probes]
