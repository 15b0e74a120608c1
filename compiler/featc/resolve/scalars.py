"""featc's own scalars, written out in DuckDB's SQL for both plans (interfaces.md, "Built-in scalars")."""

from __future__ import annotations

from featc.resolve.model import AsOfRef
from featc.resolve.pieces import Parts, enclosed, joined

_DIAMETER_KM = "12742.0176"  # twice the earth's mean radius, 6371.0088

_BITS = 30  # of each coordinate, for twelve letters of five bits
_HALVES = 2**_BITS
_LETTERS = "'0123456789ABCDEFGHIJKLMNOPQRSTUV', '0123456789bcdefghjkmnpqrstuvwxyz'"


def write_out(name: str, args: list[Parts]) -> Parts:
    """The call of a scalar with these arguments."""
    x = args[0]
    match name:
        case "seconds_since":
            return joined(("((epoch_us(", AsOfRef(), ") - epoch_us(", *x, ")) / 1e6)"))
        case "safe_div":
            return joined(("(", *enclosed(x), " / nullif(", *args[1], ", 0))"))
        case "in_zone":
            zone = args[1] if len(args[1]) == 1 else enclosed(args[1])
            return joined(("(", *enclosed(x), "::timestamp at time zone 'UTC' at time zone ", *zone, ")"))
        case "hour_of_week":
            return joined(("((isodow(", *x, ") - 1) * 24 + hour(", *x, "))"))
        case "haversine_km":
            return _haversine_km(*map(_number, args))
        case "geo_cell":
            return _geo_cell(_number(args[0]), _number(args[1]), enclosed(args[2]))
    raise AssertionError(name)


def _number(parts: Parts) -> Parts:
    return joined((*enclosed(parts), "::double"))


def _haversine_km(lat: Parts, lng: Parts, to_lat: Parts, to_lng: Parts) -> Parts:
    """The distance on a sphere; NULL where a coordinate is NULL, NaN or infinite."""

    def half_sine(a: Parts, b: Parts) -> Parts:
        return ("pow(sin(radians(", *b, " - ", *a, ") / 2), 2)")

    known = [p for x in (lat, lng, to_lat, to_lng) for p in (" and isfinite(", *x, ")")][1:]
    across = ("cos(radians(", *lat, ")) * cos(radians(", *to_lat, ")) * ", *half_sine(lng, to_lng))
    # rounding may go beyond 1 for antipodes, where asin has no value
    arc = ("asin(sqrt(least(1, ", *half_sine(lat, to_lat), " + ", *across, ")))")
    return joined(("(case when isfinite(", *known, f" then {_DIAMETER_KM} * ", *arc, " end)"))


def _geo_cell(lat: Parts, lng: Parts, length: Parts) -> Parts:
    """The geohash of a place. NULL outside the earth's coordinates and lengths of 1 to 12.

    Each coordinate's number among 2^30 equal parts is taken by division and put right by one where that was rounded,
    then both numbers' bits are set apart and laid between each other, and read in base 32.
    """
    inside = (*lat, " between -90 and 90 and ", *lng, " between -180 and 180 and ", *length, " between 1 and 12")
    place = "p[1] >= (i + 1) * p[2] - p[3]"
    part = (
        f"list_transform([floor((p[1] + p[3]) / p[2])], lambda i:"
        f" least({_HALVES - 1}, i - (p[1] < i * p[2] - p[3])::int + ({place})::int))[1]::ubigint"
    )
    spread = (
        f"list_reduce([{part}, 16, 8, 4, 2, 1],"
        " lambda a, s: (a | (a << s)) & (18446744073709551615 // ((1::ubigint << s) + 1)))"
    )
    both = (
        "list_transform([(", *lng, f", 360 / {_HALVES}, 180), (", *lat, f", 180 / {_HALVES}, 90)], lambda p: {spread})"
    )
    code = ("list_reduce(", *both, ", lambda x, y: (x << 1) | y)::bigint")
    letters = ("translate(to_base(", *code, f", 32, 12), {_LETTERS})")
    return joined(("(case when ", *inside, " then left(", *letters, ", ", *length, "::bigint) end)"))
