"""What DuckDB says about data, in one line for people: which line and column, without its options and our names."""

from __future__ import annotations

import re

_CODED = re.compile(r"(F\d{3}): (.+)")
_KIND = re.compile(r"\A[\w ]{1,28}? Error: ")
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_RANGE = re.compile(
    r"Type \S+ with value (\S+) can't be cast because the value is out of range for the destination type (\S+)"
)
_TYPES = {"INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INTEGER", "INT64": "BIGINT", "INT128": "HUGEINT"}
_PATH = re.compile(r"""(["'])/[^"']*/([^"'/]+)\1""")
_OURS = re.compile(
    r" when casting from source column .*|\.? Use TRY\(.*|\s*You might need to add explicit type casts\..*"
)


def coded(why: str) -> tuple[str, str] | None:
    """The code and message of an error that SQL of ours raises; None for the engine's own."""
    found = _CODED.match(why)
    return (found[1], found[2]) if found else None


def reason(error: Exception | str) -> str:
    """The engine's error as one line."""
    lines = str(error).strip().splitlines() or ["the engine gives no reason"]
    first = _KIND.sub("", lines[0]).strip()
    if found := _LINE.search(first):
        return _of_csv(str(error), lines, found[1])
    if "sniffing file" in first:
        return "it is no CSV that can be read"
    return _spoken(_PATH.sub(r"\1\2\1", _OURS.sub("", first)).strip())


def _spoken(text: str) -> str:
    """DuckDB's words for types and ranges in SQL's words."""
    text = _RANGE.sub(r"\1 is out of the range of \2", text)
    return re.sub(r"\bU?INT(8|16|32|64|128)\b", lambda m: _TYPES.get(m[0], m[0]), text)


def _of_csv(whole: str, lines: list[str], number: str) -> str:
    """Where in a CSV, and what is wrong there."""
    said = next((s for s in lines[1:] if s.strip() and not s.startswith("Original Line")), "")
    said = re.sub(r'Error when converting column "([^"]*)"\. ', r"column \1: ", said)
    if "utf-8" in said.lower():
        said = "the text is not UTF-8"
    file = _FILE.search(whole)
    name = f"{file[1].rsplit('/', 1)[-1]}, " if file else ""
    return _spoken(f"{name}line {number}: {said.strip() or 'it cannot be read'}")
