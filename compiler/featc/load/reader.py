"""Reading YAML nodes by the schema: keys, names, texts, durations, constants, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal as OneOf

from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featc.durations import BadDuration, parse_duration
from featc.errors import Findings, Span, did_you_mean, nearest
from featc.load.jinja import Renderer, has_jinja
from featc.load.model import Duration, Literal
from featc.load.nodes import Tree, is_absent
from featc.load.plain import imbalance, is_constant, is_dangling, quotable, read_plain, surprise, yes_no
from featc.load.schema import DESCRIBING, keys_of, offered
from featc.load.text import Scalar, SourceFile, Text

Use = OneOf["sql", "name", "free"]
"""What a scalar is for: an expression, a name or other word, or prose."""

RESERVED = frozenset({"request", "key", "source", "as_of"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PREFIX = re.compile(r"(?:[&!]\S*\s+)+")
_COMMENT = re.compile(r"[ \t]+(#[^\n]*)")
_QUOTE = "quote it or use a block"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping that names something."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """A mapping's values by key, the unknown keys already refused and left out.

    `refused`: some were, so that nothing should be said about what seems to be missing.
    """

    span: Span
    values: Mapping[str, Node]
    keys: Mapping[str, Span]
    refused: bool

    def get(self, key: str) -> Node | None:
        return self.values.get(key)


@dataclass(slots=True, eq=False)
class Reader:
    """Reads the nodes of one file. Every method reports what is wrong and then gives None, or leaves it
    out.
    """

    tree: Tree
    findings: Findings
    renderer: Renderer
    rendering: bool = True

    @property
    def file(self) -> SourceFile:
        return self.tree.file

    def span(self, node: Node) -> Span:
        return self.file.span(node.start_mark.index, node.end_mark.index)

    def error(self, code: str, message: str, node: Node, hint: str | None = None) -> None:
        """A finding at `node`, unless the node was blamed for something already."""
        if not self.tree.is_blamed(node):
            self.findings.error(code, message, self.span(node), hint)

    # ── mappings ──

    def fields(
        self, node: Node, model: type[BaseModel], what: str, others: Sequence[str] = ()
    ) -> Fields | None:
        """The keys of a mapping that `model` allows; `what` names the thing in messages, such as "source
        'orders'". `others` are keys that make it a thing of another kind, and may have been meant.
        """
        if not isinstance(node, MappingNode):
            hint = None
            if isinstance(node, SequenceNode) and "features" in offered(model):
                hint = "write {features: [" + ", ".join(n.value for n in node.value if isinstance(n, ScalarNode)) + "]}"
            self.wrong_shape(node, f"{what} must be a mapping of {_some(offered(model))}", hint)
            return None
        allowed = keys_of(model)
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        for key, value in node.value:
            if key.value not in allowed:
                hint = _instead(key.value, (*offered(model), *others))
                self.error("F106", f"{what} has no key '{key.value}'", key, hint)
            else:
                values[key.value] = value
                keys[key.value] = self.span(key)
        return Fields(self.span(node), values, keys, len(keys) < len(node.value) or self.tree.is_blamed(node))

    def pairs(
        self, node: Node, what: str, *, reserved: bool = True, quoted: bool = False
    ) -> Iterator[tuple[Key, Node]]:
        """The entries of a mapping from names to things; entries with a bad name are reported and left out.

        `reserved`: the reserved words are refused. `quoted`: a quoted key may be any text, as a data column's
        name.
        """
        if not isinstance(node, MappingNode):
            self.wrong_shape(node, f"{what} must be a mapping from names")
            return
        folded: dict[str, Key] = {}
        for key, value in node.value:
            name = (
                Key(key.value, self.span(key)) if quoted and key.style else self.name(key, reserved=reserved)
            )
            if name is None:
                continue
            other = folded.setdefault(name.name.casefold(), name)
            if other is not name:
                message = (
                    f"'{name.name}' and '{other.name}' in line {other.span.line} differ by letter case only"
                )
                self.error("F117", message, key, "rename one of the two")
                continue
            yield name, value

    def wrong_shape(self, node: Node, message: str, hint: str | None = None) -> None:
        if is_absent(node):
            self.error("F113", f"{message}; there is no value", node, "write the value, or delete the key")
            return
        found = "a single value"
        if not isinstance(node, ScalarNode):
            found = "a mapping" if isinstance(node, MappingNode) else "a list"
        usual = "write 'key: value' lines below its name, indented, or {key: value}"
        if "must be a list" in message:
            usual = "write a list: [a, b], or '- ' before each entry, below its key"
        self.error("F111", f"{message}, not {found}", node, hint or usual)

    # ── names and texts ──

    def name(self, node: Node, *, reserved: bool = True) -> Key | None:
        """A key that names a definition, a feature, a column …"""
        assert isinstance(node, ScalarNode)
        text = node.value
        if has_jinja(text):
            self.error("F115", "Jinja never makes names", node, "write the name out, or use each:")
        elif not node.style and (yes_no(text) or is_constant(text)):
            self.error(
                "F110", f"the plain name '{text}' is a boolean or null to YAML", node, f'quote it: "{text}"'
            )
        elif not _NAME.match(text):
            message = f"'{text}' is not a name: letters, digits and _, not starting with a digit"
            self.error("F115", message, node, _name_hint(text))
        elif reserved and text.casefold() in RESERVED:
            self.error("F116", f"the name '{text}' is reserved", node, "choose another name")
        else:
            return Key(text, self.span(node))
        return None

    def text(self, node: Node, use: Use = "name") -> Text | None:
        """A scalar, rendered. Plain scalars are checked for what YAML may have done to them."""
        if not isinstance(node, ScalarNode):
            self.error("F111", "expected a single value", node, "write one value, without [ ], { } or '- '")
            return None
        if self.tree.is_blamed(node):
            return None
        value = node.value
        if is_absent(node):
            self.error("F113", "there is no value", node, "write the value, or delete the key")
            return None
        if not node.style and not self._plain_is_whole(node, use):
            return None
        text = self._placed(node)
        if self.rendering and has_jinja(value):
            rendered = self.renderer.render(text)
            if rendered is None:
                self.tree.blame(node)
                return None
            text = rendered
        if text.value.endswith("\n"):
            # A block's last line end is YAML's, not the author's.
            text = replace(text, value=text.value.rstrip("\n"))
        if not text.value.strip() and use != "free":
            self.error("F113", "the value is empty", node, "write the value, or delete the key")
            return None
        return text

    def texts(self, node: Node, use: Use = "name") -> tuple[Text, ...]:
        """One scalar or a list of them. After the first that a comma cut in two, the rest of the list is
        not judged.
        """
        if not isinstance(node, SequenceNode):
            only = self.text(node, use)
            return () if only is None else (only,)
        found: list[Text] = []
        for item in node.value:
            torn = (
                node.flow_style
                and isinstance(item, ScalarNode)
                and not item.style
                and imbalance(item.value) is not None
            )
            text = self.text(item, "sql" if torn else use)
            if torn:
                break
            if text is not None:
                found.append(text)
        return tuple(found)

    def _placed(self, node: ScalarNode) -> Text:
        start, end = node.start_mark.index, node.end_mark.index
        source = self.file.text
        if source[start : start + 1] in ("&", "!") and (prefix := _PREFIX.match(source, start, end)):
            start = prefix.end()
        origin = Scalar(self.file, start, end, node.style or None)
        return Text(node.value, self.file.span(start, end), origin)

    def _plain_is_whole(self, node: ScalarNode, use: Use) -> bool:
        value = node.value
        if use == "free":
            return True
        if yes_no(value) or (use == "name" and is_constant(value)):
            self.error(
                "F110",
                f"the plain value '{value}' is a boolean or null to YAML",
                node,
                f'quote it: "{value}"',
            )
            return False
        if use == "name":
            return True
        return self._expression_is_whole(node)

    def _expression_is_whole(self, node: ScalarNode) -> bool:
        """Whether YAML left an unquoted expression in one piece (F108, F109)."""
        torn = imbalance(node.value)
        if self._is_cut(node, torn is not None):
            return False
        if torn is None:
            return True
        place = self._placed(node).span_at(torn.offset)
        message = torn.message
        end = node.end_mark.index
        if self.file.text[end : end + 1] == ",":
            message += ": inside { } and [ ] YAML ends a plain value at a comma"
        self.findings.error("F108", message, place, _QUOTE)
        return False

    def _is_cut(self, node: ScalarNode, torn: bool) -> bool:
        """Whether a comment follows a plain scalar that cannot have ended there. Other comments are just
        comments.
        """
        comment = _COMMENT.match(self.file.text, node.end_mark.index)
        if comment is None or not (torn or is_dangling(node.value)):
            return False
        place = self.file.span(comment.start(1), comment.end(1))
        self.findings.error("F109", "' #' starts a YAML comment and cuts this expression", place, _QUOTE)
        return True

    # ── typed scalars ──

    def duration(self, node: Node, *, allow_zero: bool = False) -> Duration | None:
        text = self.text(node)
        if text is None or not self.rendering:
            return None
        try:
            return Duration(parse_duration(text.value, allow_zero=allow_zero), text)
        except BadDuration as bad:
            self.error("F119", str(bad), node, bad.hint)
            return None

    def choice(self, node: Node, allowed: tuple[str, ...], what: str) -> str | None:
        text = self.text(node)
        if text is None or not self.rendering:
            return None
        if text.value not in allowed:
            hint = did_you_mean(text.value, allowed) or f"write one of {', '.join(allowed)}"
            self.error("F118", f"{what} cannot be '{text.value}'", node, hint)
            return None
        return text.value

    def flag(self, node: Node) -> bool:
        if isinstance(node, ScalarNode) and node.value in ("true", "false"):
            return bool(node.value == "true")
        self.error("F118", "expected true or false", node, "write true or false")
        return False

    def count(self, node: Node, what: str) -> int | None:
        text = self.text(node)
        if text is None:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,8}", text.value):
            great = text.value.isdecimal() and text.value[0] != "0"
            hint = "999999999 is the most" if great else "write digits only"
            self.error("F118", f"{what} must be a whole number above zero, not '{text.value}'", node, hint)
            return None
        return int(text.value)

    def number(self, fields: Fields, name: str) -> int | None:
        """A whole number above zero, if it is given."""
        node = fields.get(name)
        return self.count(node, name) if node is not None else None

    # ── constants ──

    def literal(self, node: Node, depth: int = 0) -> Literal | None:
        """A constant. Plain scalars that YAML readers disagree on are refused (F110)."""
        if depth > 20:
            self.error(
                "F104", "values are nested too deeply, or an alias holds itself", node, "write it flat"
            )
            return None
        if isinstance(node, ScalarNode):
            return self._scalar_literal(node)
        whole = self.file.text[node.start_mark.index : node.end_mark.index]
        text = Text(whole, self.span(node))
        if isinstance(node, SequenceNode):
            items = [self.literal(item, depth + 1) for item in node.value]
            return Literal(text, tuple(item for item in items if item is not None))
        assert isinstance(node, MappingNode)
        entries = {key.value: self.literal(value, depth + 1) for key, value in node.value}
        return Literal(text, {key: item for key, item in entries.items() if item is not None})

    def _scalar_literal(self, node: ScalarNode) -> Literal | None:
        if self.tree.is_blamed(node):
            return None
        if node.style:
            text = self.rendered(node)
            return None if text is None else Literal(text, text.value, quoted=True)
        if node.value == "":
            self.error(
                "F113", "there is no value", node, "write the value (null for none), or delete the key"
            )
            return None
        if self._is_cut(node, imbalance(node.value) is not None):
            return None
        why = surprise(node.value)
        if why is not None:
            hint = f'quote it: "{quotable(node.value)}"; or write true, false or a plain number'
            self.error("F110", f"the plain value '{node.value}' is {why}", node, hint)
            return None
        text = self.rendered(node)
        return None if text is None else Literal(text, read_plain(text.value))

    def rendered(self, node: ScalarNode) -> Text | None:
        """A scalar after Jinja, with nothing else asked of it."""
        text = self._placed(node)
        return self.renderer.render(text) if self.rendering and has_jinja(node.value) else text

    # ── what stands under the keys of a mapping ──

    def optional(self, fields: Fields, key: str, use: Use = "name") -> Text | None:
        """The text under `key`, or None when the key is not there."""
        node = fields.get(key)
        return self.text(node, use) if node is not None else None

    def list_of(self, fields: Fields, key: str, use: Use = "name") -> tuple[Text, ...]:
        """The texts under `key` (one or a list), or () when the key is not there."""
        node = fields.get(key)
        return self.texts(node, use) if node is not None else ()

    def duration_of(self, fields: Fields, key: str, *, allow_zero: bool = False) -> Duration | None:
        node = fields.get(key)
        return self.duration(node, allow_zero=allow_zero) if node is not None else None

    def expressions(self, node: Node | None, what: str, *, reserved: bool = True) -> dict[str, Text]:
        """A mapping from names to expressions, such as `let` or `keys`."""
        found: dict[str, Text] = {}
        for key, value in self.pairs(node, what, reserved=reserved) if node is not None else ():
            text = self.text(value, "sql")
            if text is not None:
                found[key.name] = text
        return found


def _instead(key: str, known: Sequence[str]) -> str:
    """What to write for a key that means nothing."""
    if key == "filter" and "where" in known:
        return "did you mean 'where'? A FILTER of one aggregate stands in its SQL: count(*) filter (where …)"
    close = nearest(key, known)
    return f"did you mean '{close}'?" if close else f"known here: {', '.join(known)}"


def _some(keys: Sequence[str]) -> str:
    known = [key for key in keys if key not in DESCRIBING]
    return ", ".join(known[:4]) + (" …" if len(known) > 4 else "")


def _name_hint(text: str) -> str:
    plain = re.sub(r"\W+", "_", text.strip(), flags=re.ASCII).strip("_")
    if plain[:1].isdigit():
        plain = "_" + plain
    return f"write {plain}" if _NAME.match(plain) else "use letters a to z, digits and _"
