"""The commands, in process, on a tiny project: what they print, write and exit with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from featc.cli.codes import all_codes
from tiny_project import ORDERS, write_project

Featc = Callable[..., Result]
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


@pytest.fixture
def featc(project: Path, monkeypatch: pytest.MonkeyPatch) -> Featc:
    monkeypatch.chdir(project)
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(cli, arguments, **more)


def answer(result: Result) -> object:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# ── build and sql ──────────────────────────────────────────────────────────────────────────────────────


def test_build_says_what_it_made_and_what_services_need(featc: Featc, project: Path) -> None:
    done = featc("build")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("tiny: 8 features in 2 views, 2 services → target\n")
    assert (
        "checkout: 8 features; needs user_id BIGINT, as_of TIMESTAMP; request: amount DECIMAL(12,2)"
        in done.stdout
    )
    assert (project / "target" / "manifest.json").exists()


def test_build_finds_the_project_from_a_folder_below(
    featc: Featc, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "features")
    assert featc("build", "-q").exit_code == 0
    assert (project / "target" / "manifest.json").exists()


def test_build_writes_only_what_is_selected(featc: Featc, project: Path) -> None:
    assert featc("build").exit_code == 0
    assert featc("build", "--select", "user_orders").exit_code == 0
    assert (project / "target/sql/duckdb/services/small/training.sql").exists()
    assert not (project / "target/sql/duckdb/services/checkout").exists()
    assert not (project / "target/sql/duckdb/basket").exists()


def test_build_reports_all_errors_at_their_places(featc: Featc, project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(
        path.read_text().replace("sum(amount)", "sum(amuont)").replace("last(status)", "last(stauts)")
    )
    done = featc("build")
    assert done.exit_code == 1
    assert "features/orders.yaml:27:18: error F301" in done.stderr
    assert "features/orders.yaml:31:25: error F301" in done.stderr
    assert "^^^^^^" in done.stderr
    assert done.stdout == ""


def test_errors_are_json_where_json_was_asked_for(featc: Featc, project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("sum(amount)", "sum(amuont)"))
    done = featc("build", "--format", "json")
    assert done.exit_code == 1
    (finding,) = json.loads(done.stderr)["findings"]
    assert finding["code"] == "F301"
    assert (finding["file"], finding["line"]) == ("features/orders.yaml", 27)


@pytest.mark.parametrize("name", ["checkout", "user_orders", "user_orders.spend_7d", "basket"])
def test_sql_prints_the_training_query_of(featc: Featc, name: str) -> None:
    done = featc("sql", name)
    assert done.exit_code == 0, done.stderr
    assert name in done.stdout.splitlines()[0]
    assert "user_id  BIGINT" in done.stdout


@pytest.mark.parametrize("plan", ["lift", "schema", "update", "read"])
def test_sql_prints_the_online_plan(featc: Featc, plan: str) -> None:
    assert "Online plan of feature view user_orders" in featc("sql", "checkout", "--plan", plan).stdout


def test_sql_prints_the_bytes_that_build_writes(featc: Featc, project: Path) -> None:
    assert featc("build").exit_code == 0
    for name, path in (("user_orders", "user_orders"), ("checkout", "services/checkout")):
        written = (project / f"target/sql/duckdb/{path}/training.sql").read_text()
        assert featc("sql", name).stdout == written


def test_sql_of_an_unknown_name_suggests_the_nearest(featc: Featc) -> None:
    done = featc("sql", "user_order")
    assert done.exit_code == 2
    assert "F802" in done.stderr
    assert "did you mean 'user_orders'?" in done.stderr


# ── ls, show, lineage ──────────────────────────────────────────────────────────────────────────────────


def test_ls_lists_features_services_and_sources(featc: Featc) -> None:
    done = featc("ls")
    for text in ("user_orders.spend_7d", "DECIMAL(38,2)", "checkout", "data/orders.csv"):
        assert text in done.stdout


def test_ls_lists_only_what_is_selected(featc: Featc) -> None:
    found = answer(featc("ls", "tag:money", "--format", "json"))
    assert isinstance(found, dict)
    assert list(found["features"]) == ["user_orders.spend_1d", "user_orders.spend_7d"]


def test_show_previews_the_latest_entities(featc: Featc) -> None:
    found = answer(featc("show", "checkout", "--limit", "1", "--format", "json"))
    assert found == [
        {
            "user_id": 7,
            "as_of": "2026-01-04T00:00:00.000001Z",
            "amount": None,
            "orders_1d": 1,
            "orders_7d": 2,
            "spend_1d": 6.5,
            "spend_7d": 16.5,
            "paid_1d": 1,
            "paid_7d": 2,
            "last_status": "paid",
            "share": None,
        }
    ]


def test_lineage_goes_to_a_file(featc: Featc, project: Path) -> None:
    done = featc("lineage", "--to", "dot", "--out", "pictures/lineage.dot")
    assert done.exit_code == 0, done.stderr
    assert (project / "pictures/lineage.dot").read_text().startswith("digraph lineage {")


def test_lineage_lists_sources_views_and_services(featc: Featc) -> None:
    assert "basket\n    from request, user_orders" in featc("lineage").stdout


# ── dataset ────────────────────────────────────────────────────────────────────────────────────────────

SPINE = "select 7 as user_id, timestamp '2026-01-03 12:00:00' as as_of, 8::decimal(12,2) as amount"


def test_dataset_previews_without_out(featc: Featc) -> None:
    found = answer(featc("dataset", "checkout", "--spine", SPINE, "--format", "json"))
    assert isinstance(found, list)
    assert found[0]["spend_7d"] == 15.5
    assert "spend_7d" in featc("dataset", "checkout", "--spine", SPINE).stdout


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_dataset_writes(featc: Featc, project: Path, ending: str) -> None:
    done = featc("dataset", "checkout", "--spine", SPINE, "--out", f"out/train.{ending}")
    assert done.stdout == f"1 row, 8 features → out/train.{ending}\n"
    assert (project / "out" / f"train.{ending}").exists()


def test_dataset_takes_features_and_a_spine_from_standard_input(featc: Featc) -> None:
    spine = "user_id,seen_at\n7,2026-01-03 12:00:00\n8,2026-01-03 13:00:00\n"
    done = featc(
        "dataset",
        "--features",
        "user_orders.spend_7d,user_orders.paid_*",
        "--spine",
        "-",
        "--time",
        "seen_at",
        "--format",
        "json",
        input=spine,
    )
    found = answer(done)
    assert isinstance(found, list)
    assert [(row["user_id"], row["spend_7d"], row["paid_1d"]) for row in found] == [(7, 15.5, 0), (8, 1, 1)]


def test_the_authors_tests_are_run(featc: Featc, project: Path) -> None:
    tests = project / "tests"
    tests.mkdir()
    (tests / "spends.yaml").write_text(
        "tests:\n"
        "  spend_counts_what_was_known:\n"
        "    service: small\n"
        "    given:\n"
        "      orders: [{order_id: 1, user_id: 7, amount: 3, status: paid, op: U,"
        " ordered_at: 2026-01-01T00:00:00Z, loaded_at: 2026-01-01T00:00:00Z}]\n"
        "    spine: [{user_id: 7, as_of: 2026-01-02T00:00:00Z}]\n"
        "    expect: [{recent: 3}]\n"
    )
    done = featc("test")
    assert done.exit_code == 0, done.stdout
    assert "1 passed, 0 failed" in done.stdout
    (tests / "spends.yaml").write_text((tests / "spends.yaml").read_text().replace("recent: 3", "recent: 4"))
    assert featc("test").exit_code == 3
    assert featc("test", "--format", "junit").stdout.startswith("<?xml")


def test_dataset_needs_a_service_or_features(featc: Featc) -> None:
    assert featc("dataset", "--spine", SPINE).exit_code == 2
    assert featc("dataset", "checkout", "--features", "user_orders", "--spine", SPINE).exit_code == 2


# ── push and get ───────────────────────────────────────────────────────────────────────────────────────


def test_pushed_events_are_read_back(featc: Featc) -> None:
    assert featc("push", "orders", "data/orders.csv").stdout == "orders: 5 of 5 rows accepted\n"
    found = answer(
        featc(
            "get",
            "checkout",
            "--key",
            "user_id=7",
            "--request",
            "amount=8",
            "--at",
            "2026-01-03T12:00:00Z",
            "--format",
            "json",
        )
    )
    assert isinstance(found, list)
    assert found[0]["spend_7d"] == 15.5
    assert found[0]["last_status"] == "new"


def test_push_reads_standard_input_and_knows_a_token(featc: Featc) -> None:
    assert featc("push", "orders", "-", "--token", "a", input=ORDERS).exit_code == 0
    assert "nothing changed" in featc("push", "orders", "-", "--token", "a", input=ORDERS).stdout


def test_get_takes_many_entities_from_a_file(featc: Featc, project: Path) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    (project / "who.csv").write_text("user_id,amount\n8,1\n7,1\n12,1\n")
    found = answer(featc("get", "checkout", "--keys", "who.csv", "--at", "2026-01-05", "--format", "json"))
    assert isinstance(found, list)
    assert [row["orders_7d"] for row in found] == [1, 2, 0]


def test_get_prints_one_block_for_each_entity(featc: Featc) -> None:
    assert featc("push", "orders", "data/orders.csv").exit_code == 0
    done = featc("get", "small", "--key", "user_id=7", "--at", "2026-01-03T12:00:00Z")
    assert done.stdout == "user_id = 7\n  recent  15.50\n"


def test_get_reports_every_bad_key_together(featc: Featc) -> None:
    done = featc("get", "checkout", "--key", "user=7", "--key", "user_id=seven", "--request", "amount")
    assert done.exit_code == 2
    assert done.stderr.count("F805") == 3
    assert "did you mean 'user_id'?" in done.stderr


# ── help and errors ────────────────────────────────────────────────────────────────────────────────────


def test_help_explains_every_code(featc: Featc) -> None:
    for code in all_codes():
        assert featc("help", code.lower()).stdout.startswith(code)


def test_every_code_that_can_be_raised_is_explained() -> None:
    known = set(all_codes())
    for path in (REPO / "compiler").rglob("*.py"):
        used = set(re.findall(r"""["'](F\d{3})[:"']""", path.read_text(encoding="utf-8")))
        assert used <= known, path


def test_help_explains_commands_too(featc: Featc) -> None:
    assert featc("help", "dataset").stdout.startswith("Usage:")
    assert featc("help").stdout.startswith("commands:")
    assert featc("help", "F000").exit_code == 2


def test_every_command_shows_an_example() -> None:
    for name, command in cli.commands.items():
        assert f"featc {name}" in (command.help or ""), name


def test_an_unknown_command_suggests_the_nearest(featc: Featc) -> None:
    done = featc("biuld")
    assert done.exit_code == 2
    assert "Did you mean 'build'?" in done.stderr


def test_the_unforeseen_is_called_a_bug_and_shows_no_traceback(
    featc: Featc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.delenv("FEATC_DEBUG", raising=False)
    monkeypatch.setattr("featc.runtime.store.FeatureStore.__init__", broken)
    done = featc("build")
    assert done.exit_code == 1
    assert done.stderr.startswith("error F999: this is a bug in featc: ZeroDivisionError: oh")
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_the_environment(featc: Featc, project: Path) -> None:
    (project / "taken").write_text("a file")
    done = featc("build", "--out", "taken")
    assert done.exit_code == 4
    assert "F910" in done.stderr
