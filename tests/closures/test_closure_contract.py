"""What callers rely on: refusals and their reasons, values at the boundary, falling back, defaults,
documentation.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from closure_differential import NAN, agree, compiled, corner_rows, expression, type_of
from sqlglot import exp

from featc.closures import (
    PROVEN_ENGINE,
    FallBack,
    allow_list_markdown,
    compile_closure,
    unproven,
    why_not,
)
from featc.closures.documentation import ENTRIES
from featc.closures.rules import RULES
from featc.closures.syntax import Refused, _Reader
from featc.closures.words import WORDS
from featc.resolve.model import AggregateRef, AsOfRef, Expr, RequestRef, StateRef

A, B, AS_OF = AggregateRef("a"), AggregateRef("b"), AsOfRef()
_CLASSES = {"a": A, "b": B, "as_of": AS_OF}


def expr(text: str, type_: str) -> Expr:
    """`{a}`, `{b}` and `{as_of}` are references."""
    pieces = re.split(r"\{(\w+)\}", text)
    parts = [_CLASSES[p] if i % 2 else p for i, p in enumerate(pieces)]
    return Expr(tuple(p for p in parts if p != ""), type_)


def closure(text: str, type_: str, **types: str) -> Callable[..., object]:
    found = compile_closure(expr(text, type_), {_CLASSES[n]: t for n, t in types.items()})
    assert found is not None, why_not(expr(text, type_), {_CLASSES[n]: t for n, t in types.items()})
    return found.evaluate


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "type_", "reason"),
    [
        ("lower({a})", "VARCHAR", "`lower` is not on the list"),
        ("ln({a})", "DOUBLE", "`ln` is not on the list"),
        ("{a} ** 2", "DOUBLE", "`**` is not on the list"),
        ("try_cast({a} as int)", "INTEGER", "`try_cast` is not on the list"),
        ("mod({a}, 2)", "BIGINT", "`mod` is not on the list"),
        ("{a} + 1 -- note", "BIGINT", "comments"),
        ("+{a}", "BIGINT", "its tree does not"),
        ("{a} =- 1", "BOOLEAN", "space between"),
        ("{a} = 1 = true", "BOOLEAN", "without parentheses"),
        ("1 < {a} is null", "BOOLEAN", "its tree does not"),
        ("1 < {a} is not null", "BOOLEAN", "its tree does not"),
        ("true = {a} between 1 and 2", "BOOLEAN", "without parentheses"),
        ("{a} is true", "BOOLEAN", "with NULL only"),
        ("{a} b", "BIGINT", "`b` is not on the list"),
        ("{a} = '1'", "BOOLEAN", "BIGINT and VARCHAR"),
        ("{a} || 'x'", "VARCHAR", "text only"),
        ("{a} + null", "BIGINT", "NULL"),
        (".5 + {a}", "DOUBLE", "`.` is not on the list"),
        ("0x10 + {a}", "BIGINT", "not on the list"),
        ("1_000 + {a}", "BIGINT", "not on the list"),
        ("E'\\n'", "VARCHAR", "not on the list"),
        ("$$a$$", "VARCHAR", "not on the list"),
        ("cast({a} as float)", "FLOAT", "`float` is not on the list"),
        ("cast({a} as decimal)", "DECIMAL(18,3)", "its tree does not"),
        ("'2026-02-30'::date", "DATE", "is no date"),
        ("99999999999999999999 + {a}", "HUGEINT", "beyond BIGINT"),
        ("{a} + 1", "HUGEINT", "DuckDB gives HUGEINT where the list has BIGINT"),
        ("({a} + 1", "BIGINT", "not understood"),
        ("", "BIGINT", "not understood"),
        ("(" * 300 + "{a}" + ")" * 300, "BIGINT", "too deeply"),
        (" + ".join(["{a}"] * 500), "BIGINT", "too deeply"),
        ("featc_ref_0 + {a}", "BIGINT", "reserved name"),
        ("abs{a}", "BIGINT", "touches"),
        ("{a}(1)", "BIGINT", "touches"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused_with_a_reason(text: str, type_: str, reason: str) -> None:
    assert compile_closure(expr(text, type_), {A: "BIGINT"}) is None
    assert reason in (why_not(expr(text, type_), {A: "BIGINT"}) or "")


@pytest.mark.parametrize(
    "type_", ["HUGEINT", "UBIGINT", "UUID", "INTERVAL", "TIMESTAMP WITH TIME ZONE", "BIGINT[]", "TIME"]
)
def test_other_types_are_refused_but_a_bare_reference_passes_through(type_: str) -> None:
    assert (
        why_not(expr("coalesce({a}, {b})", type_), {A: type_, B: type_})
        == f"the type {type_} is not on the list"
    )
    passing = compile_closure(expr("{a}", type_), {A: type_})
    value = object()
    assert passing is not None and passing({A: value}) is value


def test_a_reference_without_a_type_is_refused() -> None:
    assert "is not known" in (why_not(expr("{a} + 1", "BIGINT"), {}) or "")


def test_nothing_that_is_refused_raises_and_nothing_that_compiles_has_a_reason() -> None:
    for text in ("{a} + 1", "lower({a})"):
        found = compile_closure(expr(text, "BIGINT"), {A: "BIGINT"})
        assert (found is None) == (why_not(expr(text, "BIGINT"), {A: "BIGINT"}) is not None)


_COLUMN = exp.column("featc_ref_0")


@pytest.mark.parametrize(
    "tree",
    [
        exp.Mul(this=exp.Add(this=_COLUMN, expression=_COLUMN), expression=_COLUMN),
        exp.Mod(this=_COLUMN, expression=exp.Mul(this=_COLUMN, expression=_COLUMN)),
        exp.Sub(this=_COLUMN, expression=exp.Add(this=_COLUMN, expression=_COLUMN)),
        exp.Neg(this=exp.Mul(this=_COLUMN, expression=_COLUMN)),
        exp.DPipe(this=_COLUMN, expression=exp.DPipe(this=_COLUMN, expression=_COLUMN)),
        exp.Add(this=exp.DPipe(this=_COLUMN, expression=_COLUMN), expression=_COLUMN),
        exp.EQ(this=_COLUMN, expression=exp.LT(this=_COLUMN, expression=_COLUMN)),
        exp.Is(this=exp.EQ(this=_COLUMN, expression=_COLUMN), expression=exp.Null()),
        exp.Between(this=_COLUMN, low=exp.Not(this=_COLUMN), high=_COLUMN),
        exp.Not(this=exp.And(this=_COLUMN, expression=_COLUMN)),
        exp.And(this=exp.Or(this=_COLUMN, expression=_COLUMN), expression=_COLUMN),
        exp.Cast(this=exp.Neg(this=_COLUMN), to=exp.DataType.build("double")),
    ],
    ids=lambda tree: tree.sql(),
)
def test_a_tree_that_ignores_precedence_is_not_believed(tree: exp.Expr) -> None:
    """sqlglot's precedences are right today; the reader does not depend on it."""
    with pytest.raises(Refused, match="without parentheses"):
        _Reader(atoms_only=True).term(tree, 0)


# ── falling back ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "type_", "a"),
    [
        ("{a} + 1", "BIGINT", 2**63 - 1),
        ("{a} * {a}", "BIGINT", 2**32),
        ("-{a}", "BIGINT", -(2**63)),
        ("abs({a})", "BIGINT", -(2**63)),
        ("7 // {a}", "BIGINT", 0),
        ("7 % {a}", "BIGINT", 0),
        ("{a} // -1", "BIGINT", -(2**63)),
        ("{a} % -1", "BIGINT", -(2**63)),
        ("{a} <> 0 and 7 % {a} > 1", "BOOLEAN", 0),
        ("case when {a} <> 0 then 7 // {a} end", "BIGINT", 0),
        ("sqrt({a})", "DOUBLE", -1),
        ("cast({a} as int)", "INTEGER", 2**31),
        ("cast({a} as decimal(5,2))", "DECIMAL(5,2)", 1000),
    ],
)
def test_values_for_which_duckdb_may_raise_fall_back(text: str, type_: str, a: int) -> None:
    with pytest.raises(FallBack):
        closure(text, type_, a="BIGINT")(a)


def test_duckdb_evaluates_both_sides_of_and() -> None:
    """Why AND falls back rather than stop at its first FALSE."""
    con = duckdb.connect()
    con.execute("create table t as select * from (values (0::bigint), (3)) v(x)")
    with pytest.raises(duckdb.Error, match="Division by zero"):
        con.execute("select x <> 0 and 7 % x > 1 from t").fetchall()


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("BIGINT", True), ("BIGINT", 1.0), ("BIGINT", "1"), ("BIGINT", 2**63), ("BIGINT", np.int64(1)),
        ("TINYINT", 128),
        ("DOUBLE", 1), ("DOUBLE", np.float64(1)), ("DECIMAL(5,2)", 1), ("DECIMAL(5,2)", Decimal("1000")),
        ("DECIMAL(5,2)", Decimal("0.001")), ("DECIMAL(5,2)", Decimal("NaN")), ("DECIMAL(5,2)",
        Decimal("sNaN")),
        ("DECIMAL(5,2)", Decimal("Infinity")), ("VARCHAR", b"a"), ("VARCHAR", "\ud800"), ("BOOLEAN", 1),
        ("TIMESTAMP", date(2026, 1, 1)), ("TIMESTAMP", datetime(2026, 1, 1, tzinfo=UTC)), ("TIMESTAMP",
        2**63),
        ("TIMESTAMP", "2026-01-01"), ("DATE", datetime(2026, 1, 1)), ("DATE", 10**12),
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_its_type_falls_back(type_: str, value: object) -> None:
    with pytest.raises(FallBack):
        closure("{a} is null", "BOOLEAN", a=type_)(value)


@pytest.mark.parametrize("text", ["{a} / 3", "{a} < 0.5e0"])
def test_a_decimal_beyond_the_exact_range_of_double_falls_back(text: str) -> None:
    divide = closure(text, "BOOLEAN" if "<" in text else "DOUBLE", a="DECIMAL(38,2)")
    divide(Decimal(2**53).scaleb(-2))
    with pytest.raises(FallBack):
        divide(Decimal(2**53 + 1).scaleb(-2))


def test_decimals_up_to_the_exact_range_become_duckdbs_double() -> None:
    """The bound itself, and around it, at several scales (the corner values have the rest)."""
    for type_ in ("DECIMAL(18,0)", "DECIMAL(18,3)", "DECIMAL(38,10)", "DECIMAL(38,22)"):
        rows = corner_rows(type_)
        found = compiled("x0 / 3", rows)
        assert found and agree("x0 / 3", rows, found).present >= 10
    assert why_not(expr("{a} / 3", "DOUBLE"), {A: "DECIMAL(38,23)"})


# ── values at the boundary ────────────────────────────────────────────────────────────────────────


def test_instants_may_come_as_microseconds_and_leave_as_datetimes() -> None:
    later = closure("greatest({a}, {b})", "TIMESTAMP", a="TIMESTAMP", b="TIMESTAMP")
    assert later(0, datetime(1969, 12, 31)) == datetime(1970, 1, 1)
    assert closure("coalesce({a}, {b})", "DATE", a="DATE", b="DATE")(None, -1) == date(1969, 12, 31)
    far = 10**18
    assert closure("epoch_us({a}) + 1", "BIGINT", a="TIMESTAMP")(far) == far + 1
    with pytest.raises(FallBack):
        later(far, None)
    with pytest.raises(FallBack):
        closure("year({a})", "BIGINT", a="TIMESTAMP")(far)


def test_seconds_since_is_exact_to_the_microsecond() -> None:
    since = closure("(epoch_us({as_of}) - epoch_us({a})) / 1e6", "DOUBLE", as_of="TIMESTAMP", a="TIMESTAMP")
    assert since(datetime(2026, 1, 1), datetime(2025, 12, 31, 23, 59, 59, 999999)) == 1e-6
    assert since(datetime(1, 1, 1), datetime(9999, 12, 31)) == -315537811200.0
    assert since(datetime(2026, 1, 1), None) is None


def test_decimals_leave_with_their_types_scale_and_no_negative_zero() -> None:
    same = closure("coalesce({a}, {b})", "DECIMAL(12,3)", a="DECIMAL(12,3)", b="DECIMAL(10,1)")
    assert str(same(Decimal(5), None)) == "5.000"
    assert str(same(None, Decimal("2.5"))) == "2.500"
    assert str(closure("{a} * {a}", "DECIMAL(10,4)", a="DECIMAL(5,2)")(Decimal("-0.00"))) == "0.0000"


def test_calling_with_a_mapping_takes_what_it_needs() -> None:
    ratio = compile_closure(expr("{a} / nullif({b}, 0)", "DOUBLE"), {A: "BIGINT", B: "BIGINT"})
    assert ratio is not None
    assert ratio({A: 1, B: 4, RequestRef("other"): 5}) == 0.25
    assert ratio({A: 1, B: 0}) is None
    assert ratio.refs == (A, B)
    with pytest.raises(KeyError):
        ratio({A: 1})


def test_references_of_one_name_and_different_kinds_are_different() -> None:
    state, aggregate = StateRef("v"), AggregateRef("v")
    found = compile_closure(Expr((state, " - ", aggregate), "BIGINT"), {state: "BIGINT", aggregate: "BIGINT"})
    assert found is not None and found({state: 5, aggregate: 3}) == 2


def test_text_inside_literals_is_not_code() -> None:
    found = compile_closure(Expr(("coalesce(", A, ", '{1}''; import os #')"), "VARCHAR"), {A: "VARCHAR"})
    assert found is not None and found({A: None}) == "{1}'; import os #"


def test_one_closure_serves_many_threads() -> None:
    total = closure("{a} + {b}", "DECIMAL(14,2)", a="DECIMAL(13,2)", b="DECIMAL(13,2)")
    wrong: list[object] = []

    def work(n: int) -> None:
        for i in range(2_000):
            got = total(Decimal(n), Decimal(i))
            if got != n + i:
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ── defaults and result types ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "type_", "of", "default", "given", "value"),
    [
        ("{a} / {a}", "DOUBLE", "BIGINT", "0", None, 0.0),
        ("{a} / {a}", "DOUBLE", "BIGINT", "CAST(-1 AS DOUBLE)", None, -1.0),
        ("{a} / {a}", "DOUBLE", "BIGINT", "1000000000", 2, 1.0),
        ("{a}", "BIGINT", "BIGINT", "7", None, 7),
        ("{a}", "VARCHAR", "VARCHAR", "'it''s'", None, "it's"),
        ("{a}", "DECIMAL(12,2)", "DECIMAL(12,2)", "0", None, Decimal("0.00")),
        ("{a}", "TIMESTAMP", "TIMESTAMP", "TIMESTAMP '2026-01-01 00:00:00'", None, datetime(2026, 1, 1)),
        ("{a} > 1", "BOOLEAN", "BIGINT", "false", None, False),
    ],
)
def test_a_default_replaces_null_in_the_features_type(
    text: str, type_: str, of: str, default: str, given: object, value: object
) -> None:
    found = compile_closure(expr(text, type_), {A: of}, default, type_)
    assert found is not None
    got = found({A: given})
    assert got == value and got.__class__ is value.__class__
    assert not isinstance(value, Decimal) or str(got) == str(value)
    assert found.type == type_


def test_a_result_type_is_a_cast_and_a_default_that_changes_the_type_is_not_compiled_silently() -> None:
    widened = compile_closure(expr("{a}", "INTEGER"), {A: "INTEGER"}, None, "DOUBLE")
    assert widened is not None and widened({A: 3}) == 3.0 and widened.type == "DOUBLE"
    assert (
        why_not(expr("{a}", "BIGINT"), {A: "BIGINT"}, "0.5") == "DECIMAL(20,1) as BIGINT is not on the list"
    )
    assert why_not(expr("{a}", "BIGINT"), {A: "BIGINT"}, "random()") == "`random` is not on the list"


# ── documentation and engine ──────────────────────────────────────────────────────────────────────


def test_the_documentation_has_every_rule_and_every_function_and_no_other() -> None:
    documented = {op for entry in ENTRIES for op in entry.ops}
    assert documented == {*RULES, "ref"}
    text = allow_list_markdown()
    words = [w for w, kind in WORDS.items() if kind == "function"]
    grouped = {"month", "day", "quarter", "dayofweek", "isodow", "minute", "second"}
    assert [w for w in words if f"`{w}(" not in text and w not in grouped] == []
    assert all(line.replace("\\|", "").count("|") == 5 for line in text.splitlines())


def test_the_list_is_proven_for_the_engine_in_use() -> None:
    assert duckdb.__version__ == PROVEN_ENGINE, "run the differential tests, then raise PROVEN_ENGINE"
    assert unproven(duckdb.__version__) is None


@pytest.mark.parametrize("engine", ["2.0.0", "2.0.2", "2.0.10", "2.0.1.dev1", "2.1.0", "20.1", ""])
def test_no_other_release_is_proven(engine: str) -> None:
    assert unproven(engine) == f"closures are proven for DuckDB {PROVEN_ENGINE}, and this is {engine}"


def test_nan_is_one_value() -> None:
    rows = corner_rows("DOUBLE", "DOUBLE")
    assert type_of("x0 = x1", rows) == "BOOLEAN"
    found = compile_closure(
        expression("x0 = x1", rows, "BOOLEAN"), dict.fromkeys(rows.refs.values(), "DOUBLE")
    )  # type: ignore[arg-type]
    assert found is not None and found.evaluate(NAN, NAN) is True and found.evaluate(NAN, 1.0) is False


def test_deeply_shared_operands_compile_in_a_moment() -> None:
    """nullif uses its operand twice."""
    text = "{a}"
    for _ in range(18):
        text = f"nullif({text}, {{b}} + 1)"
    found = compile_closure(expr(text, "BIGINT"), {A: "BIGINT", B: "BIGINT"})
    assert found is not None and found({A: 5, B: 5}) == 5 and found({A: 6, B: 5}) is None
