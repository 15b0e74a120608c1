# ruff: noqa: E501 — YAML and SQL are read best on one line
"""Each wrong definition is told at the author's own line and column, with a way out; all of them in one run."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from resolve.projects import HEAD, SHOP, caret, only_error, resolved

# A feature of a view over orders, whose own features follow: what is wrong, what stands under the caret, a way out.
FEATURES = [
    ("b: amount", "F302", "amount", "sum(amount)"),
    ("b: upper(status)", "F302", "status", "last(status)"),
    ("b: paid", "F302", "paid", "where paid"),
    ("b: seconds_since(ordered_at)", "F302", "ordered_at", "last(ordered_at)"),
    ("b: orders.amount + 1", "F302", "orders.amount", "sum(amount)"),
    ("b: sum(amont) over last_7d", "F301", "amont", "'amount'"),
    ("b: sum(orders.amount) over last_7d", "F301", "orders.amount", "write amount"),
    ("b: sum(products.price) over last_7d", "F301", "products.price", "join"),
    ("b: nn + 1", "F301", "nn", "known here"),
    ("b: spendd_7d", "F301", "spendd_7d", "'spend'"),
    ("b: spend_9d", "F301", "spend_9d", "spend_7d"),
    ("b: plan", "F301", "plan", "user_plan.plan"),
    ("b: user_plan.plann", "F301", "user_plan.plann", "'plan'"),
    ("b: user_plans.plan", "F301", "user_plans.plan", "'user_plan'"),
    ("b: source.amount", "F301", "source.amount", "amount"),
    ("b: user_id", "F302", "user_id", None),
    ("b: request.price", "F319", "request.price", "price: bigint"),
    ("b: key.usr_id", "F309", "key.usr_id", "user_id"),
    ("b: sum(as_of) over last_7d", "F325", "as_of", "outside"),
    ("b: count(*) filter (where request.x > 1) over last_7d", "F325", "request.x", "outside"),
    ("b: sum(seconds_since(ordered_at)) over last_7d", "F325", "seconds_since(ordered_at)", "aggregate first"),
    ("b: sum(status) over last_7d", "F313", "status", "double"),
    ("b: sum(paid) over last_7d", "F313", "paid", "count(*) filter"),
    ("b: last(items) over last_7d", "F313", "items", None),
    ("b: bool_or(amount) over last_7d", "F313", "amount", None),
    ("b: count(items) over last_7d", "F313", "items", "cast"),
    ("b: sum(amount) filter (where seq) over last_7d", "F312", "seq", "comparison"),
    ("b: sum(amount) over last_7", "F304", "last_7", "7d"),
    ("b: sum(amount) over last_7days", "F304", "last_7days", "7d"),
    ("b: sum(amount) over last_1month", "F304", "last_1month", "30d"),
    ("b: sum(amount) over last_0_rows", "F304", "last_0_rows", "10_rows"),
    ("b: sum(amount) over lasst_7d", "F304", "lasst_7d", "last_7d"),
    ("b: sum(amount) over current", "F390", "current", "kind: state"),
    ("b: sum(amount) over next_7d", "F342", "next_7d", "under labels:"),
    ("b: sum(amount + status) over last_7d", "F311", "amount + status", "amount is DECIMAL(12,2), status is VARCHAR"),
    ("b: sqrt(c)", "F311", "sqrt(c)", "c is VARCHAR"),
    ("b: (count(*) over lifetime) > 'x'", "F311", "(count(*) over lifetime) > 'x'", "BIGINT"),
    ("b: (last(due) over lifetime) > '2026-31-01'", "F311", "(last(due) over lifetime) > '2026-31-01'", "DATE"),
    ("b: (count(*) over lifetime) * interval 1 day", "F314", "(count(*) over lifetime) * interval 1 day", "epoch"),
    ("b: cast(null as json)", "F314", "cast(null as json)", "varchar"),
    ('b: "null"', "F314", "null", "cast(null"),
    ("b: b + 1", "F306", "b", "own result"),
    ("b: b_7d + 1", "F306", "b_7d", "own result"),
    ("{b: count(*)}", "F303", "count(*)", "over last_7d"),
    ("b: sum(max(amount)) over last_7d", "F213", "max(amount)", "feature of its own"),
    ("b: sum(amount) over {windw}", "F204", "{", "over last_7d"),
    ("b: last(ordered_at) over lifetime as_of", "F202", "as_of", "alias"),
    ("b: sum(amount) over (rows 10 preceding)", "F206", "over (rows 10 preceding)", "last_11_rows"),
    ("b: now() - (last(ordered_at) over lifetime)", "F208", "now", "as_of"),
    ("{b: {sql: count(*) over lifetime, default: 1.5}}", "F315", "1.5", "number"),
    ("{b: {sql: count(*) over lifetime, default: none}}", "F315", "none", "number"),
    ("{b: {sql: last(due) over lifetime, default: yesterday}}", "F315", "yesterday", "2026-01-31"),
    ("{b: {sql: last(paid) over lifetime, default: 3}}", "F315", "3", "true or false"),
    ("{b: {sql: count(*) over lifetime, windows: [7d]}}", "F321", "b", "remove windows"),
    ("{b: {sql: count(*), windows: [7x]}}", "F304", "7x", "units"),
    ("{b: spend_7d, B: spend_1d}", None, "B", None),
]  # fmt: skip

VIEW = """\
feature_views:
  user_plan: {entity: user, source: plans, features: [plan]}
  base:
    entity: user
    source: orders
    features:
      c: last(status) over lifetime
      spend: {sql: sum(amount), windows: [1d, 7d]}
      FEATURE
"""


@pytest.mark.parametrize(("feature", "code", "under", "hint"), FEATURES)
def test_a_wrong_feature(
    feature: str, code: str | None, under: str, hint: str | None, tmp_path: Path
) -> None:
    body = feature.strip("{}") if feature.startswith("{") and "sql" not in feature else feature
    if body.startswith("{"):
        body = body[1:-1]
    lines = body.split(", B:")
    text = VIEW.replace("FEATURE", lines[0] + (f"\n      B:{lines[1]}" if len(lines) > 1 else ""))
    found = only_error(resolved(tmp_path, SHOP, text))
    assert code is None or found.code == code, found.render()
    assert found.span is not None
    assert found.span.file == "features/b.yaml"
    assert found.span.line == 9 + (len(lines) > 1)
    assert caret(found) == under, found.render()
    if hint is not None:
        assert hint in (found.hint or ""), found.render()


VIEWS = [
    ("entity: usr\nsource: orders\nfeatures: {n: count(*) over lifetime}", "F308", "usr", "'user'"),
    ("entity: user\nsource: order\nfeatures: {n: count(*) over lifetime}", "F308", "order", "'orders'"),
    ("entity: user\nsource: orders\nkeys: {usr_id: seq}\nfeatures: {n: count(*) over lifetime}", "F309", "seq", "'user_id'"),
    ("entity: user\nsource: orders\nkeys: {user_id: weight}\nfeatures: {n: count(*) over lifetime}", "F310", "weight", "bigint"),
    ("entity: user\nsource: orders\nkeys: {user_id: items}\nfeatures: {n: count(*) over lifetime}", "F310", "items", None),
    ("entity: user\nsource: orders\nkeys: {user_id: count(*)}\nfeatures: {n: count(*) over lifetime}", "F326", "count(*)", "row expression"),
    ("entity: user\nsource: orders\nwhere: seq\nfeatures: {n: count(*) over lifetime}", "F312", "seq", "comparison"),
    ("entity: user\nsource: orders\nwhere: stats = 'x'\nfeatures: {n: count(*) over lifetime}", "F301", "stats", "'status'"),
    ("entity: user\nsource: orders\nwhere: sum(amount) > 3\nfeatures: {n: count(*) over lifetime}", "F326", "sum(amount)", None),
    ("entity: user\nsource: orders\nwhere: status +\nfeatures: {n: count(*) over lifetime}", None, None, None),
    ("entity: user\nsource: orders\nttl: 30d\nfeatures: {n: count(*) over lifetime}", "F321", "30d", "window"),
    ("entity: user\nsource: orders\nwindows: [7d, 7days]\nfeatures: {n: count(*)}", None, "7days", "7d"),
    ("entity: user\nsource: orders\nwindows: [7d, smoth]\nfeatures: {n: count(*)}", "F304", "smoth", "lifetime"),
    ("entity: product\nsource: plans\nfeatures: [plan]", "F309", "v", "keys:"),
    ("entity: user\nsource: orders\nfeatures: {user_id: count(*) over lifetime}", "F307", "user_id", "rename"),
    ("entity: user\nsource: orders\nwindows: [7d]\nfeatures:\n  n: count(*)\n  n_7d: sum(amount) over last_7d", "F307", "n_7d", "rename"),
    ("entity: user\nsource: orders\nfeatures:\n  a: b + 1\n  b: c * 2\n  c: a", "F306", "b", "without"),
    ("request: {price: double}\nfeatures: {n: count(*) over lifetime}", "F321", "count(*) over lifetime", "source"),
    ("features: {one: 1 + 1}", "F321", "v", "request"),
    ("request: {price: dubble}\nfeatures: {n: request.price}", "F317", "dubble", "'double'"),
    ("entity: product\nfeatures: {n: other.n}", "F309", "other.n", "keys"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "under", "hint"), VIEWS)
def test_a_wrong_view(
    body: str, code: str | None, under: str | None, hint: str | None, tmp_path: Path
) -> None:
    other = "\n  other: {entity: user, source: orders, features: {n: count(*) over lifetime}}\n"
    text = "feature_views:\n  v:\n" + indent(body, "    ") + other
    found = only_error(resolved(tmp_path, SHOP, text))
    assert code is None or found.code == code, found.render()
    assert under is None or caret(found) == under, found.render()
    assert hint is None or hint in (found.hint or ""), found.render()


SOURCES = [
    ("time: att", "F301", "att", "'at'"),
    ("time: code", "F312", "code", "::timestamp"),
    ("time: x", "F312", "x", "make_timestamp"),
    ("time: at\navailable_at: code", "F312", "code", None),
    ("time: at\nid: idd", "F301", "idd", "'id'"),
    ("time: at\ntie_break: [sequence]", "F301", "sequence", None),
    ("time: at\ndeleted: x", "F312", "x", "comparison"),
    ("time: at\nlet: {a: b + 1, b: a + 1}", "F306", "b + 1", "columns"),
    ("time: at\nlet: {x: 1}", "F307", "1", "something else"),
    ("time: at\nlet: {y: zz + 1}", "F301", "zz", None),
    ("time: at\nlet: {y: x + code, z: y + 1}", "F311", "x + code", "VARCHAR"),
    ("time: at\ncolumns: {x: bigin}", "F317", "bigin", "'bigint'"),
    ("time: at\ncolumns: {xx: bigint}", "F301", "xx", "'x'"),
    ("time: at\ncolumns: {x: text}", "F318", "text", "declare it"),
    ("time: at\ncolumns: {x: smallint}", "F318", "smallint", "declare it"),
    ("time: now()", "F208", "now", None),
]


@pytest.mark.parametrize(("body", "code", "under", "hint"), SOURCES)
def test_a_wrong_source(body: str, code: str, under: str, hint: str | None, tmp_path: Path) -> None:
    text = (
        "sources:\n  s:\n    sql: select 1 as id, 2 as x, 'c' as code, timestamp '2026-01-01' as at\n"
        + indent(body, "    ")
        + "\n"
    )
    found = only_error(resolved(tmp_path, text))
    assert found.code == code, found.render()
    assert caret(found) == under, found.render()
    assert hint is None or hint in (found.hint or ""), found.render()


SERVICES = [
    ("[a, b]", "F307", "b", "b_n: b.n"),
    ("[a.m]", "F323", "a.m", "known here: k, n"),
    ("[aa]", "F323", "aa", "'a'"),
    ("[a.z_*]", "F323", "a.z_*", None),
    ("[{x: a}]", None, None, None),
    ("[{user_id: a.n}]", "F307", "user_id", "rename"),
    ("[{as_of: a.n}]", None, None, None),
    ("[{price: ctx.r}]", "F307", "price", "rename"),
    ("[a, {N: b.n}]", "F307", "N", "rename"),
]


@pytest.mark.parametrize(("picks", "code", "under", "hint"), SERVICES)
def test_a_wrong_service(
    picks: str, code: str | None, under: str | None, hint: str | None, tmp_path: Path
) -> None:
    text = f"""
        feature_views:
          a: {{entity: user, source: orders, features: {{n: count(*) over lifetime, k: sum(seq) over last_7d}}}}
          b: {{entity: user, source: orders, features: {{n: sum(amount) over lifetime}}}}
          ctx: {{request: {{price: double}}, features: {{r: request.price * 2}}}}
        feature_services:
          s: {{features: {picks}}}
    """
    found = only_error(resolved(tmp_path, SHOP, text))
    assert code is None or found.code == code, found.render()
    assert under is None or caret(found).startswith(under), found.render()
    assert hint is None or hint in (found.hint or ""), found.render()


def test_keys_of_a_service_must_agree_on_their_type(tmp_path: Path) -> None:
    found = only_error(
        resolved(
            tmp_path,
            SHOP,
            """
        feature_views:
          a: {entity: user, source: orders, features: {n: count(*) over lifetime}}
          b: {entity: user, source: orders, keys: {user_id: sku}, features: {m: count(*) over lifetime}}
        feature_services:
          s: {features: [a, b]}
    """,
        )
    )
    assert found.code == "F324"
    assert "BIGINT in a and VARCHAR in b" in found.message


def test_a_column_known_later_is_not_used_early(tmp_path: Path) -> None:
    source = """
        entities: {user: user_id}
        sources:
          s:
            sql: select 1 as user_id, 2 as fee, timestamp '2026-01-01' as at, timestamp '2026-01-01' as refunded_at
            time: at
            ARRIVAL
            columns: {fee: {known_after: refunded_at}}
        feature_views:
          v: {entity: user, source: s, features: {fees: sum(fee) over lifetime}}
    """
    early = only_error(resolved(tmp_path, source.replace("ARRIVAL", "delay: 1h")))
    assert (early.code, caret(early)) == ("F316", "fee")
    assert not resolved(tmp_path, source.replace("ARRIVAL", "available_at: refunded_at")).errors


def test_state_lookups_need_the_sources_own_key(tmp_path: Path) -> None:
    found = only_error(
        resolved(
            tmp_path,
            """
        entities: {account: account_id}
        sources:
          tickets:
            {kind: state, key: ticket_id, sql: "select 1 as ticket_id, 2 as account_id, 'x' as status, timestamp '2026-01-01' as at", time: at}
        feature_views:
          v: {entity: account, source: tickets, features: [status]}
    """,
        )
    )
    assert found.code == "F327"


def test_all_errors_of_a_run_are_told_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        SHOP,
        """
        feature_views:
          v:
            entity: user
            source: orders
            features:
              a: sum(amont) over last_7d
              b: now()
              c: d + 1
              d: c + 1
              e: sum(status) over last_7d
              f: a + 1
        feature_services:
          s: {features: [w]}
    """,
    )
    assert [(d.code, d.span and d.span.line) for d in result.errors] == [
        ("F301", 7), ("F208", 8), ("F306", 9), ("F313", 11), ("F323", 14),
    ]  # fmt: skip


def test_what_depends_on_something_broken_is_not_told_again(tmp_path: Path) -> None:
    found = only_error(
        resolved(
            tmp_path,
            SHOP,
            """
        feature_views:
          v:
            entity: user
            source: orders
            features: {a: sum(amont) over last_7d, b: a + 1}
          w: {features: {c: v.a * 2, d: v.b}}
        feature_services:
          s: {features: [v.b, w]}
    """,
        )
    )
    assert found.code == "F301"


@pytest.mark.parametrize(("yaml", "line", "column"), [
    ("a: sum(amont) over last_7d", 6, 14),
    ("a: 'sum(amont) over last_7d'", 6, 15),
    ('a: "sum(amont) over last_7d"', 6, 15),
    ("a: |\n        1 +\n        sum(amont) over last_7d", 8, 13),
    ("a: >-\n        1 +\n        sum(amont) over last_7d", 8, 13),
    ("a: sum({{ var('col') }}) over last_7d", 6, 14),
])  # fmt: skip
def test_places_are_exact_in_every_style_of_scalar(yaml: str, line: int, column: int, tmp_path: Path) -> None:
    text = f"feature_views:\n  v:\n    entity: user\n    source: orders\n    features:\n      {yaml}\n"
    found = only_error(resolved(tmp_path, SHOP, text, target=HEAD + "vars: {col: amont}\n"))
    assert found.span is not None
    assert (found.code, found.span.line, found.span.column) == ("F301", line, column)


def test_a_missing_file_does_not_hide_other_errors(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        """
        entities: {user: user_id}
        sources:
          s: {path: data/nothing.parquet, time: at, deleted: op +}
        feature_views:
          v: {entity: user, source: s, features: {a: count(*) over lifetime, b: now()}}
        feature_services:
          t: {features: [v, v.a]}
    """,
    )
    assert [d.code for d in result.errors] in (["F401", "F201", "F208"], ["F401", "F108", "F208"])


def test_what_the_loader_left_out_is_not_missed_again(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        SHOP,
        """
        feature_views:
          v:
            entity: user
            source: orders
            windows: [7d]
            features:
              a: {sql: sum(amount), defautl: 0}
              b: a + 1
              c: a_7d + 1
          w: {features: {d: v.a_7d}}
        feature_services:
          s: {features: [v.a_7d, w.d]}
    """,
    )
    assert [d.code for d in result.errors] == ["F106"]


def test_a_wrong_where_is_told_once_and_not_again_where_a_service_picks_the_view(tmp_path: Path) -> None:
    text = """\
    entities: {user: id}
    sources:
      s: {sql: "select 1 as id, 'a' as code, timestamp '2026-01-01' as at", time: at}
    feature_views:
      v:
        entity: user
        source: s
        where: cod = 'a'
        features:
          n: count(*) over lifetime
    feature_services:
      svc: {features: [v]}
    """
    found = only_error(resolved(tmp_path, text))
    assert caret(found) == "cod", found.render()
