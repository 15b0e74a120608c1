"""Files to YAML nodes with positions: decoding, parsing, and everything about YAML itself that featc
refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featc.errors import Findings, Span
from featc.load.plain import imbalance
from featc.load.syntax import explain_yaml_error
from featc.load.text import SourceFile

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_TAG_PREFIX = "tag:yaml.org,2002:"
_QUOTE = "quote it or use a block"


class _Loader(_Base):
    """Every scalar is text: types come from the schema, never from YAML's guesses."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own attribute)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One YAML file: its root (None when it says nothing) and the nodes about which all has been said
    already.
    """

    file: SourceFile
    root: Node | None
    blamed: set[int]

    def blame(self, node: Node) -> None:
        """No further findings about `node`: it is wrong in a way that was reported."""
        self.blamed.add(id(node))

    def is_blamed(self, node: Node) -> bool:
        return id(node) in self.blamed


def read_text(path: Path, shown: str, findings: Findings) -> SourceFile | None:
    """The file at `path`, reported as `shown`; None and a finding when it is no UTF-8 text. A BOM is
    dropped.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = "check the path and its rights"
        findings.error("F103", f"cannot read {shown}: {error.strerror or error}", Span(shown, 1, 1), hint)
        return None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        findings.error("F103", f"{shown} is UTF-16", Span(shown, 1, 1), "save it as UTF-8")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8-sig")
        line, column = good.count("\n") + 1, len(good) - (good.rfind("\n") + 1) + 1
        shown_line = good[good.rfind("\n") + 1 :] + "\ufffd"
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        findings.error("F103", message, Span(shown, line, column, 1, shown_line), "save the file as UTF-8")
        return None
    file = SourceFile.of(shown, text)
    control = _CONTROL.search(text)
    if control:
        message = f"control character U+{ord(control[0]):04X}"
        findings.error("F103", message, file.span(control.start(), control.end()), "delete it")
        return None
    return file


def parse_yaml(file: SourceFile, findings: Findings) -> Tree | None:
    """The file's one document as nodes, checked for what featc refuses in any YAML; None if it cannot be
    parsed.
    """
    loader = _Loader(file.text)
    blamed: set[int] = set()
    try:
        if not loader.check_node():
            return Tree(file, None, blamed)
        root = loader.get_node()
        if loader.check_node():
            second = loader.get_node()
            at = file.text.rfind("---", 0, second.start_mark.index if second is not None else None)
            findings.error(
                "F104", "a second YAML document", file.span(max(at, 0), at + 3), "use one file for each"
            )
            return None
    except yaml.YAMLError as error:
        findings.items.append(explain_yaml_error(file, error))
        return None
    finally:
        loader.dispose()
    assert root is not None
    tree = Tree(file, root, blamed)
    for node in _walk(root):
        _check(node, tree, findings)
    return tree


def is_absent(node: Node) -> bool:
    """True for a value that was not written, or written as ~."""
    return isinstance(node, ScalarNode) and not node.style and node.value in ("", "~")


def _walk(root: Node) -> Iterator[Node]:
    """All nodes once each, also when aliases make a cycle; parents first, in the order of the file."""
    stack = [root]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, MappingNode):
            for key, value in reversed(node.value):
                stack += (value, key)
        elif isinstance(node, SequenceNode):
            stack += reversed(node.value)


def _check(node: Node, tree: Tree, findings: Findings) -> None:
    if not node.tag.startswith(_TAG_PREFIX):
        place = tree.file.span(node.start_mark.index, node.start_mark.index + len(node.tag))
        findings.error("F104", f"the YAML tag {node.tag} means nothing here", place, "delete the tag")
        tree.blame(node)
    if not isinstance(node, MappingNode):
        return
    if any(not isinstance(key, ScalarNode) for key, _ in node.value):
        _refuse_odd_keys(node, tree, findings)
    elif node.flow_style:
        _refuse_valueless(node, tree, findings)
    values = {key.value for key, _ in node.value}
    if len(values) != len(node.value) or "<<" in values:
        _refuse_repeats(node, tree, findings)


def _refuse_odd_keys(node: MappingNode, tree: Tree, findings: Findings) -> None:
    start = node.start_mark.index
    text = tree.file.text
    if text.startswith("{{", start):
        end = text.find("}}", start) + 2
        whole = text[start : max(end, start + 2)]
        quoted = f'"{whole}"' if '"' not in whole else f"'{whole}'" if "'" not in whole else _QUOTE
        findings.error(
            "F107",
            "'{{' starts a YAML mapping here, not Jinja",
            tree.file.span(start, end),
            f"quote it: {quoted}",
        )
    else:
        key = next(key for key, _ in node.value if not isinstance(key, ScalarNode))
        place = tree.file.span(key.start_mark.index, key.end_mark.index)
        findings.error("F104", "a key must be plain text", place, "write a name, or quote the value")
    for inner in _walk(node):
        tree.blame(inner)
        if isinstance(inner, MappingNode | SequenceNode):
            inner.value = []


def _refuse_valueless(node: MappingNode, tree: Tree, findings: Findings) -> None:
    """`{sql: coalesce(a, b)}`: the comma ended the value, and `b)` became a key."""
    kept: list[tuple[Node, Node]] = []
    text = tree.file.text
    pairs = node.value
    at = 0
    while at < len(pairs):
        key, value = pairs[at]
        if not (is_absent(value) and ":" not in text[key.end_mark.index : value.start_mark.index + 1]):
            kept.append(pairs[at])
            at += 1
            continue
        last = at
        begin = kept[-1][1].start_mark.index if kept else key.start_mark.index
        # `coalesce(a, b, c), d`: the value goes on until its brackets close, and `d` is another mistake.
        while (
            last + 1 < len(pairs)
            and is_absent(pairs[last + 1][1])
            and imbalance(text[begin : pairs[last][0].end_mark.index])
        ):
            last += 1
        _report_valueless(kept[-1] if kept else None, key, pairs[last][0], tree, findings)
        at = last + 1
    if len(kept) != len(pairs):
        node.value = kept


def _report_valueless(
    before: tuple[Node, Node] | None, first: Node, last: Node, tree: Tree, findings: Findings
) -> None:
    file, end = tree.file, last.end_mark.index
    cut = before is not None and isinstance(before[1], ScalarNode) and not before[1].style
    if before is not None and cut and imbalance(before[1].value):
        whole = file.text[before[1].start_mark.index : end]
        tree.blame(before[1])
        quoted = f'{before[0].value}: "{whole}"' if '"' not in whole else f"{before[0].value}: …"
        message = f"inside {{ }} the comma ends the value, so '{first.value}' became a key without a value"
        findings.error("F107", message, file.span(before[1].start_mark.index, end), f"{_QUOTE}: {quoted}")
        return
    findings.error(
        "F107",
        f"the key '{first.value}' has no value",
        file.span(first.start_mark.index, first.end_mark.index),
        f"write '{first.value}: …'; if the text belongs to the value before the comma, {_QUOTE}",
    )


def _refuse_repeats(node: MappingNode, tree: Tree, findings: Findings) -> None:
    seen: dict[str, Node] = {}
    kept: list[tuple[Node, Node]] = []
    for key, value in node.value:
        place = tree.file.span(key.start_mark.index, key.end_mark.index)
        if key.value == "<<" and not key.style:
            findings.error("F104", "YAML merges (<<) are not taken", place, "write the keys out")
        elif key.value in seen:
            first = tree.file.span(seen[key.value].start_mark.index, seen[key.value].end_mark.index)
            message = f"the key '{key.value}' stands here twice (first in line {first.line})"
            findings.error("F105", message, place, "delete or rename one of the two")
        else:
            seen[key.value] = key
            kept.append((key, value))
    node.value = kept
