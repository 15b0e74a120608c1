"""What YAML does to SQL behind an author's back is refused at the author's place."""

from __future__ import annotations

import pytest

from .conftest import Shop


def test_a_comma_inside_braces_ends_the_value(shop: Shop) -> None:
    found = shop.features("a: {sql: coalesce(a, b), default: 0}")
    assert found.places == [("F107", 6, 16, "coalesce(a, b)")]
    assert found.one.hint is not None and 'sql: "coalesce(a, b)"' in found.one.hint


def test_several_commas_are_one_finding(shop: Shop) -> None:
    assert shop.features("a: {sql: 'x', default: f(a, b, c)}").places == [("F107", 6, 30, "f(a, b, c)")]


def test_a_type_with_a_comma_inside_braces(shop: Shop) -> None:
    found = shop.load("sources:\n  s: {path: p, time: t, columns: {amount: decimal(12,2)}}\n")
    assert found.places == [("F107", 2, 43, "decimal(12,2)")]


def test_a_key_without_value_inside_braces(shop: Shop) -> None:
    assert shop.features("a: {sql, default: 0}").places == [("F107", 6, 11, "sql")]


def test_a_comma_inside_a_list_of_columns(shop: Shop) -> None:
    found = shop.load("feature_views:\n  v: {source: s, features: [coalesce(a, b), c]}\n")
    assert found.places == [("F108", 2, 37, "(")]
    assert "comma" in found.one.message


def test_an_expression_cut_by_a_comment(shop: Shop) -> None:
    found = shop.features(
        """
        a: count(*) filter (where x = 'a #1')
        b: x + # the rest
        """
    )
    assert found.places == [("F109", 6, 40, "#1')"), ("F109", 7, 14, "# the rest")]


def test_a_comment_after_a_whole_expression_is_a_comment(shop: Shop) -> None:
    sql = shop.features("a: count(*)   # → a_7d").good.views["v"].features[0].sql
    assert sql is not None and sql.value == "count(*)"


def test_a_cut_expression_that_goes_on_below(shop: Shop) -> None:
    found = shop.features("a: x + # first\n   y\n")
    assert found.places == [("F102", 7, 10, "y")]
    assert "' #'" in found.one.message


@pytest.mark.parametrize(
    ("sql", "column", "caret"),
    [("sum(x", 13, "("), ("sum(x))", 16, ")"), ("it's", 12, "'"), ("x[1", 11, "["), ('a = "b', 14, '"')],
)
def test_unbalanced_plain_expressions(shop: Shop, sql: str, column: int, caret: str) -> None:
    assert shop.features(f"a: {sql}").places == [("F108", 6, column, caret)]


@pytest.mark.parametrize(
    "sql", ["x = ')'", 'a = "(', "concat('it''s', ')')", "x -- (\n  + 1", "x = {{ ')' }}", "/* ' */ x"]
)
def test_brackets_inside_quotes_comments_and_jinja_do_not_count(shop: Shop, sql: str) -> None:
    block = "a: |\n" + "\n".join("  " + line for line in sql.split("\n"))
    assert shop.features(block).good
    if "\n" not in sql and sql.count('"') != 1:
        assert shop.features(f"a: {sql}").good


@pytest.mark.parametrize(
    "value", ["no", "Yes", "on", "OFF", "012", "0o17", "0x1F", "12:30", "1_000", "1e3", ".inf"]
)
def test_plain_constants_that_yaml_readers_disagree_on(shop: Shop, value: str) -> None:
    found = shop.features(f"a: {{sql: x, default: {value}}}")
    assert found.places == [("F110", 6, 28, value)]
    assert found.one.hint is not None and "quote it" in found.one.hint


def test_quoted_constants_are_text(shop: Shop) -> None:
    default = shop.features("a: {sql: x, default: 'no'}").good.views["v"].features[0].default
    assert default is not None and default.value == "no" and default.quoted


@pytest.mark.parametrize("value", ["no", "1e3", "12:30"])
def test_surprises_in_vars_each_and_tests(shop: Shop, value: str) -> None:
    assert [p[0] for p in shop.load(project=f"vars: {{a: {value}}}").places] == ["F110"]
    shop.write("featc.yaml", "version: 1\nproject: shop\n")
    each = f"a: {{sql: \"'{{p}}'\", each: {{p: [{value}]}}, name: 'x_{{p}}'}}"
    assert [p[0] for p in shop.features(each).places] == ["F110"]
    test = f"tests:\n  t: {{service: s, spine: [{{user_id: {value}}}], expect: [{{}}]}}\n"
    assert [p[0] for p in shop.load(test).places] == ["F110"]


def test_names_that_yaml_takes_for_booleans(shop: Shop) -> None:
    found = shop.load("entities:\n  on: user_id\n  user: no\n  'off': x\n")
    assert found.places == [("F110", 2, 3, "on"), ("F110", 3, 9, "no")]


def test_duplicate_keys(shop: Shop) -> None:
    found = shop.features("a: x\nb: y\na: z")
    assert found.places == [("F105", 8, 7, "a")]
    assert "line 6" in found.one.message


def test_unknown_keys_name_the_nearest(shop: Shop) -> None:
    found = shop.features("a: {sql: x, deflt: 1}")
    assert found.places == [("F106", 6, 19, "deflt")]
    assert found.one.hint == "did you mean 'default'?"


def test_jinja_without_quotes_is_a_yaml_mapping(shop: Shop) -> None:
    found = shop.features("a: {{ var('paid') }}")
    assert found.places == [("F107", 6, 10, "{{ var('paid') }}")]
    assert found.one.hint == "quote it: \"{{ var('paid') }}\""


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a:\n\tb: 1\n", (2, 1), "tab"),
        ("a: x: y\n", (1, 5), "': '"),
        ("a: 'x' || 'y'\n", (1, 8), "starts with '"),
        ("a: 'x' = y\n", (1, 8), "starts with '"),
        ("a: 'x\n", (1, 4), "not closed"),
        ("a: [x, y\n", (1, 4), "not closed"),
        ("a: {x: f(['p'])}\n", (1, 10), "inside { }"),
        ("a: {b: c}}\n", (1, 10), "never opened"),
        ("a: %x\n", (1, 4), "cannot start with '%'"),
        ("a: @x\n", (1, 4), "cannot start with '@'"),
        ("a: *x\n", (1, 4), "alias"),
        ("a: b\n c: d\n", (2, 3), "indented"),
        ("a:\n  b: 1\n c: d\n", (3, 2), "fits no mapping"),
        ("- a\nb: 1\n", (2, 1), "fits no mapping"),
    ],
)
def test_invalid_yaml_is_explained(shop: Shop, text: str, place: tuple[int, int], said: str) -> None:
    found = shop.load(text).one
    assert found.code == "F102" and found.span is not None
    assert (found.span.line, found.span.column) == place
    assert said in found.message
    assert found.hint is not None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("entities: {a: x}\n---\nentities: {b: x}\n", (2, 1, "---")),
        ("base: &b {a: x}\nentities:\n  <<: *b\n", (3, 3, "<<")),
        ("entities: !include x.yaml\n", (1, 11, "!include")),
        ("entities:\n  ? [a]\n  : b\n", (2, 5, "[a]")),
    ],
)
def test_yaml_that_is_not_taken(shop: Shop, text: str, place: tuple[int, int, str]) -> None:
    assert ("F104", *place) in shop.load(text).places


def test_an_alias_is_taken_and_points_at_its_anchor(shop: Shop) -> None:
    views = shop.features("a: {sql: &x sum(y), default: 0}\nb: *x").good.views
    sql = views["v"].features[1].sql
    assert sql is not None and sql.value == "sum(y)"
    assert (sql.span.line, sql.span.column) == (6, 19)


def test_an_alias_that_holds_itself_ends(shop: Shop) -> None:
    text = "entities:\n  a: {keys: x, meta: &m {self: *m}}\n"
    text += "tests: {t: {service: s, spine: [{a: &l [*l]}], expect: [{}]}}\n"
    assert [d.code for d in shop.load(text).findings] == ["F104"]


def test_files_that_are_no_utf8_text(shop: Shop) -> None:
    shop.write("features/bom.yaml", b"\xef\xbb\xbfentities: {a: x}\n")
    shop.write("features/latin.yaml", "entities:\n  a: é\n".encode("latin-1"))
    shop.write("features/utf16.yaml", "entities: {b: x}\n".encode("utf-16"))
    shop.write("features/control.yaml", "entities: {c: x\x07}\n")
    found = shop.load()
    places = {d.span.file: (d.span.line, d.span.column) for d in found.findings if d.span}
    assert places == {
        "features/latin.yaml": (2, 6),
        "features/utf16.yaml": (1, 1),
        "features/control.yaml": (1, 16),
    }
    assert {d.code for d in found.findings} == {"F103"}
    assert found.definitions is not None and "a" in found.definitions.entities


def test_windows_line_ends_keep_places(shop: Shop) -> None:
    found = shop.load(b"entities:\r\n  a: x\r\n  b: no\r\n")
    assert found.places == [("F110", 3, 6, "no")]


def test_an_empty_file_is_a_warning(shop: Shop) -> None:
    found = shop.write("features/empty.yaml", "# nothing yet\n").load().one
    assert (found.code, found.severity) == ("F113", "warning")


def test_a_value_that_is_missing(shop: Shop) -> None:
    found = shop.load("entities:\n  user:\nsources:\n  s: {path: p, time: t, delay: }\n")
    assert [p[:2] for p in found.places] == [("F113", 2), ("F113", 4)]


def test_all_errors_of_all_files_come_together(shop: Shop) -> None:
    shop.write("features/a.yaml", "entities: {a: no}\n")
    shop.write("features/b.yaml", "a: x: y\n")
    shop.write("features/c.yaml", "windows: {w: 1mo}\nsorces: {}\n")
    assert sorted(d.code for d in shop.load().findings) == ["F102", "F106", "F110", "F119"]
