"""Random expression trees against DuckDB: precedence, laziness, nested types."""

from __future__ import annotations

import random
import re

import duckdb
import pytest
from closure_differential import Rows, agree, compiled, connection, same, type_of
from closure_trees import Trees, tree_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featc.closures import Closure, FallBack

KINDS = ("number", "number", "bool", "text", "time")
SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
_NAME = re.compile(r"'(?:[^']|'')*'|\bx(\d)\b")


def _compile(text: str, rows: Rows) -> Closure | None:
    try:
        type_of(text, rows)
    except duckdb.Error:
        return None
    return compiled(text, rows)


@pytest.mark.slow
@SETTINGS
@given(st.data(), st.booleans())
def test_random_trees_give_duckdbs_values(data: st.DataObject, bare: bool) -> None:
    trees = Trees(lambda options: data.draw(st.sampled_from(list(options))), bare)
    text, _ = trees.draw(data.draw(st.sampled_from(KINDS)), data.draw(st.integers(1, 4)))
    closure = _compile(text, tree_rows())
    if closure:
        agree(text, tree_rows(), closure)


def _random_texts(seed: int, count: int, *, bare: bool) -> list[str]:
    rng = random.Random(seed)
    return [Trees(rng.choice, bare).draw(rng.choice(KINDS), rng.randint(2, 5))[0] for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("bare", [False, True])
def test_deep_trees_compile_often_and_give_duckdbs_values(bare: bool) -> None:
    rows, compiled_count, answered, fallen = tree_rows(), 0, 0, 0
    for text in _random_texts(11 + bare, 700, bare=bare):
        closure = _compile(text, rows)
        if closure is None:
            continue
        seen = agree(text, rows, closure)
        compiled_count += 1
        answered += seen.present
        fallen += seen.fallen
    assert compiled_count >= 350
    assert answered >= 20 * max(fallen, 1)


@pytest.mark.slow
def test_one_row_of_typed_parameters_gives_the_same_value() -> None:
    """DuckDB folds constants and then takes other paths than over columns."""
    rows, rng, compared = tree_rows(), random.Random(3), 0
    for text in _random_texts(5, 250, bare=False):
        closure = _compile(text, rows)
        if closure is None:
            continue
        for values in rng.sample(rows.values, 3):
            compared += _same_for_parameters(text, rows, closure, values)
    assert compared >= 300


def _same_for_parameters(text: str, rows: Rows, closure: Closure, values: tuple[object, ...]) -> bool:
    used = sorted({int(m[1]) for m in _NAME.finditer(text) if m[1]})
    try:
        ours = closure.evaluate(*[values[int(r.name[1:])] for r in closure.refs])  # type: ignore[union-attr]
    except FallBack:
        return False
    sql = _NAME.sub(lambda m: f"CAST($p{m[1]} AS {rows.types[int(m[1])]})" if m[1] else m[0], text)
    found = connection().execute(f"select {sql}", {f"p{i}": values[i] for i in used}).fetchall()
    assert same(ours, found[0][0]), (text, values, ours, found)
    return True


OPERATORS = ("+", "-", "*", "/", "//", "%", "||", "=", "<>", "<", "and", "or", "is distinct from")


@pytest.mark.slow
@pytest.mark.parametrize("first", OPERATORS)
def test_chains_without_parentheses_mean_what_duckdb_means(first: str) -> None:
    rows, listed = tree_rows(), 0
    for second in OPERATORS:
        for a, b, c in (("x0", "x8", "x1"), ("x2", "x9", "x0"), ("x5", "x0", "x8"), ("x5", "x5", "x5"),
        ("x4", "x4", "x4"),
                        ("- x0", "x8", "- x1"), ("not x5", "x5", "not x5"), ("x0::double", "x1",
                        "x2::bigint"),
                        ("x0", "x1", "x8 is null"), ("x5", "x0", "x8 in (x1, 3)"), ("x5", "x0",
                        "x8 between x1 and 9")):  # fmt: skip
            text = f"{a} {first} {b} {second} {c}"
            closure = _compile(text, rows)
            if closure:
                listed += 1
                agree(text, rows, closure)
    assert listed >= 3
