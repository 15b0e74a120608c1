"""Definitions and what they are said to mean. A phrase has to be true of its definition, edges and NULLs included."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from featc.algebra import AGGREGATES
from featc.algebra.phrases import PHRASES
from featc.words import Meanings
from resolve.projects import SHOP, resolved

OTHERS = """\
windows:
  hop15: {range: 1d, hop: 15m}
  aligned: {range: 6h, hop: 15m, align: true}
  aligned_back: {range: 6h, hop: 1h, align: true, offset: 1d}
  back: {range: 7d, offset: 1d}
  old: {lifetime: true, offset: 1h}
  five: {rows: 5, range: 6h}
  one: {rows: 1}
  five_back: {rows: 5, offset: 1h}
  month: {calendar: month}
  months3: {calendar: month, previous: 3, timezone: Europe/Berlin}
  week_before: {calendar: week, previous: 1, timezone: Europe/Berlin}
  since_paid: {since: paid}
  since_fail: {since: "status = 'failed' and amount > 3"}
sources:
  late:
    sql: select 1::bigint as user_id, 'x' as kind, timestamp '2026-01-01' as at, true as fresh
    time: at
    delay: 30m
  web_visits:
    sql: select 1::bigint as user_id, 'x' as page, timestamp '2026-01-01' as at
    time: at
  dumps:
    kind: snapshot
    key: sku
    sql: select 1::bigint as user_id, 's' as sku, 2.0::double as price, timestamp '2026-01-01' as at
    time: at
  all_rows: {union: [late, orders]}
  answered:
    from: web_visits
    match:
      order: {source: orders, keys: {user_id: user_id}, within: 3d}
"""

KNOWN = "; as known at the request (by loaded_at)"
PAID = "paid orders"

VIEWS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "windows": (
        "entity: user\nsource: orders\nwhere: paid",
        {
            "a": ("count(*) over last_7d", f"count of {PAID} in the 7 days before the request"),
            "b": ("count(*) over last_1d12h", f"count of {PAID} in the 1 day 12 hours before the request"),
            "c": ("count(*) over last_1h", f"count of {PAID} in the hour before the request"),
            "d": ("count(*) over prev_7d", f"count of {PAID} in the 7 days before the last 7 days"),
            "e": ("count(*) over lifetime", f"count of {PAID} at any time before the request"),
            "f": ("count(*) over back", f"count of {PAID} in the 7 days ending 1 day before the request"),
            "g": ("count(*) over old", f"count of {PAID} more than 1 hour before the request"),
            "h": (
                "count(*) over hop15",
                f"count of {PAID} in the day before the request, reaching back to a full step of 15 minutes",
            ),
            "i": ("count(*) over aligned", f"count of {PAID} in the 6 hours before the last full step of 15 minutes"),
            "j": (
                "count(*) over aligned_back",
                f"count of {PAID} in the 6 hours before the last full hour at least 1 day before the request",
            ),
            "k": ("sum(amount) over last_10_rows", f"sum of amount of the last 10 {PAID} before the request"),
            "l": ("sum(amount) over one", f"sum of amount of the last one of {PAID} before the request"),
            "m": ("sum(amount) over five", f"sum of amount of the last 5 {PAID} in the 6 hours before the request"),
            "n": (
                "sum(amount) over five_back",
                f"sum of amount of the last 5 {PAID} more than 1 hour before the request",
            ),
            "o": ("count(*) over month", f"count of {PAID} since the current month began in UTC, before the request"),
            "p": (
                "count(*) over months3",
                f"count of {PAID} in the 3 whole months before the current one in Europe/Berlin",
            ),
            "q": (
                "count(*) over week_before",
                f"count of {PAID} in the whole week before the current one in Europe/Berlin",
            ),
            "r": (
                "count(*) over since_fail",
                f"count of {PAID} from the last one with status 'failed' and amount above 3 on, it included, before"
                " the request",
            ),
        },
    ),
    "filtered": (
        "entity: user\nsource: orders",
        {
            # the last rows are taken before FILTER
            "a": (
                "count(*) filter (where paid) over last_10_rows",
                "count of those with paid true among the last 10 orders before the request",
            ),
            "b": (
                "sum(amount) filter (where status <> 'paid') over since_paid",
                "sum of amount of those with status other than 'paid' among orders from the last one with paid true"
                " on, it included, before the request",
            ),
            "c": (
                "count(*) filter (where status = 'sent') over last_7d",
                "count of orders with status 'sent' in the 7 days before the request",
            ),
            "d": (
                "count(*) filter (where amount between 1 and 5 and status = 'x') over last_7d",
                "count of orders with amount from 1 to 5 and status 'x' in the 7 days before the request",
            ),
            "e": (
                "count(*) filter (where not gift) over last_7d",
                "count of orders not gift in the 7 days before the request",
            ),
            "f": (
                "count(*) filter (where status is not null and seq is null) over last_7d",
                "count of orders with status not NULL and seq NULL in the 7 days before the request",
            ),
            "g": (
                "count(*) filter (where lower(status) = 'x' or gift) over last_7d",
                "count of orders where lower(status) = 'x' or gift in the 7 days before the request",
            ),
            "h": (
                "count(*) filter (where status not in ('a', 'b')) over last_7d",
                "count of orders with status other than 'a' or 'b' in the 7 days before the request",
            ),
            "i": (
                "count(*) filter (where amount > weight and amount <= 3 and seq = order_id) over last_7d",
                "count of orders with amount above weight, amount of at most 3 and seq equal to order_id in the 7 days"
                " before the request",
            ),
            "j": (
                "count(*) filter (where (paid or gift) and amount >= 2) over last_7d",
                "count of orders with amount of at least 2 where paid or gift in the 7 days before the request",
            ),
            "k": (
                "count(*) filter (where abs(net) > 3) over last_7d",
                "count of orders where abs(net) > 3 in the 7 days before the request",
            ),
            "l": (
                "count(*) filter (where status = 'it''s {x} and') over last_7d",
                "count of orders with status 'it''s {x} and' in the 7 days before the request",
            ),
            "m": (
                "count(*) filter (where case when gift and paid then true else paid end) over last_7d",
                "count of orders where case when gift and paid then true else paid end in the 7 days before the"
                " request",
            ),
            "n": (
                "count(*) filter (where gift and paid) over last_7d",
                "count of gift paid orders in the 7 days before the request",
            ),
        },
    ),
    "aggregates": (
        "entity: user\nsource: orders",
        {
            "a": ("count(status) over last_7d", "count of non-NULL status of orders in the 7 days before the request"),
            "b": (
                "count(distinct status) over last_7d",
                "count of different status among orders in the 7 days before the request",
            ),
            "c": (
                "approx_count_distinct(amount) over last_7d",
                "approximate count of different amount among orders in the 7 days before the request",
            ),
            "c2": (
                "approx_count_distinct(due) over last_7d",
                "approximate count of different due among orders in the 7 days before the request",
            ),
            "d": (
                "approx_quantile(weight, 0.9) over last_7d",
                "value within 1 % of the 0.9 quantile of weight of orders in the 7 days before the request",
            ),
            "e": (
                "rate_per_hour(*) filter (where gift) over last_7d",
                "count per hour of gift orders in the 7 days before the request",
            ),
            "f": (
                "decay_count(*, half_life => '6h') filter (where gift) over last_7d",
                "count, each halved for every 6 hours since it happened, of gift orders in the 7 days before the"
                " request",
            ),
            "g": (
                "arg_max(status, amount) over last_7d",
                "non-NULL status where amount is greatest (the first of equals) among orders in the 7 days before the"
                " request",
            ),
            "h": (
                "last(status, 3) over last_7d",
                "list of the last 3 non-NULL status (the newest last) of orders in the 7 days before the request",
            ),
            "i": ("sum(net) over last_7d", "sum of net of orders in the 7 days before the request"),
            "j": (
                "sum(amount * 2 + 1) over last_7d",
                "sum of (amount * 2 + 1) of orders in the 7 days before the request",
            ),
            "k": (
                "bool_and(paid) over last_7d",
                "whether paid holds, where known, for all orders in the 7 days before the request",
            ),
            "l": ("last(ordered_at) over lifetime", "last ordered_at of orders at any time before the request"),
            "m": (
                "max(hour_of_week(ordered_at)) over last_7d",
                "greatest hour_of_week(ordered_at) of orders in the 7 days before the request",
            ),
            "n": (
                "last(geo_cell(amount, weight, 6)) over last_7d",
                "last non-NULL geo_cell(amount, weight, 6) of orders in the 7 days before the request",
            ),
            "o": (
                "max(haversine_km(amount, weight, 3, 4)) over last_7d",
                "greatest haversine_km(amount, weight, 3, 4) of orders in the 7 days before the request",
            ),
            "p": (
                "last(in_zone(ordered_at, 'Europe/Berlin')) over last_7d",
                "last non-NULL in_zone(ordered_at, 'Europe/Berlin') of orders in the 7 days before the request",
            ),
            "q": (
                "last(address.city) over last_7d",
                "last non-NULL address.city of orders in the 7 days before the request",
            ),
        },
    ),
}

DERIVED = {
    "ratio": ("n / nullif(m, 0)", "n divided by m, NULL where m is 0"),
    "safe": ("safe_div(n, m)", "n divided by m, NULL where m is 0"),
    "plain": ("n / m", "n divided by m"),
    "less": ("n - m", "n minus m"),
    "three": ("n + m - n", "n + m - n"),
    "inner": ("(n + m) / nullif(m, 0)", "(n + m), divided by m, NULL where m is 0"),
    "more": ("n > 3", "whether n is more than 3"),
    "both": ("n = 3 and m > 1", "whether n = 3 and m > 1"),
    "cased": ("case when n > 3 then 'x' else 'y' end", "case when n > 3 then 'x' else 'y' end"),
    "other": ("coalesce(n, 0)", "n, or 0 where that is NULL"),
    "days": ("seconds_since(at) / 86400.0", "days since at"),
    "hours": ("seconds_since(at) / 3600", "hours since at"),
    "weeks": ("seconds_since(at) / 604800", "seconds since at, divided by 604800"),
    "whose": ("key.user_id", "key.user_id"),
    "away": ("n / nullif(elsewhere.k, 0)", "n divided by elsewhere.k, NULL where elsewhere.k is 0"),
}

WHOLE = """\
feature_views:
  elsewhere: {entity: user, source: web_visits, features: {k: count(*) over last_7d}}
  derived:
    entity: user
    source: web_visits
    features:
      n: count(*) over last_7d
      m: count(distinct page) over last_7d
      at: last(at) over lifetime
DERIVED
  ondemand: {request: {amount: bigint}, features: {over: request.amount - derived.n, amount: request.amount}}
  spend:
    entity: user
    source: orders
    windows: [1d]
    features:
      spend: {sql: sum(amount), default: 0}
      word: {sql: last(status) over lifetime, default: none}
      share: sum(amount) filter (where paid) / nullif(sum(amount), 0)
      series: {sql: sum(amount), over: {range: 1d, offsets: [0d, 1d, 2d]}}
  plan:
    entity: user
    source: plans
    where: is_big
    ttl: 365d
    windows: [7d]
    features:
      plan: plan
      big: is_big
      up: upper(plan)
      rich: mrr > 50
      now: count(*) over current
      changes: count(*)
  prices:
    entity: user
    source: dumps
    features: {mean: avg(price) over current}
  united: {entity: user, source: all_rows, features: {n: count(*) over last_7d}}
  matched: {entity: user, source: answered, features: {n: sum(order.amount) over last_7d}}
  both: {entity: user, source: late, closed: both, windows: [7d, lifetime, back, prev_7d], features: {n: count(*)}}
  right:
    {entity: user, source: late, closed: right, windows: [7d, back], features: {n: count(*)},
     labels: {y: count(*) over next_7d}}
  neither:
    entity: user
    source: late
    closed: neither
    features: {n: count(*) over last_7d}
    labels: {y: count(*) over next_7d > 0, z: {sql: sum(1) over next_7d, default: 0}}
  joined:
    entity: user
    source: orders
    join:
      plans: {within: 7d}
      p: {source: plans, keys: {user_id: user_id}}
      v: {view: elsewhere}
    features:
      a: sum(plans.mrr) over last_7d
      b: count(*) filter (where p.plan = 'pro') over last_7d
      c: max(v.k) over last_7d
      d: count(*) over last_7d
feature_services:
  s:
    request: {other: bigint}
    features:
      - plan.plan
      - again: {view: plan, keys: {user_id: request.other}, features: [plan]}
    derived:
      same: plan.plan = again.plan
"""

DELAY = "; as known at the request (30 minutes delay)"
ORDERS = "of orders in the 7 days before the request"
THEN = "at the time of each of orders, as then known"
SAID = {
    "ondemand.over": "request.amount minus derived.n",
    "ondemand.amount": "request.amount",
    "spend.spend_1d": f"sum of amount of orders in the day before the request{KNOWN}; 0 in place of NULL",
    "spend.word": f"last non-NULL status of orders at any time before the request{KNOWN}; 'none' in place of NULL",
    "spend.share_1d": "sum of amount of paid orders in the day before the request, divided by sum of amount of orders"
    f" in the day before the request, NULL where that is 0{KNOWN}",
    "spend.series": "list of 3: sum of amount of orders in the day before the request; in the day before the last day;"
    f" in the day ending 2 days before the request{KNOWN}",
    "plan.plan": "the plan as of the request; NULL unless is_big; unknown after 365 days",
    "plan.big": "whether is_big holds as of the request; NULL unless is_big; unknown after 365 days",
    "plan.up": "upper(the plan as of the request); NULL unless is_big; unknown after 365 days",
    "plan.rich": "whether the mrr as of the request is more than 50; NULL unless is_big; unknown after 365 days",
    "plan.now": "count of plans with is_big true in force at the request, none older than 365 days",
    "plan.changes_7d": "count of changes of plans with is_big true in the 7 days before the request",
    "prices.mean": "mean price of dumps in force at the request",
    "united.n": "count of all rows (late and orders) in the 7 days before the request; as known at the request (each by"
    " its source: late 30 minutes late and orders by loaded_at)",
    "matched.n": "sum of order.amount of web visits in the 7 days before the request; order: the first row of orders"
    " within 3 days from each on; each counted from 3 days after it on",
    "both.n_7d": f"count of late in the 7 days up to the request, both ends included{DELAY}",
    "both.n_lifetime": f"count of late at any time up to the request{DELAY}",
    "both.n_back": f"count of late in the 7 days ending 1 day before the request, both ends included{DELAY}",
    "both.n_prev_7d": f"count of late in the 7 days up to the start of the last 7 days, both ends included{DELAY}",
    "right.n_7d": f"count of late in the 7 days up to and including the request{DELAY}",
    "right.n_back": f"count of late in the 7 days ending 1 day before the request, that instant included{DELAY}",
    "right.y": "count of late in the 7 days after the request; by all that is known in the end; NULL until complete",
    "neither.n": f"count of late in the 7 days before the request, both ends left out{DELAY}",
    "neither.y": "whether count of late in the 7 days from the request on is more than 0; by all that is known in the"
    " end; NULL until complete",
    "neither.z": "sum of 1 of late in the 7 days from the request on, or 0 where that is NULL; by all that is known in"
    " the end; NULL until complete",
    "joined.a": f"sum of plans.mrr {ORDERS}; plans: the row in force {THEN}, at most 7 days old{KNOWN}",
    "joined.b": "count of orders with p.plan 'pro' in the 7 days before the request; p: the row in force of plans"
    f" {THEN}{KNOWN}",
    "joined.c": f"greatest v.k {ORDERS}; v: the features of elsewhere {THEN}{KNOWN}",
    "joined.d": f"count {ORDERS}{KNOWN}",
    "s.plan": "the plan as of the request; NULL unless is_big; unknown after 365 days",
    "s.again_plan": "the plan as of the request; NULL unless is_big; unknown after 365 days; for user_id ="
    " request.other",
    "s.same": "whether plan.plan is again.plan",
}


def views() -> str:
    lines = ["feature_views:"]
    for name, (head, features) in VIEWS.items():
        lines += [f"  {name}:", indent(head, "    "), "    features:"]
        lines += [f'      {n}: "{sql}"' for n, (sql, _) in features.items()]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    derived = "\n".join(f'      {name}: "{sql}"' for name, (sql, _) in DERIVED.items())
    files = (SHOP, OTHERS, views(), WHOLE.replace("DERIVED", derived))
    result = resolved(tmp_path_factory.mktemp("words"), *files)
    assert not result.errors, "\n".join(d.render() for d in result.errors)
    meanings = Meanings(result.project)
    service = result.project.services["s"]
    return meanings.features | {f"s.{o.name}": meanings.output(service, o) for o in service.outputs}


ROWS = [(f"{view}.{n}", phrase + KNOWN) for view, (_, fs) in VIEWS.items() for n, (_, phrase) in fs.items()]
VALUES = [(f"derived.{name}", phrase) for name, (_, phrase) in DERIVED.items()]


@pytest.mark.parametrize(("feature", "phrase"), [*ROWS, *VALUES, *SAID.items()], ids=lambda part: part[:30])
def test_a_definition_in_words(said: dict[str, str], feature: str, phrase: str) -> None:
    assert said[feature] == phrase


def test_every_aggregate_has_a_phrase() -> None:
    """To add an aggregate is to add its row and its phrase."""
    assert set(PHRASES) == set(AGGREGATES)


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_a_phrase_names_the_rows_all_arguments_and_parameters(name: str) -> None:
    row, phrase = AGGREGATES[name], PHRASES[name]
    assert "{rows}" in phrase
    assert not row.arity or "{x}" in phrase or "{known}" in phrase
    assert row.arity < 2 or "{y}" in phrase
    assert all(f"{{{p.name}}}" in phrase for p in row.params)


def test_private_characters_of_an_author_are_no_names(tmp_path: Path) -> None:
    """The spelling uses some itself, and must not take an author's for its own."""
    view = "feature_views:\n  v:\n    entity: user\n    source: orders\n    features:\n"
    text = f'{view}      n: "count(*) filter (where status = \'\ue002\ue003\') over last_7d"\n'
    result = resolved(tmp_path, SHOP, text)
    assert not result.errors
    assert Meanings(result.project).features["v.n"].startswith("count of orders with status '??' in the 7 days")
