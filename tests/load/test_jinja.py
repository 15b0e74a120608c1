"""Jinja inside scalars: what templates may use, and errors at the author's place."""

from __future__ import annotations

import pytest

from featc.load import mask

from .conftest import Shop


def value(shop: Shop, yaml: str, **others: object) -> str:
    sql = shop.features(yaml, **others).good.views["v"].features[0].sql
    assert sql is not None
    return sql.value


def test_vars_env_and_target(shop: Shop) -> None:
    text = "a: \"{{ var('paid') }} and {{ env_var('MODE', 'x') }} and {{ target }} {{ target.dialect }}\""
    assert (
        value(shop, text, project="vars: {paid: \"status = 'paid'\"}")
        == "status = 'paid' and x and dev duckdb"
    )
    assert value(shop, "a: \"{{ env_var('MODE') }}\"", env={"MODE": "live"}) == "live"


def test_vars_keep_their_kind(shop: Shop) -> None:
    project = "vars: {n: 3, price: 12.50, flag: true, list: [a, b], z: \"{{ var('n') * 2 }}\"}"
    text = "a: \"{{ var('n')+1 }} {{ var('price')}} {{ var('flag') }} {{ var('list')|join }} {{ var('z') }}\""
    assert value(shop, text, project=project) == "4 12.50 true ab 6"


def test_macros_are_known_everywhere_and_may_call_each_other(shop: Shop) -> None:
    shop.write("macros/a.sql", "{% macro rate(a, b) %}{{ _ok(a) }} / {{ nonzero(b) }}{% endmacro %}"
               "{% macro _ok(x) %}({{ x }}){% endmacro %}")  # fmt: skip
    shop.write("macros/b.sql", "{% macro nonzero(x) %}nullif({{ x }}, 0){% endmacro %}\n")
    assert value(shop, "a: \"{{ rate('x', 'y') }}\"") == "(x) / nullif(y, 0)"


def test_source_and_ref(shop: Shop) -> None:
    found = shop.load(
        """
        sources:
          raw: {table: lake.orders, time: t}
          files: {path: "data/o'k/*.csv", time: t}
          both: {sql: "select * from {{ source('raw') }} join {{ source('files') }} using (id)", time: t}
        feature_views:
          v: {source: raw, features: {a: count(*)}}
          w: {features: {b: "{{ ref('v.a') }} + 1"}, request: {x: int}}
        """,
        project="targets: {dev: {sources: {raw: {table: live.orders}}}}",
    ).good
    assert found.sources["both"].location.value.value == (
        "select * from live.orders join 'data/o''k/*.csv' using (id)"
    )
    sql = found.views["w"].features[0].sql
    assert sql is not None and sql.value == "v.a + 1"


def test_sources_that_lead_in_a_circle(shop: Shop) -> None:
    found = shop.load(
        """
        sources:
          a: {sql: "select * from {{ source('b') }}", time: t}
          b: {sql: "select * from {{ source('a') }}", time: t}
        """
    )
    assert {d.code for d in found.findings} == {"F137"}
    assert any("→" in d.message for d in found.findings)


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ vra('paid') }}", ("F131", 6, 14, "vra")),
        ("x = {{ var('pai') }}", ("F132", 6, 22, "'pai'")),
        ("{{ paid }}", ("F131", 6, 14, "paid")),
        ("{{ x(", ("F130", 6, 11, "{{ x(")),
        ("a {{ 1 }} {{ 1 + }}", ("F130", 6, 21, "{{ 1 + }}")),
        ("{{ env_var('FEATC_SECRET_X') }}", ("F134", 6, 22, "'FEATC_SECRET_X'")),
        ("{{ env_var('NOPE') }}", ("F133", 6, 22, "'NOPE'")),
        ("{{ target.nme }}", ("F135", 6, 11, "{{ target.nme }}")),
        ("{% if 1 %} x", ("F130", 6, 11, "{% if 1 %}")),
        ("{{ 1 | foo }}", ("F130", 6, 11, "{{ 1 | foo }}")),
        ("{{ 1 / 0 }}", ("F135", 6, 11, "{{ 1 / 0 }}")),
        ("{{ source('s') }}", ("F137", 6, 21, "'s'")),
        ("{{ ref('w') }}", ("F137", 6, 18, "'w'")),
        ("{{ ''.__class__.__mro__ }}", ("F135", 6, 11, "{{ ''.__class__.__mro__ }}")),
    ],
)
def test_errors_point_into_the_template(shop: Shop, template: str, place: tuple[str, int, int, str]) -> None:
    found = shop.features(f'a: "{template}"', project="vars: {paid: x}", env={"FEATC_SECRET_X": "s"})
    assert found.places == [place]
    assert found.one.hint


def test_an_error_in_the_third_line_of_a_block(shop: Shop) -> None:
    found = shop.features("a: |\n  sum(x)\n  + {{ var('n') }}\n  + {{ vat('n') }}", project="vars: {n: 1}")
    assert found.places == [("F131", 9, 14, "vat")]


def test_a_macro_file_with_an_error_names_its_own_line(shop: Shop) -> None:
    shop.write("macros/m.sql", "{% macro a() %}\nx\n{% endmacro %}\n{% macro b( %}\n")
    found = shop.features('a: "{{ 1 }}"')
    assert [(d.code, str(d.span)) for d in found.findings] == [("F136", "macros/m.sql:4:1")]


def test_jinja_never_makes_names_or_structure(shop: Shop) -> None:
    assert [p[0] for p in shop.features("\"{{ 'a' }}\": x").places] == ["F115"]
    assert value(shop, "a: \"{{ 'x: y' }}\"") == "x: y"


def test_secrets_reach_targets_only_and_are_masked(shop: Shop) -> None:
    url = "postgres://u:hunter22@host/db"
    found = shop.load(
        project="targets: {dev: {dialect: postgres, dsn: \"{{ env_var('FEATC_SECRET_PG') }}\"}}",
        env={"FEATC_SECRET_PG": url},
    ).good
    dsn = found.target.dsn
    assert dsn is not None and dsn.secret and dsn.value == url
    assert url not in repr(found) and "hunter22" not in str(dsn)
    assert mask(f"cannot connect to {url}") == "cannot connect to ********"
    assert "hunter22" not in mask("password hunter22 refused")


def test_a_secret_in_an_error_of_its_own_target_is_masked(shop: Shop) -> None:
    found = shop.load(
        project="targets: {dev: {online: {replay: \"{{ env_var('FEATC_SECRET_R') }}\"}}}",
        env={"FEATC_SECRET_R": "sesame-open"},
    )
    assert found.one.code == "F119" and "sesame-open" not in found.one.render()


def test_a_macro_cannot_smuggle_a_secret_into_a_definition(shop: Shop) -> None:
    shop.write("macros/m.sql", "{% macro pw() %}{{ env_var('FEATC_SECRET_X') }}{% endmacro %}")
    found = shop.features('a: "{{ pw() }}"', env={"FEATC_SECRET_X": "open sesame"})
    assert found.places == [("F134", 6, 11, "{{ pw() }}")]


def test_text_without_templates_is_left_alone(shop: Shop) -> None:
    assert value(shop, "a: \"{'a': 1} -- {# {x}\"") == "{'a': 1} -- {# {x}"


def test_a_macro_that_fails_names_its_line_at_the_caller(shop: Shop) -> None:
    shop.write("macros/m.sql", "{% macro m(x) %}\n{{ x + nope }}\n{% endmacro %}")
    found = shop.features('a: "{{ m(1) }}"')
    assert found.places == [("F135", 6, 11, "{{ m(1) }}")]
    assert "macros/m.sql:2" in found.one.message


def test_a_broken_macro_file_does_not_make_its_callers_wrong(shop: Shop) -> None:
    shop.write("macros/m.sql", "{{ nope }}{% macro m(x) %}{{ x }}{% endmacro %}")
    shop.write("macros/n.sql", "{% macro n(x) %}{{ x }}{% endmacro %}{% if %}")
    found = shop.features('a: "{{ m(1) }} + {{ n(2) }}"')
    assert sorted(str(d.span) for d in found.findings) == ["macros/m.sql:1:1", "macros/n.sql:1:1"]
