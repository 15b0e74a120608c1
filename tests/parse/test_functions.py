"""The allow-list of functions is what the engine's own catalog says it should be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import duckdb
import pytest

from featc.algebra import AGGREGATES
from featc.parse import AggregateCall, Fragment, read
from featc.parse.functions import BUILTINS, refusal
from featc.runtime.engine import connect
from featc.runtime.online.engine import Engine
from featc_dialects import duckdb_functions as listed


@cache
def engine_functions() -> tuple[listed.Overload, ...]:
    asked = "SELECT function_name, function_type, stability, parameter_types FROM duckdb_functions()"
    return tuple(duckdb.connect().execute(asked).fetchall())


def test_the_allow_list_is_what_would_be_generated_now() -> None:
    assert listed.allowed(engine_functions()) == listed.SCALARS
    assert {n for n, kind, *_ in engine_functions() if kind == "macro"} >= listed.MACROS


def test_nothing_allowed_is_volatile_or_depends_on_the_session() -> None:
    assert not listed.SCALARS & listed.unsteady(engine_functions())
    assert not listed.SCALARS & listed.CHANGING


@pytest.mark.parametrize("stability", ["VOLATILE", "CONSISTENT_WITHIN_QUERY", None])
def test_one_overload_that_is_not_steady_takes_a_name_off_the_list(stability: str | None) -> None:
    added: listed.Overload = ("century", "scalar", stability, ["TIMESTAMP"])
    zoned: listed.Overload = ("century", "scalar", stability, ["TIMESTAMP WITH TIME ZONE"])
    assert listed.allowed([*engine_functions(), added]) == listed.SCALARS - {"century"}
    assert listed.allowed([*engine_functions(), zoned]) == listed.SCALARS


# what stands where an overload takes a value with a zone: what an author has instead
NAIVE = ("ts", "d", "t", "v", "n", "ts - ts", "'2026-01-01'", "'2026-01-01 10:00:00+02'", "null")
OTHERS = {"VARCHAR": ("'year'", "v"), "INTERVAL": ("to_days(1)",), "VARCHAR[]": ("['year', 'month']",)}


def naive_calls() -> Iterator[str]:
    """Calls that may be written, of functions and operators with an overload that is steady for naive values only."""
    for name, kind, stability, parameters in engine_functions():
        if kind != "scalar" or stability == "CONSISTENT" or (name not in listed.SCALARS and name not in "+-"):
            continue
        for given in product(*(OTHERS.get(p or "", NAIVE) for p in parameters)):
            call = f" {name} ".join(f"({g})" for g in given) if name in "+-" else f"{name}({', '.join(given)})"
            if isinstance(read(call), Fragment):
                yield call


@pytest.mark.slow
def test_no_call_over_naive_values_is_bound_to_an_overload_for_values_with_a_zone() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE row (ts TIMESTAMP, d DATE, t TIME, v VARCHAR, n BIGINT)")
    con.execute("SET explain_output = 'all'")  # the first plan has no constant folded yet
    bound, zoned = 0, []
    for call in dict.fromkeys(naive_calls()):
        try:
            plan = con.execute(f"EXPLAIN (FORMAT json) SELECT {call} FROM row").fetchall()[0][1]
        except (duckdb.BinderException, duckdb.NotImplementedException):  # the latter: the year of a TIME
            continue
        bound += 1
        if "TIME ZONE" in plan or "TIMESTAMPTZ" in plan:
            zoned.append(call)
    assert zoned == []
    assert bound > 150, bound


def test_every_session_is_in_utc() -> None:
    for con in (Engine().connection, connect()):
        assert con.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_no_scalar_has_the_name_of_an_aggregate_or_builtin() -> None:
    assert not listed.SCALARS & ({row.word for row in AGGREGATES.values()} | set(BUILTINS))


@pytest.mark.parametrize("name", sorted(listed.CHANGING))
def test_changing_functions_are_refused(name: str) -> None:
    found = read(f"{name}()")
    assert not isinstance(found, Fragment)


def test_every_aggregate_of_the_algebra_can_be_called() -> None:
    for row in AGGREGATES.values():
        assert refusal(row.word, 0) is None, row
        call = read(row.written({"count": "10", "share": "0.5", "duration": "'6h'"}))
        assert isinstance(call, Fragment) and isinstance(call.pieces[0], AggregateCall)
        assert call.pieces[0].row == row.name
