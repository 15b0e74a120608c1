"""An offset in a rendered text leads back to the author's line and column, whatever YAML and Jinja did."""

from __future__ import annotations

import pytest

from featc.load.text import Text

from .conftest import Shop


def place(text: Text | None, needle: str) -> tuple[int, int, int, str]:
    """Where `needle` of the value stands in the file: line, column, length, and the text found there."""
    assert text is not None and needle in text.value
    span = text.span_at(text.value.index(needle), len(needle))
    return span.line, span.column, span.length, span.text[span.column - 1 :][: span.length]


def sql(shop: Shop, yaml: str, **others: object) -> Text | None:
    return shop.features(yaml, **others).good.views["v"].features[0].sql


@pytest.mark.parametrize(
    ("yaml", "line", "column"),
    [
        ("a: sum(x) + bad", 6, 19),
        ("a: sum(x)\n  + bad", 7, 11),
        ("a: 'sum(x) || ''é'' + bad'", 6, 29),
        ("a: \"sum(x) || '\\u00e9\\t' + bad\"", 6, 34),
        ('a: "sum(x)\n\n  + bad"', 8, 11),
        ("a: |\n  sum(x)\n    + bad", 8, 13),
        ("a: |2-\n    sum(x)\n   + bad", 8, 12),
        ("a: >\n  sum(x)\n  + bad", 8, 11),
        ("a:\n  sum(x)\n\n  + bad", 9, 11),
        ("a: &anchor sum(x) + bad", 6, 27),
    ],
)
def test_every_scalar_style_maps_exactly(shop: Shop, yaml: str, line: int, column: int) -> None:
    assert place(sql(shop, yaml), "bad") == (line, column, 3, "bad")


def test_past_the_end_is_just_after_the_last_character(shop: Shop) -> None:
    text = sql(shop, "a: sum(x)")
    assert text is not None
    assert (text.span_at(6).line, text.span_at(6).column) == (6, 16)


def test_text_around_jinja_maps_exactly_and_its_output_to_the_expression(shop: Shop) -> None:
    text = sql(shop, "a: \"x = {{ var('n') }} + bad + {{ var('n') }}\"", project="vars: {n: 1000000}")
    assert text is not None and text.value == "x = 1000000 + bad + 1000000"
    assert place(text, "bad") == (6, 32, 3, "bad")
    assert place(text, "000") == (6, 15, 14, "{{ var('n') }}")
    last = text.span_at(text.value.rindex("1"), 1)
    assert (last.column, last.length) == (38, 14)


def test_jinja_in_a_block(shop: Shop) -> None:
    text = sql(shop, "a: |\n  {% if target.name == 'dev' %}\n  sum(x)\n  {%- endif %}\n  + {{ 1 + 1 }} + bad")
    assert text is not None and "sum(x)\n+ 2 + bad" in text.value
    assert place(text, "bad") == (10, 25, 3, "bad")
    assert place(text, "sum") == (8, 9, 3, "sum")
    assert place(text, "2") == (10, 11, 11, "{{ 1 + 1 }}")


def test_a_template_that_measures_its_own_text_renders_the_same(shop: Shop) -> None:
    text = sql(shop, 'a: "{% set x %}abc{% endset %}{{ x | length }}"')
    assert text is not None and text.value == "3"


def test_loops_map_each_round_to_the_body(shop: Shop) -> None:
    text = sql(shop, 'a: "0{% for i in range(2) %} + c{{ i }}{% endfor %}"')
    assert text is not None and text.value == "0 + c0 + c1"
    assert place(text, "+ c1") == (6, 36, 3, "+ c")


def test_each_maps_its_values_to_the_parameter(shop: Shop) -> None:
    text = sql(
        shop,
        """
        a:
          sql: count(*) filter (where status = '{status}') + bad
          each: {status: [paid, refunded]}
          name: "{status}_orders"
        """,
    )
    assert text is not None and "'paid'" in text.value
    assert place(text, "paid") == (7, 47, 8, "{status}")
    assert place(text, "bad") == (7, 60, 3, "bad")


def test_text_from_elsewhere_counts_its_own_lines() -> None:
    text = Text.plain("a\nbad", "--select")
    assert (text.span_at(2, 3).line, text.span_at(2, 3).column, text.span_at(2, 3).text) == (2, 1, "bad")
