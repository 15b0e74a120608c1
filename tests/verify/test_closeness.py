"""What counts as equal: identity, and the law's bounds for DOUBLE aggregates, never wider."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from featc.algebra import AGGREGATES, Kind
from featc.resolve.model import Aggregation, Expr, Slot, View, Window
from featc.runtime.store import FeatureStore
from featc.runtime.verify.closeness import Derived, Rounded, identical, output_of, questions, rounds, within
from featc.runtime.verify.history import Failed


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
    assert within(1.0, 1.0 + 1e-10, 1e-9)
    assert not within(1.0, 1.1, 1e-9)
    assert not within(1.0, math.nan, math.inf)
    assert not within(math.inf, -math.inf, math.inf)


def _view(type_: str, name: str) -> tuple[View, Aggregation]:
    row = AGGREGATES[name]
    slots = tuple(f"x{n}" for n in range(row.arity))
    types = (type_,) * row.arity
    made = Aggregation("a", name, slots, Window("lifetime"), row.returns(types))
    listed = tuple(Slot(s, Expr((s,), type_), None, type_) for s in slots)
    return View("v", (), (), "s", None, "left", None, (), listed, (made,), (), ()), made


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_aggregate_that_adds_up_doubles_has_a_bound_and_no_other(name: str) -> None:
    type_ = "BOOLEAN" if name.startswith("bool") else "DOUBLE"
    adds = {Kind.FSUM, Kind.MOMENTS} & {
        n.kind for n in AGGREGATES[name].needs((type_,) * AGGREGATES[name].arity).values()
    }
    assert rounds(*_view(type_, name)) is bool(adds)


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
