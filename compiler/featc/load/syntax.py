"""YAML's own complaints, said so that an author of SQL in YAML knows what to do."""

from __future__ import annotations

import re

import yaml

from featc.errors import Diagnostic, Span
from featc.load.text import SourceFile

_QUOTE = "quote the value or use a block: a '|' after the key, the text indented on the lines below"


def explain_yaml_error(file: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    """A parse error of PyYAML as a diagnostic at the author's place, with the likely cause."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Diagnostic("F102", f"invalid YAML: {error}", Span(file.path, 1, 1), _QUOTE)
    problem = getattr(error, "problem", None) or "invalid YAML"
    context = getattr(error, "context", None) or ""
    context_mark = getattr(error, "context_mark", None)
    at = min(mark.index, max(0, len(file.text) - 1))
    opened = context_mark.index if context_mark is not None else at
    if mark.index >= len(file.text) and "flow" in context:
        at = len(file.text)
    message, hint, start = _cause(file, problem, context, at, opened)
    return Diagnostic("F102", message, file.span(start, start + 1), hint)


def _cause(file: SourceFile, problem: str, context: str, at: int, opened: int) -> tuple[str, str, int]:
    """What happened, the way out, and the offset to point at. `opened` is where the surrounding thing
    began.
    """
    char = file.text[at : at + 1]
    line = file.span(at, at + 1)
    before = line.text[: line.column - 1]
    if "mapping values are not allowed" in problem:
        if re.search(r":\s", before):
            return "': ' inside a plain value: YAML takes it for a second key", _QUOTE, at
        return _deeper(file, line.line, at)
    if "tab character" in problem or ("cannot start any token" in problem and char == "\t"):
        return "a tab: YAML indents with spaces only", "replace the tab with spaces", at
    if "cannot start any token" in problem:
        return f"a plain value cannot start with '{char}'", _QUOTE, at
    if "quoted scalar" in context:
        return (
            f"the quote {file.text[opened]} is not closed",
            f"close it; to write a quote inside, {_QUOTE}",
            opened,
        )
    if "alias" in context or "alias" in problem:
        return (
            "a plain value that starts with '*' is a YAML alias",
            _QUOTE,
            opened if "alias" in context else at,
        )
    if "anchor" in context:
        return "a plain value that starts with '&' is a YAML anchor", _QUOTE, opened
    if after_quoted := re.search(r"[:\-,\[{]\s+(['\"]).*?\1(?=[\s|>]*\Z)", before):
        quote = after_quoted[1]
        message = f"the value starts with {quote}, so YAML ends it at the next {quote}; this is left over"
        rest = before[after_quoted.end() :]
        return message, _QUOTE, at - len(rest.lstrip())
    if char in "]}" and "flow" not in context:
        return f"the bracket {char} was never opened", f"delete it; if it belongs to SQL, {_QUOTE}", at
    if "flow" in context:
        return _flow(file, at, opened)
    if "directive" in context:
        return "a line that starts with '%' is a YAML directive", "delete the line, or indent it", opened
    if "expected key" in problem and _comment_above(file, line.line):
        return "the ' #' in the line above starts a comment and ends the value", _QUOTE, at
    if "expected key" in problem or "expected '-'" in problem:
        return "this line fits no mapping or list above it", "indent keys of one mapping equally", at
    return f"invalid YAML: {problem}", _QUOTE, at


def _deeper(file: SourceFile, number: int, at: int) -> tuple[str, str, int]:
    """A key where the value above goes on: the line above has no colon, or this one is indented too far."""
    start = file.starts[number - 2] if number > 1 else 0
    above = file.text[start : file.starts[number - 1]]
    missing = re.fullmatch(r"(\s*)([A-Za-z_]\w*)\s+(\S.*?)\s*", above) if number > 1 else None
    if missing:
        hint = f"write {missing[2]}: {missing[3]}"
        return f"there is no colon after '{missing[2]}'", hint, start + len(missing[1])
    return "this line is indented as if it belonged to the value above", "indent keys of one mapping equally", at


def _flow(file: SourceFile, at: int, opened: int) -> tuple[str, str, int]:
    if file.text[opened : opened + 1] not in ("{", "["):  # YAML points behind it where the file ends
        opened = max(0, file.text.rfind("{", 0, opened), file.text.rfind("[", 0, opened))
    bracket = file.text[opened]
    if at == len(file.text) or file.span(at, at + 1).line != file.span(opened, opened + 1).line:
        return f"the bracket {bracket} is not closed", "close it, or use block style", opened
    pair = "{ }" if bracket == "{" else "[ ]"
    glued = re.search(r"\s([A-Za-z_]\w*)\Z", file.text[opened:at])
    if bracket == "{" and file.text[at] == ":" and glued:
        word = glued[1]
        return f"a comma is missing before {word}", f"put one there, or quote the value before {word}", at - len(word)
    return f"'{file.text[at]}' cannot stand in a plain value inside {pair}", _QUOTE, at


def _comment_above(file: SourceFile, line: int) -> bool:
    if line < 2:
        return False
    start = file.starts[line - 2]
    return re.search(r"\s#", file.text[start : file.starts[line - 1]]) is not None
