"""Random expressions as trees: written as text in several ways, and evaluated by DuckDB on rows of many values."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from featc.canonical import Leaf, canonical
from featc.digests import Value

COLUMNS = {
    "i": "INTEGER", "j": "BIGINT", "d": "DOUBLE", "s": "VARCHAR", "b": "BOOLEAN", "f": "FLOAT", "m": "DECIMAL(4,2)"
}  # fmt: skip
_NAME = re.compile(r"\b([ijdsbfm])\b(?=(?:[^']*'[^']*')*[^']*\Z)")


def form(text: str) -> Value:
    """The canonical form of a text over the columns."""
    names = list(COLUMNS)
    parts = [names.index(p) if p in names else p for p in _NAME.split(text) if p]
    return canonical(tuple(parts), [Leaf(("column", n), t) for n, t in COLUMNS.items()])


def rows() -> duckdb.DuckDBPyConnection:
    """A connection with a table of all combinations of some values, NULL and NaN among them."""
    connection = duckdb.connect()
    connection.execute("""
        CREATE TABLE r AS SELECT * FROM
        (SELECT unnest([NULL, 0, 3]::INTEGER[]) AS i), (SELECT unnest([NULL, 9007199254740992]::BIGINT[]) AS j),
        (SELECT unnest([NULL, 0.1::DOUBLE, 'nan'::DOUBLE]) AS d), (SELECT unnest([NULL, 'a', '7']) AS s),
        (SELECT unnest([NULL, true, false]) AS b), (SELECT unnest([0.7, 2]::FLOAT[]) AS f),
        (SELECT unnest([NULL, 99.99]::DECIMAL(4,2)[]) AS m)
        ORDER BY ALL""")
    return connection


def values(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """What an expression is on every row, and of which type; or that it fails."""
    try:
        found = connection.execute(f"SELECT typeof(v), v::VARCHAR FROM (SELECT ({text}) AS v FROM r)").fetchall()
    except duckdb.Error:
        return "fails"
    return repr(found).replace("'-nan'", "'nan'")  # a NaN has a sign that no comparison sees


@dataclass(frozen=True)
class Node:
    """An operator or leaf; `text` of a leaf."""

    op: str
    args: tuple[Node, ...] = ()
    text: str = ""


def leaf(text: str) -> Node:
    return Node("leaf", (), text)


_COMPARES = ("=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from")


def number(draw: random.Random, depth: int) -> Node:
    if depth <= 0 or draw.random() < 0.4:
        return leaf(draw.choice(("i", "j", "d", "f", "m", "0", "1", "2", "0.5", "1e0", "9007199254740993")))
    if draw.random() < 0.15:
        return Node("neg", (number(draw, depth - 1),))
    if draw.random() < 0.1:
        return Node("case", (truth(draw, depth - 1), number(draw, depth - 1), number(draw, depth - 1)))
    return Node(draw.choice(("+", "-", "*")), (number(draw, depth - 1), number(draw, depth - 1)))


def truth(draw: random.Random, depth: int) -> Node:
    if depth <= 0 or draw.random() < 0.15:
        return leaf(draw.choice(("b", "true", "i > 0", "s = 'a'", "s = 7", "7 % i > 1")))
    match draw.randrange(8):
        case 0 | 1:
            return Node("and", tuple(truth(draw, depth - 1) for _ in range(draw.randint(2, 3))))
        case 2:
            return Node("or", tuple(truth(draw, depth - 1) for _ in range(draw.randint(2, 3))))
        case 3:
            return Node("not", (truth(draw, depth - 1),))
        case 4:
            ends = ("0", "1", "0.7", "0.70", "1e0", "9007199254740993", "i", "m")
            return Node("between", (number(draw, 0), leaf(draw.choice(ends)), leaf(draw.choice(ends))))
        case 5:
            listed = [leaf(t) for t in draw.sample(("'a'", "'A'", "'7'", "'x'"), draw.randint(1, 3))]
            return Node("in", (leaf("s"), *listed))
        case 6:
            return Node("is null", (number(draw, depth - 1),))
    return Node(draw.choice(_COMPARES), (number(draw, depth - 1), number(draw, depth - 1)))


def written(node: Node) -> str:
    """The text with every bracket."""
    given = [written(a) for a in node.args]
    match node.op:
        case "leaf":
            return f"({node.text})" if " " in node.text else node.text
        case "and" | "or":
            return "(" + f" {node.op} ".join(given) + ")"
        case "not":
            return f"(not {given[0]})"
        case "neg":
            return f"(-({given[0]}))"
        case "between":
            return f"({given[0]} between {given[1]} and {given[2]})"
        case "in":
            return f"({given[0]} in ({', '.join(given[1:])}))"
        case "is null":
            return f"({given[0]} is null)"
        case "case":
            return f"(case when {given[0]} then {given[1]} else {given[2]} end)"
    return f"({given[0]} {node.op} {given[1]})"


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
_QUIET = ("b", "true", "i > 0", "s = 'a'")


def is_quiet(node: Node) -> bool:
    """Whether it is one of those that anybody sees cannot fail."""
    if node.op in ("and", "or", "not"):
        return all(map(is_quiet, node.args))
    return (node.op == "leaf" and node.text in _QUIET) or node.op == "in"


def rewritten(draw: random.Random, node: Node) -> Node:
    """The same written in another way, by laws that everybody knows."""
    args = tuple(rewritten(draw, a) for a in node.args)
    node = Node(node.op, args, node.text)
    if draw.random() < 0.3:
        return node
    match node.op:
        case "and" | "or" if all(map(is_quiet, args)):
            if draw.random() < 0.3:
                other = "or" if node.op == "and" else "and"
                return Node("not", (Node(other, tuple(Node("not", (a,)) for a in args)),))
            return Node(node.op, tuple(draw.sample(args, len(args))))
        case "+" | "*":
            return Node(node.op, (args[1], args[0]))
        case "not" if args[0].op in _OPPOSITE:
            return Node(_OPPOSITE[args[0].op], args[0].args)
        case "between" if all(a.text in ("0", "1", "i", "m") for a in args):
            value, low, high = args
            return Node("and", (Node(">=", (value, low)), Node("<=", (value, high))))
        case "in":
            return Node("in", (args[0], *draw.sample(args[1:], len(args) - 1)))
    if node.op in _TURNED:
        if draw.random() < 0.5:
            return Node("not", (Node(_OPPOSITE[node.op], args),))
        return Node(_TURNED[node.op], (args[1], args[0]))
    return node


def changed(draw: random.Random, node: Node) -> Node:
    """The same with one thing in it that is another: an operator, a leaf, a side."""
    if node.args and draw.random() < 0.7:
        place = draw.randrange(len(node.args))
        given = [changed(draw, a) if n == place else a for n, a in enumerate(node.args)]
        return Node(node.op, tuple(given), node.text)
    match node.op:
        case "leaf":
            others: Sequence[str] = ("b", "true", "i > 0", "i >= 0") if node.text in _QUIET else ("i", "j", "0", "2")
            return leaf(draw.choice(others))
        case "and" | "or":
            return Node("or" if node.op == "and" else "and", node.args)
        case "not" | "neg":
            return node.args[0]
        case "-":
            return Node("-", (node.args[1], node.args[0]))
        case "+" | "*":
            return Node("*" if node.op == "+" else "-", node.args)
        case "between":
            return Node("between", (node.args[0], node.args[2], node.args[1]))
    return Node(draw.choice(_COMPARES), node.args) if node.op in _COMPARES else node
