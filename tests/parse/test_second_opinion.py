# ruff: noqa: E501 — lists of words are read best on one line
"""DuckDB's own parser is asked whether the cut text is the author's text, on made-up token soup."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featc.parse import AggregateCall, BuiltinCall, Fragment, Name, read

WORDS = [
    *("a", "b", "c", "ts", '"My Col"', "date", "day", "first", "value", "end", "is_x"),
    *("1", "2.5", ".5", "1e3", "'x'", "'it''s'", "null", "true"),
    *("+", "-", "*", "/", "//", "%", "||", "=", "<>", "!=", "<", ">=", "<<", "::", ".", ",", "(", ")", "[", "]", "~~", "^"),
    *("and", "or", "not", "is", "in", "between", "like", "distinct from", "case", "when", "then", "else", "as", "interval"),
    *("coalesce(", "upper(", "cast(", "sum(", "count(*)", "filter (where", "over w", "extract(year from", "bigint", "day"),
    *(":", ";", "{", "}", "$", "?", "->", "@", "#", "e'x'", "7d", "select", "from", "-- note\n", "/* note */"),
]  # fmt: skip


def tree(engine: duckdb.DuckDBPyConnection, text: str) -> Any:
    """DuckDB's syntax tree of one expression, without places; None when it is none."""
    row = engine.execute("SELECT json_serialize_sql(?)", [f"SELECT ({text}\n)"]).fetchone()
    assert row is not None
    found = json.loads(row[0])
    if found["error"]:
        return None
    return without_places(found["statements"][0]["node"]["select_list"])


def without_places(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: without_places(v) for k, v in node.items() if not k.startswith("query_location")}
    return [without_places(v) for v in node] if isinstance(node, list) else node


def columns_of(node: Any) -> set[tuple[str, ...]]:
    if isinstance(node, list):
        return {c for v in node for c in columns_of(v)}
    if not isinstance(node, dict):
        return set()
    own = {tuple(node["column_names"])} if node.get("class") == "COLUMN_REF" else set()
    return own | {c for v in node.values() for c in columns_of(v)}


def respelled(fragment: Fragment) -> str:
    found = []
    for piece in fragment.pieces:
        match piece:
            case str():
                found.append(piece)
            case Name(parts):
                found.append(".".join('"' + p.replace('"', '""') + '"' for p in parts))
            case AggregateCall() | BuiltinCall():
                found.append("agg()")
    return "".join(found)


def names(fragment: Fragment) -> set[tuple[str, ...]]:
    return {p.parts for p in fragment.pieces if isinstance(p, Name)}


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.sampled_from([" ", " ", "", "  "]))
def test_what_is_accepted_is_what_duckdb_reads(engine: duckdb.DuckDBPyConnection, words: list[str], space: str) -> None:
    text = space.join(words)
    found = read(text)
    if not isinstance(found, Fragment):
        assert found
        return
    if any(not isinstance(p, str | Name) for p in found.pieces):
        return  # windows and aggregates are featc's own; their arguments are fragments like these
    written = tree(engine, text)
    if written is None:
        return  # DuckDB refuses it when it is bound
    assert tree(engine, respelled(found)) == written
    assert names(found) == columns_of(written)


def expressions() -> st.SearchStrategy[str]:
    """Expressions that are mostly right, so that acceptance is tested as well."""
    atoms = st.sampled_from(["a", "b", "ts", '"My Col"', "1", "2.5", "'x'", "null", "date", "s.f", "true", "interval 3 day"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.builds(
            lambda x, op, y: f"{x}{op}{y}", inner,
            st.sampled_from([" + ", "-", " * ", "/", "//", " % ", " || ", " = ", "<>", " and ", " or ", " is distinct from ", " like ", "<<"]), inner,
        )  # fmt: skip
        shaped = st.builds(
            lambda form, x, y: form.replace("X", x).replace("Y", y),
            st.sampled_from([
                "(X)", "-(X)", "- (X)", "not X", "coalesce(X, Y)", "X::bigint", "cast(X as decimal(12, 2))", "(X is null)", "(X in (Y, 1))", "nullif(X,Y)",
                "(X between Y and 3)", "case when X then Y else 1 end", "extract(year from (X))", "upper( X )", "X /* c */", "try_cast(X as date)", "coalesce(X) [1]",
            ]), inner, inner,
        )  # fmt: skip
        return binary | shaped

    compares_null = re.compile(r"(=|<>)\s*null\b")  # refused, as it is never true
    return st.recursive(atoms, grow, max_leaves=8).filter(lambda text: not compares_null.search(text))


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expressions())
def test_ordinary_expressions_are_accepted_and_kept(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    written = tree(engine, text)
    found = read(text)
    if written is None:
        return
    assert isinstance(found, Fragment), found
    assert tree(engine, respelled(found)) == written
    assert names(found) == columns_of(written)


def test_a_text_over_which_the_parser_stumbles_is_an_error_like_others() -> None:
    problems = read("interval a . .")
    assert isinstance(problems, tuple)
    assert [p.code for p in problems] == ["F201"]
