"""`each: {status: [paid, refunded]}`: one feature definition over other parameters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, SequenceNode

from featc.errors import Span, did_you_mean
from featc.load.model import Literal
from featc.load.reader import Key, Reader
from featc.load.text import Piece, Rewrite, Text

_MOST = 1_000
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OUTSIDE_QUOTES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z|[-+]?[0-9]+(?:\.[0-9]+)?\Z")
# Quoted text, comments, and {parameter}s in one scan, so that each parameter knows what it stands in.
_SCAN = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|'|\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choice:
    """One combination of an `each`: parameter → value."""

    values: Mapping[str, Literal]


def read_each(reader: Reader, node: Node) -> tuple[Choice, ...]:
    """All combinations of the parameters' values, the last parameter varying fastest."""
    lists: dict[str, list[Literal]] = {}
    for key, value in reader.pairs(node, "each"):
        if not isinstance(value, SequenceNode):
            reader.error(
                "F124", f"each: '{key.name}' needs a list of values", value, f"write {key.name}: [a, b]"
            )
            continue
        items = [_value(reader, key, item) for item in value.value]
        if not items:
            reader.error("F124", f"each: the list of '{key.name}' is empty", value, "write its values")
        lists[key.name] = [item for item in items if item is not None]
    if isinstance(node, MappingNode) and not node.value and not reader.tree.is_blamed(node):
        reader.error("F124", "each: names no parameter", node, "write each: {parameter: [a, b]}")
    total = 1
    for values in lists.values():
        total *= len(values)
    if total > _MOST:
        reader.error("F124", f"each: makes {total} features; {_MOST} are the most", node, "split it up")
        return ()
    names = list(lists)
    combinations = itertools.product(*lists.values()) if names else ()
    return tuple(Choice(dict(zip(names, combination, strict=True))) for combination in combinations)


def _value(reader: Reader, key: Key, node: Node) -> Literal | None:
    literal = reader.literal(node)
    if literal is not None and isinstance(literal.value, tuple | Mapping | None):
        reader.error("F124", f"each: a value of '{key.name}' must be text or a number", node, "quote it")
        return None
    return literal


def fill_sql(reader: Reader, sql: Text, choice: Choice) -> Text | None:
    """`sql` with `{parameter}` replaced: quotes doubled inside quotes, a plain name or number elsewhere."""
    quote = ""
    cuts: list[tuple[int, int, str]] = []
    for found in _SCAN.finditer(sql.value):
        token = found[0]
        if token in "'\"":
            quote = "" if quote == token else quote or token
            continue
        if found[1] is None:
            continue
        value = _lookup(reader, sql, choice, found)
        if value is None:
            return None
        if quote:
            value = value.replace(quote, quote * 2)
        elif not _OUTSIDE_QUOTES.match(value):
            place = sql.span_at(found.start(), len(token))
            message = (
                f"the value '{value}' of {token} is neither a name nor a number, and stands outside quotes"
            )
            reader.findings.error(
                "F124", message, place, f"write '{token}' in single quotes if text is meant"
            )
            return None
        cuts.append((found.start(), found.end(), value))
    return _replace(sql, cuts)


def fill_name(reader: Reader, template: Text, choice: Choice) -> str | None:
    """The feature's name for one combination; what a name cannot hold becomes _ ("it's" gives it_s)."""
    parts: list[str] = []
    at = 0
    for found in _PARAMETER.finditer(template.value):
        value = _lookup(reader, template, choice, found)
        if value is None:
            return None
        parts += (template.value[at : found.start()], re.sub(r"[^A-Za-z0-9_]+", "_", value).strip("_"))
        at = found.end()
    return "".join((*parts, template.value[at:]))


def fill_text(reader: Reader, span: Span, template: str, choice: Choice) -> str | None:
    """`template` with its parameters replaced; None where it names one that is not there, which is reported."""
    for found in _PARAMETER.finditer(template):
        if found[1] not in choice.values:
            hint = did_you_mean(found[1], choice.values)
            reader.findings.error("F124", f"each: has no parameter '{found[1]}'", span, hint)
            return None
    return _PARAMETER.sub(lambda m: choice.values[m[1]].text.value, template)


def fill_prose(prose: str, choice: Choice) -> str:
    """A description with the known parameters replaced; other braces are left alone."""
    return _PARAMETER.sub(
        lambda m: choice.values[m[1]].text.value if m[1] in choice.values else m[0],
        prose,
    )


def unused(names: Sequence[str], template: str) -> list[str]:
    """The parameters that a name template does not mention."""
    used = {found[1] for found in _PARAMETER.finditer(template)}
    return [name for name in names if name not in used]


def _lookup(reader: Reader, text: Text, choice: Choice, found: re.Match[str]) -> str | None:
    if found[1] in choice.values:
        return choice.values[found[1]].text.value
    place = text.span_at(found.start(), found.end() - found.start())
    hint = did_you_mean(found[1], choice.values)
    reader.findings.error("F124", f"each: has no parameter '{found[1]}'", place, hint)
    return None


def _replace(text: Text, cuts: Sequence[tuple[int, int, str]]) -> Text:
    if not cuts:
        return text
    pieces: list[Piece] = []
    out: list[str] = []
    length = at = 0
    for start, end, value in (*cuts, (len(text.value), len(text.value), "")):
        for part, origin, exact in ((text.value[at:start], (at, start), True), (value, (start, end), False)):
            if part:
                pieces.append(Piece(length, length + len(part), *origin, exact))
                out.append(part)
                length += len(part)
        at = end
    return Text("".join(out), text.span, Rewrite(text, tuple(pieces)))
