"""Unions: what is said of them, and how their rows come into a store, into tiles, and through proofs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from featc.cli import cli
from featc.emit import build_files
from featc.errors import FeatcError
from featc.fingerprint import feature_fingerprint
from featc.leakage import check_sql
from featc.lineage import project_graph
from featc.lineage.tags import project_tags
from featc.runtime.online import taking
from featc.runtime.store import FeatureStore

WEB = """\
  web:
    path: data/web.csv
    time: at
    available_at: seen
    id: order_id
    deleted: op = 'D'
    columns: {order_id: bigint, user_id: bigint, amount: integer, op: text, email: {type: text, tags: [pii]}}
"""
APP = """\
  app:
    path: data/app.csv
    time: at
    delay: 5m
    columns: {user_id: bigint, amount: double, os: text}
"""
ALL = "  all: {union: [web, app]}\n"
VIEWS = """\
feature_views:
  spend:
    entity: user
    source: all
    features:
      n: count(*) over lifetime
      spend: sum(amount) over last_7d
      web: count(*) filter (where _source = 'web') over lifetime
      email: last(email) over lifetime
      os: last(os) over lifetime
"""
WEB_ROWS = """\
order_id,user_id,amount,op,email,at,seen
1,7,5,U,a@x,2026-01-01 10:00:00,2026-01-01 10:01:00
2,7,20,U,a@x,2026-01-01 10:30:00,2026-01-01 11:00:00
1,7,6,U,a@x,2026-01-01 10:00:00,2026-01-01 10:40:00
3,8,1,U,b@x,2026-01-01 10:00:00,2026-01-01 10:10:00
3,8,1,D,b@x,2026-01-01 10:00:00,2026-01-01 10:50:00
"""
APP_ROWS = """\
user_id,amount,os,at
7,7.5,ios,2026-01-01 10:30:00
8,2.5,android,2026-01-01 10:20:00
"""
NOW = datetime(2026, 1, 1, 12)


def written(
    folder: Path, sources: str = WEB + APP + ALL, views: str = VIEWS, more: str = "", settings: str = ""
) -> Path:
    (folder / "features").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "featc.yaml").write_text(f"version: 1\nproject: p\n{settings}")
    (folder / "data" / "web.csv").write_text(WEB_ROWS)
    (folder / "data" / "app.csv").write_text(APP_ROWS)
    services = f"feature_services:\n  s: {{features: [spend]}}\n{more}"
    text = f"entities: {{user: user_id}}\nsources:\n{sources}{views}{services}"
    (folder / "features" / "p.yaml").write_text(text)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> FeatureStore:
    return FeatureStore(written(tmp_path))


def refused(folder: Path, **parts: str) -> list[tuple[str, str]]:
    """(code, the text of its place) of each error of a project."""
    with pytest.raises(FeatcError) as error:
        FeatureStore(written(folder, **parts))
    spans = [(d.code, d.span) for d in error.value.diagnostics]
    return [(code, s.text[s.column - 1 :][: s.length] if s is not None else "") for code, s in spans]


def vector(store: FeatureStore, user: int, at: datetime = NOW) -> dict[str, Any]:
    (found,) = store.get_online_features("s", [{"user_id": user}], at=at)
    return {k: v for k, v in found.items() if k != "user_id"}


FULL = {"n": 3, "spend": 33.5, "web": 2, "email": "a@x", "os": "ios"}

# ------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (WEB + "  all: {union: [web, web]}\n", ("F397", "web")),
        (WEB + "  all: {union: [web, ap]}\n" + APP, ("F308", "ap")),
        (WEB + APP + ALL + "  more: {union: [web, all]}\n", ("F397", "all")),
        (WEB + APP.replace("delay", "kind: state\n    key: user_id\n    delay") + ALL, ("F397", "app")),
        (WEB + APP.replace("delay: 5m", "delay: 5m\n    final_after: 1d") + ALL, ("F397", "web")),
        (WEB.replace("integer", "text") + APP + ALL, ("F396", "web")),
        (WEB + APP + ALL.replace("}", ", let: {amount: '1'}}"), ("F307", "'1'")),
        (WEB + APP + "  all: {union: [web, app], id: order_id}\n", ("F383", "id")),
        (WEB + APP + ALL + "  attributed: {from: all, match: {web: {keys: {user_id: user_id}, within: 1h}}}\n",
         ("F385", "all")),
        (WEB + APP + ALL + "  attributed: {from: web, match: {all: {keys: {user_id: user_id}, within: 1h}}}\n",
         ("F387", "all")),
    ],
)  # fmt: skip
def test_what_no_union_can_be_is_refused_at_its_place(tmp_path: Path, sources: str, found: tuple[str, str]) -> None:
    assert refused(tmp_path, sources=sources)[0] == found


def test_nothing_looks_into_a_union(tmp_path: Path) -> None:
    views = VIEWS.replace("source: all", "source: web\n    join: {all: {keys: {user_id: user_id}}}")
    assert refused(tmp_path, views=views)[0] == ("F387", "all")


def test_a_column_that_no_source_has_is_told(tmp_path: Path) -> None:
    ((code, place),) = refused(tmp_path, views=VIEWS.replace("last(os)", "last(oss)"))
    assert (code, place) == ("F301", "oss")


def test_a_column_of_a_name_that_a_union_gives_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "data" / "app.csv").write_text(APP_ROWS.replace("os", "_source"))
    with pytest.raises(FeatcError) as error:
        FeatureStore(folder)
    assert "_source" in next(d for d in error.value.diagnostics if d.code == "F397").message


def test_a_column_known_later_may_be_used_where_its_source_arrives_by_that(tmp_path: Path) -> None:
    late = WEB.replace("op: text", "op: {type: text, known_after: seen}")
    FeatureStore(written(tmp_path / "a", late + APP + ALL, VIEWS.replace("last(os)", "last(op)")))
    late = WEB.replace("op: text", "op: {type: text, known_after: at}")
    found = refused(tmp_path / "b", sources=late + APP + ALL, views=VIEWS.replace("last(os)", "last(op)"))
    assert "F316" in [code for code, _ in found]


def test_a_target_gives_a_union_no_place(tmp_path: Path) -> None:
    settings = "targets: {dev: {sources: {all: {path: data/all.csv}}}}\n"
    assert ("F383", "data/all.csv") in refused(tmp_path, settings=settings)


# ------------------------------------------------------------------------------------- online


def test_rows_are_pushed_to_the_sources_and_are_in_the_union_at_once(project: FeatureStore) -> None:
    assert vector(project, 7) == {"n": 0, "spend": None, "web": 0, "email": None, "os": None}
    done = project.push("web", project.root / "data" / "web.csv")
    assert (done.rows, done.accepted, done.duplicates) == (5, 5, 0)
    assert vector(project, 7)["n"] == 2
    project.push("app", project.root / "data" / "app.csv", token="once")
    assert vector(project, 7) == FULL
    assert vector(project, 8)["n"] == 1
    assert project.push("app", project.root / "data" / "app.csv", token="once").replayed_batch
    again = project.push("web", project.root / "data" / "web.csv")
    assert (again.accepted, again.duplicates) == (0, 5)
    assert vector(project, 7) == FULL


def test_nothing_is_pushed_to_a_union(project: FeatureStore) -> None:
    with pytest.raises(FeatcError) as error:
        project.push("all", [{"user_id": 7}])
    (said,) = error.value.diagnostics
    assert (said.code, said.hint) == ("F387", "push to web and app")


def test_what_is_wrong_for_a_view_of_the_union_is_told_with_the_batch(project: FeatureStore) -> None:
    rows = [{"user_id": user, "amount": 1.0, "os": "ios", "at": NOW} for user in (None, 7)]
    done = project.push("app", rows)
    assert (done.rows, dict(done.rejected)) == (2, {"spend: key user_id is NULL": 1})
    with pytest.raises(FeatcError) as error:
        project.push("app", rows, strict=True)
    assert error.value.diagnostics[0].code == "F614"
    assert vector(project, 7, datetime(2026, 1, 1, 13))["n"] == 1


def test_a_batch_that_lacks_what_a_view_of_the_union_reads_says_so(project: FeatureStore) -> None:
    assert project.push("app", [{"user_id": 7, "amount": 1.0, "at": NOW}]).absent == ("os",)
    with pytest.raises(FeatcError) as error:
        project.push("app", [{"amount": 1.0, "at": NOW}])
    assert error.value.diagnostics[0].code == "F611"


def test_a_batch_is_in_all_or_nothing(tmp_path: Path) -> None:
    failing = VIEWS.replace("last(os)", "last(case when os = 'bad' then (1 // (length(os) - 3))::text else os end)")
    store = FeatureStore(written(tmp_path, views=failing))
    store.push("app", [{"user_id": 7, "amount": 1.0, "os": "good", "at": NOW}])
    with pytest.raises(FeatcError) as error:
        store.push("app", [{"user_id": 7, "amount": 1.0, "os": "bad", "at": NOW}])
    assert error.value.diagnostics[0].code == "F620"
    assert vector(store, 7, datetime(2026, 1, 1, 13))["n"] == 1
    assert store.push("app", [{"user_id": 7, "amount": 1.0, "os": "fine", "at": NOW}]).accepted == 1


def test_large_batches_go_in_slices(project: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_LARGE", 2)
    project.push("web", project.root / "data" / "web.csv")
    project.push("app", [{"user_id": 7, "amount": float(n), "os": str(n), "at": NOW} for n in range(7)])
    assert vector(project, 7, datetime(2026, 1, 1, 13))["n"] == 9


def test_materialize_takes_each_source_once_whatever_came_by_push(project: FeatureStore) -> None:
    project.push("web", project.root / "data" / "web.csv")
    for _ in range(2):
        done = project.materialize()
        assert {s.source for s in done.sources} == {"web", "app"}
    assert vector(project, 7) == FULL
    with pytest.raises(FeatcError) as error:
        project.push("app", project.root / "data" / "app.csv")
    assert error.value.diagnostics[0].code == "F640"
    web = project.root / "data" / "web.csv"
    web.write_text(WEB_ROWS + "4,7,1,U,c@x,2026-01-01 11:30:00,2026-01-01 11:30:00\n")
    project.materialize()
    assert vector(project, 7) == FULL | {"n": 4, "spend": 34.5, "web": 3, "email": "c@x"}


def test_equal_rows_without_an_id_are_materialized_once_each(tmp_path: Path) -> None:
    store = FeatureStore(written(tmp_path))
    (tmp_path / "data" / "app.csv").write_text(APP_ROWS + APP_ROWS.splitlines()[1] + "\n")
    store.materialize()
    store.materialize()
    assert vector(store, 7) == FULL | {"n": 4, "spend": 41.0}


def test_a_union_that_was_out_for_a_while_does_not_answer(tmp_path: Path) -> None:
    own = "  other: {entity: user, source: web, features: {c: count(*) over lifetime}}\n"
    plain = VIEWS.replace("source: all", "source: web").replace("last(os)", "last(op)").replace("_source =", "'web' =")
    store = FeatureStore(written(tmp_path, views=VIEWS + own))
    store.push("app", store.root / "data" / "app.csv")
    store = FeatureStore(written(tmp_path, WEB + APP, plain + own))
    store.push("web", store.root / "data" / "web.csv")
    store = FeatureStore(written(tmp_path, views=VIEWS + own))
    with pytest.raises(FeatcError) as error:
        vector(store, 7)
    assert error.value.diagnostics[0].code == "F603"


def test_a_source_more_makes_it_another_union(tmp_path: Path) -> None:
    store = FeatureStore(written(tmp_path))
    before = feature_fingerprint(store.project, "spend", "n")
    store.push("app", store.root / "data" / "app.csv")
    till = APP.replace("app:", "till:")
    store = FeatureStore(written(tmp_path, WEB + APP + till + "  all: {union: [web, app, till]}\n"))
    assert feature_fingerprint(store.project, "spend", "n") != before
    with pytest.raises(FeatcError) as error:
        vector(store, 7)
    assert error.value.diagnostics[0].code == "F603"


@pytest.mark.parametrize("change", [("delay: 5m", "delay: 6m"), ("time: at", "time: at + interval 1 day")])
def test_what_a_source_means_is_part_of_the_union(tmp_path: Path, change: tuple[str, str]) -> None:
    marks = []
    for sources in (WEB + APP + ALL, WEB + APP.replace(*change) + ALL):
        store = FeatureStore(written(tmp_path, sources))
        marks.append(feature_fingerprint(store.project, "spend", "n"))
    assert marks[0] != marks[1]


def test_the_horizon_of_a_union_is_the_least_of_its_sources(tmp_path: Path) -> None:
    day = datetime(2026, 1, 1)
    store = FeatureStore(written(tmp_path))
    store.push("web", store.root / "data" / "web.csv")
    found = {e.source: e for e in store.online.evict(0)}
    assert found["web"].horizon is not None and found["all"].horizon is None  # app may still bring anything
    store.push("app", [{"user_id": 7, "amount": 1.0, "os": "ios", "at": day.replace(hour=9)}])
    found = {e.source: e for e in store.online.evict(0)}
    assert found["all"].horizon == found["app"].horizon != found["web"].horizon
    # what its own source refuses is none of the union's rows either
    ten = day.replace(hour=10)
    late = {"order_id": 9, "user_id": 7, "amount": 3, "op": "U", "at": ten, "seen": ten}
    assert store.push("web", [late]).rejected == {"arrived before the replay horizon": 1}
    assert vector(store, 7)["n"] == 3
    store.push("app", [{"user_id": 7, "amount": 1.0, "os": "ios", "at": day.replace(hour=9, minute=30)}])
    assert vector(store, 7)["n"] == 4


# ------------------------------------------------------------------------------------- training


def test_backfilled_tiles_are_read_and_know_when_a_source_changed(tmp_path: Path) -> None:
    views = VIEWS.replace("email: last(email) over lifetime", "big: sum(amount) over last_30d")
    views = views.replace("      os: last(os) over lifetime\n", "")
    rows = "".join(f"7,{n}.0,ios,2026-01-{n:02} 10:00:00\n" for n in range(1, 29) for _ in range(40))
    store = FeatureStore(written(tmp_path, views=views))
    (tmp_path / "data" / "app.csv").write_text(f"user_id,amount,os,at\n{rows}")
    store.backfill()
    spine = [{"user_id": 7, "as_of": datetime(2026, 1, 28, 12)}]
    by_tiles, by_rows = (store.get_historical_features("s", spine, read=read) for read in ("tiles", "rows"))
    assert by_tiles.rows() == by_rows.rows()
    assert by_rows.rows()[0]["n"] == 28 * 40 + 2
    (tmp_path / "data" / "app.csv").write_text(f"user_id,amount,os,at\n{rows}8,1.0,ios,2026-01-02 10:00:00\n")
    with pytest.raises(FeatcError) as error:
        store.get_historical_features("s", spine, read="tiles").rows()
    assert error.value.diagnostics[0].code == "F560"


def test_a_label_waits_for_the_slowest_source(tmp_path: Path) -> None:
    labels = "    labels:\n      next: count(*) over next_1h\n"
    more = "  t: {features: [spend.n], labels: [spend.next]}\n"
    store = FeatureStore(written(tmp_path, views=VIEWS + labels, more=more))
    # the last row is known at 11:00; app's come five minutes after they happen
    asked = [{"user_id": 7, "as_of": datetime(2026, 1, 1, 9, m)} for m in (55, 56)]
    rows = store.get_historical_features("t", asked).rows()
    assert [row["next__complete"] for row in rows] == [True, False]


def test_authors_tests_give_rows_of_the_sources(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "tests").mkdir()
    test = """\
tests:
  both:
    service: s
    given:
      app:
        - {user_id: 7, amount: 1.5, at: "2026-01-01 09:00:00"}
      web:
        - {order_id: 1, user_id: 7, amount: 2, at: "2026-01-01 09:00:00", seen: "2026-01-01 09:00:00"}
    spine: [{user_id: 7, as_of: "2026-01-01 10:00:00"}]
    expect: [{n: 2, spend: 3.5}]
"""
    (folder / "tests" / "both.yaml").write_text(test)
    done = CliRunner().invoke(cli, ["test", "--project", str(folder)])
    assert done.exit_code == 0, done.output
    (folder / "tests" / "both.yaml").write_text(test.replace("app:", "all:"))
    done = CliRunner().invoke(cli, ["test", "--project", str(folder)])
    assert "F711" in done.output and "give rows of web and app" in done.output


# ------------------------------------------------------------------------------------- lineage and what is said


def test_lineage_goes_through_the_union_to_the_columns_of_its_sources(project: FeatureStore) -> None:
    graph = project_graph(project.project)
    edges = {(e.parent.name, e.child.name) for e in graph.edges}
    assert {("web.amount", "all.amount"), ("app.amount", "all.amount"), ("all.amount", "spend.spend")} <= edges
    assert ("app.os", "all.os") in edges and ("web.seen", "all._known_at") in edges
    names = [n.name for n in graph.nodes]
    assert names.index("web.amount") < names.index("all.amount") < names.index("spend.spend")
    carried = {n.name: tags for n, tags in project_tags(project.project).carried.items() if tags}
    assert carried["spend.email"] == carried["s.email"] == ("pii",)


def test_tags_of_a_source_are_carried_by_what_reads_its_rows(tmp_path: Path) -> None:
    store = FeatureStore(written(tmp_path, WEB + APP.replace("delay", "tags: [phone]\n    delay") + ALL))
    carried = {n.name: tags for n, tags in project_tags(store.project).carried.items() if tags}
    assert "phone" in carried["s.n"]


def test_who_unites_what_is_deprecated_is_told(tmp_path: Path) -> None:
    old = APP.replace("delay", "deprecated: {use: web}\n    delay")
    done = CliRunner().invoke(cli, ["build", "--project", str(written(tmp_path, WEB + old + ALL))])
    assert "F363" in done.output and "the union all" in done.output


def test_a_source_without_delay_is_warned_of_where_labels_read_its_union(tmp_path: Path) -> None:
    labels = "    labels:\n      next: count(*) over next_1h\n"
    more = "  t: {features: [spend.n], labels: [spend.next]}\n"
    hasty = APP.replace("    delay: 5m\n", "")
    said = []
    for sources in (WEB + APP + ALL, WEB + hasty + ALL):
        folder = written(tmp_path, sources, VIEWS + labels, more)
        said.append(CliRunner().invoke(cli, ["build", "--project", str(folder)]).output)
    assert "F368" not in said[0]
    assert "F368" in said[1] and "predicts from app" in said[1]


def test_the_manifest_names_the_sources_and_hides_what_is_made(project: FeatureStore) -> None:
    manifest = json.loads(build_files(project.compiled)["manifest.json"])
    made = manifest["sources"]["all"]
    assert made["union"] == ["web", "app"]
    assert {c for c in made["columns"] if c.startswith("_")} == {"_source"}
    assert manifest["locations"]["all"] == {"kind": "union", "value": "web, app"}


def test_the_features_are_proven_equal(project: FeatureStore) -> None:
    report = project.verify(seed=1)
    assert {f.status for f in report.features} == {"proven"}


# ------------------------------------------------------------------------------------- leakage

FAULTS: Sequence[tuple[str, str]] = (
    ("epoch_us(seen) AS _known_at", "epoch_us(at) AS _known_at"),
    ("epoch_us(\"at\") + 300000000 AS _known_at", "epoch_us(\"at\") AS _known_at"),
    ("epoch_us(\"at\") AS _happened", "0 AS _happened"),
    ("order_id AS _event_1", "user_id AS _event_1"),
    ("NULL::BIGINT AS _event_1", "user_id AS _event_1"),
    ("'app' AS _source", "'web' AS _source"),
    ("UNION ALL\n        -- app", "UNION\n        -- app"),
    ("_happened AS _time", "_known_at AS _time"),
    ("_known_at AS _arrival", "_happened AS _arrival"),
    ("NULL::VARCHAR AS os", "last_value(email) OVER (ORDER BY order_id) AS os"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new"), FAULTS)
def test_a_fault_in_a_union_is_refused(project: FeatureStore, old: str, new: str) -> None:
    path = "sql/duckdb/services/s/training.sql"
    sql = build_files(project.compiled)[path]
    outputs = project.project.services["s"].outputs
    assert check_sql(project.project, outputs, sql).findings == ()
    assert old in sql
    found = check_sql(project.project, outputs, sql.replace(old, new, 1)).findings
    assert found and found[0].code in ("F577", "F570"), found


def test_what_has_errors_already_is_not_told_of_again_at_a_service(tmp_path: Path) -> None:
    labels = "    labels:\n      next: count(*) over next_1h\n"
    more = "  t: {features: [spend.n], labels: [spend.next]}\n"
    found = refused(tmp_path, sources=WEB.replace("time: at", "time: att") + APP + ALL, views=VIEWS + labels, more=more)
    assert found == [("F301", "att")]
    found = refused(tmp_path, views=VIEWS + labels.replace("next_1h", "nxt_1h"), more=more)
    assert found == [("F304", "nxt_1h")]
