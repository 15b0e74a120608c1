"""What counts as equal: identity, and the law's bounds for DOUBLE aggregates, never wider."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from featc.algebra import AGGREGATES, Kind
from featc.runtime.store import FeatureStore
from featc.runtime.verify.closeness import Derived, Rounded, identical, output_of, questions, within
from featc.runtime.verify.history import Failed
from featc.types import has_doubles


@pytest.mark.parametrize(
    ("a", "b", "type_", "same"),
    [
        (1, 1, "BIGINT", True),
        (1, 1.0, "BIGINT", False),
        (1, True, "BIGINT", False),
        (2**53 + 1, float(2**53), "BIGINT", False),
        (Decimal("1.0"), Decimal("1.00"), "DECIMAL(12,2)", True),
        (math.nan, math.nan, "DOUBLE", True),
        (0.0, -0.0, "DOUBLE", True),
        (0.3, 0.1 + 0.2, "DOUBLE", False),
        (None, 0, "BIGINT", False),
        (None, None, "BIGINT", True),
        (Failed("a"), Failed("b"), "BIGINT", True),
        (Failed("a"), None, "BIGINT", False),
    ],
)
def test_identity(a: object, b: object, type_: str, same: bool) -> None:
    assert identical(a, b, type_) is same


def test_bounds_hold_within_one_class_only() -> None:
    near, any_ = (lambda value: 1e-9), (lambda value: math.inf)
    assert within(1.0, 1.0 + 1e-10, near)
    assert not within(1.0, 1.1, near)
    assert not within(1.0, math.nan, any_)
    assert not within(math.inf, -math.inf, any_)


def test_lists_and_maps_are_judged_item_by_item() -> None:
    assert identical([1.0, math.nan], [1.0, math.nan], "DOUBLE[]")
    assert not identical([1, 2], [2, 1], "BIGINT[]")
    assert not identical([1], [True], "BIGINT[]")
    assert not identical([1], [1, 1], "BIGINT[]")
    assert identical({"a": Decimal("1.0")}, {"a": Decimal("1.00")}, "MAP(VARCHAR, DECIMAL(12,2))")
    assert not identical({"a": 1, "b": 2}, {"b": 2, "a": 1}, "MAP(VARCHAR, BIGINT)"), "keys have an order"
    assert not identical({"a": 1}, {"a": 2}, "MAP(VARCHAR, BIGINT)")
    assert not identical({1: 1}, {True: 1}, "MAP(BIGINT, BIGINT)")
    assert not identical([], {}, "BIGINT[]")

    def share(value: float) -> float:
        return 1e-9 * abs(value)

    assert within({"a": 1.0, "b": math.nan}, {"a": 1.0 + 1e-10, "b": math.nan}, share)
    assert not within({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.1}, share)
    assert not within({"a": 1.0}, {"b": 1.0}, share)
    assert not within({"a": 1.0}, {}, share)
    assert not within([1.0], {"a": 1.0}, share)


PASSED_ON = {"first_n", "last_n", "list", "list_distinct", "nth", "lag", "arg_min_n", "arg_max_n"}
PASSED_ON |= {"mode", "top_k", "top_ratio", "histogram", "count_by_key", "min_by_key", "max_by_key"}
"""Aggregates over series whose DOUBLEs are those of the rows, or shares of counts."""


def argument_types(name: str) -> tuple[str, ...]:
    """Types of the arguments such that DOUBLEs are computed where the aggregate computes any."""
    if name.startswith("bool") or name == "streak":
        type_ = "BOOLEAN"
    else:
        type_ = "BIGINT" if name.startswith("bit_") else "DOUBLE"
    row = AGGREGATES[name]
    return (type_,) * row.arity + ("TIMESTAMP",) * row.timed


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_aggregate_that_computes_doubles_has_a_bound_and_no_other(name: str) -> None:
    row, types = AGGREGATES[name], argument_types(name)
    kinds = {n.kind for n in row.needs(types).values()}
    result = row.returns(types)
    computes = bool(kinds & {Kind.FSUM, Kind.MOMENTS, Kind.BUCKETS}) or (Kind.SERIES in kinds and name not in PASSED_ON)
    assert row.rounds(result) is (computes and has_doubles(result))


@pytest.mark.parametrize("name", [n for n, row in AGGREGATES.items() if row.rounding is not None])
def test_what_a_bound_reads_can_be_asked_beside_the_aggregate(name: str) -> None:
    row, types = AGGREGATES[name], argument_types(name)
    for other in row.rounding.beside if row.rounding else ():
        assert AGGREGATES[other].returns(types[: AGGREGATES[other].arity])


def test_features_are_judged_by_what_they_are(small: FeatureStore) -> None:
    project = small.project
    names = ("orders_1h", "spend_1h", "weight_1h", "share_1h", "sd_weight", "idle")
    asked = questions(project, [output_of(project.feature("user_orders", n)) for n in names])
    kinds = [asked.judgements[f"user_orders.{n}"] for n in names]
    assert kinds[:2] == [None, None] and kinds[5] is None
    assert isinstance(kinds[2], Rounded) and isinstance(kinds[3], Derived) and isinstance(kinds[4], Rounded)
    weight, sd = kinds[2], kinds[4]
    # Σ|x| is at least the largest |x|: a small sum over large members may err by their size
    assert weight.bound(1.0, {"min": -3.0, "max": 2.0}) == pytest.approx(3e-9)
    assert sd.bound(0.0, {"avg": 5.0}) == 0.0
