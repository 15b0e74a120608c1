"""Training = oracle = online on random projects, and proof that the random projects are worth running."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import oracle
from oracle import Aggregate, Derived, Lookup, Value, rank
from random_projects import Case, Difference, SourceSpec, check, draw_case, make_case, render, shrink
from random_projects.choices import HypothesisDraw
from random_projects.coverage import SITUATIONS
from random_projects.expressions import Expr
from random_projects.knockouts import MUTANTS, NullCounts, TtlIsIgnored, knocked_out
from random_projects.run import run, run_seeds
from random_projects.standin import stand_in

CASES = int(os.environ.get("FEATC_RANDOM_CASES", "2000"))
FIRST = int(os.environ.get("FEATC_RANDOM_FIRST", "100000"))
FLOOR = 200
RARE = {
    "a version late by an earlier one's time": 100,
    "a state that left its entity": 100,
    "a dump older than a visible one": 40,
    "a tie between members": 100,
    "a label that waits for the slowest member": 100,
}
"""What takes a history of its own kind: three versions, of which the last is in time by itself only; a row of a state
source that goes to another entity; a dump that lands after one of a later time; events of two members at one instant of
one entity; labels over a union."""


# ------------------------------------------------------------------------------------- the product


@pytest.mark.parametrize("first", range(0, 4, 2))
def test_training_oracle_and_online_agree(first: int, tmp_path: Path) -> None:
    outcome = run_seeds(range(first, first + 2), tmp_path)
    assert not outcome.failures, "\n\n".join(outcome.failures)


@pytest.mark.parametrize("examples", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_they_agree_on_cases_that_hypothesis_can_shrink(examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        assert not shrink.run(draw_case(HypothesisDraw(data), size=6))

    agree()


@pytest.mark.slow
@pytest.mark.all_cores
def test_they_agree_on_thousands_of_cases_that_meet_every_situation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    floors = {s: RARE.get(s, FLOOR) for s in SITUATIONS}
    outcome = run(FIRST, CASES, tmp_path, jobs=os.cpu_count() or 1, enough=floors)
    with capsys.disabled():
        print("\n" + outcome.summary(FLOOR))
    assert not outcome.failures, "\n\n".join(outcome.failures)
    share = min(CASES, 2000) / 2000
    assert not [s for s in SITUATIONS if outcome.situations[s] < int(floors[s] * share)]


# ------------------------------------------------------------------------------------- the suite itself


def test_a_seed_gives_the_same_project_every_time() -> None:
    for seed in range(20):
        a, b = make_case(seed), make_case(seed)
        assert render.texts(a) == render.texts(b)
        assert (repr(a.rows), a.probes, a.steps) == (repr(b.rows), b.probes, b.steps)


def test_projects_are_plain_yaml_that_says_what_was_meant() -> None:
    for seed in range(150):
        case = make_case(seed)
        views = yaml.safe_load(render.texts(case)["features/views.yaml"])["feature_views"]
        assert list(views) == [v.name for v in case.views]
        for v in case.views:
            assert list(views[v.name]["features"]) == [s.name for s in v.features]
        names = [output for output, _ in case.picks]
        assert len({n.lower() for n in names}) == len(names)


@pytest.mark.slow
def test_the_definition_of_every_expression_is_what_duckdb_computes() -> None:
    compared = 0
    for seed in range(80):
        case = make_case(seed)
        connection = duckdb.connect()
        for source in (*case.sources, *case.unions):
            rows = united_rows(case, source) if source.meaning.union else case.rows[source.name]
            create_view(connection, case, source)
            for expr in dict.fromkeys(row_expressions(case, source.name)):
                query = f'select {expr.sql} from "{source.name}" order by place_'
                got = [r[0] for r in connection.execute(query).fetchall()]
                wanted = [expr(row) for row in rows]
                assert all(map(agrees, [expr] * len(rows), wanted, got)), (seed, expr.sql, wanted, got)
                compared += len(rows)
    assert compared > 10_000


@pytest.mark.slow
def test_the_definition_of_every_derived_feature_is_what_duckdb_computes() -> None:
    compared = 0
    connection = duckdb.connect()
    for seed in range(150):
        case = make_case(seed)
        judge = case.oracle()
        features = {name: f for name, (_, f) in judge.features.items()}
        for name, feature in features.items():
            if not isinstance(feature, Derived):
                continue
            types = {i: input_type(case, features, i) for i in feature.inputs}
            sql = in_terms_of(feature, types)
            for probe in case.probes:
                inputs = {i: judge.input(i, probe) for i in feature.inputs}
                wanted = judge.derive(feature, inputs)
                given = [parameter(types[i], v) for i, v in inputs.items()]
                got = connection.execute(sql, given).fetchall()[0][0]
                assert agrees(feature, wanted, got), (seed, name, sql, inputs, wanted, got)
                compared += 1
    assert compared > 1000


@pytest.mark.slow
def test_the_oracle_keeps_the_promise_whatever_the_order_of_arrival(tmp_path: Path) -> None:
    for seed in range(100):
        case = make_case(seed)
        found = check(case, tmp_path / str(seed), stand_in(case))
        assert not found, f"{case.label}: {found[0]}"


@pytest.mark.slow
def test_every_mistake_of_the_list_changes_values_of_the_generated_cases() -> None:
    noticed: Counter[str] = Counter()
    twice = "duplicate spine rows collapsed"
    for seed in range(300):
        if seed >= 150 and all(noticed[m] >= 3 for m in (twice, *MUTANTS)):  # some take longer to be met
            break
        case = make_case(seed)
        names = [name for _, name, _ in case.outputs()]
        expected = values(case.oracle(), case, names)
        noticed[twice] += len({repr(p) for p in case.probes}) < len(case.probes)
        for mutant, kind in MUTANTS.items():
            if noticed[mutant] < 3:
                noticed[mutant] += values(knocked_out(case, kind), case, names) != expected
    assert not [m for m in (twice, *MUTANTS) if noticed[m] < 3], noticed


@pytest.mark.parametrize("mistake", [NullCounts, TtlIsIgnored])
def test_a_failing_case_is_shrunk_and_saved(mistake: type[oracle.Oracle], tmp_path: Path) -> None:
    def differences(case: Case) -> list[Difference]:
        return check(case, tmp_path / "run", stand_in(case, online=mistake))

    case = next(case for case in map(make_case, range(100)) if differences(case))
    small = shrink.shrink(case, lambda candidate: bool(differences(candidate)))
    assert len(list(shrink.entries(small))) == 1  # which may be a family
    assert sum(map(len, small.rows.values())) <= 3
    assert len(small.probes) == 1
    found = differences(small)
    shrink.save(small, found, tmp_path / "saved")
    assert (tmp_path / "saved" / "featc.yaml").exists()
    assert str(found[0]) in (tmp_path / "saved" / "differences.txt").read_text()


# ------------------------------------------------------------------------------------- what the tests need


def values(judge: oracle.Oracle, case: Case, names: list[str]) -> list[list[Any]]:
    """Every value of a case, comparable."""
    return [[rank(judge.value(n, p)) for n in names] for p in case.probes]


def create_view(connection: duckdb.DuckDBPyConnection, case: Case, source: SourceSpec) -> None:
    """A view with a source's name that has its rows, columns and `let` names, in the order of `place_`."""
    let = "".join(f", {sql} as {name}" for name, sql in source.yaml.get("let", {}).items())
    if source.meaning.union:
        parts = (f"""select *, {n} as part, '{m}' as _source from "{m}" """ for n, m in enumerate(source.meaning.union))
        whole = f"select * replace ([part, place_] as place_) from ({' union all by name '.join(parts)})"
    else:
        data = render.table(source, case.rows[source.name])
        connection.register(f"data_{source.name}", data.append_column("place_", [range(data.num_rows)]))
        types = {c: t for c, t in source.types.items() if source.file_types[c] != t}
        casts = ", ".join(f"try_cast({c} as {t}) as {c}" for c, t in types.items())
        whole = f"select {f'* replace ({casts})' if casts else '*'} from data_{source.name}"
    connection.execute(f'create view "{source.name}" as select *{let} from ({whole})')


def united_rows(case: Case, source: SourceSpec) -> list[oracle.Row]:
    """All rows of a union's members, as the union has them."""
    judge, names = case.oracle(), source.meaning.union
    return [judge.completed(source.meaning, judge.sources[m], row) for m in names for row in case.rows[m]]


def row_expressions(case: Case, source: str) -> Iterator[Expr]:
    """Every expression over a source's rows."""
    deleted = case.source(source).meaning.deleted
    if isinstance(deleted, Expr):
        yield deleted
    for v in case.views:
        if v.source != source or v.joins or v.matches or v.of:  # what those bring is no column here
            continue
        yield from v.keys.values()
        if v.where:
            yield v.where
        for f in v.meaning().features:
            parts: tuple[Any, ...] = (f.expr,) if isinstance(f, Lookup) else ()
            if isinstance(f, Aggregate):
                parts = (*f.args, *([f.filter] if f.filter else []))
            yield from (p for p in parts if isinstance(p, Expr))


def agrees(typed: Any, wanted: Value, got: Value) -> bool:
    """The Python half against DuckDB's answer."""
    return oracle.same(typed.type, wanted, got)


def parameter(type: str, value: Value) -> Any:
    """A derived feature's input as DuckDB takes it."""
    given = render.python(type, value)
    return [{"k": k, "v": v} for k, v in given.items()] if isinstance(given, dict) else given


def input_type(case: Case, features: dict[str, Any], name: str) -> str:
    """The type of a derived feature's input, an oracle's or DuckDB's."""
    if name == "as_of":
        return "timestamp"
    kind, _, rest = name.partition(".")
    if kind == "request":
        return case.request[rest]
    if kind == "key":
        return case.spine_keys[rest]
    found: str = features[name].type
    return found


def sql_type(type: str) -> str:
    """DuckDB's name of an oracle's type."""
    form, _, rest = type.partition(" ")
    if form == "list":
        return f"{sql_type(rest)}[]"
    if form == "map":
        return f"struct(k {sql_type(rest.split(' ')[0])}, v {sql_type(rest.split(' ')[1])})[]"  # as parameters can be
    return {"text": "varchar", "decimal": "decimal(38,2)"}.get(type, type)


def in_terms_of(feature: Derived, types: dict[str, str]) -> str:
    """The derived feature's text as a query over typed parameters."""
    assert isinstance(feature.expr, Expr)
    sql, selected = feature.expr.sql, []
    for n, (name, type) in enumerate(types.items()):
        bare = name.rpartition(".")[2]
        pattern = rf"(?<![\w.'])(?:{re.escape(name)}|{re.escape(bare)})(?![\w'])"
        sql = re.sub(pattern, f"p{n}", sql)
        given = f"cast(? as {sql_type(type)})"
        selected.append(f"{f'map_from_entries({given})' if type.startswith('map ') else given} as p{n}")
        if name == "as_of":
            sql = re.sub(r"seconds_since\((\w+)\)", rf"((epoch_us(p{n}) - epoch_us(\1)) / 1000000)", sql)
    return f"select {sql} from (select {', '.join(selected)})"
