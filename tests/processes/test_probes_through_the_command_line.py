"""Random projects whose every push and every read is a process of its own, compared with the oracle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oracle import Probe, Value, moment
from random_projects import Case, Difference, Push, make_case, render
from random_projects.judge import Judge
from random_projects.model import SERVICE, SourceSpec

from .commands import featc, said
from .vectors import read_vectors

FIRST, PROJECTS, FLOOR = 700_000, 14, 200
INSTANTS = 3
"""Reads per project: the process's start, not the read, is what takes time."""


@pytest.mark.slow
@pytest.mark.all_cores
def test_two_hundred_probes_agree_with_the_oracle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = range(FIRST, FIRST + PROJECTS)
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda seed: by_processes(seed, tmp_path / str(seed)), seeds))
    probes = sum(number for number, _ in ran)
    with capsys.disabled():
        print(f"\n{probes} online probes over {PROJECTS} projects through the command line")
    assert not [str(d) for _, found in ran for d in found]
    assert all(number for number, _ in ran)
    assert probes >= FLOOR


# ------------------------------------------------------------------------------------- one project


def by_processes(seed: int, folder: Path) -> tuple[int, list[Difference]]:
    """Pushes a case's history and reads it, all through the command line; gives probes and differences."""
    case = looked_at_together(make_case(seed))
    render.write(case, folder)
    judge = Judge(case)
    push_everything(case, folder)
    found: list[Difference] = []
    asked = 0
    for place, t in enumerate(dict.fromkeys(p.t for p in case.probes)):
        numbers = [n for n, p in enumerate(case.probes) if p.t == t]
        rows = read(case, numbers, t, folder, place)
        found += judge.online(numbers, rows, place)
        asked += len(rows)
    return asked, [labelled(case, d) for d in found]


def labelled(case: Case, found: Difference) -> Difference:
    return Difference(found.kind, f"{case.label} {found.feature}", found.probe, found.expected, found.got)


def looked_at_together(case: Case) -> Case:
    """The case with probes at few of its instants, there for every key it asks for or has a row of."""
    asked = {json.dumps([p.keys, p.request]): p for p in (*case.probes, *every_key(case))}
    instants = list(dict.fromkeys(p.t for p in case.probes))
    chosen = instants[:: max(1, len(instants) // INSTANTS)][:INSTANTS]
    return case.with_(probes=tuple(Probe(p.keys, t, p.request) for t in chosen for p in asked.values()))


def every_key(case: Case) -> Iterator[Probe]:
    """A probe for every key that occurs in a row."""
    requests = cycle([p.request for p in case.probes])
    for source in case.sources:
        for row in case.rows[source.name]:
            yield Probe({k: row[source.key_columns[k]] for k in case.spine_keys}, 0, next(requests))


def push_everything(case: Case, folder: Path) -> None:
    """Two batches of each source in the case's own order of arrival; the first comes again at the end."""
    pushes = [s for s in case.steps if isinstance(s, Push) and not s.replay]
    batches = []
    for source in case.sources:
        whole = [s.rows for s in pushes if s.source == source.name]
        if source.meaning.kind != "snapshot":  # whose dumps are pushed whole
            whole = [(n,) for rows in whole for n in rows]
        half = (len(whole) + 1) // 2
        parts = [[n for rows in part for n in rows] for part in (whole[half:], whole[:half])]
        batches += [(source, part) for part in parts if part]
    for token, (source, numbers) in enumerate(batches):
        path = batch_file(folder, case, source, numbers, f"batch_{token}")
        report = pushed(folder, source.name, path, f"t{token}")
        assert (report["rows"], report["replayed_batch"]) == (len(numbers), False)
    if batches:
        source, numbers = batches[0]
        path = batch_file(folder, case, source, numbers, "again")
        assert pushed(folder, source.name, path, "t0")["replayed_batch"] is True


def pushed(folder: Path, source: str, path: Path, token: str) -> dict[str, object]:
    done = featc("push", source, path, "--token", token, "--format", "json", cwd=folder)
    assert done.returncode == 0, said(done)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def batch_file(folder: Path, case: Case, source: SourceSpec, numbers: Sequence[int], name: str) -> Path:
    """A batch as CSV where CSV can say it (it has no empty text beside NULL), else parquet."""
    rows = [case.rows[source.name][n] for n in numbers]
    if not any("" in row.values() for row in rows) and source.file_types == source.types and len(numbers) % 2:
        path = folder / f"{name}.csv"
        path.write_text(render.csv_text(source, rows), encoding="utf-8")
    else:
        path = folder / f"{name}.parquet"
        pq.write_table(render.table(source, rows), path)
    return path


# ------------------------------------------------------------------------------------- reads


def read(case: Case, numbers: Sequence[int], t: int, folder: Path, place: int) -> list[dict[str, Value]]:
    """One `featc get` for all probes of an instant."""
    columns = {**case.spine_keys, **case.request}
    given = ["--keys", keys_file(folder / f"keys_{place}", columns, render.requests(case, numbers))] if columns else []
    at = moment(t).isoformat() + ("Z" if t % 2 else "")
    done = featc("get", SERVICE, *given, "--at", at, "--format", "json", cwd=folder)
    assert done.returncode == 0, said(done)
    types = {output: feature.type for output, _, feature in case.outputs()}
    rows = read_vectors(done.stdout, types)
    return rows if columns else rows * len(numbers)


def keys_file(path: Path, columns: dict[str, str], rows: Sequence[dict[str, Value]]) -> Path:
    """Keys as CSV, JSON or parquet, by turns."""
    says_all = len(columns) > 1 and not any("" in row.values() for row in rows)
    kind = ("csv" if says_all else "json", "parquet", "json")[len(rows) % 3]
    path = path.with_suffix(f".{kind}")
    match kind:
        case "csv":
            lines = [",".join(render.csv_word(t, row[c]) for c, t in columns.items()) for row in rows]
            path.write_text("\n".join([",".join(columns), *lines, ""]), encoding="utf-8")
        case "json":
            path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        case _:
            arrays = {c: pa.array([row[c] for row in rows], type=render.ARROW[t]) for c, t in columns.items()}
            pq.write_table(pa.table(arrays), path)
    return path


# ------------------------------------------------------------------------------------- values at their limits

LIMITS = """\
entities: {thing: thing_id}
sources:
  facts:
    path: data/facts.parquet
    time: at
    columns:
      thing_id: bigint
      whole: bigint
      exact: decimal(38,10)
      real: double
      said: varchar
      holds: boolean
      at: timestamp
feature_views:
  thing:
    entity: thing
    source: facts
    features:
      whole: last(whole) over lifetime
      exact: last(exact) over lifetime
      real: last(real) over lifetime
      said: last(said) over lifetime
      holds: last(holds) over lifetime
      seen: last(at) over lifetime
feature_services:
  svc: {features: [thing]}
"""
TYPES = {
    "whole": "bigint", "exact": "decimal", "real": "double", "said": "text", "holds": "boolean", "seen": "timestamp",
}  # fmt: skip
FACTS: tuple[dict[str, Value], ...] = (
    {
        "thing_id": 2**53 + 1, "whole": 2**63 - 1, "exact": Decimal("1234567890123456789012345678.0123456789"),
        "real": math.nan, "said": 'a "word",\nthen \\ another; 😀', "holds": True,
        "at": datetime(2026, 1, 1, 0, 0, 0, 1),
    },
    {
        "thing_id": -(2**63), "whole": -(2**63), "exact": Decimal("-0.0000000001"), "real": -math.inf,
        "said": "2026-01-01", "holds": False, "at": datetime(1000, 1, 1, 12, 30, 59, 999_999),
    },
    {
        "thing_id": 0, "whole": 2**53 + 1, "exact": Decimal("0.1"), "real": 5e-324, "said": "007", "holds": False,
        "at": datetime(1969, 12, 31, 23, 59, 59, 999_999),
    },
    {"thing_id": 7, "whole": None, "exact": None, "real": 0.1, "said": None, "holds": None, "at": datetime(2026, 1, 2)},
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_no_value_loses_anything_on_its_way_through_files_and_processes(ending: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: limits\n")
    (tmp_path / "features" / "all.yaml").write_text(LIMITS)
    table = facts_table()
    pq.write_table(table, tmp_path / "data" / "facts.parquet")
    batch, keys = tmp_path / f"batch.{ending}", tmp_path / f"keys.{ending}"
    write_as(table, batch)
    write_as(table.select(["thing_id"]), keys)
    report = pushed(tmp_path, "facts", batch, "one")
    assert (report["accepted"], report["rejected"]) == (len(FACTS), {})
    done = featc("get", "svc", "--keys", keys, "--at", "2026-02-01T00:00:00Z", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, said(done)
    wanted = [{TO_FEATURE.get(c, c): v for c, v in row.items() if c != "thing_id"} for row in FACTS]
    got = read_vectors(done.stdout, TYPES)
    assert list(map(repr, got)) == list(map(repr, wanted))


TO_FEATURE = {"at": "seen"}


def facts_table() -> pa.Table:
    types = {
        "thing_id": pa.int64(), "whole": pa.int64(), "exact": pa.decimal128(38, 10), "real": pa.float64(),
        "said": pa.string(), "holds": pa.bool_(), "at": pa.timestamp("us"),
    }  # fmt: skip
    return pa.table({c: pa.array([row[c] for row in FACTS], type=t) for c, t in types.items()})


def write_as(table: pa.Table, path: Path) -> None:
    """The table as another program would write it. JSON has no NaN: it is text there."""
    connection = duckdb.connect()
    connection.register("given", table)
    columns = "*"
    if path.suffix == ".json" and "real" in table.column_names:
        columns = "* replace (real::varchar as real, exact::varchar as exact)"
    form = {".parquet": "parquet", ".csv": "csv, header", ".json": "json"}[path.suffix]
    connection.execute(f"copy (select {columns} from given) to '{path}' (format {form})")
