"""What a report says of the online store: the served value, what a read uses, and what makes the plans differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import featc
from featc.cli import cli
from tiny_project import ORDERS, write_project
from why.shop import write_shop

AT = "2026-01-05T00:00:00Z"
KEYS = {"user_id": 7}


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "-p", str(folder)])


def push(folder: Path, lines: Sequence[int]) -> None:
    head, *rows = ORDERS.splitlines()
    path = folder / "some.csv"
    path.write_text("\n".join([head, *(rows[n] for n in lines)]) + "\n", encoding="utf-8")
    with_store = featc.FeatureStore(folder)
    with_store.push("orders", path)
    with_store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


def test_without_a_store_none_is_made(folder: Path) -> None:
    report = featc.FeatureStore(folder).why("checkout", "spend_7d", KEYS, AT)
    assert (report.online.there, report.differs, report.exit_code) == (False, False, 0)
    assert "there is no online store at .featc/online.db" in report.render()
    assert not (folder / ".featc").exists()


def test_the_served_value_stands_beside_the_training_value(folder: Path) -> None:
    push(folder, range(5))
    report = featc.FeatureStore(folder).why("checkout", "spend_7d", KEYS, AT)
    assert (float(report.training.value), float(report.online.value), report.differs) == (16.5, 16.5, False)


def test_a_row_that_the_store_lacks_makes_them_differ(folder: Path) -> None:
    push(folder, [1, 2])
    done = run(folder, "why", "checkout", "spend_7d", "--key", "user_id=7", "--at", AT)
    assert done.exit_code == 3
    assert "training 16.50, online 6.50: they DIFFER" in done.stdout
    assert "the store lacks of orders, in last_7d: the row of 2026-01-01 10:00:00" in done.stdout


def test_a_version_that_the_store_lacks_is_told_from_the_one_it_has(folder: Path) -> None:
    push(folder, [0, 1])
    report = featc.FeatureStore(folder).why("checkout", "spend_7d", KEYS, AT)
    (spend,) = report.features[0].aggregates
    assert spend.online is not None
    assert [t for t, _ in spend.online.lacking] == [t for t, _ in spend.online.surplus]
    assert report.differs


def test_a_lookup_tells_which_row_the_store_comes_upon(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    store = featc.FeatureStore(folder)
    rows = (folder / "data/products.csv").read_text().splitlines()
    (folder / "some.csv").write_text("\n".join([rows[0], *rows[3:]]) + "\n")
    store.push("products", folder / "some.csv")
    report = store.why("product", "price", {"sku": "a"}, "2026-05-08T12:00:00Z")
    state = report.features[0].state
    assert state is not None
    assert state.online is not None
    assert (state.online.time, report.differs) == (None, True)
    assert "comes upon no row, and in the source upon that of 2026-05-01 00:00:00" in report.render().replace(
        "\n      ", " "
    )
    store.close()


def test_a_feature_differs_where_what_it_is_made_of_does(folder: Path) -> None:
    push(folder, [0])
    report = featc.FeatureStore(folder).why("checkout", "share", {**KEYS, "amount": 33}, AT)
    assert (report.differs, report.exit_code) == (True, 3)


def test_it_is_judged_beside_a_database_that_is_only_read(folder: Path) -> None:
    (folder / "featc.yaml").write_text("version: 1\nproject: tiny\ntargets: {dev: {database: .featc/tiny.duckdb}}\n")
    text = (folder / "features/orders.yaml").read_text()
    derived = "share: request.amount / nullif(user_orders.spend_7d, 0)\n      odd: user_orders.mean_7d * 2"
    text = text.replace("share: request.amount / nullif(user_orders.spend_7d, 0)", derived)
    text = text.replace("paid: count(*)", "mean: avg(amount::double)\n      paid: count(*)")
    (folder / "features/orders.yaml").write_text(text)
    store = featc.FeatureStore(folder)
    store.backfill()
    assert (folder / ".featc/tiny.duckdb").exists()
    push(folder, [0])
    report = store.why("checkout", "odd", KEYS, AT)
    assert (report.training.value, report.online.value, report.differs) == (16.5, 20.0, True)
    store.close()


def test_a_store_that_cannot_answer_says_why(folder: Path) -> None:
    push(folder, range(5))
    text = (folder / "features/orders.yaml").read_text()
    (folder / "features/orders.yaml").write_text(text.replace("<> 'cancelled'", "<> 'lost'"))
    report = featc.FeatureStore(folder).why("checkout", "spend_7d", KEYS, AT)
    assert report.online.missing is not None
    assert report.online.missing.startswith("F603")
    assert not report.differs


def test_what_was_applied_answers_where_the_yaml_says_something_else_by_now(folder: Path) -> None:
    push(folder, range(5))
    assert run(folder, "apply", "--no-verify").exit_code == 0
    before = (folder / "features/orders.yaml").read_text()
    edited = before.replace("sql: sum(amount)", "sql: sum(amount) filter (where status = 'paid')")
    assert edited != before
    (folder / "features/orders.yaml").write_text(edited)
    assert run(folder, "apply", "--no-verify").exit_code == 0
    assert run(folder, "rollback").exit_code == 0

    def missing(feature: str) -> str:
        with_store = featc.FeatureStore(folder)
        report = with_store.why("checkout", feature, {**KEYS, "amount": 33}, AT)
        with_store.close()
        assert report.exit_code == 0
        return report.online.missing or ""

    answers = "what was applied last answers"
    said = missing("spend_7d")
    assert said == f"{answers} 16.50, by user_orders.spend_7d: sum(amount) (featc plan shows what differs)"
    assert missing("orders_7d").startswith(f"{answers} 2, by the same definition")
    (folder / "features/orders.yaml").write_text(edited.replace("orders: count(*)", "taken: count(*)"))
    said = missing("taken_7d")
    assert said == "checkout has no taken_7d in what was applied last, which answers: featc apply brings it"


def test_a_store_that_nothing_was_pushed_to_serves_what_it_serves(folder: Path) -> None:
    featc.FeatureStore(folder).online.close()
    report = featc.FeatureStore(folder).why("checkout", "spend_7d", KEYS, AT)
    assert (float(report.online.value), report.differs) == (0, True)
    said = "nothing of orders was pushed or materialized yet: online, every entity is unknown"
    assert report.notes == (said,)


def test_the_tiles_that_a_read_uses_are_told(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny")
    first = datetime(2026, 1, 1)
    rows = [first + timedelta(hours=n) for n in range(24 * 6)]
    lines = [f"{n},7,1.00,paid,U,{t},{t}" for n, t in enumerate(rows)]
    (folder / "data/orders.csv").write_text("\n".join([ORDERS.splitlines()[0], *lines]) + "\n", encoding="utf-8")
    store = featc.FeatureStore(folder)
    store.materialize()
    (spend,) = store.why("checkout", "spend_7d", KEYS, "2026-01-06T12:00:00Z").features[0].aggregates
    assert spend.online is not None
    used = [t for t in spend.online.tiles if t.used]
    assert used
    assert sum(t.rows for t in used) + spend.online.raw == 132
    # a row that arrived after the instant unsettles its tile for reads before
    store.push("orders", [late(1000, first + timedelta(days=1, minutes=30), first + timedelta(days=5, hours=20))])
    (spend,) = store.why("checkout", "spend_7d", KEYS, "2026-01-05T12:00:00Z").features[0].aggregates
    assert spend.online is not None
    assert [t.used for t in spend.online.tiles].count(False) == 1
    store.close()


def late(order_id: int, at: datetime, seen: datetime) -> dict[str, Any]:
    order = {"order_id": order_id, "user_id": 7, "amount": 1, "status": "paid", "op": "U"}
    return {**order, "ordered_at": at, "loaded_at": seen}


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_holds_what_the_text_says(folder: Path) -> None:
    push(folder, range(5))
    arguments = ("why", "checkout", "share", "--key", "user_id=7", "--request", "amount=33", "--at", AT)
    found = json.loads(run(folder, *arguments, "--format", "json").stdout)
    assert (found["training"], found["online"]) == ({"value": 2.0, "missing": None},) * 2
    assert [f["name"] for f in found["features"]] == ["basket.share", "user_orders.spend_7d"]
    (spend,) = found["features"][1]["aggregates"]
    assert [r["id"]["order_id"] for r in spend["rows"] if r["standing"] == "counted"] == [1, 2]
    assert spend["lower"] == {"at": "2025-12-29T00:00:00Z", "included": True}
    assert spend["rows"][0]["row"]["amount"] == 10.0


def test_a_view_does_in_place_of_a_service(folder: Path) -> None:
    done = run(folder, "why", "user_orders", "last_status", "--key", "user_id=7", "--at", AT)
    assert done.exit_code == 0
    assert done.stdout.startswith("user_orders.last_status = paid\n")


def test_what_stands_behind_a_service_can_be_asked(folder: Path) -> None:
    store = featc.FeatureStore(folder)
    assert store.why("small", "user_orders.spend_7d", KEYS, AT).output == "recent"
    assert store.why("checkout", "user_orders:spend_7d", KEYS, AT).output == "spend_7d"


@pytest.mark.parametrize(
    ("service", "feature", "keys", "code"),
    [
        ("chekout", "spend_7d", KEYS, "F850"),
        ("checkout", "spend_9d", KEYS, "F851"),
        ("checkout", "spend_7d", {}, "F852"),
        ("checkout", "share", KEYS, "F852"),
        ("checkout", "spend_7d", {**KEYS, "usr": 1}, "F852"),
    ],
)
def test_a_question_that_cannot_be_asked(
    folder: Path, service: str, feature: str, keys: dict[str, Any], code: str
) -> None:
    with pytest.raises(featc.FeatcError) as refused:
        featc.FeatureStore(folder).why(service, feature, keys, AT)
    assert (refused.value.code, refused.value.exit_code) == (code, 2)


def test_a_value_that_a_plan_refuses_still_shows_its_rows(folder: Path) -> None:
    text = (folder / "features/orders.yaml").read_text()
    beyond = "beyond: sum(order_id + 9223372036854775800)\n      spend:\n"
    (folder / "features/orders.yaml").write_text(text.replace("spend:\n", beyond))
    report = featc.FeatureStore(folder).why("checkout", "beyond_7d", KEYS, AT)
    assert (report.training.missing or "").startswith("F421")
    assert report.features[0].failed
    assert report.features[0].aggregates[0].counts["counted"] == 2
    assert "user_orders.beyond_7d = no value" in report.render()


def test_rows_that_fail_an_expression_are_an_error_with_a_way_out(folder: Path) -> None:
    text = (folder / "features/orders.yaml").read_text()
    (folder / "features/orders.yaml").write_text(text.replace("spend:\n", "odd: sum(status::int)\n      spend:\n"))
    with pytest.raises(featc.FeatcError) as refused:
        featc.FeatureStore(folder).why("checkout", "odd_7d", KEYS, AT)
    assert (refused.value.code, refused.value.line) == ("F853", 26)
