"""The rows that a report lists, how each stands, and why values are NULL."""

from __future__ import annotations

from typing import Any

import pytest

import featc
from featc.runtime.why import WhyReport
from why.shop import AT, write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> featc.FeatureStore:
    return featc.FeatureStore(write_shop(tmp_path_factory.mktemp("shop")))


def asked(shop: featc.FeatureStore, feature: str, at: str = AT, **keys: Any) -> WhyReport:
    report: WhyReport = shop.why("till", feature, keys, at)
    return report


def standings(report: WhyReport) -> dict[str, list[Any]]:
    """The ids of the rows of the only aggregate, by standing."""
    (told,) = report.features[0].aggregates
    found: dict[str, list[Any]] = {}
    for row in told.rows:
        found.setdefault(row.standing, []).append(next(iter(row.id.values()), row.time))
    assert {s: len(ids) for s, ids in found.items()} == told.counts
    return found


def test_every_row_of_the_entity_has_one_standing(shop: featc.FeatureStore) -> None:
    assert standings(asked(shop, "n_7d", user_id=7)) == {
        "counted": [2, 3, 9, 12],
        "where": [4],
        "superseded": [3, 5, 6],
        "duplicate": [9],
        "unknown": [7],
        "never": [10],
        "too late": [11],
        "before": [1],
        "after": [8],
    }


def test_a_row_at_the_edge_is_said_to_be_there(shop: featc.FeatureStore) -> None:
    rows = {r.id["order_id"]: r for r in asked(shop, "n_7d", user_id=7).features[0].aggregates[0].rows}
    assert (rows[1].distance, rows[8].distance) == (-1, 0)


def test_a_microsecond_moves_rows_over_both_edges(shop: featc.FeatureStore) -> None:
    found = standings(asked(shop, "n_7d", "2026-05-08T12:00:00.000001Z", user_id=7))
    assert (found["counted"], found["before"]) == ([3, 9, 12, 8], [1, 2])


def test_what_replaced_a_version_is_told(shop: featc.FeatureStore) -> None:
    rows = asked(shop, "n_7d", user_id=7).features[0].aggregates[0].rows
    corrected, deleted, moved = (r.replaced_by for r in rows if r.standing == "superseded")
    assert corrected is not None
    assert list(corrected.changes) == ["amount", "seen"]
    assert deleted is not None
    assert deleted.deleted
    assert moved is not None
    assert moved.moved
    assert moved.changes["user_id"] == (7, 8)


def test_the_entity_that_a_row_moved_to_counts_it(shop: featc.FeatureStore) -> None:
    assert standings(asked(shop, "n_7d", user_id=8)) == {"counted": [6]}


def test_last_rows_and_rows_since_an_event_leave_older_ones_beyond(shop: featc.FeatureStore) -> None:
    last, since = standings(asked(shop, "last_2", user_id=7)), standings(asked(shop, "since", user_id=7))
    assert (last["counted"], last["beyond"]) == ([9, 12], [1, 2, 3])
    assert (since["counted"], since["beyond"]) == ([3, 9, 12], [1, 2])


def test_a_filter_keeps_members_from_counting(shop: featc.FeatureStore) -> None:
    found = standings(asked(shop, "returned_7d", user_id=7))
    assert (found["counted"], found["filtered"]) == ([3], [2, 9, 12])


def test_a_calendar_window_begins_in_its_zone(shop: featc.FeatureStore) -> None:
    (today,) = asked(shop, "today", user_id=7).features[0].aggregates
    assert today.lower is not None
    assert (today.zone, today.lower.at, today.lower.included) == ("Europe/Berlin", 1778191200000000, True)
    assert [r.id["order_id"] for r in today.rows if r.standing == "counted"] == [12]


def test_the_row_that_decides_is_marked(shop: featc.FeatureStore) -> None:
    (top,) = asked(shop, "top_7d", user_id=7).features[0].aggregates
    assert [r.values for r in top.rows if r.decides] == [{"sku": "b", "amount": pytest.approx(30)}]


def test_joined_columns_tell_which_row_was_looked_up(shop: featc.FeatureStore) -> None:
    (toys,) = asked(shop, "toys_7d", user_id=7).features[0].aggregates
    found = [(r.id["order_id"], r.joined["products.category"]) for r in toys.rows if r.standing == "counted"]
    assert found == [(3, "toy"), (12, "toy")]
    assert all("products.changed" in r.joined for r in toys.rows)


def test_an_attributed_row_counts_from_its_maturity(shop: featc.FeatureStore) -> None:
    found = standings(asked(shop, "refunded", user_id=7))
    assert (found["counted"], found["unknown"]) == ([2], [7, 9, 12])


def test_rows_of_a_union_say_whose_they_are(shop: featc.FeatureStore) -> None:
    (paid,) = asked(shop, "paid", user_id=7).features[0].aggregates
    members = [r.id["_source"] for r in paid.rows if r.standing == "counted"]
    assert members.count("tips") == 1
    assert members.count("orders") == 6


def test_rows_that_hold_are_those_of_keys_that_are_still_the_entitys(shop: featc.FeatureStore) -> None:
    (dear,) = asked(shop, "dear", user_id=7).features[0].aggregates
    rows = [(r.standing, r.data["listing_id"], r.data["price"]) for r in dear.rows]
    assert rows == [("counted", 1, 100), ("counted", 3, 150), ("ended", 3, 200), ("ended", 2, 300)]


# ── lookups ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("feature", "sku", "because"),
    [
        ("price", "a", None),
        ("price", "b", "it is 68d 12h old, and ttl is 30d"),
        ("price", "c", "it held until 2026-05-07 00:00:00 only"),
        ("price", "d", "it says that there is nothing any more (deleted)"),
        ("price", "e", "it does not pass where, and hides those before it"),
        ("price", "f", "no row of it is known at that instant"),
        ("rank", "a", None),
        ("rank", "b", "the dump in force, that of 2026-05-05 00:00:00, does not have it"),
    ],
)
def test_a_lookup_says_why_no_row_holds(shop: featc.FeatureStore, feature: str, sku: str, because: str | None) -> None:
    report = asked(shop, feature, sku=sku)
    state = report.features[0].state
    assert state is not None
    assert state.because == because
    assert (report.value is None) == (because is not None)


def test_a_lookup_shows_the_rows_before_and_after(shop: featc.FeatureStore) -> None:
    state = asked(shop, "rank", sku="a").features[0].state
    assert state is not None
    found = {r.standing: r.data["rank"] for r in state.rows}
    assert found == {"earlier": 1, "holds": 5, "later": 6}


# ── features of others, and NULL ──────────────────────────────────────────────────────────────────────────────────


def test_what_a_feature_is_made_of_follows_it_once(shop: featc.FeatureStore) -> None:
    names = [f.name for f in asked(shop, "best_price", user_id=7).features]
    assert names == ["product.price", "service till.best.sku", "user_orders.top_7d"]


def test_a_key_that_is_computed_leads_to_the_entity_looked_up(shop: featc.FeatureStore) -> None:
    state = asked(shop, "best_price", user_id=7).features[0].state
    assert state is not None
    assert state.entity == {"sku": "b"}


@pytest.mark.parametrize(
    ("feature", "keys", "because"),
    [
        ("ratio", {"user_id": 8, "amount": 3}, None),
        ("ratio", {"user_id": 9, "amount": 3}, "nullif(user_orders.n_7d, 0) is NULL, with user_orders.n_7d = 0"),
        ("ratio", {"user_id": 8, "amount": None}, "request.amount is NULL"),
        ("of_returned", {"user_id": 8, "amount": 3}, "user_orders.returned_7d is NULL"),
        ("returned_7d", {"user_id": 8}, "no row counts in last_7d (1 fail FILTER)"),
        ("returned_7d", {"user_id": 9}, "orders has no row with these keys"),
        ("next_spend", {"user_id": 7}, "the data does not reach far enough beyond the instant, so the label is not"),
    ],
)
def test_a_null_says_why(shop: featc.FeatureStore, feature: str, keys: dict[str, Any], because: str | None) -> None:
    found = asked(shop, feature, **keys).features[0].because
    assert found == because or (because is not None and str(found).startswith(because))


def test_a_default_is_said_to_stand_in_for_null(shop: featc.FeatureStore) -> None:
    report = asked(shop, "spend_7d", user_id=9)
    (spend,) = report.features
    assert (float(report.value), spend.plain, spend.defaulted) == (0, None, True)
    assert report.notes == ("orders has no row of user_id = 9, at any instant; its keys look like 7",)


def test_a_label_counts_by_what_is_known_by_then(shop: featc.FeatureStore) -> None:
    at, keys = "2026-05-04T00:00:00Z", {"user_id": 7}
    (latest,) = shop.why("till", "next_spend", keys, at).features[0].aggregates
    (early,) = shop.why("till", "next_spend", keys, at, known_at="2026-05-05T18:00:00Z").features[0].aggregates
    assert [r.id["order_id"] for r in latest.rows if r.standing == "counted"] == [7, 9, 12, 8]
    assert [r.id["order_id"] for r in early.rows if r.standing == "counted"] == [5, 6]
    assert [r.id["order_id"] for r in early.rows if r.standing == "unknown"] == [7, 9, 12, 8]


# ── how it is said ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("feature", ["n_7d", "today", "toys_7d", "refunded", "dear", "best_price"])
def test_the_text_is_no_wider_than_a_terminal(shop: featc.FeatureStore, feature: str) -> None:
    lines = asked(shop, feature, user_id=7).render().splitlines()
    assert max(map(len, lines)) <= 100


def test_the_time_line_has_a_sign_in_each_rows_place(shop: featc.FeatureStore) -> None:
    lines = asked(shop, "n_7d", user_id=7).render().splitlines()
    line = next(n for n, text in enumerate(lines) if "[" in text and "..." in text)
    assert lines[line].strip() == (
        "........[*.........*........w.........s........s.........?............*.*...)o........"
    )
    assert lines[line + 1].index("^") == lines[line].index("[")
    assert lines[line + 1].rindex("^") == lines[line].index(")")


def test_of_many_rows_both_ends_are_listed(shop: featc.FeatureStore) -> None:
    report = shop.why("till", "n_7d", {"user_id": 7}, AT, limit=1)
    (told,) = report.features[0].aggregates
    assert [r.id["order_id"] for r in told.rows if r.standing == "counted"] == [2, 12]
    assert told.counts["counted"] == 4
    assert "… 2 more" in report.render()


def test_a_window_of_the_same_rows_is_not_shown_twice(shop: featc.FeatureStore) -> None:
    text = asked(shop, "share", user_id=7).render()
    assert text.count("4 rows") == 1
    assert "of the same rows as sum(amount) over last_7d, above" in text
