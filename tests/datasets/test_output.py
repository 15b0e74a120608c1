"""Sets on disk: what is in the files, in which order, and that there is never half of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from datasets.conftest import Featc
from featc import FeatcError, FeatureStore
from featc.runtime.training_set import place

MANY = """
SELECT hash(i) % 20 AS user_id, TIMESTAMP '2026-01-01' + to_hours((hash(i + 1) % 2000)::BIGINT) AS as_of, i
FROM range(20000) r(i) ORDER BY i
"""


def left_over(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz", "t.json", "t.jsonl", "t.jsonl.gz"])
def test_every_format_holds_the_same_rows_in_order(name: str, store: FeatureStore, project: Path) -> None:
    dataset = store.get_historical_features("small", MANY)
    assert dataset.write(project / "out" / name) == project / "out" / name
    found = duckdb.sql(f"SELECT i, recent::DECIMAL(38,2) FROM '{project}/out/{name}'").fetchall()
    assert found == [(row["i"], row["recent"]) for row in dataset.rows()]
    assert sorted(p.name for p in (project / "out").iterdir()) == sorted([name, f"{name}.featc.json"])


def test_values_that_a_format_lacks_are_not_lost(store: FeatureStore, project: Path) -> None:
    spine = """
    SELECT 7 AS user_id, TIMESTAMP '2026-01-05' AS as_of, 12345678901234567890123::HUGEINT AS big, x
    FROM (VALUES ('nan'::DOUBLE), ('inf'), ('-inf'), (0.5), (NULL)) t(x)
    """
    dataset = store.get_historical_features("small", spine)
    dataset.write("o.parquet")
    assert duckdb.sql("SELECT big FROM 'o.parquet' LIMIT 1").fetchall() == [(Decimal(12345678901234567890123),)]
    dataset.write("o.json")
    found = json.loads((project / "o.json").read_text(), parse_constant=lambda what: pytest.fail(what))
    assert [row["x"] for row in found] == ["NaN", "Infinity", "-Infinity", 0.5, None]


def test_json_has_texts_for_nan_and_infinities_in_lists_and_maps_too(store: FeatureStore, project: Path) -> None:
    spine = """
    SELECT 7 AS user_id, TIMESTAMP '2026-01-05' AS as_of, [x, 0.5, NULL] AS listed, map(['a'], [x]) AS named,
        map([x], [1]) AS counted, map([x], [x]) AS both, map(['a'], [true]) AS plain
    FROM (VALUES ('nan'::DOUBLE), ('inf'), ('-inf')) t(x)
    UNION ALL SELECT 7, TIMESTAMP '2026-01-05', NULL, NULL, NULL, NULL, NULL
    """
    store.get_historical_features("small", spine).write("o.jsonl")
    lines = (project / "o.jsonl").read_text().splitlines()
    found = [json.loads(line, parse_constant=lambda what: pytest.fail(what)) for line in lines]
    names = ("listed", "named", "counted", "both", "plain")
    assert [[row[n] for n in names] for row in found] == [
        *([[x, 0.5, None], {"a": x}, {x: 1}, {x: x}, {"a": True}] for x in ("NaN", "Infinity", "-Infinity")),
        [None] * 5,
    ]


@pytest.mark.parametrize("name", ["train.xlsx", "train", "train.parquet.gz"])
def test_an_ending_that_says_nothing_is_refused_before_anything_runs(
    name: str, store: FeatureStore, project: Path
) -> None:
    with pytest.raises(FeatcError) as refused:
        store.get_historical_features("small", "spine.csv").write(name)
    assert (refused.value.code, refused.value.exit_code) == ("F520", 2)
    assert not (project / name).exists()


# ── folders ────────────────────────────────────────────────────────────────────────────────────────────


def order_in_files(folder: Path) -> list[tuple[str, int, bool]]:
    """(file, rows, whether `i` rises) of each file."""
    read = f"read_parquet('{folder}/**/*.parquet', filename = true, file_row_number = true, hive_partitioning = false)"
    sql = f"""
    SELECT filename, count(*), bool_and(coalesce(i > before, true))
    FROM (SELECT *, lag(i) OVER (PARTITION BY filename ORDER BY file_row_number) AS before FROM {read})
    GROUP BY filename ORDER BY filename
    """
    return [(str(Path(f).relative_to(folder)), n, rises) for f, n, rises in duckdb.sql(sql).fetchall()]


def test_partitions_have_hive_names_and_keep_the_spines_order(featc: Featc, project: Path) -> None:
    done = featc("small", "--spine", MANY, "--out", "train", "--partition-by", "month(as_of),user_id")
    assert done.exit_code == 0, done.stderr
    found = order_in_files(project / "train")
    assert len(found) == 60
    assert sum(rows for _, rows, _ in found) == 20000
    assert all(rises for *_, rises in found)
    assert "month=2026-02/user_id=7/data_0.parquet" in [file for file, *_ in found]
    assert (project / "train.featc.json").exists()
    back = duckdb.sql(
        "SELECT count(*), count(DISTINCT i) FROM read_parquet('train/**/*.parquet', hive_partitioning = true)"
        " WHERE month = strftime(as_of, '%Y-%m')"
    )
    assert back.fetchall() == [(20000, 20000)]


def test_files_of_so_many_rows_follow_each_other(featc: Featc, project: Path) -> None:
    done = featc("small", "--spine", MANY, "--out", "train", "--rows-per-file", 7000, "--format", "json")
    assert json.loads(done.stdout)["files"] == 3
    assert order_in_files(project / "train") == [
        ("part-00000.parquet", 7000, True),
        ("part-00001.parquet", 7000, True),
        ("part-00002.parquet", 6000, True),
    ]
    whole = duckdb.sql("SELECT i FROM 'train/*.parquet'").fetchall()
    assert whole == [(i,) for i in range(20000)]


@pytest.mark.parametrize("how", [("--rows-per-file", "10"), ("--partition-by", "year(as_of)")])
def test_a_set_without_rows_is_a_folder_with_columns(how: tuple[str, str], featc: Featc, project: Path) -> None:
    done = featc("small", "--spine", f"SELECT * FROM ({MANY}) WHERE false", "--out", "train", *how)
    assert done.exit_code == 0, done.stderr
    assert duckdb.sql("FROM 'train/*.parquet'").columns == ["user_id", "as_of", "i", "recent"]


def test_a_folder_is_replaced_whole_and_only_when_asked(featc: Featc, project: Path) -> None:
    say = ("small", "--spine", "spine.csv", "--out", "train", "--rows-per-file", "1")
    assert featc(*say).exit_code == 0
    refused = featc(*say)
    assert refused.exit_code == 2
    assert "F526" in refused.stderr
    assert featc(*say[:-1], "2", "--overwrite").exit_code == 0
    assert sorted(p.name for p in (project / "train").iterdir()) == ["part-00000.parquet", "part-00001.parquet"]
    (project / "train" / "notes.txt").write_text("mine")
    kept = featc(*say, "--overwrite")
    assert kept.exit_code == 2
    assert "notes.txt" in kept.stderr
    assert (project / "train" / "part-00001.parquet").exists()
    assert left_over(project) == []


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("mont(as_of)", "cannot partition by mont(as_of)"),
        ("month(user_id)", "user_id is BIGINT"),
        ("usr_id", "did you mean 'user_id'?"),
        ("user_id,user_id", "stands twice"),
        ("user_id,as_of,amount,recent", "nothing would be left"),
    ],
)
def test_partitions_that_cannot_be_are_refused(by: str, said: str, featc: Featc, project: Path) -> None:
    done = featc("small", "--spine", "spine.csv", "--out", "train", "--partition-by", by)
    assert done.exit_code == 2
    assert "F524" in done.stderr
    assert said in done.stderr
    assert not (project / "train").exists()


def test_files_and_folders_do_not_replace_each_other(featc: Featc, project: Path) -> None:
    (project / "dir.parquet").mkdir()
    (project / "file").write_text("mine")
    for arguments in (("--out", "dir.parquet"), ("--out", "file", "--rows-per-file", "5", "--overwrite")):
        done = featc("small", "--spine", "spine.csv", *arguments)
        assert done.exit_code == 2
        assert "F525" in done.stderr
    assert (project / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--out", "t", "--partition-by", "user_id", "--rows-per-file", "5"),
        ("--partition-by", "user_id"),
        ("--overwrite",),
    ],
)
def test_options_that_contradict_each_other_are_usage(arguments: tuple[str, ...], featc: Featc) -> None:
    assert featc("small", "--spine", "spine.csv", *arguments).exit_code == 2


# ── whole or not at all ────────────────────────────────────────────────────────────────────────────────


def test_an_error_leaves_what_was_there(store: FeatureStore, project: Path) -> None:
    store.get_historical_features("small", "spine.csv").write("t.parquet")
    before = [(project / name).read_bytes() for name in ("t.parquet", "t.parquet.featc.json")]
    (project / "data" / "orders.csv").write_text(
        (project / "data" / "orders.csv").read_text() + "x,7,10.00,paid,U,2026-01-01 10:00:00,2026-01-01 10:05:00\n"
    )
    with pytest.raises(FeatcError) as refused:
        store.get_historical_features("small", "spine.csv").write("t.parquet")
    assert refused.value.code == "F422"
    assert [(project / name).read_bytes() for name in ("t.parquet", "t.parquet.featc.json")] == before
    assert left_over(project) == []


CHILD = """
import sys, featc
from featc.runtime.training_set import output, place

where = sys.argv[2]
def stop(name, of):
    run = getattr(of, name)
    def stopped(*a, **k):
        print("here", flush=True)
        sys.stdin.read()
        return run(*a, **k)
    setattr(of, name, stopped)

if where == "hash": stop("content", output)
if where == "put": stop("put", output)
if where == "card": stop("card_path", place)
store = featc.FeatureStore(".")
store.get_historical_features("small", sys.argv[1]).write("train", rows_per_file=2, overwrite=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["hash", "put", "card"])
def test_a_killed_run_leaves_the_former_set_and_the_next_one_cleans_up(
    where: str, store: FeatureStore, project: Path
) -> None:
    store.get_historical_features("small", "spine.csv").write("train", rows_per_file=3)
    before = (project / "train.featc.json").read_bytes()
    command = [sys.executable, "-c", CHILD, "spine.csv", where]
    sources = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(sources / r) for r in ("compiler", "dialects"))}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        child.send_signal(signal.SIGKILL)
    assert (project / "train.featc.json").read_bytes() == before
    assert [n for _, n in counts(project / "train")] == [3, 1]
    assert len(left_over(project)) == 1
    store.get_historical_features("small", "spine.csv").write("train", rows_per_file=2, overwrite=True)
    assert [n for _, n in counts(project / "train")] == [2, 2]
    assert left_over(project) == []


def counts(folder: Path) -> list[tuple[str, int]]:
    sql = f"SELECT filename, count(*) FROM read_parquet('{folder}/*.parquet', filename = true) GROUP BY 1 ORDER BY 1"
    return duckdb.sql(sql).fetchall()


def test_a_folder_that_a_killed_run_moved_aside_comes_back(store: FeatureStore, project: Path) -> None:
    store.get_historical_features("small", "spine.csv").write("train", rows_per_file=3)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (project / "train").rename(project / f".train.{gone.pid}.abc.former")
    with pytest.raises(FeatcError) as refused, place.staging(project / "train"):
        raise OSError("stopped")
    assert refused.value.exit_code == 4
    assert [n for _, n in counts(project / "train")] == [3, 1]


def test_another_run_that_lives_keeps_its_folder(project: Path) -> None:
    living = project / f".t.parquet.{os.getpid()}.abc.partial"
    living.mkdir()
    with place.staging(project / "t.parquet") as folder:
        assert folder != living
    assert living.exists()
