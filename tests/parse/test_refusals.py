# ruff: noqa: E501 — YAML and SQL are read best on one line
"""What is no expression is refused at its place, with a way out."""

from __future__ import annotations

import pytest

from featc.parse import Fragment, read

CASES = [
    # text, code, what stands under the caret, a part of the hint
    ("sum(x) over {windw}", "F204", "{", "over last_7d"),
    ("last(ts) over lifetime as_of", "F202", "as_of", "alias"),
    ("7d_orders", "F203", "7d_orders", '"7d_orders"'),
    ("sum(x) over 7d", "F203", "7d", "over last_7d"),
    ("1_000", "F203", "1_000", "1000"),
    ("sum(x) over", "F205", "over", "over last_7d"),
    ("sum(x) over 'last_7d'", "F205", "'last_7d'", "over last_7d"),
    ("sum(x) over (rows 10 preceding)", "F206", "over (rows 10 preceding)", "over last_11_rows"),
    ("sum(x) over (rows between 4 preceding and current row)", "F206", None, "over last_5_rows"),
    ("sum(x) over (order by ts range between interval 7 day preceding and current row)", "F206", None, "over last_7d"),
    ("sum(x) over (order by ts range between interval '36' hour preceding and current row)", "F206", None, "over last_1d12h"),
    ("sum(x) over (partition by u order by ts)", "F206", None, "over lifetime"),
    ("sum(x) over (rows unbounded preceding)", "F206", None, "over lifetime"),
    ("sum(x) over ()", "F206", "over ()", "over lifetime"),
    ("a ||-b", "F202", "||-", "space"),
    ("// + a", "F201", "//", "operand"),
    ("a b", "F202", "b", "operator"),
    ("case when a then 1 else 2 end x", "F202", "x", "operator"),
    ("a as b", "F202", "b", "alias"),
    ("sum(x) filter (where y) over w z", "F202", "z", "alias"),
    ("a +", "F201", "+", "operand"),
    ("a and", "F201", "d", "operand"),
    ("(a + b", "F201", "(", "close"),
    ("a + b)", "F201", ")", "remove"),
    ("a ) + ( b", "F201", ")", "remove"),
    ("'abc", "F201", "'", "close"),
    ("", "F214", None, "expression"),
    ("   ", "F214", None, "expression"),
    ("a, b", "F201", "a, b", "one feature"),
    ("a; b", "F204", ";", "leave it out"),
    ("select 1", "F204", "select", "sql:"),
    ("(select 1)", "F204", None, None),
    ("a in (select 1)", "F204", None, None),
    ("exists(a)", "F204", None, None),
    ("*", "F204", "*", "name the column"),
    ("sum(*)", "F204", "*", "name the column"),
    ("a.*", "F204", None, None),
    ("$1", "F204", "$", "request"),
    ("?", "F204", "?", "request"),
    ("x -> x + 1", "F204", "->", "json"),
    ("list_filter(l, lambda y: y > 1)", None, None, None),
    ("{'a': 1}", "F204", "{", None),
    ("f(x := 3)", "F204", ":=", None),
    ("x.upper()", "F204", "upper", "f(x)"),
    ("x collate nocase", "F204", None, None),
    ("e'\\n'", "F216", "e'\\n'", "chr(10)"),
    ("$$x$$", "F216", None, None),
    ("'a' 'b'", "F202", "'b'", "||"),
    ("now()", "F208", "now", "as_of"),
    ("today() - d", "F208", "today", "as_of::date"),
    ("current_date", "F208", "current_date", "as_of::date"),
    ("current_timestamp - ts", "F208", "current_timestamp", "as_of"),
    ("random()", "F208", "random", None),
    ("uuid()", "F208", "uuid", None),
    ("getvariable('x')", "F208", "getvariable", None),
    ("nextval('s')", "F208", "nextval", None),
    ("age(ts)", "F208", "age", "seconds_since"),
    ("to_timestamp(x)", "F208", "to_timestamp", "make_timestamp"),
    ("ts at time zone 'UTC'", "F209", "at time zone", "in_zone"),
    ("ts::timestamptz", "F209", "timestamptz", "in_zone"),
    ("cast(ts as timestamp with time zone)", "F209", "timestamp with time zone", "in_zone"),
    ("timestamptz '2026-01-01'", "F209", "timestamptz", "UTC"),
    ("strptime(s, '%d %z')", "F209", "'%d %z'", "zone"),
    ("time_bucket(to_days(1), ts, zone_name)", "F209", "zone_name", "timestamp '…'"),
    ("time_bucket(to_days(1), ts, lower(z[1]))", "F209", "lower(z[1])", "in_zone"),
    ("time_bucket(to_days(1), ts, 'UTC')", "F209", "'UTC'", None),
    ("time_bucket(to_days(1), ts, date '2026-01-01' || z)", "F209", "date '2026-01-01' || z", None),
    ("row_number() over w", "F210", "row_number", "count(*)"),
    ("rank() over w", "F210", "rank", None),
    ("lag(x) over lifetime", "F212", "lag(x)", "lag(x, 10)"),
    ("decay_sum(x)", "F212", "decay_sum(x)", "half_life => '6h'"),
    ("decay_sum(x, '6h')", "F212", "decay_sum(x, '6h')", "half_life => '6h'"),
    ("decay_sum(x, half_lfe => '6h')", "F212", "decay_sum(x, half_lfe => '6h')", "half_life => '6h'"),
    ("decay_sum(x, half_life => '6h', half_life => '7h')", "F212", None, None),
    ("decay_sum(x, half_life => 6)", "F218", "6", "'6h'"),
    ("decay_sum(x, half_life => '6 parsecs')", "F218", "'6 parsecs'", None),
    ("decay_sum(x, half_life => y)", "F218", "y", "'6h'"),
    ("ewma(x, alpha => 2)", "F218", "2", "0.5"),
    ("sum(x, half_life => '6h')", "F212", "sum(x, half_life => '6h')", None),
    ("quantile_cont(x)", "F212", "quantile_cont(x)", "quantile_cont(x, 0.5)"),
    ("quantile_cont(x, 1.5)", "F218", "1.5", "0.5"),
    ("quantile_cont(x, '0.5')", "F218", "'0.5'", None),
    ("last(x, 0)", "F218", "0", "10"),
    ("last(x, 1.5)", "F218", "1.5", "10"),
    ("last(x, y)", "F218", "y", "10"),
    ("last(x, 1 + 1)", "F218", "1 + 1", "10"),
    ("upper(x => 1)", "F204", "=>", None),
    ("string_agg(x, ',')", "F211", "string_agg", "featc help functions"),
    ("any_value(x)", "F211", "any_value", "first(x)"),
    ("max(x order by y)", "F204", None, None),
    ("first(x) ignore nulls", "F212", "ignore", None),
    ("sum(distinct x)", "F212", "sum(distinct x)", "count(distinct x)"),
    ("sum()", "F212", "sum()", None),
    ("count()", "F212", "count()", "count(*)"),
    ("sum(x, y)", "F212", "sum(x, y)", None),
    ("arg_max(x)", "F212", "arg_max(x)", None),
    ("last(x, 5, 6)", "F212", "last(x, 5, 6)", None),
    ("sum(max(x))", "F213", "max(x)", "feature of its own"),
    ("sum(x) filter (where max(y) > 0)", "F213", "max(y)", None),
    ("upper(x) filter (where y)", "F213", "filter", None),
    ("upper(x) over w", "F213", "over", None),
    ("sum(x) filter (y)", "F201", "filter (y)", "where"),
    ("x::bigin", "F215", "bigin", "bigint"),
    ("x::decimal(50,2)", "F215", "decimal(50,2)", None),
    ("x::", "F215", None, None),
    ("lenght(s)", "F207", "lenght", "length"),
    ("sums(x)", "F207", "sums", "sum"),
    ("read_csv('x')", "F204", "read_csv", "source"),
    ("unnest(l)", "F204", "unnest", None),
    ("in_zone(ts, 'Europe/Berln')", "F217", "'Europe/Berln'", "Europe/Berlin"),
    ("safe_div(a)", "F217", "safe_div(a)", None),
    ('"upper"(x)', "F204", '"upper"', "upper"),
    ("a ! b", "F204", None, None),
    ("a # b", "F204", "#", None),
    ("a = any(l)", "F204", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "under", "hint"), CASES)
def test_refused(text: str, code: str | None, under: str | None, hint: str | None) -> None:
    found = read(text)
    assert not isinstance(found, Fragment), f"accepted: {found}"
    first = found[0]
    if code is not None:
        assert first.code == code, first
    if under is not None:
        assert text[first.start : first.start + first.length] == under
    if hint is not None:
        assert hint in (first.hint or ""), first
    assert first.length >= 1
    assert 0 <= first.start <= max(len(text), 1)


def test_several_faults_are_told_together_in_order() -> None:
    found = read("foo(x) + now() + y::bigin")
    assert not isinstance(found, Fragment)
    assert [p.code for p in found] == ["F207", "F208", "F215"]
    assert [p.start for p in found] == [0, 9, 20]
