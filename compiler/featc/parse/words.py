"""Checks that need no tree: what stands after OVER, zones, casts, and which functions are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from featc.algebra import Aggregate, forms, lookup
from featc.algebra.row import ParamKind
from featc.errors import nearest
from featc.parse import functions
from featc.parse.frames import read_over
from featc.parse.lexer import Token
from featc.parse.model import Problem
from featc.parse.types import ZONED, canonical_type
from featc.types import TYPE_NAMES

KEYWORDS = frozenset(
    """
    and or not is null true false in between symmetric like ilike escape case when then else end
    distinct from filter where over interval as glob isnull notnull for placing both leading trailing at
    time zone all any some xor order by group within select exists unknown collate lambda
    """.split()  # noqa: SIM905
) | {"similar to", "order by", "group by", "partition by", "at time zone"}
"""Words with a part in the grammar. A word before `(` that is none of these is a function."""

UNITS = frozenset(
    f"{unit}{s}"
    for unit in """
    microsecond us millisecond ms second minute hour day week month quarter year decade century
    millennium
    """.split()  # noqa: SIM905
    for s in ("", "s")
) | {
    "millenniums",
    "centuries",
    "millennia",
    "epoch",
    "dow",
    "isodow",
    "doy",
    "isoyear",
    "era",
    "julian",
    "yearweek",
    "weekday",
    "dayofweek",
    "dayofyear",
    "dayofmonth",
    "weekofyear",
    "nanosecond",
    "epoch_us",
    "epoch_ms",
    "epoch_ns",
}
_TYPE_WORDS = (
    frozenset(TYPE_NAMES) | {"precision", "without", "with", "time", "zone", "varying", "character"} | ZONED
)


def type_end(tokens: Sequence[Token], at: int) -> int:
    """Where the type name that starts at `tokens[at]` ends (exclusive)."""
    end = at
    while (
        end < len(tokens)
        and tokens[end].kind == "word"
        and (
            end == at
            or set(tokens[end].word.split()) <= {"precision", "without", "with", "time", "zone", "varying"}
        )
    ):
        end += 1
    if end < len(tokens) and end > at and tokens[end].is_symbol("("):
        while end < len(tokens) and not tokens[end].is_symbol(")"):
            end += 1
        end += 1
    while (
        end + 1 < len(tokens)
        and tokens[end].is_symbol("[")
        and (
            tokens[end + 1].is_symbol("]")
            or (tokens[end + 1].kind == "number" and end + 2 < len(tokens) and tokens[end + 2].is_symbol("]"))
        )
    ):
        end += 2 if tokens[end + 1].is_symbol("]") else 3
    return end


def type_places(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Token ranges that spell types: after `::`, and after AS in a cast."""
    casts: list[bool] = []
    for i, token in enumerate(tokens):
        if token.is_symbol("("):
            casts.append(i > 0 and tokens[i - 1].word in ("cast", "try_cast"))
        elif token.is_symbol(")") and casts:
            casts.pop()
        elif token.is_symbol("::") or (token.word == "as" and casts and casts[-1]):
            yield i + 1, type_end(tokens, i + 1)


def check_words(text: str, tokens: Sequence[Token]) -> list[Problem]:
    """What is wrong with the words of a text, as far as its tokens tell."""
    problems: list[Problem] = []
    typed: set[int] = set()
    for start, end in type_places(tokens):
        typed.update(range(start, end))
        problem = _check_type(text, tokens, start, end)
        if problem:
            problems.append(problem)
    for i, token in enumerate(tokens):
        if i in typed:
            continue
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        before = tokens[i - 1] if i else None
        if before is not None and before.is_symbol("."):
            if after is not None and after.is_symbol("("):
                problems.append(
                    Problem(
                        "F204",
                        "a function is called by its bare name",
                        token.start,
                        len(token.text),
                        "write f(x), not x.f()",
                    )
                )
            continue
        problems += _check_word(text, tokens, i, token, after)
        problems += _check_operand(token, before)
    return problems


_OPENING = frozenset({"where", "and", "or", "not", "case", "when", "then", "else"})


def _check_operand(token: Token, before: Token | None) -> list[Problem]:
    """An AND or OR without anything before it, which sqlglot takes for a column's name."""
    if token.kind != "word" or token.word not in ("and", "or"):
        return []
    if before is None or before.word in _OPENING or before.is_symbol("(", ","):
        hint = "an operand is missing"
        return [Problem("F201", f"something is missing before '{token.text}'", token.start, len(token.text), hint)]
    return []


def _check_word(
    text: str, tokens: Sequence[Token], i: int, token: Token, after: Token | None
) -> list[Problem]:
    word = token.word
    calls = after is not None and after.is_symbol("(")
    if token.kind == "quoted" and calls:
        return [
            Problem(
                "F204",
                "a function's name stands without quotes",
                token.start,
                len(token.text),
                f"write {token.name}(…)",
            )
        ]
    if word == "over" and i and (tokens[i - 1].is_symbol(")") or tokens[i - 1].word in ("nulls",)):
        over = read_over(text, tokens, i)
        return [over] if isinstance(over, Problem) else []
    if word in ("select", "from") and i == 0:
        return [
            Problem(
                "F204",
                "this is a query, and an expression is needed",
                token.start,
                len(token.text),
                "write the expression alone; a query may stand under a source's sql:",
            )
        ]
    if word == "at" and "time zone" in " ".join(t.word for t in tokens[i + 1 : i + 3]):
        return [
            Problem(
                "F209",
                "AT TIME ZONE is not possible: times are naive UTC",
                token.start,
                tokens[min(i + 2, len(tokens) - 1)].end - token.start,
                "write in_zone(ts, 'Europe/Berlin')",
            )
        ]
    if after is not None and after.kind == "string" and (word in ZONED):
        return [
            Problem(
                "F209",
                f"{word} has a zone, and times are naive UTC",
                token.start,
                len(token.text),
                "write timestamp '…' in UTC",
            )
        ]
    if calls and word and word not in KEYWORDS and word not in ("struct", "row"):
        problem = functions.refusal(word, token.start)
        if problem is None and word in ("strptime", "try_strptime"):
            problem = _zoned_format(tokens, i)
        if problem is None and word == "time_bucket":
            problem = _zoned_bucket(tokens, i)
        if problem is None and functions.is_aggregate(word):
            problem = _arity(tokens, i)
        return [problem] if problem else []
    if not calls and word in BARE_CHANGING:
        return [functions.changing(word, token.start)]
    return []


def _arity(tokens: Sequence[Token], at: int) -> Problem | None:
    """Whether an aggregate has the arguments it takes; sqlglot has ideas of its own about that."""
    depth, commas, end = 0, 0, at + 1
    for end in range(at + 1, len(tokens)):
        depth += tokens[end].is_symbol("(", "[") - tokens[end].is_symbol(")", "]")
        if depth == 0:
            break
        commas += depth == 1 and tokens[end].is_symbol(",")
    name, inner = tokens[at].word, tokens[at + 2 : end]
    star = len(inner) > 0 and inner[0].is_symbol("*") and (len(inner) == 1 or inner[1].is_symbol(","))
    distinct = bool(inner) and inner[0].word == "distinct"
    named = tuple(inner[i - 1].word for i in range(1, len(inner)) if inner[i].is_symbol("=>"))
    given = (commas + 1 if inner else 0) - len(named) - star
    start, length = tokens[at].start, tokens[end].end - tokens[at].start
    row = lookup(name, star=star, distinct=distinct, given=given, named=bool(named))
    if row is not None:
        problem = _names(row, named)
        return None if problem is None else Problem("F212", problem, start, length, _example(row))
    return _no_form(name, given, star, distinct, named, start, length)


def _names(row: Aggregate, named: tuple[str, ...]) -> str | None:
    """What is wrong with the names of a call's arguments."""
    known = [p.name for p in row.named]
    for name in named:
        if name not in known or named.count(name) > 1:
            return f"{row.word} has no argument {name}" if name not in known else f"{name} is given twice"
    missing = [p.name for p in row.named if p.name not in named and not p.optional]
    return f"{row.word} needs {missing[0]}" if missing else None


_VALUES: Mapping[ParamKind, str] = {"count": "10", "share": "0.5", "duration": "'6h'"}


def _example(row: Aggregate) -> str:
    """How a row is called."""
    return f"write {row.written(_VALUES)}: {row.summary}"


def _no_form(
    name: str, given: int, star: bool, distinct: bool, named: tuple[str, ...], start: int, length: int
) -> Problem | None:
    """Why no form of an aggregate takes these arguments; a * elsewhere than alone is found in the tree."""
    known = forms(name)
    if star and not any(r.arity == 0 for r in known):
        return None
    if distinct and not any(r.distinct for r in known):
        hint = "DISTINCT stands in count(distinct x) and list(distinct x, 10)"
        return Problem("F212", f"{name} does not take DISTINCT", start, length, hint)
    alike = [r for r in known if r.distinct == distinct and (r.arity == 0) == star] or list(known)
    if named and not any(r.named for r in alike):
        return Problem("F212", f"{name} has no argument {named[0]}", start, length, _example(alike[0]))
    if not named and all(r.named for r in alike):
        return Problem("F212", f"{name} needs {alike[0].named[0].name}", start, length, _example(alike[0]))
    row = next((r for r in alike if bool(r.named) == bool(named)), alike[0])
    counts = sorted({n for r in alike for n in range(5) if r.takes(n)})
    takes = " or ".join(map(str, counts)) + f" argument{'s' * (counts != [1])}"
    if not given and any(r.arity == 0 for r in known):
        hint = f"to count rows write {name}(*)"
    elif distinct and given > 1 and row.word == "count":
        hint = "count one value: a row expression, or a let: of the source that joins them"
    elif row.params:
        hint = _example(row)
    else:
        hint = f"{row.word} is {row.summary}"
    return Problem("F212", f"{name} takes {takes}, not {given}", start, length, hint)


BARE_CHANGING = frozenset(
    """
    current_date current_time current_timestamp localtime localtimestamp current_user current_role
    session_user current_catalog current_schema
    """.split()  # noqa: SIM905
)


def _zoned_format(tokens: Sequence[Token], at: int) -> Problem | None:
    """strptime with %z gives a time with a zone, of which a cast would use the session's."""
    for token in tokens[at:]:
        if token.kind == "string" and "%z" in token.text.lower().replace("%%", ""):
            return Problem(
                "F209",
                "%z gives a time with a zone, and times are naive UTC",
                token.start,
                len(token.text),
                "read the time without its zone, or cast the text: x::timestamp converts an offset to UTC",
            )
    return None


def _zoned_bucket(tokens: Sequence[Token], at: int) -> Problem | None:
    """Text as time_bucket's third argument names a zone, and takes the other two to be of the session's."""
    depth, commas, third = 0, 0, list[Token]()
    for token in tokens[at + 1 :]:
        depth += token.is_symbol("(", "[") - token.is_symbol(")", "]")
        if depth == 0:
            break
        if depth == 1 and token.is_symbol(","):
            commas += 1
        elif commas == 2:
            third.append(token)
    literal = all(t.kind in ("word", "string", "number") for t in third)
    if not third or (literal and third[0].word in ("timestamp", "date", "interval")):
        return None
    return Problem(
        "F209",
        "time_bucket's third argument may be the name of a zone here, and times are naive UTC",
        third[0].start,
        third[-1].end - third[0].start,
        "write timestamp '…', date '…' or interval '…' there; in_zone(ts, 'Europe/Berlin') gives local time",
    )


def _check_type(text: str, tokens: Sequence[Token], start: int, end: int) -> Problem | None:
    if start >= end:
        at = tokens[start].start if start < len(tokens) else len(text) - 1
        return Problem("F215", "a type is missing here", at, 1, "write, for instance, x::date")
    first, last = tokens[start], tokens[end - 1]
    spelled = text[first.start : last.end]
    base = " ".join(t.word for t in tokens[start:end] if t.kind == "word")
    length = len(spelled)
    if base in ZONED:
        return Problem(
            "F209",
            f"{base} has a zone, and times are naive UTC",
            first.start,
            length,
            "write ::timestamp; in_zone(ts, 'Europe/Berlin') gives local time",
        )
    if canonical_type(spelled) is None:
        close = nearest(base, TYPE_NAMES)
        return Problem(
            "F215",
            f"there is no type '{spelled}' here",
            first.start,
            length,
            f"did you mean '{close}'?" if close and close != base else "check its name and its length",
        )
    return None
