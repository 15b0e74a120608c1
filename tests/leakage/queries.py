"""The training queries of projects, as `featc build` writes them, with the outputs of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from featc.emit import build_files, training_queries
from featc.leakage import Checked, check_sql
from featc.resolve.model import Output, Project
from featc.runtime.store import compile_project

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PROJECTS = tuple(sorted(p.parent.name for p in GOLDEN.glob("*/featc.yaml")))


@dataclass(frozen=True)
class Queries:
    """A project's training queries by their path below the build folder."""

    project: Project
    sql: Mapping[str, str]
    outputs: Mapping[str, Sequence[Output]]

    def check(self, path: str, sql: str | None = None) -> Checked:
        return check_sql(self.project, self.outputs[path], self.sql[path] if sql is None else sql)


def queries(folder: Path) -> Queries:
    compiled = compile_project(folder)
    outputs = training_queries(compiled.project)
    files = build_files(compiled)
    return Queries(compiled.project, {path: files[path] for path in outputs}, outputs)


@cache
def golden(name: str) -> Queries:
    """The queries of a project of tests/golden."""
    return queries(GOLDEN / name)


def path_of(short: str) -> str:
    """`user_orders`, `labels of user_orders` or `services/churn` as a path below the build folder."""
    if short.startswith("labels of "):
        return f"sql/duckdb/{short.removeprefix('labels of ')}/labels.sql"
    return f"sql/duckdb/{short}/training.sql"
