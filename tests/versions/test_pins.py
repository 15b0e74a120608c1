"""Versions of views that services pin: numbers, tiles, the lock, names, commands and errors."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.runtime.planning.plan import plan
from featc.runtime.store import compile_project
from featc.versions.kept import kept_versions, used_versions, without_unused
from featc.versions.lock import parse_lock, read_lock, write_lock
from featc.versions.numbers import fingerprints
from versions.pinning import (
    BOTH,
    EDITS,
    FILTER,
    MORE,
    SPINE,
    Edit,
    alone,
    lock,
    opened,
    pinned,
    run,
    spoken,
    trained,
    written,
)
from versions.shopping import ORDERS

# ── numbers, fingerprints, tiles ──────────────────────────────────────────────────────────────────────────────────


def test_a_pin_has_the_number_and_the_fingerprints_it_had(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    first = lock(tmp_path)
    lock(tmp_path, *edits, BOTH)
    with opened(tmp_path) as store:
        manifest = json.loads(store.build()["manifest.json"])
    assert manifest["views"]["buying@v1"]["version"] == "v1" and manifest["views"]["buying"]["version"] == "v2"
    now = manifest["features"]["buying@v1.spend_7d"]
    known = first.versions()["feature", "buying.spend_7d"]
    assert (now["version"], now["fingerprint"]) == (f"v{known.version}", known.fingerprint)


def test_tiles_that_were_filled_before_the_edit_are_found_again(tmp_path: Path) -> None:
    lock(tmp_path)
    with opened(tmp_path) as store:
        assert store.backfill(select="buying").filled
        before = store.get_historical_features(["buying"], SPINE, read="tiles").arrow().to_pylist()
    lock(tmp_path, ("available_at: loaded_at", "delay: 2d"), FILTER, BOTH)
    with opened(tmp_path) as store:
        again = store.backfill(select="buying@v1", dry_run=True)
        assert again.filled == 0
        assert store.backfill(select="buying@v1").filled == 0  # the file was written anew, with the same rows
        found = store.get_historical_features(["buying@v1"], SPINE, read="tiles").arrow().to_pylist()
        assert not store.drop_unused_tiles(dry_run=True).tables
    assert found == before


@pytest.mark.slow
def test_versions_of_the_same_rows_have_one_table_of_tiles_and_each_its_own_columns(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    # again and again: filled, then with a row more in a day, then all of it once more, then one version alone
    for text, how in ((ORDERS, {}), (ORDERS + MORE, {}), (ORDERS + MORE, {"restate": True}),
                      (ORDERS + MORE, {"restate": True, "select": "buying@v1"})):  # fmt: skip
        (tmp_path / "data" / "orders.csv").write_text(text)
        with opened(tmp_path) as store:
            store.backfill(**how)
            store.backfill()
            assert not store.drop_unused_tiles().states
            assert all(not v.filled for v in store.backfill(dry_run=True).views)
            for features in (["buying@v1"], ["buying"]):
                tiles = store.get_historical_features(features, SPINE, read="tiles").arrow().to_pylist()
                rows_ = store.get_historical_features(features, SPINE, read="rows").arrow().to_pylist()
                names = [n for n in tiles[0] if n != "load_7d"]  # a sum of DOUBLEs
                assert spoken(tiles, names) == spoken(rows_, names)


def test_a_service_that_pins_does_not_move_when_its_view_does(tmp_path: Path) -> None:
    small: Edit = ("      - recent: buying.spend_7d\n", "      - recent: buying@v1.spend_7d\n")
    lock(tmp_path)
    lock(tmp_path, small)
    edit = ("status <> 'cancelled'", "status <> 'returned'")
    written(tmp_path, small, edit)
    with opened(tmp_path) as store:
        compared = plan(store).compared
    assert ("view", "buying") in compared.by_name and ("service", "checkout") in compared.by_name
    assert ("service", "small") not in compared.by_name
    assert all("small" not in c.used_by for c in compared.changes if c.name.startswith("buying"))
    after = lock(tmp_path, small, edit)
    assert after.versions()["service", "small"].version == 1
    assert after.versions()["service", "checkout"].version == 2
    with opened(tmp_path) as store:
        assert plan(store).is_nothing


def test_further_applies_carry_versions_on(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    where = ("status <> 'cancelled'", "status <> 'returned'")
    third = lock(tmp_path, FILTER, where, BOTH)
    assert kept_versions(third, "buying") == (1, 2) and third.versions()["view", "buying"].version == 3
    assert parse_lock(third.text()).text() == third.text()
    was = alone(tmp_path / "was")
    assert spoken(trained(tmp_path, "both"), ["spend_7d", "paid_7d"]) == spoken(was, ["spend_7d", "paid_7d"])
    second = alone(tmp_path / "second", FILTER)
    assert spoken(trained(tmp_path, ["buying@v2"]), ["paid_7d"]) == spoken(second, ["paid_7d"])
    back = lock(tmp_path, BOTH)  # it means what it did at first, and has the next number
    assert back.versions()["view", "buying"].version == 4 and kept_versions(back, "buying") == (1, 2, 3)


def test_a_pin_that_moves_is_a_change_of_the_service_by_what_is_behind_it(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    before = read_lock(tmp_path)
    assert before is not None

    def planned(features: str) -> Any:
        written(tmp_path, FILTER, (BOTH[0], f"  both:\n    features: [{features}]\n  small:\n"))
        with opened(tmp_path) as store:
            return plan(store).compared.by_name.get(("service", "both"))

    lock(tmp_path, FILTER, (BOTH[0], "  both:\n    features: [buying@v1.paid_7d, buying@v1.spend_7d]\n  small:\n"))
    assert str(planned("buying@v2.paid_7d, buying@v1.spend_7d").category) == "semantic"
    assert str(planned("buying@v1.paid_7d, buying.spend_7d").category) == "equivalent"
    assert str(planned("buying@v1.paid_7d").category) == "contract"


def test_a_version_that_was_applied_last_can_be_pinned_before_the_edit_is(tmp_path: Path) -> None:
    lock(tmp_path)
    written(tmp_path, FILTER, BOTH)
    was = alone(tmp_path / "was")
    assert spoken(trained(tmp_path, "both"), ["paid_7d"]) == spoken(was, ["paid_7d"])
    second: Edit = (BOTH[0], "  both:\n    features: [buying@v2.paid_7d]\n  small:\n")
    now = alone(tmp_path / "now", FILTER)  # the number it has now counts, too
    written(tmp_path, FILTER, second)
    assert spoken(trained(tmp_path, "both"), ["paid_7d"]) == spoken(now, ["paid_7d"])


def test_a_locked_build_of_a_fresh_clone_needs_the_committed_lock_alone(tmp_path: Path) -> None:
    folder = pinned(tmp_path / "here", *EDITS["everything at once"])
    clone = tmp_path / "clone"
    for name in ("featc.yaml", "featc.lock", "features", "data"):
        source = folder / name
        clone.mkdir(exist_ok=True)
        shutil.copytree(source, clone / name) if source.is_dir() else shutil.copy(source, clone / name)
    done = run(clone, "build", "--locked")
    assert done.exit_code == 0, done.stderr
    assert (clone / "target/sql/duckdb/buying@v1/training.sql").exists()
    assert run(clone, "diff", str(clone / "target")).exit_code == 0


# ── the lock ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lock_keeps_one_line_a_version_and_only_where_a_number_moves(tmp_path: Path) -> None:
    assert '"schema": 1' in lock(tmp_path).text()
    more = lock(tmp_path, ("      visits_1d", "      visits_2d: count(*) over last_2d\n      visits_1d"))
    assert not [e for e in more.entries if e.kind == "kept"]
    after = lock(tmp_path, FILTER, ("      visits_1d", "      visits_2d: count(*) over last_2d\n      visits_1d"))
    # what basket's features are made of is as it was: paid is none of it
    assert [e.name for e in after.entries if e.kind == "kept"] == ["buying@v1"]
    assert '"schema": 2' in after.text() and parse_lock(after.text()).text() == after.text()


def test_what_nothing_pins_can_be_dropped(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    full = lock(tmp_path, FILTER, ("status <> 'cancelled'", "status <> 'returned'"), BOTH)
    project = compile_project(tmp_path).project
    assert used_versions(project) == {"buying@v1"}
    rest = without_unused(full, project)
    assert [e.name for e in rest.entries if e.kind == "kept"] == ["buying@v1"]
    assert kept_versions(full, "buying") == (1, 2)
    write_lock(tmp_path, rest)
    with opened(tmp_path) as store:
        assert plan(store).is_nothing


def test_two_peoples_superseded_versions_merge(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        named = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        return subprocess.run(["git", *named, *words], cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    theirs = ("count(*) over last_1d", "count(*) over last_2d")
    git("init", "-q", "-b", "main")
    lock(tmp_path)
    git("add", "."), git("commit", "-qm", "first"), git("switch", "-qc", "other")
    lock(tmp_path, theirs)
    git("commit", "-qam", "theirs"), git("switch", "-q", "main")
    lock(tmp_path, FILTER)
    git("commit", "-qam", "mine"), git("merge", "-q", "other")
    merged = read_lock(tmp_path)
    assert merged is not None
    assert {"buying@v1", "looking@v1"} <= {e.name for e in merged.entries if e.kind == "kept"}
    written(tmp_path, FILTER, theirs, BOTH)
    was = alone(tmp_path / "was")
    assert spoken(trained(tmp_path, "both"), ["paid_7d"]) == spoken(was, ["paid_7d"])


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_versions_of_a_feature_collide_by_name_and_a_rename_is_offered(tmp_path: Path) -> None:
    lock(tmp_path)
    lock(tmp_path, FILTER)
    written(tmp_path, FILTER, (BOTH[0], "  both:\n    features: [buying.paid_7d, buying@v1.paid_7d]\n  small:\n"))
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    assert refused.value.code == "F307"
    assert "- buying_v1_paid_7d: buying@v1.paid_7d" in str(refused.value)
    spine = SPINE[:2]
    written(tmp_path, FILTER)
    with opened(tmp_path) as store:
        wanted = ["buying@v1.paid_7d", "buying.paid_7d"]
        made = store.get_historical_features(wanted, spine, full_feature_names=True)
        assert made.arrow().column_names[-2:] == ["buying_v1__paid_7d", "buying__paid_7d"]


@pytest.mark.parametrize("pattern", ["buying@v1.spend_*", "buying@v1", "buying@v1:spend_7d"])
def test_lists_of_features_name_any_version_that_is_kept(tmp_path: Path, pattern: str) -> None:
    lock(tmp_path)
    lock(tmp_path, FILTER)
    was = trained(written(tmp_path / "was"), [pattern.replace("@v1", "")])
    assert trained(tmp_path, [pattern]) == was


def test_a_version_that_no_service_pins_has_no_tables_online(tmp_path: Path) -> None:
    lock(tmp_path)
    lock(tmp_path, FILTER)
    with opened(tmp_path) as store:
        store.materialize()
        with pytest.raises(FeatcError) as refused:
            store.get_online_features(["buying@v1.spend_7d"], [{"user_id": 7}])
        assert refused.value.code == "F603" and "no service pins it" in str(refused.value)
        store.get_online_features(["buying@v2.spend_7d"], [{"user_id": 7}])  # which is what buying is


@pytest.mark.slow
def test_every_command_takes_versions(tmp_path: Path) -> None:
    pinned(tmp_path, *EDITS["everything at once"])
    lock(tmp_path, *EDITS["everything at once"], ("status <> 'cancelled'", "status <> 'returned'"), BOTH)
    run(tmp_path, "materialize")
    for version in ("v1", "v2", "v3"):
        one = f"buying@{version}.spend_7d"
        for words in (
            ["ls", one], ["explain", one], ["show", one], ["sql", one], ["lineage", f"+{one}"],
            ["dataset", "--features", one, "--spine", "select 7 AS user_id, timestamp '2026-01-08' AS as_of"],
            ["why", f"buying@{version}", "spend_7d", "--key", "user_id=7", "--at", "2026-01-08"],
            ["verify", "--select", one, "--allow-thin"],
        ):  # fmt: skip
            done = run(tmp_path, *words)
            assert done.exit_code in (0, 3 if words[0] == "why" else 0), (words, done.output, done.exception)
    for words in (["docs"], ["build"], ["get", "both", "--key", "user_id=7"], ["status"], ["ls"], ["lineage"]):
        done = run(tmp_path, *words)
        assert done.exit_code == 0, (words, done.output, done.exception)
    assert "buying@v1" in run(tmp_path, "lineage", "+both").stdout


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("listed", "code", "said", "way"),
    [
        ("buying@v9.spend_7d", "F882", "later than any version of buying there is: v1, v2, v3", "pin buying@v3"),
        ("buying@1.spend_7d", "F883", "'buying@1.spend_7d' names no version", "write buying@v1.spend_7d"),
        ("buying.spend_7d@v1", "F883", "names no version of a view", "write buying@v1.spend_7d"),
        ("buying@.spend_7d", "F883", "names no version of a view", "write buying@v1.spend_7d, with the number"),
        ("bying@v1.spend_7d", "F881", "knows no version of a view 'bying'", "did you mean 'buying'?"),
        ("buying@v1.spned_7d", "F323", "buying@v1 has no feature 'spned_7d'", "did you mean 'spend_7d'?"),
    ],
)
def test_pins_that_name_nothing(tmp_path: Path, listed: str, code: str, said: str, way: str) -> None:
    pinned(tmp_path, FILTER)
    lock(tmp_path, FILTER, ("status <> 'cancelled'", "status <> 'returned'"), BOTH)
    written(tmp_path, FILTER, (BOTH[0], f"  both:\n    features:\n      - {listed}\n  small:\n"),
            ("status <> 'cancelled'", "status <> 'returned'"))  # fmt: skip
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    text = str(refused.value)
    assert refused.value.code == code and said in text and way in text
    assert "features/all.yaml:" in text and "^" in text


def test_a_pin_without_a_lock_and_one_that_the_lock_dropped(tmp_path: Path) -> None:
    written(tmp_path, BOTH)
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    assert refused.value.code == "F880" and "run `featc apply`" in str(refused.value)
    lock(tmp_path)
    lock(tmp_path, FILTER)
    full = lock(tmp_path, FILTER, ("status <> 'cancelled'", "status <> 'returned'"))
    write_lock(tmp_path, without_unused(full, compile_project(tmp_path).project))
    written(tmp_path, FILTER, ("status <> 'cancelled'", "status <> 'returned'"), BOTH)
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    assert refused.value.code == "F881" and "it has v3" in str(refused.value) and "pin buying@v3" in str(refused.value)


def test_a_role_pins_no_version(tmp_path: Path) -> None:
    lock(tmp_path)
    written(tmp_path, (BOTH[0], "  both:\n    features:\n      - old: {view: buying@v1}\n  small:\n"))
    with pytest.raises(FeatcError, match="F886"):
        compile_project(tmp_path)


def test_a_version_whose_data_is_another_by_now(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER, ("sum(weight * 2 + quantity)", "sum(quantity)"))
    text = (tmp_path / "data/orders.csv").read_text().replace(",weight,", ",kilos,")
    (tmp_path / "data/orders.csv").write_text(text)
    yaml = (tmp_path / "features/all.yaml").read_text().replace("      weight: double\n", "")
    (tmp_path / "features/all.yaml").write_text(yaml)
    with pytest.raises(FeatcError) as refused:
        compile_project(tmp_path)
    assert refused.value.code == "F885" and "buying@v1 needs orders.weight" in str(refused.value)
    assert "^" in str(refused.value)


def test_a_version_that_this_featc_cannot_compile_or_takes_for_another(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    text = (tmp_path / "featc.lock").read_text()
    (kept,) = [line for line in text.splitlines() if line.startswith("kept ")]
    for old, new, code in (
        ("avg(amount)", "avg(amuont)", "F884"),
        ("avg(amount)", "avg(amount + 1)", "F887"),
        ('"view": {', '"veiw": {', "F884"),
    ):
        (tmp_path / "featc.lock").write_text(text.replace(kept, kept.replace(old, new)))
        with pytest.raises(FeatcError) as refused:
            compile_project(tmp_path)
        assert refused.value.code == code, str(refused.value)
        assert "features/all.yaml:" in str(refused.value)


def test_a_version_that_was_deprecated_is_told_of(tmp_path: Path) -> None:
    old = ("    owner: growth\n", "    owner: growth\n    deprecated: {since: 2026-01-01, use: selling}\n")
    lock(tmp_path, old)
    lock(tmp_path, FILTER, BOTH)
    (found,) = [w for w in compile_project(tmp_path).warnings if w.code == "F888"]
    assert "was deprecated since 2026-01-01" in found.message and found.hint == "use selling instead"


def test_the_numbers_of_kept_lines_are_no_versions_of_now(tmp_path: Path) -> None:
    pinned(tmp_path, FILTER)
    found = fingerprints(compile_project(tmp_path).project)
    assert not [name for _, name in found if "@" in name]


WHERE = ("where: status <> 'cancelled'", "where: status <> 'returned'")
PINS_ONE = ("      - buying\n      - plan.plan\n", "      - buying@v1\n      - plan.plan\n")


def mixing(folder: Path) -> list[Any]:
    return [w for w in compile_project(folder).warnings if w.code == "F889"]


def test_a_service_that_mixes_versions_through_another_view_is_told_which_to_pin(tmp_path: Path) -> None:
    lock(tmp_path)
    lock(tmp_path, WHERE, PINS_ONE)
    (found,) = mixing(tmp_path)
    assert found.message == (
        "checkout gives buying as v1, and basket.share, which is computed from buying.spend_7d as it is now"
    )
    assert found.hint == "pin basket@v1 too, which was computed from v1"
    assert found.span.text.strip() == "- basket"
    pins_both = (PINS_ONE[0] + "      - basket\n", PINS_ONE[1] + "      - basket@v1\n")
    lock(tmp_path, WHERE, pins_both)
    assert not mixing(tmp_path)


def test_no_version_is_mixed_where_what_is_read_means_what_it_did_or_both_are_named(tmp_path: Path) -> None:
    lock(tmp_path)
    lock(tmp_path, FILTER, PINS_ONE)  # basket reads other features than those that the edit moves
    assert not mixing(tmp_path)
    both = (PINS_ONE[0], "      - was: buying@v1.spend_7d\n      - buying.spend_7d\n")
    lock(tmp_path, FILTER, WHERE, both)
    assert not mixing(tmp_path)


def test_where_no_kept_version_read_the_pinned_one_the_hint_says_so(tmp_path: Path) -> None:
    lock(tmp_path)
    lock(tmp_path, WHERE)
    lock(tmp_path, WHERE, PINS_ONE)
    kept = without_unused(read_lock(tmp_path), compile_project(tmp_path).project)
    write_lock(tmp_path, kept)
    (found,) = mixing(tmp_path)
    assert found.hint == "give buying without a version, or both, where that is meant"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (PINS_ONE, [("features", "buying", "buying@v1")]),
        (("      - buying\n      - plan.plan\n", "      - buying\n"), [("output plan", "plan.plan VARCHAR", "")]),
        (("      - recent: buying.spend_7d\n", "      - recent: buying.spend_7d\n      - basket.share\n"),
         [("request", "", "amount DECIMAL(12,2)"), ("output share", "", "basket.share DOUBLE")]),
    ],
)  # fmt: skip
def test_what_a_service_lists_is_told_as_authors_write_it(tmp_path: Path, edit: Edit, told: list[Any]) -> None:
    lock(tmp_path)
    with opened(written(tmp_path, edit)) as store:
        found = [c for c in plan(store).compared.changes if c.kind == "service"]
    assert [(d.piece, d.old, d.new) for c in found for d in c.differences] == told
