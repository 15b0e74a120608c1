"""Each planted fault changes an answer, and is refused with the line it stands at and what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from leakage.histories import T, answers, history
from leakage.mutations import MUTATIONS, Mutation
from leakage.queries import Queries, golden, path_of, queries
from leakage.test_accepts import REPO, retail_data

INSTANTS = [T + n * timedelta(microseconds=1) for n in (-1, 0, 1)] + [T + timedelta(days=n) for n in (1, 7)]
IDS = [f"{m.project}-{n}" for n, m in enumerate(MUTATIONS)]


def planted(mutation: Mutation) -> tuple[Queries, str, str]:
    """The project's queries, the path of the one with a fault, and its SQL."""
    built, path = golden(mutation.project), path_of(mutation.query)
    assert mutation.old in built.sql[path]
    return built, path, built.sql[path].replace(mutation.old, mutation.new)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=IDS)
def test_fault_is_refused_where_it_stands(mutation: Mutation) -> None:
    built, path, sql = planted(mutation)
    found = built.check(path, sql).findings
    assert found, "accepted"
    first = found[0]
    assert (first.code, mutation.says in first.message) == (mutation.code, True), first
    assert mutation.at in sql.splitlines()[first.line - 1]


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=IDS)
def test_fault_changes_an_answer(mutation: Mutation, tmp_path: Path) -> None:
    built, path, sql = planted(mutation)
    for seed in range(60):
        rows = history(built.project, seed, 40 if seed < 30 else 150)
        right = answers(built.project, built.sql[path], rows, INSTANTS, tmp_path)
        try:
            wrong = answers(built.project, sql, rows, INSTANTS, tmp_path)
        except duckdb.InvalidInputException:  # a frame that ends before it begins
            return
        if repr(right) != repr(wrong):
            return
    pytest.fail("no answer changes")


def test_what_changes_no_answer_is_not_refused() -> None:
    """The check is of what rows can do, and not of how the text is written."""
    built, path = golden("versions"), path_of("user_orders")
    again = "_time > _as_of - 604800000001 AND _time <= _as_of - 1 AS _in"  # the rows were bounded before
    assert again in built.sql[path]
    less = built.sql[path].replace(again, "_time <= _as_of - 1 AS _in")
    assert built.check(path, less).findings == ()
    spelled = built.sql[path].replace("'_at': _as_of - 1 - (", "'_at': -1 + _as_of - (")
    assert spelled != built.sql[path]
    assert built.check(path, spelled).findings == ()


NOT_FOLLOWED = [
    ("versions", "SELECT r.*, NULL AS _sup", "SELECT r.* EXCLUDE (_arrival), _time AS _arrival, NULL AS _sup"),
    ("versions", "\n    UNION ALL\n    SELECT r.*, NULL", "\n    AND amount > 3\n    UNION ALL\n    SELECT r.*, NULL"),
    ("versions", "coalesce(op = 'D', false) AS _deleted", "max(op) OVER () = 'D' AS _deleted"),
    ("frames", "count(amount) OVER so_far", "lag(amount, -1) OVER so_far"),
    ("frames", "max(amount) OVER last_1d", "last_value(amount) OVER last_1d"),
    ("frames", "ON s.user_id = r.user_id AND", "ON s.user_id = r.user_id AND s._row = r._place AND"),
    ("frames", "w USING (_row)\n", "w USING (_row)\n    WHERE s._as_of > (SELECT max(amount) FROM orders_source)\n"),
    ("frames", "w USING (_row)\n", "w USING (_row), orders_source o\n"),
    ("frames", "FROM features\nORDER BY", "FROM features JOIN orders_source ON true\nORDER BY"),
    ("frames", "FROM features\nORDER BY", "FROM features\nLIMIT 3\nORDER BY"),
    ("frames", "FROM orders_source\n    WHERE", "FROM spine_rows JOIN orders_source USING (user_id)\n    WHERE"),
]


@pytest.mark.parametrize(("project", "old", "new"), NOT_FOLLOWED)
def test_what_cannot_be_followed_is_refused(project: str, old: str, new: str) -> None:
    """No form passes because nobody thought of it."""
    built, path = golden(project), path_of("user_orders")
    assert old in built.sql[path]
    assert built.check(path, built.sql[path].replace(old, new)).findings


EXAMPLES = [
    ("shop", "user_orders", r"'_upto', '_at': _as_of - 1 -", "'_upto', '_at': _as_of -", "F571"),
    ("shop", "user_orders", r"_prev_7d', '_at': least\(_as_of - 6", "_prev_7d', '_at': least(_as_of + 6", "F575"),
    ("shop", "user_orders", r"FROM orders_lag\) AND _superseded IS NULL", "FROM orders_lag)", "F573"),
    ("shop", "user_orders", r"r\._enter <= s\._as_of - 1", "r._enter <= s._as_of", "F572"),
    ("shop", "user_orders", r"_place - _upto END PRECEDING", "_place - _upto - 1 END PRECEDING", "F571"),
    ("shop", "user_product", r"s\.sku = r\.sku AND r\._time", "r._time", "F574"),
    ("shop", "user_product", r"GROUP BY ALL\n    \) r", "GROUP BY user_id, _time\n    ) r", "F57"),
    ("shop", "shop_totals", r"% 3600000000 - 1\}", "% 3600000000 - 2}", "F575"),
    ("shop", "shop_totals", r"least\(\(_as_of\)", "greatest((_as_of)", "F57"),
    ("shop", "shop_totals", r"smooth_1d', '_at': \(_as_of - 8", "smooth_1d', '_at': (_as_of - 9", "F575"),
    ("shop", "product_page_views", r"'_upto', '_at': _as_of - 60000001", "'_upto', '_at': _as_of - 60000000", "F572"),
    ("shop", "product_page_views", r"_time \+ 60000000 AS _arrival", "_time AS _arrival", "F577"),
    ("shop", "user_plan", r"r\._time <= s\._as_of - 1", "r._time <= s._as_of", "F571"),
    ("shop", "product_catalogue", r"\n      AND _superseded IS NULL", "", "F573"),
    ("shop", "services/checkout", r"'_upto', '_at': _as_of - 1 -", "'_upto', '_at': _as_of -", "F571"),
    ("online_retail", "customer_orders", r"'_upto', '_at': _as_of - 1\}", "'_upto', '_at': _as_of}", "F571"),
    ("online_retail", "customer_orders", r"_place - _before_prev_30d - 1", "_place - _before_prev_30d", "F575"),
    ("online_retail", "customer_orders", r"_place - _before_30d END", "_place - _upto END", "F575"),
    ("online_retail", "product_sales", r'PARTITION BY "StockCode" ORDER BY _place', "ORDER BY _place", "F570"),
    ("online_retail", "customer_recency", r"r\._newest - 19, r\._newest\)", "r._newest - 19, r._newest + 1)", "F571"),
    ("online_retail", "product_recency", r"r\._time <= s\._as_of - 1", "r._time <= s._as_of", "F571"),
]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Queries]:
    """The example projects' queries; online_retail's only where its data is."""
    copy = tmp_path_factory.mktemp("examples") / "shop"
    shutil.copytree(REPO / "features" / "shop", copy, ignore=shutil.ignore_patterns("data", "target", ".featc"))
    subprocess.run([sys.executable, "generate.py", "--scale", "0.02"], cwd=copy, check=True, capture_output=True)
    found = {"shop": queries(copy)}
    if retail_data() is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FEATC_DATA", str(retail_data()))
            found["online_retail"] = queries(REPO / "features" / "online_retail")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("project", "query", "pattern", "new", "code"), EXAMPLES)
def test_fault_in_an_example_is_refused(
    examples: dict[str, Queries], project: str, query: str, pattern: str, new: str, code: str
) -> None:
    if project not in examples:
        pytest.skip("online_retail.parquet not found: set FEATC_DATA to the folder that holds it")
    built, path = examples[project], path_of(query)
    sql, count = re.subn(pattern, lambda _: new, built.sql[path])
    assert count, "nothing was changed"
    found = built.check(path, sql).findings
    assert found and found[0].code.startswith(code) and found[0].line > 0, found[:3]
