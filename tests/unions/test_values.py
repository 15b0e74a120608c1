"""Values, ids and `let` names of sources stay what they are in a union."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from featc.cli import cli
from featc.emit import build_files
from featc.errors import FeatcError
from featc.fingerprint import feature_fingerprint
from featc.leakage import check_sql
from featc.runtime.store import FeatureStore

LATER = datetime(2026, 1, 2)
WEB = "web: {path: data/web.parquet, time: at, id: oid}"
APP = "app: {path: data/app.parquet, time: at}"
FEATURES = "n: count(*) over lifetime, rows: 'list(x, 10) over lifetime'"


def project(
    folder: Path,
    data: dict[str, str],
    web: str = WEB,
    app: str = APP,
    features: str = FEATURES,
    more: str = "",
    union: str = "union: [web, app]",
) -> FeatureStore:
    """A project whose sources have the rows that SELECTs give."""
    (folder / "features").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    for name, sql in data.items():
        duckdb.sql(f"COPY ({sql}) TO '{folder}/data/{name}.parquet'")
    (folder / "featc.yaml").write_text("version: 1\nproject: p\n")
    (folder / "features" / "p.yaml").write_text(
        f"entities: {{user: user_id}}\nsources:\n  {web}\n  {app}\n  all: {{{union}}}\n"
        f"feature_views:\n  v:\n    entity: user\n    source: all\n    features: {{{features}}}\n    {more}\n"
        "feature_services: {s: {features: [v]}}\n"
    )
    return FeatureStore(folder)


def both(store: FeatureStore) -> dict[str, Any]:
    """User 7's vector, which is the same by both plans."""
    (trained,) = store.get_historical_features("s", [{"user_id": 7, "as_of": LATER}]).rows()
    store.materialize()
    (read,) = store.get_online_features("s", [{"user_id": 7}], at=LATER)
    found = {k: v for k, v in trained.items() if k not in ("user_id", "as_of")}
    assert found == {k: read[k] for k in found}
    return found


def rows(columns: str, *values: str) -> str:
    """A SELECT of rows of user 7 at noon."""
    listed = ", ".join(f"({v})" for v in values)
    return f"SELECT 7::BIGINT AS user_id, TIMESTAMP '2026-01-01 12:00' AS at, * FROM (VALUES {listed}) t({columns})"


BIG = 2**53


@pytest.mark.parametrize("other", ["oid", "jd"])
@pytest.mark.parametrize("type_", ["DOUBLE", "FLOAT", "VARCHAR", "UUID", "DECIMAL(20,2)"])
def test_ids_of_one_type_are_not_rounded_to_those_of_another(tmp_path: Path, other: str, type_: str) -> None:
    one = "uuid()" if type_ == "UUID" else f"{BIG}::{type_}"
    data = {
        "web": rows("oid, x", f"{BIG}::BIGINT, 1", f"{BIG + 1}::BIGINT, 2"),
        "app": rows(f"{other}, x", f"{one}, 4"),
    }
    app = APP.replace("time: at", f"time: at, id: {other}")
    if type_ in ("VARCHAR", "UUID") and other == "oid":  # a column of two types
        with pytest.raises(FeatcError) as error:
            project(tmp_path, data, app=app)
        assert "F396" in {d.code for d in error.value.diagnostics}
        return
    assert both(project(tmp_path, data, app=app)) == {"n": 3, "rows": [4, 1, 2]}


def test_versions_are_told_apart_by_values_that_a_double_cannot_hold(tmp_path: Path) -> None:
    web = rows("oid, x", f"1, {BIG}::BIGINT", f"1, {BIG + 1}::BIGINT")
    data = {"web": web, "app": rows("x", "0.5::DOUBLE")}
    found = both(project(tmp_path, data))
    assert found == {"n": 2, "rows": [0.5, float(BIG + 1)]}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("12345678.91::DECIMAL(12,2)", "1.5::FLOAT", [1.5, 12345678.91]),
        ("16777217::BIGINT", "1.5::FLOAT", [1.5, 16777217.0]),
        ("1.5::FLOAT", "2::TINYINT", [2.0, 1.5]),
        ("1.01::DECIMAL(30,2)", "1.0049::DECIMAL(12,10)", [Decimal("1.0049000000"), Decimal("1.0100000000")]),
        ("2::BIGINT", "1.25::DECIMAL(4,2)", [Decimal("1.25"), Decimal("2.00")]),
        ("2::UTINYINT", "-1::INTEGER", [-1, 2]),
        ("DATE '2026-05-01'", "TIMESTAMP '2026-05-02 10:00'", [datetime(2026, 5, 2, 10), datetime(2026, 5, 1)]),
    ],
)
def test_a_column_has_a_type_that_holds_all_values(tmp_path: Path, one: str, other: str, expected: list[Any]) -> None:
    data = {"web": rows("oid, x", f"1, {one}"), "app": rows("x", other)}
    assert both(project(tmp_path, data)) == {"n": 2, "rows": expected}


def test_a_date_is_its_midnight_in_its_own_source_zone(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, DATE '2026-05-01'"), "app": rows("x", "TIMESTAMP '2026-05-01 10:00'")}
    web = WEB.replace("time: at", "time: at, timezone: Europe/Berlin")
    found = both(project(tmp_path, data, web))
    assert sorted(found["rows"]) == [datetime(2026, 4, 30, 22), datetime(2026, 5, 1, 10)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1::DECIMAL(38,2)", "1::DECIMAL(12,4)"),
        ("1::DECIMAL(38,0)", "0.5::DECIMAL(38,38)"),
        ("1::UBIGINT", "1::BIGINT"),
        ("'a'", "1"),
        ("true", "1"),
    ],
)
def test_types_without_one_that_holds_both_are_refused(tmp_path: Path, one: str, other: str) -> None:
    with pytest.raises(FeatcError) as error:
        project(tmp_path, {"web": rows("oid, x", f"1, {one}"), "app": rows("x", other)})
    assert error.value.diagnostics[0].code == "F396"


@pytest.mark.parametrize("name", ["_source", "_SOURCE", "_happened", "_known_at", "_dead", "_event_1", "_plain_x"])
def test_a_let_cannot_stand_for_what_a_union_computes(tmp_path: Path, name: str) -> None:
    data = {"web": rows("oid, x", "1, 3"), "app": rows("x", "5")}
    for code, parts in (
        ("F397", {"app": APP.replace("time: at", f"time: at, let: {{{name}: x}}")}),
        ("F307", {"union": f"union: [web, app], let: {{{name}: x}}"}),
    ):
        with pytest.raises(FeatcError) as error:
            project(tmp_path, data, **parts)
        assert error.value.diagnostics[0].code == code


LET = APP.replace("time: at", "time: at, let: {q: 10 // x}")


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("n: count(*) over lifetime", {"n": 3}),
        ("t: sum(q) filter (where x <> 0) over lifetime", {"t": 2}),
        ("t: sum(case when x <> 0 then q end) over lifetime", {"t": 2}),
    ],
)
def test_a_let_that_fails_fails_only_what_evaluates_it(tmp_path: Path, features: str, expected: dict[str, Any]) -> None:
    data = {"web": rows("oid, x", "1, 0"), "app": rows("x", "0", "5")}
    assert both(project(tmp_path, data, app=LET, features=features)) == expected


def test_a_let_that_fails_is_told_with_its_place_and_row(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, 0"), "app": rows("x", "0", "5")}
    store = project(tmp_path, data, app=LET, features="t: sum(q) over lifetime")
    with pytest.raises(FeatcError) as error:
        store.push("app", [{"user_id": 7, "at": LATER, "x": 5}, {"user_id": 7, "at": LATER, "x": 0}])
    (said,) = error.value.diagnostics
    assert said.code == "F620" and said.message.startswith("row 2 of the batch makes let q") and said.span is not None


def test_lets_keep_the_types_of_their_own_source(tmp_path: Path) -> None:
    data = {"web": rows("oid, x, y", "1, 7::INTEGER, 1"), "app": rows("x, d", "7::DOUBLE, DATE '2026-05-01'")}
    web = WEB.replace("time: at", "time: at, let: {half: x / 2, whole: x // 2, d: \"date '2026-01-01' + y\"}")
    app = APP.replace("time: at", "time: at, let: {whole: x // 2, y: x + 1}")
    features = "h: sum(half) over lifetime, w: 'list(whole, 5) over lifetime', y: sum(y) over lifetime"
    found = both(project(tmp_path, data, web, app, features + ", d: 'list(d, 5) over lifetime'"))
    assert found["h"] == 3.5 and sorted(found["w"]) == [3.0, 3.5] and found["y"] == 9.0
    assert sorted(str(d) for d in found["d"]) == ["2026-01-02", "2026-05-01"]


def test_what_nothing_uses_changes_no_version_and_no_store(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, 3"), "app": rows("x", "5")}
    store = project(tmp_path, data)
    before = feature_fingerprint(store.project, "v", "n")
    store.materialize()
    spare = APP.replace("time: at", "time: at, let: {spare: x * 2}")
    store = project(tmp_path, {**data, "app": rows("x, fresh", "5, 1")}, app=spare)
    assert feature_fingerprint(store.project, "v", "n") == before
    (read,) = store.get_online_features("s", [{"user_id": 7}], at=LATER)
    assert read["n"] == 2


def test_no_other_column_has_a_say_in_what_hidden_ones_are_called(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, 3::BIGINT"), "app": rows("y", "5")}
    app = APP.replace("time: at", "time: at, let: {x: y * 0.5}")
    marks = []
    for spare in ("y", "a, y", "a, b, y"):
        values = ", ".join("5" for _ in spare.split(","))
        store = project(tmp_path, {**data, "app": rows(spare, values)}, app=app)
        marks.append(feature_fingerprint(store.project, "v", "rows"))
        assert {c.name for c in store.project.sources["all"].columns if c.stands_for} == {"_plain_x"}
    assert len(set(marks)) == 1


def test_evict_says_which_source_a_union_waits_for(tmp_path: Path) -> None:
    store = project(tmp_path, {"web": rows("oid, x", "1, 3"), "app": rows("x", "5")})
    store.push("web", [{"oid": 1, "user_id": 7, "x": 3, "at": LATER}])
    (found,) = [e for e in store.online.evict(0) if e.source == "all"]
    assert (found.horizon, found.waits_for) == (None, ("app",))


def test_materialize_says_so_where_a_union_cannot_be_answered(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, 3"), "app": rows("x", "5"), "more": rows("x", "6")}
    project(tmp_path, data).materialize()
    more = "\n  more: {path: data/more.parquet, time: at}"
    project(tmp_path, data, app=APP + more, union="union: [web, app, more]")
    done = CliRunner().invoke(cli, ["materialize", "-p", str(tmp_path)])
    assert done.exit_code == 1 and "F603" in done.output


def test_ids_of_any_name_are_followed_by_the_check_against_leakage(tmp_path: Path) -> None:
    data = {"web": rows('oid, "Line No", x', "1, 2, 3"), "app": rows("x", "5")}
    web = WEB.replace("id: oid", 'id: [oid, "Line No"]')
    more = "join: {web: {keys: {user_id: user_id}}}"
    store = project(tmp_path, data, web, features=FEATURES + ", j: last(web.x) over lifetime", more=more)
    for path, sql in build_files(store.compiled).items():
        if path.endswith("s/training.sql"):
            assert check_sql(store.project, store.outputs("s"), sql).findings == ()


def test_a_union_of_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatcError) as error:
        project(tmp_path, {"web": rows("oid, x", "1, 3"), "app": rows("x", "5")}, union="union: [web, all]")
    assert error.value.diagnostics[0].message == "all unites itself"


@pytest.mark.slow
def test_verify_makes_no_rows_on_which_a_let_of_a_view_with_joins_fails(tmp_path: Path) -> None:
    data = {"web": rows("oid, x", "1, 3"), "app": rows("cents", "500::BIGINT")}
    app = APP.replace("time: at", 'time: at, let: {x: "(cents / 100)::decimal(12,2)"}')
    more = "join: {web: {keys: {user_id: user_id}}}"
    features = "s: sum(x) over lifetime, o: max(web.oid) over lifetime"
    store = project(tmp_path, data, app=app, features=features, more=more)
    for seed in range(3):
        assert {f.status for f in store.verify(seed=seed).features} == {"proven"}


def test_a_misspelt_union_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(FeatcError) as error:
        project(tmp_path, {"web": rows("oid, x", "1, 3"), "app": rows("x", "5")}, union="unions: [web, app]")
    assert [d.hint for d in error.value.diagnostics if d.code == "F106"] == ["did you mean 'union'?"]
