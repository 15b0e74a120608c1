"""How far two right answers of a DOUBLE aggregate may lie apart (semantics.md, "What “equal” means").

Plans add in different orders, so sums, means and deviations of DOUBLEs may differ by rounding, in proportion to the
members of the window. A bound is computed from the value itself and from other aggregates over the same argument
and window; it is never wider than the law's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

EPSILON = 1e-9

Bound = Callable[[float, Mapping[str, Any]], float]
"""The greatest difference allowed, from a value and the values of the aggregates beside it."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """A bound, and the names of the aggregates over the same arguments that it reads."""

    bound: Bound
    beside: tuple[str, ...]


def _largest(seen: Mapping[str, Any]) -> float:
    return max((abs(float(v)) for v in (seen.get("min"), seen.get("max")) if v is not None), default=0.0)


def _sum(value: float, seen: Mapping[str, Any]) -> float:
    # Σ|x| is at least |Σx| and at least the largest |x|
    return EPSILON * max(abs(value), _largest(seen))


def _mean(value: float, seen: Mapping[str, Any]) -> float:
    members = int(seen.get("count") or 1)
    return float(EPSILON * max(abs(value), _largest(seen) / members))


def _variance(value: float, seen: Mapping[str, Any]) -> float:
    return EPSILON * (value + abs(float(seen.get("avg") or 0.0)) * sqrt(max(value, 0.0)))


def _deviation(value: float, seen: Mapping[str, Any]) -> float:
    return EPSILON * (value + abs(float(seen.get("avg") or 0.0))) if value else 0.0


SUM = Rounding(_sum, ("min", "max"))
MEAN = Rounding(_mean, ("min", "max", "count"))
VARIANCE = Rounding(_variance, ("avg",))
DEVIATION = Rounding(_deviation, ("avg",))


def _relative(value: float, seen: Mapping[str, Any]) -> float:
    return EPSILON * abs(value)


def _in_units(value: float, seen: Mapping[str, Any]) -> float:
    return EPSILON * max(1.0, abs(value))


def _shape(value: float, seen: Mapping[str, Any]) -> float:
    # what is left of a mean is known to as many digits as the mean is greater than the deviation
    spread = float(seen.get("stddev_pop") or 0.0)
    lost = abs(float(seen.get("avg") or 0.0)) / spread if spread else 0.0
    return EPSILON * max(1.0, abs(value)) * (1.0 + lost)


RELATIVE = Rounding(_relative, ())
UNITS = Rounding(_in_units, ())
SHAPE = Rounding(_shape, ("avg", "stddev_pop"))
"""Those of aggregates over series. Both plans compute them alike, one row after the other, so that only powers,
logarithms and casts of long decimals can differ in their last bits."""
