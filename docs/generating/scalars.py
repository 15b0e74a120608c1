"""DuckDB's allowed scalars, sorted into groups for readers. Each has one place; one without raises."""

from __future__ import annotations

from featc_dialects.duckdb_functions import SCALARS

_CONDITIONS = "coalesce ifnull nullif if greatest least try cast try_cast typeof"
_NUMBERS = """
    abs ceil ceiling floor round round_even roundbankers trunc sign signbit mod fmod fdiv sqrt cbrt pow power exp ln log
    log2 log10 pi degrees radians sin cos tan cot asin acos atan atan2 sinh cosh tanh asinh acosh atanh even factorial
    binom gamma lgamma gcd greatest_common_divisor lcm least_common_multiple isnan isinf isfinite nextafter
    normalized_interval equi_width_bins bit_count bit_length get_bit set_bit bit_position xor bin to_base
"""
_TIMES = """
    year quarter month week day hour minute second millisecond microsecond nanosecond decade century millennium era
    isoyear isodow weekday weekofyear yearweek dayofweek dayofmonth dayofyear dayname monthname days_in_month last_day
    julian epoch epoch_ms epoch_us epoch_ns extract date_part datepart date_trunc datetrunc date_diff datediff date_sub
    datesub date_add time_bucket strftime strptime try_strptime make_date make_time make_timestamp make_timestamp_ms
    make_timestamp_ns to_microseconds to_milliseconds to_seconds to_minutes to_hours to_days to_weeks to_months
    to_quarters to_years to_decades to_centuries to_millennia
"""
_TEXT = """
    length len char_length character_length length_grapheme strlen octet_length lower lcase upper ucase trim ltrim rtrim
    lpad rpad left left_grapheme right right_grapheme substr substring substring_grapheme overlay position strpos instr
    contains starts_with prefix ends_with suffix replace translate repeat reverse concat concat_ws format printf
    format_bytes split split_part string_split str_split string_to_array string_split_regex str_split_regex
    regexp_matches regexp_full_match regexp_extract regexp_extract_all regexp_replace regexp_split_to_array
    regexp_escape ascii ord unicode chr bar nfc_normalize strip_accents url_encode url_decode levenshtein editdist3
    damerau_levenshtein hamming mismatches jaccard jaro_similarity jaro_winkler_similarity
"""
_BYTES = """
    md5 md5_number sha1 sha256 hex to_hex unhex from_hex to_binary unbin from_binary base64 to_base64 from_base64 encode
    decode uuid_extract_version
"""
_JSON = "to_json from_json from_json_strict"
_MAPS = "map cardinality element_at flatten"


def groups() -> dict[str, list[str]]:
    """The allowed scalars by group. Raises ValueError for one that has no group, or is not allowed."""
    found = {
        "Conditions and types": _CONDITIONS.split(),
        "Numbers": _NUMBERS.split(),
        "Times": _TIMES.split(),
        "Text": _TEXT.split(),
        "Hashes and bytes": _BYTES.split(),
        "JSON": sorted(
            n for n in SCALARS if n.startswith("json_") or n in ("to_json", "from_json", "from_json_strict")
        ),
    }
    lists = [n for n in SCALARS if n.startswith(("list_", "array_", "map_")) or n in _MAPS.split()]
    found["Lists and maps"] = sorted(lists)
    placed = [name for names in found.values() for name in names]
    wrong = set(placed) ^ SCALARS
    if wrong or len(placed) != len(set(placed)):
        twice = sorted(n for n in set(placed) if placed.count(n) > 1)
        raise ValueError(f"without a group, or not allowed: {sorted(wrong)}; in two groups: {twice}")
    return found
