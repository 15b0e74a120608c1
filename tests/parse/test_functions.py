"""The allow-list of functions is what the engine's own catalog says it should be."""

from __future__ import annotations

import duckdb
import pytest

from featc.algebra import AGGREGATES
from featc.parse import Fragment, read
from featc.parse.functions import BUILTINS, refusal
from featc_dialects import duckdb_functions as listed


def engine_functions() -> list[tuple[str, str, str | None]]:
    rows = (
        duckdb.connect()
        .execute("SELECT function_name, function_type, stability FROM duckdb_functions()")
        .fetchall()
    )
    return [(str(n), str(t), s) for n, t, s in rows]


@pytest.mark.skipif(
    duckdb.__version__ != listed.GENERATED_FOR, reason="the list was generated for another DuckDB"
)
def test_the_allow_list_is_what_would_be_generated_now() -> None:
    assert listed.allowed(engine_functions()) == listed.SCALARS


def test_nothing_allowed_is_volatile_or_depends_on_the_session() -> None:
    unstable = {
        n
        for n, kind, stability in engine_functions()
        if kind == "scalar" and stability not in ("CONSISTENT", None)
    }
    assert not listed.SCALARS & unstable
    assert not listed.SCALARS & listed.CHANGING


def test_no_scalar_has_the_name_of_an_aggregate_or_builtin() -> None:
    assert not listed.SCALARS & (set(AGGREGATES) | set(BUILTINS))


@pytest.mark.parametrize("name", sorted(listed.CHANGING))
def test_changing_functions_are_refused(name: str) -> None:
    found = read(f"{name}()")
    assert not isinstance(found, Fragment)


def test_every_aggregate_of_the_algebra_can_be_called() -> None:
    for name, row in AGGREGATES.items():
        written = name.removesuffix("_rows").removesuffix("_distinct")
        assert refusal(written, 0) is None, row
