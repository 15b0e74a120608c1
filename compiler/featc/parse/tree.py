"""sqlglot's reading of a text: where its columns are, and whether all of it is an expression featc takes.

sqlglot accepts much that is wrong and reads some of it as something else, so its tree is used to understand a
text, never to write it: what DuckDB runs is cut from the author's own words (see `cut`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.tokenizer_core import Token as RawToken

from featc.algebra import forms
from featc.parse.lexer import duckdb, wrapped
from featc.parse.model import Problem

_QUERY_WORD = re.compile(r"\b(select|with|from|values)\b", re.IGNORECASE)
_CLAUSES = frozenset(
    {"union", "intersect", "except", "from", "group", "order", "having", "limit", "offset", "qualify", "join"}
)


@cache
def _plain_nodes() -> tuple[type[exp.Expr], ...]:
    """Node types, besides functions, that an expression may be made of."""
    names = """
    Column Identifier Literal Boolean Null Paren Star Var Dot DataType DataTypeParam Interval
    IntervalSpan Add Sub Mul Div IntDiv Mod Pow And Or Xor Not Neg EQ NEQ LT LTE GT GTE NullSafeEQ
    NullSafeNEQ Is In Between Like ILike Escape Glob SimilarTo RegexpLike RegexpILike DPipe BitwiseAnd
    BitwiseOr BitwiseNot BitwiseLeftShift BitwiseRightShift BitwiseXor Case If Cast TryCast Bracket
    Array Distinct Filter Where Window JSONPath JSONPathRoot JSONPathKey JSONPathSubscript JSONPathPart
    StartsWith Tuple Position Kwarg
    """.split()  # noqa: SIM905
    return tuple(t for t in (getattr(exp, n, None) for n in names) if t is not None)


_WHAT = {
    "Alias": "an expression has no alias",
    "Aliases": "an expression has no alias",
    "Subquery": "subqueries are not possible here",
    "Select": "SELECT is not possible here",
    "Struct": "structs are not possible here",
    "Lambda": "lambdas are not possible here",
    "Collate": "COLLATE is not possible here: text is ordered by its bytes",
    "Placeholder": "parameters are not possible here",
    "Parameter": "parameters are not possible here",
    "AtTimeZone": "AT TIME ZONE is not possible on a naive time",
    "Ordered": "ORDER BY is not possible here",
    "Order": "ORDER BY is not possible here",
    "Exists": "subqueries are not possible here",
    "Slice": "slices are not possible here",
    "WithinGroup": "WITHIN GROUP is not possible here",
}

_PLAIN = "use scalar functions and aggregates, or compute it under a source's sql:"
_QUERY = "aggregate over a window, as in max(x) over lifetime; rows of another source need a view of their own"
_ORDER = "rows are in the order of the source's time; arg_min(x, y) and arg_max(x, y) order by y"
_INSTEAD = {
    "Subquery": _QUERY,
    "Select": _QUERY,
    "Exists": _QUERY,
    "Ordered": _ORDER,
    "Order": _ORDER,
    "AtTimeZone": "write in_zone(ts, 'Europe/Berlin')",
    "Collate": "leave it out, or compare lower(x)",
    "Slice": "write array_slice(x, from, to), or substring(x, from, length) of a text",
    "WithinGroup": "write mode(x), or quantile_cont(x, 0.5)",
}


def read_tree(text: str, raw: list[RawToken]) -> tuple[exp.Expr | None, list[Problem]]:
    """The tree of `text`, of which `raw` are the tokens of its wrapped form, and what is wrong with it."""
    source = wrapped(text)
    try:
        found = duckdb().parser(error_level=ErrorLevel.RAISE).parse(raw, source)
    except ParseError as error:
        complaint = next((e for e in error.errors if not _is_arity(str(e.get("description")))), None)
        if complaint is not None or not error.errors:
            return None, [_syntax(text, source, complaint or {})]
        # only how many arguments a function takes, which DuckDB knows better
        found = duckdb().parser(error_level=ErrorLevel.IGNORE).parse(raw, source)
    except SqlglotError as error:
        hint = "correct the expression: featc takes DuckDB's scalar expressions and aggregates"
        return None, [Problem("F201", str(error).splitlines()[0], 0, max(1, len(text)), hint)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # the parser itself stumbles over some broken texts, such as `interval a . .`
        hint = "correct the expression: featc takes DuckDB's scalar expressions and aggregates"
        return None, [Problem("F201", "this is no expression that can be read", 0, max(1, len(text)), hint)]
    tree = found[0] if len(found) == 1 else None
    if isinstance(tree, exp.Tuple):
        return None, [
            Problem(
                "F201",
                "there are several expressions, and one is needed",
                0,
                len(text),
                "write one feature for each",
            )
        ]
    if not isinstance(tree, exp.Paren | exp.Subquery):
        return None, [Problem("F201", "this is no expression", 0, max(1, len(text)), None)]
    problem = next((p for p in (_refuse(node, text) for node in tree.walk()) if p), None)
    return tree, [problem] if problem else []


def columns(tree: exp.Expr) -> Mapping[int, int]:
    """Where the tree's columns are in the text: start → end, qualified names as one."""
    found: dict[int, int] = {}
    for column in tree.find_all(exp.Column):
        if isinstance(column.this, exp.Star):
            continue
        parts = [p for p in column.args.values() if isinstance(p, exp.Identifier)]
        parent = column.parent
        while isinstance(parent, exp.Dot) and isinstance(parent.expression, exp.Identifier):
            parts.append(parent.expression)
            parent = parent.parent
        places = [(p.meta["start"], p.meta["end"]) for p in parts if "start" in p.meta]
        if places:
            found[min(s for s, _ in places) - 1] = max(e for _, e in places)
    return found


def _refuse(node: exp.Expr, text: str) -> Problem | None:
    kind = type(node).__name__
    if isinstance(node, exp.Star):
        call = node.parent
        if isinstance(call, exp.Count) or (call and any(r.arity == 0 for r in forms(call.name))):
            return None
        return Problem("F204", "* stands in count(*) only", *_place(node, text), "name the column")
    if isinstance(node, exp.Alias):
        start, length = _place(node.args["alias"], text)
        word = text[start : start + length]
        return Problem(
            "F202",
            f"'{word}' means nothing here",
            start,
            length,
            "an expression has no alias; is an operator or a comma missing before it?",
        )
    if kind in _WHAT:
        code = "F209" if kind == "AtTimeZone" else "F204"
        return Problem(code, _WHAT[kind], *_place(node, text), _INSTEAD.get(kind, _PLAIN))
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
        # sqlglot puts IgnoreNulls around DuckDB's any_value and first by itself; `cut` refuses the words
        return None
    if isinstance(node, (exp.Func, *_plain_nodes())):
        return None
    return Problem("F204", f"{kind.lower()} is not possible in an expression", *_place(node, text), _PLAIN)


def _place(node: exp.Expr, text: str) -> tuple[int, int]:
    """Offset and length of a node, as well as its identifiers and literals tell; a query begins at its first word."""
    places = [(n.meta["start"], n.meta["end"]) for n in node.walk() if "start" in n.meta]
    if not places:
        return 0, max(1, len(text))
    start = min(s for s, _ in places) - 1
    if isinstance(node, exp.Query | exp.Exists):
        start = max((m.start() for m in _QUERY_WORD.finditer(text, 0, start)), default=start)
    return start, max(1, max(e for _, e in places) - start)


def _is_arity(complaint: str) -> bool:
    """Whether a complaint of sqlglot is about the number of a function's arguments."""
    if complaint.startswith("The number of provided arguments"):
        return True
    found = re.match(r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>", complaint)
    node = getattr(exp, found[1], None) if found else None
    return (
        isinstance(node, type)
        and issubclass(node, exp.Func)
        and not issubclass(node, (exp.Binary, exp.Case, exp.If, exp.Cast))
    )


def _syntax(text: str, source: str, first: Mapping[str, object]) -> Problem:
    """The place of one of sqlglot's complaints, in the author's text."""
    highlight = str(first.get("highlight") or "")
    row, col = int(str(first.get("line") or 1)), int(str(first.get("col") or 1))
    lines = source.split("\n")
    at = sum(len(line) + 1 for line in lines[: row - 1]) + col - max(1, len(highlight)) - 1
    if at >= len(text.rstrip()):
        return Problem(
            "F201",
            "the expression ends too early",
            max(0, len(text.rstrip()) - 1),
            1,
            "an operand or an argument is missing at the end",
        )
    start = max(0, at)
    missing = str(first.get("description", "")).startswith("Required keyword")
    message = f"something is missing before '{highlight}'" if missing else f"unexpected '{highlight}'"
    hint = "an operand is missing" if missing else _way_out(text[:start], highlight)
    return Problem("F201", message if highlight else "this cannot be read", start, max(1, len(highlight)), hint)


def _way_out(before: str, word: str) -> str:
    """What to do about a word that cannot follow the text `before`."""
    words = re.findall(r"\w+", before.casefold())
    last = words[-1] if words else ""
    if word.casefold() in _CLAUSES:
        return f"an expression has no {word.upper()}: rows are chosen by where: and windows, or under a source's sql:"
    if word.casefold() == "where":
        return "write filter (where …) behind the aggregate"
    if word.casefold() == "over":
        return "OVER follows a whole aggregate: close its bracket first, as in sum(x) over last_7d"
    if last == "over":
        return "OVER follows an aggregate, once: sum(x) over last_7d, last(x) over lifetime"
    if words.count("case") > words.count("end"):
        return "CASE ends with END: case when … then … else … end"
    return "an operator or a comma is missing before it"
