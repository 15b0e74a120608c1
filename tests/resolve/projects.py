
"""Small projects for the tests of resolve: definitions in, the resolved project and what was found out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from featc.errors import Diagnostic
from featc.load import read_project
from featc.resolve import resolve
from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    Expr,
    Feature,
    FeatureRef,
    KeyRef,
    Project,
    Ref,
    RequestRef,
    StateRef,
)
from featc.runtime.catalog import DuckDBCatalog

HEAD = """\
version: 1
project: shop
paths: [features]
default_target: dev
targets:
  dev: {dialect: duckdb, database: shop.duckdb}
"""

SHOP = """\
entities:
  user: user_id
  product: sku
sources:
  orders:
    sql: >-
      select 1::bigint as user_id, 1::bigint as order_id, 's' as sku, 'paid' as status, 1.5::decimal(12,2) as amount,
      1.0::double as weight, true as gift, timestamp '2026-01-01' as ordered_at, timestamp '2026-01-01' as loaded_at,
      date '2026-01-01' as due, 1::integer as seq, [1] as items, {'city': 'Ulm'} as address
    time: ordered_at
    available_at: loaded_at
    id: order_id
    let:
      paid: status = 'paid'
      net: amount * 2
  plans:
    kind: state
    key: user_id
    sql: select 1::bigint as user_id, 'pro' as plan, 10::integer as mrr, timestamp '2026-01-01' as changed_at
    time: changed_at
    let:
      is_big: mrr > 100
"""


@dataclass(frozen=True)
class Resolved:
    project: Project
    found: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.found if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.found if d.severity == "warning")

    def feature(self, qualified: str) -> Feature:
        view, name = qualified.split(".")
        return self.project.feature(view, name)

    def sql(self, qualified: str) -> str:
        return shown(self.feature(qualified).expr)


def shown(expr: Expr) -> str:
    """An expression with its references in brackets, for assertions."""

    def name(ref: Ref) -> str:
        match ref:
            case ColumnRef(column):
                return f"[{column}]"
            case StateRef(column):
                return f"[state {column}]"
            case AggregateRef(aggregation):
                return f"[agg {aggregation}]"
            case FeatureRef(view, feature):
                return f"[{view}.{feature}]"
            case RequestRef(column):
                return f"[request {column}]"
            case KeyRef(column):
                return f"[key {column}]"
            case AsOfRef():
                return "[as_of]"

    return expr.render(name)


def resolved(folder: Path, *texts: str, target: str = HEAD) -> Resolved:
    """Resolves a project made of YAML files `a.yaml`, `b.yaml` … in `folder`."""
    (folder / "features").mkdir(exist_ok=True)
    (folder / "featc.yaml").write_text(target)
    for letter, text in zip("abcdef", texts, strict=False):
        (folder / "features" / f"{letter}.yaml").write_text(dedent(text))
    definitions, loading = read_project(folder)
    assert definitions is not None, [d.render() for d in loading]
    with DuckDBCatalog(folder, folder / "shop.duckdb") as catalog:
        project, found = resolve(definitions, catalog)
    return Resolved(project, (*(d for d in loading if d.severity == "error"), *found))


def only_error(result: Resolved) -> Diagnostic:
    assert len(result.errors) == 1, "\n".join(d.render() for d in result.found)
    return result.errors[0]


def caret(diagnostic: Diagnostic) -> str:
    """The author's words under the caret."""
    span = diagnostic.span
    assert span is not None
    return span.text[span.column - 1 : span.column - 1 + span.length]
