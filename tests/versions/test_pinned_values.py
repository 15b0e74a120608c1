"""Values of pinned versions: training, online, verify, and the projects of before and after alone."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.store import compile_project
from featc.versions.kept import kept_versions
from versions.pinning import (
    BOTH,
    EDITS,
    FILTER,
    NOW,
    SPINE,
    Edit,
    alone,
    lock,
    opened,
    pinned,
    rows,
    run,
    spoken,
    trained,
    written,
)
from versions.shopping import ORDERS

# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_training_gives_what_the_old_and_the_new_project_give_alone(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    was, now = alone(tmp_path / "was"), alone(tmp_path / "now", *edits)
    found = trained(pinned(tmp_path / "both", *edits), "both")
    names = [n for n in was[0] if n not in ("user_id", "as_of")]
    assert spoken(found, names) == spoken(was, names)
    assert [{NOW[n]: row[n] for n in NOW} for row in found] == spoken(now, NOW.values())


@pytest.mark.parametrize("seed", range(2))
def test_online_gives_what_training_gives_for_both(tmp_path: Path, edits: tuple[Edit, ...], seed: int) -> None:
    """Pushed in any order and twice, late and corrected: each push feeds both versions."""
    folder = pinned(tmp_path, *edits)
    order, random_ = rows(), random.Random(seed)
    random_.shuffle(order)
    with opened(folder) as store:
        for start in range(0, len(order), 3):
            store.push("orders", order[start : start + 3], token=str(start))
        store.push("orders", order[:4])
        store.push("orders", order[3:6], token="3")
        expected = store.get_historical_features("both", SPINE).arrow().to_pylist()
        for asked, wanted in zip(SPINE, expected, strict=True):
            key = wanted["user_id"]
            (answer,) = store.get_online_features("both", [{"user_id": key}], at=asked["as_of"])
            for name, value in answer.items():
                equal = pytest.approx(wanted[name]) if isinstance(value, float) else wanted[name]
                assert value == equal, (asked, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["everything at once", "available_at", "where"])
def test_verify_proves_both_versions_equal(tmp_path: Path, name: str) -> None:
    folder = pinned(tmp_path, *EDITS[name])
    with opened(folder) as store:
        report = store.verify("buying@v1 buying.spend_7d", allow_thin=True)
    assert report.exit_code == 0
    names = {f["feature"] if isinstance(f, dict) else str(f) for f in report.to_json()["features"]}
    assert any("buying@v1.spend_7d" in n for n in names) and any("buying.spend_7d" in n for n in names)


def test_an_authors_test_gives_rows_to_all_versions_of_a_source(tmp_path: Path) -> None:
    folder = pinned(tmp_path, *EDITS["everything at once"])
    (folder / "tests").mkdir()
    (folder / "tests" / "both.yaml").write_text("""\
tests:
  late_for_one:
    service: both
    given:
      orders:
        - {order_id: 1, user_id: 7, amount: 5, quantity: 2, status: paid, op: U, seq: 1,
           ordered_at: 2026-01-05 10:00:00, loaded_at: 2026-01-05 18:00:00}
    spine:
      - {user_id: 7, as_of: 2026-01-05 14:00:00}
      - {user_id: 7, as_of: 2026-01-05 20:00:00}
    expect:
      - {spend_7d: 0, now_spend: 5, paid_7d: 0, now_paid: 0}
      - {spend_7d: 5, now_spend: 5, paid_7d: 1, now_paid: 0}
""")
    done = run(folder, "test")
    assert done.exit_code == 0, done.output


def test_materialize_fills_both_and_goes_on_from_there(tmp_path: Path) -> None:
    folder = pinned(tmp_path, *EDITS["everything at once"])
    (folder / "data" / "orders.csv").write_text(ORDERS)
    with opened(folder) as store:
        store.materialize()
    written(folder, *EDITS["everything at once"], BOTH)
    with opened(folder) as store:
        store.materialize()
        expected = store.get_historical_features("both", SPINE).arrow().to_pylist()
        (found,) = store.get_online_features("both", [{"user_id": 8}], at="2026-01-08")
    wanted = next(r for r in expected if r["user_id"] == 8 and str(r["as_of"]).startswith("2026-01-08 00"))
    assert {n: found[n] for n in NOW} == {n: wanted[n] for n in NOW}
    assert found["spend_7d"] == wanted["spend_7d"] and found["load_7d"] == pytest.approx(wanted["load_7d"])


def test_a_stream_that_is_read_once_feeds_both_and_a_batch_with_a_bad_row_neither(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    folder = pinned(tmp_path, *EDITS["everything at once"])
    table = pa.Table.from_pylist(rows())
    with opened(folder) as store:
        with pytest.raises(FeatcError, match=r"orders(@buying_v1)?\.amount"):
            store.push("orders", [{**rows()[0], "amount": "much"}])
        # 1.234 is a DOUBLE, and no DECIMAL(12,2), as the pinned version has it
        with pytest.raises(FeatcError, match=r"orders@buying_v1\.amount is DECIMAL\(12,2\), and it cannot hold 1\.234"):
            store.push("orders", [{**rows()[0], "amount": "1.234"}])
        empty = {"spend_7d": 0, "now_spend": 0}
        (before,) = store.get_online_features("both", [{"user_id": 7}], at="2026-01-08")
        assert {n: before[n] for n in empty} == empty
        store.push("orders", pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
        (after,) = store.get_online_features("both", [{"user_id": 7}], at="2026-01-08")
    assert float(after["spend_7d"]) == after["now_spend"] == 39.75


@pytest.mark.parametrize("by_push", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_apply_fills_a_version_beside_and_rollback_goes_back(tmp_path: Path, by_push: bool) -> None:
    """A generation that begins to pin a version is filled from what was pushed and materialized before."""
    edits = (("available_at: loaded_at", "delay: 3h"), FILTER)
    spine = SPINE[::3]

    def check(service: str) -> None:
        with opened(tmp_path) as store:
            wanted = store.get_historical_features(service, spine).arrow().to_pylist()
            for asked, row in zip(spine, wanted, strict=True):
                (found,) = store.get_online_features(service, [{"user_id": asked["user_id"]}], at=asked["as_of"])
                assert {n: found[n] for n in ("spend_7d", "paid_7d")} == {n: row[n] for n in ("spend_7d", "paid_7d")}

    written(tmp_path)
    with opened(tmp_path) as store:
        store.apply(verify=False)
        for start in range(0, len(rows()), 4):
            if by_push:
                store.push("orders", rows()[start : start + 4], token=str(start))
        if not by_push:
            store.materialize()
        store.apply(verify=False)
    written(tmp_path, *edits, BOTH)
    with opened(tmp_path) as store:
        done = store.apply(verify=False)
        assert done.served is not None and {"orders", "orders@buying_v1"} <= {r.source for r in done.served.refilled}
    check("both")
    late = {**rows()[0], "order_id": "99", "amount": "5.00", "ordered_at": "2026-01-06 00:00:00",
            "loaded_at": "2026-01-06 00:05:00"}  # fmt: skip
    with (tmp_path / "data" / "orders.csv").open("a") as file:
        file.write(",".join(late[c] for c in ORDERS.partition("\n")[0].split(",")) + "\n")
    with opened(tmp_path) as store:
        store.push("orders", [late]) if by_push else store.materialize()
    check("both")
    assert run(tmp_path, "rollback").exit_code in (0, 3)
    with opened(tmp_path) as store:  # which answers as it did, with what came since
        (found,) = store.get_online_features(["buying.spend_7d"], [{"user_id": 7}], at="2026-01-08")
        (row,) = store.get_historical_features(["buying@v1.spend_7d"], [{"user_id": 7, "as_of": datetime(2026, 1, 8)}]
                                               ).arrow().to_pylist()  # fmt: skip
    assert found["spend_7d"] == row["spend_7d"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("    id: order_id\n", "    id: order_id\n    timezone: Europe/Berlin\n"), "are read in Europe/Berlin by now"),
        (("      seq: bigint\n", "      seq: double\n"), "orders.seq as BIGINT, and it is read as DOUBLE"),
    ],
)
def test_what_a_push_would_lose_for_a_version_is_refused(tmp_path: Path, edit: Edit, said: str) -> None:
    lock(tmp_path)
    written(tmp_path, edit, BOTH)
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    assert refused.value.code == "F885" and said in str(refused.value)


# ── upstream views, windows, unions ───────────────────────────────────────────────────────────────────────────────


def test_what_a_version_is_made_of_is_kept_with_it(tmp_path: Path) -> None:
    """share reads buying.spend_7d: with the version of basket stands that of buying, under a name of its own."""
    pins: Edit = (BOTH[0], "  both:\n    features: [basket@v1.share, {now: basket.share}]\n  small:\n")
    spine = [{**row, "amount": 10} for row in SPINE]
    was = trained(written(tmp_path / "was"), ["basket.share"], spine)
    lock(tmp_path / "both")
    lock(tmp_path / "both", ("where: status <> 'cancelled'", "where: status = 'paid'"), pins)
    found = trained(tmp_path / "both", "both", spine)
    assert spoken(found, ["share"]) == spoken(was, ["share"])
    assert any(row["share"] != row["now"] for row in found)
    views = set(compile_project(tmp_path / "both").project.views)
    assert "buying@basket_v1" in views and "looking@basket_v1" not in views


UNION = """\
  all:
    union: [orders, returns]
  returns:
    path: data/orders.csv
    time: loaded_at
    id: order_id
    columns: {order_id: bigint, user_id: bigint, amount: "decimal(12,2)", quantity: integer, weight: double,
      seq: bigint}

feature_views:
  moving:
    entity: user
    source: all
    features: {moved_7d: sum(amount) over last_7d, first_7d: first(status) over last_7d}
"""


def test_a_union_of_which_one_source_is_another_now(tmp_path: Path) -> None:
    union = ("\nfeature_views:\n", UNION)
    pins = (BOTH[0], "  both:\n    features: [moving@v1]\n  small:\n")
    edit = ("deleted: op = 'D'", "deleted: status = 'paid'")
    was = trained(written(tmp_path / "was", union), ["moving"])
    lock(tmp_path / "both", union)
    lock(tmp_path / "both", union, edit, pins)
    assert trained(tmp_path / "both", "both") == was
    sources = set(compile_project(tmp_path / "both").project.sources)
    assert {"all@moving_v1", "orders@moving_v1"} <= sources and "returns@moving_v1" not in sources
    with opened(tmp_path / "both") as store:
        for name in ("orders", "returns"):
            store.push(name, rows())
        expected = store.get_historical_features("both", SPINE).arrow().to_pylist()
        for asked, wanted in zip(SPINE, expected, strict=True):
            (answer,) = store.get_online_features("both", [{"user_id": wanted["user_id"]}], at=asked["as_of"])
            assert {n: answer[n] for n in ("moved_7d", "first_7d")} == {n: wanted[n] for n in ("moved_7d", "first_7d")}


def test_labels_of_a_version(tmp_path: Path) -> None:
    view = "  leaving:\n    entity: user\n    source: orders\n    features: {n_7d: count(*) over last_7d}\n"
    labelled = ("  looking:\n", f"{view}    labels: {{spent_2d: sum(amount) over next_2d}}\n  looking:\n")
    pins = (BOTH[0], "  both:\n    features: [leaving@v1.n_7d]\n    labels: [leaving@v1.spent_2d]\n  small:\n")
    was = trained(written(tmp_path / "was", labelled), ["leaving.n_7d", "leaving.spent_2d"])
    lock(tmp_path / "both", labelled)
    lock(tmp_path / "both", labelled, ("sum(amount) over next_2d", "sum(quantity) over next_2d"), pins)
    assert trained(tmp_path / "both", "both") == was


def test_a_view_that_is_gone_is_kept_where_it_is_pinned(tmp_path: Path) -> None:
    looking = "  looking:\n    entity: user\n    source: visits\n    features:\n"
    looking += "      visits_1d: count(*) over last_1d\n"
    gone = ((looking, ""), ("      per_visit: buying.orders_1d / nullif(looking.visits_1d, 0)\n", ""))
    was = trained(written(tmp_path / "was"), ["looking"])
    lock(tmp_path / "both")
    lock(tmp_path / "both", *gone, (BOTH[0], "  both:\n    features: [looking@v1]\n  small:\n"))
    assert trained(tmp_path / "both", "both") == was
    assert kept_versions(lock(tmp_path / "other"), "looking") == ()
