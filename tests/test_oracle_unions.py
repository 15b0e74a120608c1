"""The oracle's unions against values worked out by hand from the semantics page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from oracle import Aggregate, Oracle, Probe, Row, Source, View, Window

Data = Mapping[str, Sequence[Mapping[str, Any]]]


def col(name: str) -> Any:
    return lambda row: row[name]


def of(name: str) -> Any:
    """The condition that a row is of a member."""
    return lambda row: row["_source"] == name


def agg(fn: str = "count", *args: str, **options: Any) -> Aggregate:
    window = Window(**{k: v for k, v in options.items() if k in ("range", "rows", "next", "since")})
    return Aggregate("f", fn, tuple(map(col, args)), window, "bigint", options.get("filter"))


def united(data: Data, view: View, options: Mapping[str, Mapping[str, Any]], **union: Any) -> Oracle:
    """An oracle of sources `web` (time `ts`), `app` (time `at`) and others as `web`, and of `all`, their union."""
    made, rows = [], {}
    for name, given in data.items():
        time = "at" if name == "app" else "ts"
        columns = sorted({"k", time} | {c for row in given for c in row})
        rows[name] = [{c: row.get(c) for c in columns} | {"k": row.get("k", 1)} for row in given]
        made.append(Source(name, tuple(columns), time, **options.get(name, {})))
    names = {c.lower(): c for s in reversed(made) for c in (*s.columns, *s.let)}
    every = Source("all", tuple(names.values()), union=tuple(data), **union)
    return Oracle([*made, every], [view], rows)


def ask(
    data: Data, feature: Aggregate, t: int, *, closed: str = "left", where: Any = None, entity: Any = 1,
    union: Mapping[str, Any] | None = None, **options: Any,
) -> Any:  # fmt: skip
    """The value of one feature over the union at (key, t)."""
    view = View("v", "all", {"k": col("k")}, (feature,), where, closed)
    return united(data, view, options, **(union or {})).value("v.f", Probe({"k": entity}, t, {}))


ID: Any = {"id": "i", "available_at": "a"}
ONE_EACH: Data = {"web": [{"ts": 10, "x": 1}], "app": [{"at": 20, "y": 5}]}


def test_rows_are_those_of_the_members_each_at_its_own_time() -> None:
    assert [ask(ONE_EACH, agg(), t) for t in (10, 11, 20, 21)] == [0, 1, 1, 2]
    assert [ask(ONE_EACH, agg(range=10), t) for t in (20, 21)] == [1, 1]


def test_each_member_has_its_own_arrival() -> None:
    data: Data = {"web": [{"ts": 10}], "app": [{"at": 10}], "tv": [{"ts": 10, "a": 30}]}
    options: Any = {"web": {"delay": 5}, "tv": {"available_at": "a"}}
    assert [ask(data, agg(), t, **options) for t in (11, 15, 16, 30, 31)] == [1, 1, 2, 2, 3]


def test_a_column_that_a_member_does_not_have_is_null() -> None:
    assert ask(ONE_EACH, agg("sum", "x"), 99) == 1
    assert ask(ONE_EACH, agg("sum", "y"), 99) == 5
    assert ask(ONE_EACH, agg(), 99, where=lambda row: row["x"] is None) == 1


def test_columns_are_found_whatever_their_case_and_a_let_stands_in_for_one() -> None:
    data: Data = {"web": [{"ts": 1, "Amount": 3}], "app": [{"at": 2, "amount": 4}], "tv": [{"ts": 3, "cents": 500}]}
    let: Any = {"tv": {"let": {"amount": lambda row: row["cents"] // 100}}}
    assert ask(data, agg("sum", "Amount"), 9, **let) == 12


def test_a_let_of_one_member_is_null_in_the_others() -> None:
    let: Any = {"web": {"let": {"big": lambda row: row["x"] > 0}}}
    assert ask(ONE_EACH, agg("count", "big"), 99, **let) == 1


def test_whole_numbers_become_double_beside_doubles() -> None:
    data: Data = {"web": [{"ts": 1, "x": 2**53 + 1}], "app": [{"at": 2, "x": 0.5}]}
    found = ask(data, agg("first", "x"), 9, union={"doubles": ("x",)})
    assert (found, type(found)) == (float(2**53), float)


def test_the_union_has_a_let_of_its_own() -> None:
    whole: Any = {"let": {"worth": lambda row: row["y"] if row["x"] is None else row["x"]}}
    assert ask(ONE_EACH, agg("sum", "worth"), 99, union=whole) == 6


def test_source_is_the_name_of_the_member() -> None:
    assert ask(ONE_EACH, agg(filter=of("app")), 99) == 1
    assert [ask(ONE_EACH, agg(), t, where=of("app")) for t in (20, 21)] == [0, 1]
    assert ask(ONE_EACH, agg("last", "_source"), 99) == "app"


def test_equal_ids_of_two_members_are_two_events() -> None:
    data: Data = {"web": [{"i": 1, "ts": 10, "a": 10}], "app": [{"i": 1, "at": 10, "a": 20}]}
    assert [ask(data, agg(), t, web=ID, app=ID) for t in (11, 21)] == [1, 2]


def test_a_correction_and_a_death_are_of_their_own_member() -> None:
    first = {"i": 1, "ts": 10, "a": 10, "x": 1}
    data: Data = {"web": [first, {**first, "a": 20, "x": 7}], "app": [{"i": 1, "at": 10, "a": 10, "x": 100}]}
    assert [ask(data, agg("sum", "x"), t, web=ID, app=ID) for t in (11, 20, 21)] == [101, 101, 107]
    data = {**data, "app": [*data["app"], {"i": 1, "a": 30, "gone": True}]}
    app: Any = {**ID, "deleted": col("gone")}
    assert [ask(data, agg("sum", "x"), t, web=ID, app=app) for t in (30, 31)] == [107, 7]


def test_rows_of_a_member_without_id_are_events_of_their_own() -> None:
    row = {"i": 1, "ts": 10, "a": 10}
    data: Data = {"web": [row, row], "tv": [row, row]}
    assert ask(data, agg(), 11, web=ID, tv={"available_at": "a"}) == 3


def test_final_after_is_the_member_s() -> None:
    first = {"i": 1, "ts": 10, "a": 10, "x": 1}
    data: Data = {"web": [first, {**first, "a": 16, "x": 7}], "app": [{"at": 0, "a": 4, "x": 100}]}
    options: Any = {"web": {**ID, "final_after": 5}, "app": {"available_at": "a", "final_after": 5}}
    assert ask(data, agg("sum", "x"), 99, **options) == 101


@pytest.mark.parametrize(
    ("web", "app", "last"),
    [
        ({"x": 1}, {"x": 2}, 1),  # 'web' > 'app'
        ({"x": 1, "i": 1}, {"x": 2, "i": 9}, 1),  # before ids
        ({"x": 1, "a": 10}, {"x": 2, "a": 12}, 2),  # after arrivals
        ({"x": 1, "a": 10, "s": 1}, {"x": 2, "a": 12, "r": 0}, 1),  # which are after tie_break, by position
        ({"x": 1, "s": None}, {"x": 2, "r": 0}, 2),  # NULL first
    ],
)
def test_ties_are_broken_by_tie_break_then_arrival_then_source(web: Row, app: Row, last: int) -> None:
    plain: Any = {"available_at": "a", "id": "i"}
    row = {"a": 10, "i": None, "s": None, "r": None}
    data: Data = {"web": [{**row, "ts": 10, **web}], "app": [{**row, "at": 10, **app}]}
    options: Any = {"web": {**plain, "tie_break": ("s",)}, "app": {**plain, "tie_break": ("r",)}}
    assert ask(data, agg("last", "x"), 99, **options) == last
    assert ask(data, agg("sum", "x", rows=1), 99, **options) == last


def test_a_member_that_has_fewer_tie_breaking_columns_has_null_for_the_others() -> None:
    data: Data = {"web": [{"ts": 10, "s": -5, "x": 1}], "app": [{"at": 10, "x": 2}]}
    assert ask(data, agg("last", "x"), 99, web={"tie_break": ("s",)}) == 1
    data = {"app": [{"at": 10, "s": -5, "x": 2}], "web": [{"ts": 10, "x": 1}]}
    assert ask(data, agg("last", "x"), 99, app={"tie_break": ("s",)}) == 2


def test_a_since_window_begins_with_a_row_of_any_member() -> None:
    data: Data = {"web": [{"ts": 1, "x": 1}, {"ts": 5, "x": 2}], "app": [{"at": 3, "x": 4}]}
    assert ask(data, agg("sum", "x", since=of("app")), 9) == 6


def test_keys_may_have_a_name_of_their_own_in_each_member() -> None:
    data: Data = {"web": [{"ts": 1}, {"ts": 2, "k": 2}], "app": [{"at": 3, "k": None, "uid": 2}]}
    view = View("v", "all", {"k": lambda row: row["k"] if row["k"] is not None else row["uid"]}, (agg(),))
    judge = united(data, view, {})
    assert [judge.value("v.f", Probe({"k": k}, 9, {})) for k in (1, 2, 3)] == [1, 2, 0]


# ------------------------------------------------------------------------------------- labels


def complete(data: Data, t: int, known: int | None = None, **options: Any) -> Any:
    """(value, complete) of the sum of x over the ten ahead of t."""
    view = View("v", "all", {"k": col("k")}, (), labels=(agg("sum", "x", next=10),))
    judge = united(data, view, options)
    judge.known_at = known
    return judge.label("v.f", Probe({"k": 1}, t, {}))


def test_a_label_is_complete_by_the_greatest_enter_of_all_and_the_greatest_delay() -> None:
    data: Data = {"web": [{"ts": 5, "x": 1}], "app": [{"at": 15, "x": 2}]}
    assert [complete(data, t) for t in (5, 6)] == [(1, True), (None, False)]
    late: Any = {"app": {"delay": 3}}
    assert [complete(data, t, **late) for t in (4, 5, 6)] == [(1, True), (1, True), (None, False)]
    late = {"web": {"delay": 3}}
    assert [complete(data, t, **late) for t in (2, 3)] == [(1, True), (None, False)]
    final: Any = {"web": {"delay": 1, "final_after": 4}, "app": {"final_after": 4}}
    assert [complete(data, t, **final) for t in (1, 2)] == [(1, True), (None, False)]


def test_a_label_knows_the_versions_of_each_member() -> None:
    first = {"i": 1, "ts": 5, "a": 5, "x": 1}
    data: Data = {"web": [first, {**first, "a": 30, "x": 3}], "app": [{"i": 1, "at": 6, "a": 6, "x": 10}]}
    assert complete(data, 0, web=ID, app=ID) == (13, True)
    assert complete(data, 0, known=30, web=ID, app=ID) == (11, True)
