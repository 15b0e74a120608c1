"""The canonical form: what it makes one, what it keeps apart, and that DuckDB agrees, on rows of many values."""

from __future__ import annotations

import random

import duckdb
import pytest

from canonical.writing import changed, form, number, rewritten, rows, truth, values, written
from featc.canonical.grammar import Term, read
from featc.canonical.spellings import CALLS, INTERVALS, TYPES, type_named
from featc.canonical.words import Unreadable, words

SAME = [
    ("cast(i as int)", "i::INTEGER"),
    ("cast(d as float8)", "d::double precision"),
    ("cast(i as numeric(12,2))", "i::decimal(12, 2)"),
    ("i::decimal", "i::decimal(18,3)"),
    ("s::text", "s::varchar(10)"),
    ("date '2026-01-01'", "'2026-01-01'::date"),
    ("timestamp '2026-01-01'", "cast('2026-01-01' as datetime)"),
    ("interval '7 days'", "INTERVAL 7 DAY"),
    ("b and (i > 1 and s = 'a')", "b AND i > 1 AND s = 'a'"),
    ("s = 'a' and b", "b and 'a' = s"),
    ("i <> j", "j != i"),
    ("i == 1", "1 = i"),
    ("i between 1 and 2 and b", "b and i <= 2 and 1 <= i"),
    ("i not between 1 and 2", "i > 2 or i < 1"),
    ("not (i < 5 or s = 'a')", "i >= 5 and s <> 'a'"),
    ("not not (i > 1) and b", "b and i > 1"),
    ("s in ('a', 'b')", "s IN ('b', 'a', 'a')"),
    ("i in (1)", "i = 1"),
    ("s not like 'a%'", "not s like 'a%'"),
    ("i is not null", "not (i is null)"),
    ("i is distinct from j", "not (j is not distinct from i)"),
    ("i + j * 2", "2 * j + i"),
    ("ifnull(i, 0)", "COALESCE(i, 0)"),
    ("case when b then 1 end", "case when b then 1 else null end"),
    ("extract(year from d)", "date_part('year', d)"),
    ("i -- a comment\n + 1", "1 + /* another */ i"),
    ("lower(s) = 'a' and b", "b and 'a' = lower(s)"),
    ("i between 0.5 and 10.25", "i <= 10.25 and i >= 0.5"),
    ("i between -1 and 2", "i >= -1 and i <= 2"),
]
APART = [
    ("i + (j + 1)", "i + j + 1"),
    ("d * (i * j)", "d * i * j"),
    ("(b or i > 1) and s = 'a'", "b or i > 1 and s = 'a'"),
    ("7 % i > 1 and i <> 0", "i <> 0 and 7 % i > 1"),
    ("s = 7 and b", "b and s = 7"),
    ("s::int > 1 or b", "b or s::int > 1"),
    ("i - j", "j - i"),
    ("i / 2", "i // 2"),
    ("cast(s as int)", "try_cast(s as int)"),
    ("'A'", "'a'"),
    ("1.0", "1.00"),
    ("1", "1.0"),
    ("i is null", "i is not null"),
    ("b is true", "b"),
    ("case when b then 1 end", "case when b then 1 else 0 end"),
    ("case when b then 1 when i > 1 then 2 end", "case when i > 1 then 2 when b then 1 end"),
    ("s like 'x'", "s ilike 'x'"),
    ("len(s)", "strlen(s)"),
    ("true", "false"),
    ("i > 1", "i >= 1"),
    ("[1] + [2]", "[2] + [1]"),
    ("concat(s, 'a')", "concat('a', s)"),
    ("coalesce(i, j)", "coalesce(j, i)"),
    ("not i", "not not i"),
    ("-(i ^ 2)", "(-i) ^ 2"),
    ("i ^ 2 ^ 3", "i ^ (2 ^ 3)"),
    ("interval '1 month'", "interval '30 days'"),
    ("i in (1, 2)", "i in (1, 2, 3)"),
    ("i in (1, null)", "i in (1)"),
    ("'a b'", "'a  b'"),
    ("'-- no comment'", "''"),
    ("s = 'I'", "s = 'i'"),
    ("d between 1 and 1e300", "d >= 1 and d <= 1e300"),
    ("d between 0.7 and 1e0", "d >= 0.7 and d <= 1e0"),
    ("position('a' in (s))", "position(s in ('a'))"),
    ("(s::varchar[3])[1]", "((s::varchar)[3])[1]"),
    ("(d at time zone 'UTC'::text)", "(d at time zone 'UTC')::text"),
    ("s = $$abc$$", "s = ' = $$abc$$'"),
    ("i -- x\r + 1", "i"),
    ("b and i = 0.00000000000000000000000000000000001", "i = 0.00000000000000000000000000000000001 and b"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_these_are_one(a: str, b: str) -> None:
    assert form(a) == form(b)


@pytest.mark.parametrize(("a", "b"), APART)
def test_these_are_not(a: str, b: str) -> None:
    assert form(a) != form(b)


def test_spellings_of_types_are_those_of_the_engine() -> None:
    connection = duckdb.connect()
    for word in TYPES:
        named = type_named(word, ())
        if word in ("json",):
            continue
        query = f"SELECT typeof(NULL::{word}), typeof(NULL::{named})"
        a, b = connection.execute(query).fetchall()[0]
        assert a == b, word


ARGUMENTS = {
    "ifnull": "NULL, 2", "char_length": "'añb'", "character_length": "'añb'", "len": "'añb'", "lcase": "'Aß'",
    "ucase": "'aß'", "power": "2.5, 3", "ceiling": "1.2", "substr": "'abc', 2, 1",
    "datepart": "'year', DATE '2026-01-02'", "datetrunc": "'month', DATE '2026-03-02'",
    "datediff": "'day', DATE '2026-01-02', DATE '2026-02-02'", "prefix": "'abc', 'ab'", "suffix": "'abc', 'bc'",
    "strpos": "'abc', 'c'", "list_value": "1, 2",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_functions_by_two_names_are_one(name: str) -> None:
    other = {"list": "list_value"}.get(CALLS[name], CALLS[name])
    a, b = duckdb.connect().execute(f"SELECT {name}({ARGUMENTS[name]}), {other}({ARGUMENTS[name]})").fetchall()[0]
    assert a == b


def test_units_of_intervals_are_those_of_the_engine() -> None:
    connection = duckdb.connect()
    for unit, named in INTERVALS.items():
        a, b = connection.execute(f"SELECT INTERVAL 3 {unit}, INTERVAL '3 {named}'").fetchall()[0]
        assert a == b, unit


# ── operators bind as in DuckDB ────────────────────────────────────────────────────────────────────────

_OPERANDS = ("i", "j", "d", "1", "2", "0.5", "b", "s", "'a'", "i::integer", "(i + 1)", "true")
_BETWEEN = (
    "+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=", "and", "or", "is distinct from", "^", "like", "//", "and not",
    "is null and", "between 0 and 2 or", "in (1, 2) or", "= -", "- -", "+ -",
)  # fmt: skip


def unbracketed(draw: random.Random) -> str:
    """Operands and operators in turn."""
    text = draw.choice(("", "", "", "not ", "- ")) + draw.choice(_OPERANDS)
    for _ in range(draw.randint(1, 4)):
        text += f" {draw.choice(_BETWEEN)} {draw.choice(_OPERANDS)}"
    return text + draw.choice(("", "", "", " is null", " between 0 and 2"))


def spelled(term: Term) -> str:
    """A tree as text with every bracket."""
    given = [spelled(a) for a in term.args]
    match term.op:
        case "number" | "name":
            return term.value
        case "text":
            return f"'{term.value}'"
        case "true" | "false" | "null":
            return term.op
        case "and" | "or":
            return "(" + f" {term.op} ".join(given) + ")"
        case "not":
            return f"(not {given[0]})"
        case "neg":
            return f"(-{given[0]})"
        case "cast":
            return f"cast({given[0]} as {term.value})"
        case "call":
            return f"{term.value}({', '.join(given)})"
        case "between":
            return f"({given[0]} between {given[1]} and {given[2]})"
        case "in":
            return f"({given[0]} in ({', '.join(given[1:])}))"
        case "is null":
            return f"({given[0]} is null)"
        case "is distinct":
            return f"({given[0]} is distinct from {given[1]})"
    return f"({given[0]} {term.op} {given[1]})"  # infix, and LIKE


@pytest.mark.slow
def test_words_that_are_read_are_read_as_duckdb_reads_them() -> None:
    draw, connection, compared = random.Random(1), rows(), 0
    for _ in range(3000):
        text = unbracketed(draw)
        try:
            tree = read(list(words(text)))
        except Unreadable:
            continue
        found = values(connection, text)
        if found != "fails":
            assert values(connection, spelled(tree)) == found, (text, spelled(tree))
            compared += 1
    assert compared > 150


# ── random expressions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_rewriting_moves_no_form_and_no_value() -> None:
    draw, connection, moved = random.Random(2), rows(), 0
    for _ in range(1500):
        tree = truth(draw, 4) if draw.random() < 0.7 else number(draw, 4)
        other = rewritten(draw, tree)
        a, b = written(tree), written(other)
        if a == b:
            continue
        assert form(a) == form(b), (a, b)
        one, two = values(connection, a), values(connection, b)
        if "fails" not in (one, two):  # in what order an engine looks at constants, and so at what fails, is its own
            moved += 1
            assert one == two, (a, b)
    assert moved > 500


@pytest.mark.slow
def test_what_changes_a_value_changes_the_form() -> None:
    draw, connection, differ = random.Random(3), rows(), 0
    for _ in range(2000):
        tree = truth(draw, 3) if draw.random() < 0.7 else number(draw, 3)
        a, b = written(tree), written(rewritten(draw, changed(draw, tree)))
        one, two = values(connection, a), values(connection, b)
        if one != two and "fails" not in (one, two):
            differ += 1
            assert form(a) != form(b), (a, b)
    assert differ > 400
