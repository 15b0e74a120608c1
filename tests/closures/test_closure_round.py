"""round(DOUBLE, n) against DuckDB where roundings part: at the halves of 10^-n, their neighbours, and far out."""

from __future__ import annotations

import math
import random
import struct

import pytest
from closure_differential import Rows, agree, compiled, corners, make_rows

from featc.closures.kernels import half_away

PLACES = range(16)


def _near_halves(rng: random.Random, places: int) -> list[float]:
    """The DOUBLE nearest to a half of 10^-places, and two neighbours on each side, of either sign."""
    half = (math.floor(2 ** rng.uniform(0, 53)) + 0.5) / 10.0**places * rng.choice((1, -1))
    above, below = math.nextafter(half, math.inf), math.nextafter(half, -math.inf)
    return [half, above, below, math.nextafter(above, math.inf), math.nextafter(below, -math.inf)]


def _rows(places: int, count: int, seed: int) -> Rows:
    rng = random.Random(seed)
    values = [v for v in corners("DOUBLE") if v is not None]
    for _ in range(count):
        values += _near_halves(rng, places)
        values.append(struct.unpack("d", rng.randbytes(8))[0])
        values.append(round(rng.uniform(-1000, 1000), places + 1))  # as people write them
        values.append(2.0 ** rng.randint(-1074, 1023) * rng.uniform(0.9, 1.1))
    return make_rows(("DOUBLE",), [(v,) for v in values])


def _made_halves(rows: Rows, places: int) -> int:
    """How many values are brought to a half, or past it, by the product's rounding alone."""
    power, found = 10**places, 0
    for (value,) in rows.values:
        assert isinstance(value, float)
        scaled = value * power if math.isfinite(value) else math.inf
        if not math.isfinite(scaled) or abs(half_away(scaled) - scaled) != 0.5:
            continue
        numerator, denominator = abs(value).as_integer_ratio()
        found += 2 * numerator * power < (2 * math.floor(abs(scaled)) + 1) * denominator
    return found


def _wrong(places: int, count: int, seed: int) -> list[str]:
    """What does not hold of rounding `count` values and more: nothing, if all is right. A value that differs raises
    in `agree`."""
    rows = _rows(places, count, seed)
    found = []
    if (_made_halves(rows, places) > count // 4) != (places > 0):
        found.append("the rows do not tell roundings apart")
    closure = compiled(f"round(x0, {places})", rows)
    if closure is None:
        return [*found, "there is no closure"]
    seen = agree(f"round(x0, {places})", rows, closure)
    if seen.fallen or seen.present != len(rows.values):
        found.append(f"{seen.present} of {len(rows.values)} values, {seen.fallen} left to DuckDB")
    return found


@pytest.mark.parametrize("places", PLACES)
def test_rounding_to_places_is_duckdbs_to_the_bit(places: int) -> None:
    assert _wrong(places, 500, places) == []


@pytest.mark.slow
@pytest.mark.parametrize("places", PLACES)
def test_rounding_to_places_is_duckdbs_for_many_values(places: int) -> None:
    assert _wrong(places, 25_000, 100 + places) == []


@pytest.mark.parametrize(
    ("text", "value", "rounded"),
    [
        ("round(x0, 2)", 2.675, 2.67), ("round(x0, 2)", 1.005, 1.0), ("round(x0, 1)", -698.05, -698.0),
        ("round(x0, 1)", 0.25, 0.3), ("round(x0, 1)", -0.25, -0.3), ("round(x0, 1)", -0.04, -0.0),
        ("round(x0, 15)", 1e308, 1e308), ("round(x0)", 0.49999999999999994, 0.0), ("round(x0)", -0.5, -1.0),
    ],
)  # fmt: skip
def test_a_half_is_a_half_of_the_value_itself(text: str, value: float, rounded: float) -> None:
    rows = make_rows(("DOUBLE",), [(value,)])
    closure = compiled(text, rows)
    assert closure is not None and agree(text, rows, closure).present == 1
    assert repr(closure.evaluate(value)) == repr(rounded)
