"""Columns of a source: types found in the data, checked against those declared (semantics.md, "Types")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.errors import Findings, did_you_mean, nearest
from featc.load.model import ColumnDef, SourceDef
from featc.names import is_internal
from featc.parse.types import canonical_type, is_zoned
from featc.resolve.model import Column, Location
from featc.types import FLOATS, INTEGERS, TYPE_NAMES, decimal_parts

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
DIGITS = {
    "TINYINT": 3,
    "SMALLINT": 5,
    "INTEGER": 10,
    "BIGINT": 19,
    "UTINYINT": 3,
    "USMALLINT": 5,
    "UINTEGER": 10,
    "UBIGINT": 20,
}
_INSTANTS = frozenset(
    {"TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"}
)
_UNTYPED_FILES = (
    ".csv",
    ".csv.gz",
    ".tsv",
    ".tsv.gz",
    ".json",
    ".jsonl",
    ".ndjson",
    ".json.gz",
    ".jsonl.gz",
    ".ndjson.gz",
)


def is_untyped(location: Location) -> bool:
    """Whether the data itself has no types, so that declared ones decide how it is read (CSV, JSON)."""
    return location.kind == "path" and location.value.lower().endswith(_UNTYPED_FILES)


def seen_type(physical: str) -> str:
    """The type expressions see for a column of the data."""
    if physical in _INSTANTS:
        return "TIMESTAMP"
    return "VARCHAR" if physical.startswith("ENUM") else physical


def declared_type(definition: ColumnDef, findings: Findings) -> str | None:
    """The canonical form of a declared type; None when there is none or it is wrong (reported)."""
    if definition.type is None:
        return None
    text = definition.type.value
    if is_zoned(text):
        return "TIMESTAMP" if "stamp" in text.lower() else None
    found = canonical_type(text)
    if found is None:
        close = nearest(text.partition("(")[0].strip().lower(), TYPE_NAMES)
        exact = close and "(" in text and text.partition("(")[0].strip().lower() == close
        findings.error(
            "F317",
            f"there is no type '{text}'",
            definition.type.span,
            f"check what stands in its brackets: {'decimal(12,2), with at most 38 digits' if 'dec' in text else close}"
            if exact
            else f"did you mean '{close}'?"
            if close
            else "types are DuckDB's: bigint, double, decimal(12,2), text, boolean, date, timestamp",
        )
    return seen_type(found) if found else None


def fits(physical: str, declared: str) -> bool:
    """Whether every value of the physical type becomes one of the declared type without loss.

    A DOUBLE declared integral passes here: its values are checked as they are read.
    """
    seen = seen_type(physical)
    if declared == seen:
        return True
    if declared in INTEGERS:
        return physical in FLOATS or _wider(physical, declared)
    if declared == "DOUBLE":
        return physical == "FLOAT" or physical in (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
        )
    if declared == "TIMESTAMP":
        return physical == "DATE"
    if declared == "VARCHAR":
        return physical in ("UUID", "JSON")
    target = decimal_parts(declared)
    if target:
        source = decimal_parts(physical)
        whole, scale = (source[0] - source[1], source[1]) if source else (DIGITS.get(physical, 99), 0)
        return target[1] >= scale and target[0] - target[1] >= whole
    return False


def _wider(physical: str, declared: str) -> bool:
    for family in (_SIGNED, _UNSIGNED):
        if physical in family and declared in family:
            return family.index(declared) >= family.index(physical)
    if physical in _UNSIGNED and declared in _SIGNED:
        return _SIGNED.index(declared) > _UNSIGNED.index(physical)
    return False


def merged_columns(
    source: SourceDef, location: Location, found: Sequence[tuple[str, str]], findings: Findings
) -> tuple[Column, ...]:
    """The source's columns: those of the data, with what the author declared about them."""
    names = {name.casefold(): name for name, _ in found}
    declared = _declared(source, names, findings)
    untyped = is_untyped(location)
    columns = []
    for name, physical in found:
        definition = declared.get(name.casefold())
        if is_internal(name):
            findings.error(
                "F307",
                f"{source.name} has a column {name}, a name that featc uses itself",
                source.span,
                "rename it in the source's sql",
            )
        wanted = declared_type(definition, findings) if definition else None
        if wanted and untyped:
            physical = _reader_type(definition, wanted)
        elif wanted and definition is not None and definition.type is not None and not fits(physical, wanted):
            findings.error(
                "F318",
                f"{source.name}.{name} is declared {wanted}, and the data has {physical}",
                definition.type.span,
                f"declare it {physical.lower()}, or convert it in let or in the source's sql",
            )
            wanted = None
        known = definition.known_after.value if definition and definition.known_after else None
        tags = definition.meta.tags if definition else ()
        columns.append(
            Column(
                name,
                physical,
                wanted or seen_type(physical),
                tags,
                names.get((known or "").casefold(), known),
            )
        )
    return tuple(columns)


def _reader_type(definition: ColumnDef | None, wanted: str) -> str:
    """The type a CSV or JSON reader is told: the declared one, with its zone."""
    text = definition.type.value if definition and definition.type else ""
    return "TIMESTAMP WITH TIME ZONE" if is_zoned(text) else wanted


def _declared(source: SourceDef, names: Mapping[str, str], findings: Findings) -> dict[str, ColumnDef]:
    declared: dict[str, ColumnDef] = {}
    for name, definition in source.columns.items():
        if name.casefold() not in names:
            findings.error(
                "F301",
                f"the data of {source.name} has no column '{name}'",
                definition.span,
                did_you_mean(name, names.values()),
            )
        known = definition.known_after
        if known is not None and known.value.casefold() not in names:
            findings.error(
                "F301",
                f"the data of {source.name} has no column '{known.value}'",
                known.span,
                did_you_mean(known.value, names.values()),
            )
        declared[name.casefold()] = definition
    return declared
