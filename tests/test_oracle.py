"""The oracle against values worked out by hand from the semantics page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

import oracle
from oracle import Aggregate, Derived, Lookup, Oracle, Probe, Source, View, Window, same

TYPES = {"count": "bigint", "count_distinct": "bigint"}


def col(name: str) -> Any:
    return lambda row: row[name]


def dead(row: Mapping[str, Any]) -> Any:
    return row.get("gone")


def source(rows: Sequence[Any], **options: Any) -> tuple[Source, list[dict[str, Any]]]:
    """A source over rows that may leave columns out; `k`, `ts` and `x` are always there."""
    names = sorted({"k", "ts", "x"} | {c for r in rows for c in r})
    filled = [{c: r.get(c) for c in names} | {"k": r.get("k", 1)} for r in rows]
    return Source("s", tuple(names), "ts", **options), filled


def agg(fn: str = "count", *args: str, type: str = "bigint", **window: Any) -> Aggregate:
    columns = tuple(col(a) for a in args)
    return Aggregate("f", fn, columns, Window(**window), TYPES.get(fn, type))


def ask(
    rows: Sequence[Any],
    feature: oracle.Feature,
    t: int,
    *,
    entity: Any = 1,
    closed: str = "left",
    where: Any = None,
    ttl: int | None = None,
    **options: Any,
) -> Any:
    """The value of one feature at (key, t)."""
    made, filled = source(rows, **options)
    view = View("v", "s", {"k": col("k")}, (feature,), where, closed, ttl)
    return Oracle([made], [view], {"s": filled}).value("v.f", Probe({"k": entity}, t, {}))


COUNT = agg()
ID: Any = {"id": "i", "available_at": "a"}


# ------------------------------------------------------------------------------------- visibility


@pytest.mark.parametrize(("closed", "at_once"), [("left", 0), ("neither", 0), ("right", 1), ("both", 1)])
def test_an_event_counts_at_its_own_instant_only_when_closed_says_so(closed: str, at_once: int) -> None:
    rows = [{"ts": 10}]
    assert [ask(rows, COUNT, t, closed=closed) for t in (9, 10, 11)] == [0, at_once, 1]


@pytest.mark.parametrize(("arrival", "enters"), [(10, 10), (25, 25), (3, 10)])
def test_an_event_enters_at_the_later_of_time_and_arrival(arrival: int, enters: int) -> None:
    rows = [{"ts": 10, "a": arrival}]
    assert ask(rows, COUNT, enters, available_at="a") == 0
    assert ask(rows, COUNT, enters + 1, available_at="a") == 1


def test_delay_shifts_the_arrival() -> None:
    assert [ask([{"ts": 10}], COUNT, t, delay=5) for t in (15, 16)] == [0, 1]


def test_a_null_arrival_is_no_arrival_even_with_a_time() -> None:
    assert ask([{"ts": 10, "a": None}], COUNT, 99, available_at="a") == 0


def test_a_version_stays_until_the_next_one_arrives() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10, "x": 5}, {"i": 1, "ts": 10, "a": 20, "x": 7}]
    total = agg("sum", "x")
    assert [ask(rows, total, t, **ID) for t in (11, 20, 21)] == [5, 5, 7]


def test_superseding_happens_at_arrival_although_the_new_version_enters_later() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10}, {"i": 1, "ts": 50, "a": 20}]
    assert [ask(rows, COUNT, t, **ID) for t in (20, 21, 50, 51)] == [1, 0, 0, 1]


def test_versions_come_in_order_of_arrival_not_of_the_data() -> None:
    rows = [{"i": 1, "ts": 10, "a": 20, "x": 7}, {"i": 1, "ts": 10, "a": 10, "x": 5}]
    assert [ask(rows, agg("sum", "x"), t, **ID) for t in (15, 30)] == [5, 7]


def test_equal_arrivals_are_ordered_by_tie_break_then_dead_last_then_columns_by_name() -> None:
    total = agg("sum", "x")
    options: Any = {**ID, "tie_break": ("seq",), "deleted": dead}
    base: Any = {"i": 1, "ts": 10, "a": 10}
    rows = [{**base, "seq": 2, "x": 1}, {**base, "seq": 1, "x": 9}]
    assert ask(rows, total, 11, **options) == 1
    rows = [{**base, "seq": 1, "x": 9, "gone": True}, {**base, "seq": 1, "x": 1}]
    assert ask(rows, total, 11, **options) is None
    rows = [{**base, "seq": 1, "other": "é", "x": 1}, {**base, "seq": 1, "other": "z", "x": 9}]
    assert ask(rows, total, 11, **options) == 1, "é is greater than z by UTF-8 bytes"
    rows = [{**base, "seq": None, "x": 9}, {**base, "seq": 0, "x": 1}]
    assert ask(rows, total, 11, **options) == 1, "NULL first"


def test_identical_rows_of_one_id_are_one_and_without_id_they_are_two() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10}] * 2
    assert ask(rows, COUNT, 11, **ID) == 1
    assert ask(rows, COUNT, 11, available_at="a") == 2


def test_a_version_with_another_key_moves_the_event() -> None:
    rows = [{"i": 1, "k": 1, "ts": 10, "a": 10}, {"i": 1, "k": 2, "ts": 10, "a": 20}]
    assert [ask(rows, COUNT, t, entity=1, **ID) for t in (15, 21)] == [1, 0]
    assert [ask(rows, COUNT, t, entity=2, **ID) for t in (15, 21)] == [0, 1]


def test_a_version_with_another_time_moves_the_event_out_of_the_window() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10}, {"i": 1, "ts": 2, "a": 12}]
    assert [ask(rows, agg(range=5), t, **ID) for t in (12, 13)] == [1, 0]


def test_a_dead_version_removes_the_event_and_needs_no_key_or_time() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10}, {"i": 1, "k": None, "ts": None, "a": 20, "gone": True}]
    assert [ask(rows, COUNT, t, deleted=dead, **ID) for t in (20, 21)] == [1, 0]


def test_death_before_birth_means_never_born_and_a_later_version_resurrects() -> None:
    rows = [{"i": 1, "ts": 30, "a": 10}, {"i": 1, "ts": 30, "a": 20, "gone": True}]
    assert ask(rows, COUNT, 99, deleted=dead, **ID) == 0
    assert ask([*rows, {"i": 1, "ts": 30, "a": 40}], COUNT, 41, deleted=dead, **ID) == 1


def test_null_key_and_null_time_supersede_but_null_arrival_and_null_id_do_not() -> None:
    old: Any = {"i": 1, "ts": 10, "a": 10}
    for newer, left in (
        ({"i": 1, "k": None, "ts": 10, "a": 20}, 0),
        ({"i": 1, "ts": None, "a": 20}, 0),
        ({"i": 1, "ts": 10, "a": None}, 1),
        ({"i": None, "ts": 10, "a": 20}, 2),
    ):
        assert ask([old, newer], COUNT, 30, **ID) == left, newer


def test_rows_with_null_id_are_events_of_their_own_even_when_equal() -> None:
    assert ask([{"i": None, "ts": 10, "a": 10}] * 3, COUNT, 30, **ID) == 3


def test_where_applies_after_superseding() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10, "x": 5}, {"i": 1, "ts": 10, "a": 20, "x": 0}]
    positive = lambda row: row["x"] > 0  # noqa: E731
    assert [ask(rows, COUNT, t, where=positive, **ID) for t in (15, 25)] == [1, 0]


def test_versions_without_arrival_column_are_ordered_by_event_time() -> None:
    rows = [{"i": 1, "ts": 20, "x": 7}, {"i": 1, "ts": 10, "x": 5}]
    assert [ask(rows, agg("sum", "x"), t, id="i") for t in (11, 20, 21)] == [5, 5, 7]


def test_null_and_nan_keys_and_unknown_entities() -> None:
    rows = [{"k": None, "ts": 1}, {"k": math.nan, "ts": 1}, {"ts": None}, {"ts": 1}]
    assert [ask(rows, COUNT, 9, entity=k) for k in (1, 2, None, math.nan)] == [1, 0, 0, 0]


def test_composite_keys_are_not_glued() -> None:
    pairs = [("1", "23"), ("12", "3"), ("12", "3")]
    made, filled = source([{"ka": a, "kb": b, "ts": 1} for a, b in pairs])
    view = View("v", "s", {"ka": col("ka"), "kb": col("kb")}, (COUNT,))
    judge = Oracle([made], [view], {"s": filled})
    assert [judge.value("v.f", Probe({"ka": a, "kb": b}, 9, {})) for a, b in pairs[:2]] == [1, 2]


# ------------------------------------------------------------------------------------- windows


@pytest.mark.parametrize(
    ("closed", "inside"),
    [("left", {10, 11, 19}), ("right", {11, 19, 20}), ("both", {10, 11, 19, 20}), ("neither", {11, 19})],
)
def test_edges_of_a_range(closed: str, inside: set[int]) -> None:
    for tau in (9, 10, 11, 19, 20, 21):
        assert ask([{"ts": tau}], agg(range=10), 20, closed=closed) == (tau in inside), tau


def test_offset_moves_both_ends_but_not_what_is_known() -> None:
    window: Any = {"range": 10, "offset": 10}
    assert [ask([{"ts": tau}], agg(**window), 30) for tau in (9, 10, 19, 20)] == [0, 1, 1, 0]
    late = [{"ts": 15, "a": 29}, {"ts": 15, "a": 30}]
    assert ask(late, agg(**window), 30, available_at="a") == 1


def test_hop_lets_the_lower_end_jump_also_before_1970() -> None:
    hop = agg(range=10, hop=4)
    assert [ask([{"ts": tau}], hop, 21) for tau in (7, 8, 20)] == [0, 1, 1], "floor(11/4)*4 = 8"
    assert [ask([{"ts": tau}], hop, -1) for tau in (-13, -12, -2)] == [0, 1, 1], "floor(-11/4)*4 = -12"
    assert ask([{"ts": 8}], hop, 21, closed="right") == 0


def test_hop_align_lets_both_ends_jump() -> None:
    aligned = agg(range=8, hop=4, align=True)
    assert [ask([{"ts": tau}], aligned, 23) for tau in (11, 12, 19, 20)] == [0, 1, 1, 0], "12 ≤ τ < 20"
    assert [ask([{"ts": tau}], aligned, -1) for tau in (-13, -12, -5, -4)] == [0, 1, 1, 0], "-12 ≤ τ < -4"
    assert [ask([{"ts": tau}], aligned, 23, closed="right") for tau in (12, 13, 20)] == [0, 1, 1]


def test_rows_takes_exactly_the_last_n_that_pass_where_before_filter_and_nulls() -> None:
    rows = [{"ts": t, "x": x, "y": y} for t, x, y in ((1, 5, 1), (2, None, 1), (3, 7, 1), (4, 9, 0))]
    assert ask(rows, agg("sum", "x", rows=3), 9) == 16
    assert ask(rows, agg("sum", "x", rows=3), 9, where=lambda r: r["y"] == 1) == 12
    filtered = Aggregate("f", "count", (), Window(rows=2), "bigint", lambda r: r["y"] == 1)
    assert ask(rows, filtered, 9) == 1


def test_rows_within_a_range_and_with_offset() -> None:
    rows = [{"ts": t, "x": t} for t in (1, 2, 3, 4)]
    assert ask(rows, agg("sum", "x", rows=3, range=3), 5) == 9
    assert ask(rows, agg("sum", "x", rows=3, range=2), 5) == 7
    assert ask(rows, agg("sum", "x", rows=2, offset=2), 5) == 3


def test_lifetime_with_offset() -> None:
    assert ask([{"ts": t} for t in (1, 2, 3, 4)], agg(offset=2), 5) == 2


# ------------------------------------------------------------------------------------- order, aggregates


def test_ties_are_broken_by_tie_break_then_arrival_then_id_then_arguments() -> None:
    last = agg("last", "x")
    assert ask([{"ts": 1, "seq": 2, "x": 5}, {"ts": 1, "seq": 1, "x": 9}], last, 9, tie_break=("seq",)) == 5
    assert ask([{"ts": 1, "a": 3, "x": 5}, {"ts": 1, "a": 2, "x": 9}], last, 9, available_at="a") == 5
    assert ask([{"ts": 1, "i": 3, "x": 5}, {"ts": 1, "i": 2, "x": 9}], last, 9, id="i") == 5
    assert ask([{"ts": 1, "x": 5}, {"ts": 1, "x": 9}], last, 9) == 9
    assert ask([{"ts": 1, "x": 5}, {"ts": 1, "x": 9}], agg("first", "x"), 9) == 5


def test_the_filter_outcome_comes_before_the_arguments_in_the_order() -> None:
    rows = [{"ts": 1, "x": 9, "ok": False}, {"ts": 1, "x": 5, "ok": True}, {"ts": 1, "x": 9, "ok": None}]
    one = Aggregate("f", "sum", (col("x"),), Window(rows=1), "bigint", col("ok"))
    assert ask(rows, one, 9) == 5


def test_first_and_last_skip_nulls() -> None:
    rows = [{"ts": 1}, {"ts": 2, "x": 5}, {"ts": 3, "x": 7}, {"ts": 4}]
    assert (ask(rows, agg("first", "x"), 9), ask(rows, agg("last", "x"), 9)) == (5, 7)


def test_empty_windows() -> None:
    for fn in oracle.AGGREGATES:
        args = ("x", "x") if fn.startswith("arg_") else ("x",)
        assert ask([], agg(fn, *args), 9) == (0 if "count" in fn else None), fn
        assert ask([{"ts": 1, "x": None}], agg(fn, *args), 9) == (0 if "count" in fn else None), fn


def test_count_forms() -> None:
    rows = [{"ts": t, "x": x} for t, x in ((1, 0.0), (2, -0.0), (3, math.nan), (4, -math.nan), (5, None))]
    forms = (COUNT, agg("count", "x"), agg("count_distinct", "x"))
    assert [ask(rows, form, 9) for form in forms] == [5, 4, 2]


def test_sums_are_exact_and_of_their_type() -> None:
    big = 2**53 + 1
    assert ask([{"ts": 1, "x": big}, {"ts": 2, "x": 2}], agg("sum", "x"), 9) == 2**53 + 3
    assert ask([{"ts": 1, "x": 1e16}, {"ts": 2, "x": 1.0}, {"ts": 3, "x": -1e16}], agg("sum", "x"), 9) == 1.0
    tenths = [{"ts": t, "x": Decimal("0.10")} for t in (1, 2, 3)]
    assert ask(tenths, agg("sum", "x"), 9) == Decimal("0.3")
    with pytest.raises(oracle.Overflow):
        ask([{"ts": 1, "x": 2**63 - 1}, {"ts": 2, "x": 1}], agg("sum", "x"), 9)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((math.inf, 1.0), math.inf),
        ((math.inf, -math.inf), math.nan),
        ((math.nan, math.inf), math.nan),
        ((-math.inf, -1.0), -math.inf),
    ],
)
def test_infinities_and_nan_in_sum_and_avg(values: tuple[float, ...], expected: float) -> None:
    rows = [{"ts": t, "x": x} for t, x in enumerate(values)]
    for fn in ("sum", "avg"):
        assert oracle.rank(ask(rows, agg(fn, "x"), 9)) == oracle.rank(expected)
    assert math.isnan(ask(rows, agg("var_pop", "x"), 9))


def test_min_and_max_take_nan_for_greatest_and_text_by_bytes() -> None:
    rows: Any = [{"ts": 1, "x": math.nan}, {"ts": 2, "x": math.inf}]
    assert ask(rows, agg("min", "x"), 9) == math.inf
    assert math.isnan(ask(rows, agg("max", "x"), 9))
    rows = [{"ts": 1, "x": "～"}, {"ts": 2, "x": "😀"}]
    assert ask(rows, agg("max", "x"), 9) == "😀"


def test_variances() -> None:
    rows = [{"ts": t, "x": x} for t, x in enumerate((1.0, 2.0, 4.0, None))]
    assert ask(rows, agg("var_pop", "x"), 9) == pytest.approx(14 / 9, rel=1e-15)
    assert ask(rows, agg("var_samp", "x"), 9) == pytest.approx(7 / 3, rel=1e-15)
    assert ask(rows, agg("stddev_pop", "x"), 9) == pytest.approx(math.sqrt(14 / 9), rel=1e-15)
    one = [{"ts": 1, "x": Decimal("2.5")}]
    assert (ask(one, agg("var_pop", "x"), 9), ask(one, agg("var_samp", "x"), 9)) == (0.0, None)
    assert ask([{"ts": 1, "x": 0.1}] * 3, agg("stddev_samp", "x"), 9) == 0.0


def test_boolean_aggregates() -> None:
    rows = [{"ts": 1, "x": True}, {"ts": 2, "x": None}, {"ts": 3, "x": False}]
    assert (ask(rows, agg("bool_and", "x"), 9), ask(rows, agg("bool_or", "x"), 9)) == (False, True)
    assert ask(rows[:2], agg("bool_and", "x"), 9) is True


def test_arg_min_and_arg_max() -> None:
    pairs = (("null", None), (None, 0.0), ("first", 1.0), ("second", 1.0), ("nan", math.nan))
    rows = [{"ts": t, "x": x, "y": y} for t, (x, y) in enumerate(pairs)]
    assert ask(rows, agg("arg_min", "x", "y"), 9) == "first"
    assert ask(rows, agg("arg_max", "x", "y"), 9) == "nan"


def test_default_is_seen_by_what_uses_the_feature() -> None:
    made, filled = source([])
    total = Aggregate("f", "sum", (col("x"),), Window(), "bigint", default=7)
    plus = Derived("g", lambda i: i["v.f"] + i["request.r"], ("v.f", "request.r"), "bigint")
    judge = Oracle([made], [View("v", "s", {"k": col("k")}, (total, plus))], {"s": filled})
    assert judge.value("v.g", Probe({"k": 1}, 5, {"r": 3})) == 10


# ------------------------------------------------------------------------------------- state


STATE: Any = {"kind": "state", "key": ("k",)}
X = Lookup("f", col("x"), "bigint")


def test_state_takes_the_visible_row_of_greatest_time() -> None:
    rows = [{"ts": 10, "x": 1}, {"ts": 20, "x": 2}]
    assert [ask(rows, X, t, **STATE) for t in (10, 11, 20, 21)] == [None, 1, 1, 2]
    late = [{"ts": 20, "a": 20, "x": 2}, {"ts": 10, "a": 30, "x": 1}]
    assert [ask(late, X, t, available_at="a", **STATE) for t in (25, 31)] == [2, 2]


def test_a_later_arrival_at_the_same_key_and_time_corrects() -> None:
    rows = [{"ts": 10, "a": 30, "x": 2}, {"ts": 10, "a": 10, "x": 1}]
    assert [ask(rows, X, t, available_at="a", **STATE) for t in (11, 31)] == [1, 2]
    assert ask(rows, COUNT, 31, available_at="a", **STATE) == 1


def test_ties_between_ids_are_decided_by_version_order() -> None:
    rows = [{"i": 1, "ts": 10, "a": 30, "x": 2}, {"i": 2, "ts": 10, "a": 20, "x": 1}]
    assert ask(rows, X, 40, **ID, **STATE) == 2


def test_a_tombstone_hides_older_rows_but_a_dead_id_lets_them_resurface() -> None:
    rows = [{"i": 1, "ts": 10, "a": 10, "x": 1}, {"i": 2, "ts": 20, "a": 20, "x": 2}]
    killed = [*rows, {"i": 2, "ts": 20, "a": 30, "gone": True}]
    assert [ask(killed, X, t, deleted=dead, **ID, **STATE) for t in (25, 31)] == [2, 1]
    assert [ask(killed, X, t, deleted=dead, available_at="a", **STATE) for t in (25, 31)] == [2, None]


def test_valid_to_ends_a_row_and_nothing_resurfaces() -> None:
    rows = [{"ts": 10, "x": 1}, {"ts": 20, "x": 2, "vt": 30}]
    for closed, at_the_end in (("left", 2), ("right", None)):
        values = [ask(rows, X, t, closed=closed, valid_to="vt", **STATE) for t in (29, 30, 31)]
        assert values == [2, at_the_end, None]


def test_where_is_tested_on_the_row_taken() -> None:
    rows = [{"ts": 10, "x": 1}, {"ts": 20, "x": -2}]
    assert ask(rows, X, 30, where=lambda r: r["x"] > 0, **STATE) is None


def test_a_null_in_the_row_taken_is_a_null_and_the_expression_sees_null_when_nothing_holds() -> None:
    assert ask([{"ts": 10, "x": 1}, {"ts": 20, "x": None}], X, 30, **STATE) is None
    filled = Lookup("f", lambda r: -1 if r["x"] is None else r["x"], "bigint")
    assert ask([], filled, 30, **STATE) == -1


@pytest.mark.parametrize(("closed", "at_end"), [("left", 1), ("both", 1), ("right", None), ("neither", None)])
def test_ttl_has_the_edges_of_range(closed: str, at_end: int | None) -> None:
    values = [ask([{"ts": 10, "x": 1}], X, t, ttl=5, closed=closed, **STATE) for t in (14, 15, 16)]
    assert values == [1, at_end, None]


# ------------------------------------------------------------------------------------- equality


def test_equality_is_strict_but_for_stated_tolerances() -> None:
    assert same("bigint", 1, 1)
    assert not same("bigint", 1, 1.0)
    assert not same("boolean", True, 1)
    assert not same("bigint", 0, None)
    assert same("double", 0.0, -0.0)
    assert same("double", math.nan, math.nan)
    assert not same("double", 1.0, math.nextafter(1.0, 2))
    assert same("sum", 3.0, 3.0 + 2.9e-9, [1.0, 2.0])
    assert not same("sum", 3.0, 3.0 + 3.1e-9, [1.0, 2.0])
    assert same("avg", 1.5, 1.5 + 1.4e-9, [1.0, 2.0])
    assert not same("avg", 1.5, 1.5 + 1.6e-9, [1.0, 2.0])
    assert same("sum", math.inf, math.inf, [math.inf])
    assert not same("sum", math.inf, math.nan, [math.inf])
    assert not same("var_pop", 0.0, 1e-300, [0.1, 0.1])
    assert same("stddev_pop", 0.5, 0.5 + 1.9e-9, [1.0, 2.0])
    assert not same("stddev_pop", 0.5, 0.5 + 2.1e-9, [1.0, 2.0])
    assert same("var_pop", 0.25, 0.25 + 0.9e-9, [1.0, 2.0])
    assert not same("var_pop", 0.25, 0.25 + 1.1e-9, [1.0, 2.0])


# ------------------------------------------------------------------------------------- labels


def label(
    rows: Sequence[Any], t: int, *, closed: str = "left", known: Any = None, until: Any = None, **options: Any
) -> Any:
    """(value, complete) of the sum of x over the ten ahead of t."""
    made, filled = source(rows, **options)
    view = View("v", "s", {"k": col("k")}, (), closed=closed, labels=(agg("sum", "x", next=10),))
    judge = Oracle([made], [view], {"s": filled})
    judge.known_at, judge.data_until = known, until
    return judge.label("v.f", Probe({"k": 1}, t, {}))


@pytest.mark.parametrize(("closed", "wanted"), [("left", 6), ("neither", 6), ("right", 12), ("both", 12)])
def test_a_label_begins_where_the_past_ends(closed: str, wanted: int) -> None:
    rows = [{"ts": t, "x": x} for t, x in ((9, 1), (10, 2), (19, 4), (20, 8), (21, 16))]
    assert label(rows, 10, closed=closed) == (wanted, True)


def test_a_label_is_complete_when_window_and_delay_lie_before_the_greatest_enter() -> None:
    rows = [{"ts": 5, "x": 1}, {"ts": 18, "x": 2}]
    assert [label(rows, t, delay=2) for t in (7, 8, 9)] == [(None, True), (None, True), (None, False)]
    assert [label(rows, t, final_after=4) for t in (4, 5)] == [(1, True), (None, False)]
    assert label(rows, 18, until=28) == (2, True)
    assert label(rows, 18, until=28, known=27) == (None, False)


def test_a_label_knows_the_last_version_or_that_of_an_instant() -> None:
    rows = [{"i": 1, "ts": 5, "a": 6, "x": 1}, {"i": 1, "ts": 5, "a": 30, "x": 2}, {"i": 2, "ts": 40, "a": 40, "x": 9}]
    assert label(rows, 0, **ID) == (2, True)
    assert [label(rows, 0, known=k, closed=c, **ID)[0] for k, c in ((30, "left"), (30, "right"))] == [1, 2]


# ------------------------------------------------------------------------------------- aggregates over series


def over(fn: str, rows: Sequence[tuple[Any, ...]], ages: Sequence[int] = (), **params: Any) -> Any:
    """An aggregate over rows in event order."""
    return oracle.OVER_SERIES[fn](oracle.Series(list(rows), list(ages) or [0] * len(rows), params))


def ones(*values: Any) -> list[tuple[Any, ...]]:
    return [(v,) for v in values]


def test_lists_are_in_event_order_and_keep_the_newest() -> None:
    rows = ones("a", "b", "a", "c")
    assert over("first_n", rows, n=2) == ["a", "b"]
    assert over("last_n", rows, n=2) == over("list", rows, n=2) == ["a", "c"]
    assert over("list_distinct", rows, n=2) == ["a", "c"] and over("list_distinct", rows, n=9) == ["b", "a", "c"]
    assert (over("nth", rows, n=2), over("nth", rows, n=5)) == ("b", None)
    assert (over("lag", rows, n=1), over("lag", rows, n=4)) == ("a", None)
    pairs = [("late", 2), ("first", 1), ("second", 1)]
    assert over("arg_min_n", pairs, n=2) == ["first", "second"] and over("arg_max_n", pairs, n=2) == ["late", "first"]


def test_frequencies_and_maps_by_key() -> None:
    rows = ones("b", "c", "a", "b", "a")
    assert over("mode", rows) == "a" and over("top_k", rows, k=2) == ["a", "b"] and over("top_ratio", rows) == 0.4
    assert list(over("histogram", rows).items()) == [("a", 2), ("b", 2), ("c", 1)]
    assert over("count_by", rows, max_keys=1) == {"a": 2}
    pairs = [(1, "x"), (5, "y"), (2, "x")]
    assert over("sum_by", pairs, max_keys=1) == {"x": 3} and over("avg_by", pairs, max_keys=2) == {"x": 1.5, "y": 5.0}
    assert over("min_by", pairs, max_keys=2) == {"x": 1, "y": 5} and over("max_by", pairs, max_keys=1) == {"x": 2}
    assert over("entropy", ones(1, 1, 2, 3)) == pytest.approx(1.5, rel=1e-15)


def test_streaks_falls_and_decays() -> None:
    assert (over("streak", ones(True, False, True, True)), over("streak", [])) == (2, 0)
    assert over("drawdown", ones(5, 3, 9, 4, 6)) == 5 and over("drawdown", ones(1, 2)) == 0
    assert over("ewma", ones(8, 4, 4), alpha="0.5") == 5
    assert over("decay_sum", ones(8, 4), [2, 1], half_life=1) == 4 and over("decay_count", [], half_life=1) == 0
    assert over("decay_avg", ones(8, 4), [10**9 + 1, 10**9], half_life=1) == pytest.approx(16 / 3, rel=1e-15)


def test_statistics() -> None:
    assert over("skewness", ones(1, 1, 4)) == pytest.approx(math.sqrt(3), rel=1e-15)
    assert over("skewness", ones(1, 2)) is None and over("kurtosis", ones(1, 1, 1, 1)) is None
    assert over("kurtosis", ones(1, 2, 3, 4)) == pytest.approx(-1.2, rel=1e-15)
    pairs = [(2, 1), (4, 2), (6, 3)]
    assert (over("covar_samp", pairs), over("corr", pairs), over("regr_slope", pairs)) == (2, 1, 2)
    assert over("covar_pop", pairs) == pytest.approx(4 / 3, rel=1e-15) and over("covar_samp", pairs[:1]) is None
    flat = [(1, 1), (1, 2)]
    assert (over("corr", flat), over("regr_slope", flat), over("regr_slope", [(1, 2), (2, 2)])) == (None, 0, None)
    assert over("geomean", ones(2, 8)) == pytest.approx(4, rel=1e-15) and math.isnan(over("geomean", ones(-1, 2)))
    assert over("weighted_avg", [(1, 1), (4, 2)]) == 3 and over("weighted_avg", [(1, 1), (4, -1)]) is None
    assert (over("product", ones(2, 3)), over("bit_and", ones(6, 3)), over("bit_or", ones(6, 3))) == (6, 2, 7)
    assert over("bit_xor", ones(6, 3)) == 5


def test_quantiles_take_the_share_as_written() -> None:
    hundred = ones(*range(1, 101))
    assert over("quantile_disc", hundred, p="0.07") == 7 and over("quantile_disc", hundred, p="0") == 1
    assert over("median", ones(4, 1, 2)) == 2 and over("median", ones(1.2e308, 1.7e308)) == 1.45e308
    assert over("quantile_cont", ones(10, 20), p="0.25") == 12.5


@pytest.mark.parametrize("fn", oracle.OVER_SERIES)
def test_no_rows_are_null_or_zero(fn: str) -> None:
    zero = fn in ("streak", "decay_count", "rate_per_hour")
    assert over(fn, [], n=1, k=1, p="0.5", alpha="0.5", half_life=1, max_keys=1) == (0 if zero else None)


def test_lists_and_maps_are_compared_item_by_item() -> None:
    assert same("list bigint", [1, 2], [1, 2]) and not same("list bigint", [1, 2], [2, 1])
    assert not same("list bigint", [1], [1.0]) and not same("list bigint", [1], [1, 1])
    assert same("map text bigint", {"a": 1, "b": 2}, [("a", 1), ("b", 2)])
    assert not same("map text bigint", {"a": 1, "b": 2}, {"b": 2, "a": 1})
    members = oracle.Series([(1.0, "a"), (1.0, "b")], [0, 0], {})
    assert same("sum_by: map text double", {"a": 1.0}, {"a": 1.0 + 1e-10}, members)
    assert not same("sum_by: map text double", {"a": 1.0}, {"a": 1.0 + 1e-8}, members)
