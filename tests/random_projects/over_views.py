"""Random views over the rows of another view: after its `where`, its joins and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle import Row

from .choices import Draw
from .definitions import ViewMaker
from .expressions import Expr, as_key, column, named
from .histories import History, abstract_type
from .joins import brought
from .model import Case, ViewSpec
from .windows import Windows


class RowsMaker(ViewMaker):
    """Draws a view whose rows are those of another: its expressions know that one's keys and joined columns."""

    def __init__(self, draw: Draw, letter: str, history: History, windows: Windows, base: ViewSpec, sources: Any):
        super().__init__(draw, letter, history, windows, {})
        self.base = base
        self.joins = base.joins
        self.names += [e for join in base.joins for e in brought(join.name, sources[join.source])]
        keys = [named(name, expr) for name, expr in base.keys.items()]
        self.names = [e for e in self.names if e.sql not in base.keys] + keys

    def view(self, entity: Any, keys: Mapping[str, str], closed: str | None) -> ViewSpec:
        made = super().view(entity, keys, closed)
        yaml = {**made.yaml, "source": {"view": self.base.name}}
        own, base, of = made.where, self.base.where, tuple(self.base.keys.values())

        def where(row: Row) -> Any:
            kept = base is None or base(row) is True
            keyed = kept and all(key(row) is not None for key in of)
            return keyed and (own is None or own(row) is True)

        sql = "the conditions of both"
        return ViewSpec(
            made.name, made.source, made.keys, made.features, yaml, made.windows, Expr(sql, "boolean", where),
            made.closed, joins=self.base.joins, of=self.base.name,
        )  # fmt: skip

    def keys(self, keys: Mapping[str, str]) -> tuple[dict[str, Expr], dict[str, str]]:
        """A key of the other view by its name, else the column; now and then another name."""
        exprs: dict[str, Expr] = {}
        for key, sql_type in keys.items():
            type_ = abstract_type(sql_type)
            own = column(self.history.spec.key_columns[key], type_)
            exprs[key] = named(key, self.base.keys[key]) if key in self.base.keys else self.renamed(own)
            others = [e for e in self.names if e.type == type_]
            if others and type_ in ("bigint", "text") and self.draw.chance(25):
                exprs[key] = as_key(self.draw.one(others))
        return exprs, {k: e.sql for k, e in exprs.items() if e.sql != k}

    def renamed(self, own: Expr) -> Expr:
        """A column, which may have the name of a key that stands for something else."""
        return named(own.sql, self.base.keys[own.sql]) if own.sql in self.base.keys else own


def and_view(case: Case, view: ViewSpec, windows: Windows) -> Case:
    """The case with one more view, all of which its service has."""
    picks = tuple((f.name, f"{view.name}.{f.name}") for s in view.features for f in s.outputs)
    service = case.service_yaml
    return case.with_(
        views=(*case.views, view),
        picks=(*case.picks, *picks),
        service_yaml=None if service is None else (*service, view.name),
        library=windows.library,
        vars=windows.vars,
    )
