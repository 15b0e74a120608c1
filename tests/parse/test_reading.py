
"""A SQL leaf is read word for word: what DuckDB runs is what the author wrote."""

from __future__ import annotations

import duckdb
import pytest

from featc.parse import AggregateCall, BuiltinCall, Fragment, Name, read, walk

COLUMNS = {
    "a": "10", "b": "3", "s": "'Hello'", "z": "NULL::varchar", "ts": "timestamp '2026-01-31 10:20:30'",
    "d": "date '2026-01-31'", "flag": "true", "n": "NULL::integer", "x": "2.5::double", "m": "12.50::decimal(12,2)",
    "Foo Bar": "7", "date": "date '2020-02-29'", "l": "[1, 2, 3]",
}  # fmt: skip

ORDINARY = (
    """
a + b * -2
a - -b
- a
a // b + a % b
a ** 2 + x ^ 2
a & 3 | 4 << 1
x / 0
a::double / b
s::varchar || '-' || a::varchar
cast(a as decimal(12, 2))
try_cast(s as bigint)
m::decimal(18,3)
ts::date
ts::timestamp without time zone
cast(x as double precision)
case when a > 3 then 'big' when a is null then null else 'small' end
case a when 10 then 1 else 2 end + 1
a in (1, 10, 3)
a not in (1, 2) and not flag
s in ('Hello', 'x')
a between 1 and 20 and flag
a not between 1 and 2
s like 'He%'
s not ilike 'he_lo' or s ilike 'HE%'
s like 'H!%' escape '!'
s glob 'H*'
s similar to 'H.*'
s ~ 'H.*'
n is distinct from a
n is not distinct from null
n is null and z is not null
n isnull or n notnull
flag is true
flag is not false
a = 10 and b <> 3 or a != 4 and a == 10
a <= b or a >= b
ts + interval 30 day
ts - INTERVAL '1' DAY
ts + interval '2 hours'
ts + interval (b) day
ts > timestamp '2026-01-01'
d - date '2026-01-01'
date + 1
extract(year from ts) + extract('month' from ts)
date_part('hour', ts)
date_trunc('month', ts)
year(d) * 100 + month(d)
strftime(ts, '%Y-%m')
date_diff('day', date '2026-01-01', d)
coalesce(n, a, 0)
nullif(a, 10)
ifnull(n, 5)
if(flag, a, b)
greatest(a, b) - least(a, b)
round(x, 1) + abs(-a) + floor(x) + ln(x)
upper(s) || lower(s)
substring(s from 2 for 2) || substr(s, 1, 1)
position('l' in s)
trim(both 'H' from s)
left(s, 2) || right(s, 2)
replace(s, 'l', 'L')
regexp_replace(s, 'l+', '')
split_part('a,b', ',', 2)
length(s) > 3
'it''s' || s
"Foo Bar" + 1
l[1] + [4, 5][2]
list_contains(l, 2)
1.5e-3 + .5 + 1e3
(a + b) * (a - b)
a -- the first
 + b /* and the second */
TRUE AND Flag
hour(ts)::bigint
epoch(ts) / 86400
isnan(x)
sqrt(x * x)
concat(s, z, 'x')
md5(s)
json_extract_string('{"a": 1}', '$.a')
(a, b) in ((10, 3), (1, 2))
""".strip()
    .replace("first\n", "first\x00")
    .splitlines()
)


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def respelled(fragment: Fragment) -> str:
    return "".join(
        p if isinstance(p, str) else ".".join(f'"{part}"' for part in p.parts)
        for p in fragment.pieces
        if isinstance(p, str | Name)
    )


@pytest.mark.parametrize("text", [t.replace("\x00", "\n") for t in ORDINARY])
def test_ordinary_duckdb_means_the_same_after_cutting(text: str, engine: duckdb.DuckDBPyConnection) -> None:
    found = read(text)
    assert isinstance(found, Fragment), found
    rows = "SELECT " + ", ".join(f'{v} AS "{k}"' for k, v in COLUMNS.items())
    as_written = engine.execute(f"SELECT ({text}\n) AS v FROM ({rows})")
    written = (as_written.description[0][1], as_written.fetchall())
    as_cut = engine.execute(f"SELECT ({respelled(found)}) AS v FROM ({rows})")
    cut = (as_cut.description[0][1], as_cut.fetchall())
    assert str(cut) == str(written)


@pytest.mark.parametrize("text", [t.replace("\x00", "\n") for t in ORDINARY])
def test_reading_the_cut_text_again_gives_the_same(text: str) -> None:
    once = read(text)
    assert isinstance(once, Fragment)
    again = read(respelled(once))
    assert isinstance(again, Fragment)
    assert again.pieces == once.pieces


def test_spacing_comments_and_letter_case_of_words_make_no_difference() -> None:
    plain = read("coalesce(amount, 0) * 2 and x is not null")
    spread = read("COALESCE( amount /* in euros */,0 )*2\n  AND x IS  NOT\tNULL -- always")
    assert isinstance(plain, Fragment)
    assert isinstance(spread, Fragment)
    assert plain.pieces == spread.pieces


def test_text_in_quotes_is_kept_as_it_is() -> None:
    found = read("'A  B' || \"My Col\"")
    assert isinstance(found, Fragment)
    assert found.pieces == ("'A  B' || ", Name(("My Col",), 10, 18))


def test_an_aggregate_with_everything() -> None:
    found = read("1 + Arg_Max(a.b, c) filter (where d > 0) over last_7d")
    assert isinstance(found, Fragment)
    head, call = found.pieces
    assert head == "1 + "
    assert isinstance(call, AggregateCall)
    assert (call.name, call.star, call.distinct) == ("arg_max", False, False)
    assert [a.pieces[0] for a in call.args] == [Name(("a", "b"), 12, 15), Name(("c",), 17, 18)]
    assert call.filter is not None
    assert call.filter.pieces[1] == " > 0"
    assert call.over is not None
    assert call.over.name == "last_7d"
    assert (call.start, call.end) == (4, 53)


def test_count_star_and_count_distinct() -> None:
    found = read("count( * ) - count(DISTINCT x) over lifetime")
    assert isinstance(found, Fragment)
    rows, values = (p for p in found.pieces if isinstance(p, AggregateCall))
    assert (rows.star, rows.args, rows.over) == (True, (), None)
    assert (values.distinct, len(values.args)) == (True, 1)


def test_builtin_scalars_are_found_inside_other_calls() -> None:
    found = read("round(safe_div(sum(x) over w, seconds_since(last(ts) over lifetime)), 2)")
    assert isinstance(found, Fragment)
    calls = [p for p in walk(found) if not isinstance(p, Name)]
    assert [c.name for c in calls] == ["safe_div", "sum", "seconds_since", "last"]
    assert isinstance(calls[0], BuiltinCall)


@pytest.mark.parametrize(
    "word",
    [
        "date",
        "timestamp",
        "first",
        "last",
        "value",
        "status",
        "day",
        "year",
        "key",
        "set",
        "comment",
        "order_",
        "é",
    ],
)
def test_words_of_the_grammar_can_be_columns(word: str) -> None:
    found = read(f"{word} = 1")
    assert isinstance(found, Fragment)
    assert found.pieces[0] == Name((word,), 0, len(word))
