"""Mistakes in what rows are and bring: versions, event order, lifted values, aggregates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import featc_dialects.duckdb as duckdb_dialect
from featc.algebra import AGGREGATES, Kind
from featc.lower import online, online_lift, online_read, online_store, source
from featc.lower.training import newest
from featc.lower.training import rows as training_rows
from featc.resolve.model import Expr, Source, View, Window
from featc.runtime import dataset
from featc.runtime.online import read
from featc_dialects.sqlite import SPELLINGS, Spelling

from .patching import Patch, Plan, Plant, around

# ------------------------------------------------------------------------------------- sources and versions


def arrival_forgotten(patch: Patch) -> None:
    """Every row is known as soon as it happens, whatever its arrival: shared by both plans."""

    def at_once(f: Callable[..., Any]) -> Callable[..., Any]:
        def selected(*args: Any) -> Any:
            return tuple((source.TIME if name == source.ARRIVAL else sql, name) for sql, name in f(*args))

        return selected

    around(patch, source, "instants_select", at_once)


ENTERED = f"greatest({source.TIME}, {source.ARRIVAL})"


def superseded_at_enter(plan: Plan) -> Plant:
    """A version stays until the next one enters."""

    def training_text(f: Callable[..., str]) -> Callable[..., str]:
        return lambda *args, **more: f(*args, **more).replace(f"lead({source.ARRIVAL})", f"lead({ENTERED})")

    def lifted(f: Callable[..., list[str]]) -> Callable[..., list[str]]:
        return lambda *args: [i.replace(f"THEN {source.ARRIVAL} END", f"THEN {ENTERED} END") for i in f(*args)]

    if plan == "training":
        return lambda patch: around(patch, dataset, "training_sql", training_text)
    return lambda patch: around(patch, online_lift, "_version_items", lifted)


def where_first_in_training(patch: Patch) -> None:
    """Rows that fail `where` are gone before versions supersede each other."""

    def change(versions: Callable[..., str]) -> Callable[..., str]:
        def filtered(ctes: Any, given: Source, view: View, relation: str) -> str:
            if view.where is None or source.identity(given, view) is None:
                return versions(ctes, given, view, relation)
            passing = f"SELECT * FROM {relation} WHERE ({source.render(view.where)})"
            name = ctes.add(source.quoted(f"{view.name}_passing"), passing)
            return versions(ctes, replace(given, name=f"{given.name}_{view.name}"), view, name)

        return filtered

    around(patch, training_rows, "versions", change)


def where_first_online(patch: Patch) -> None:
    """The same in the store: a version that fails a view's `where` is none for the view."""

    def change(stream_plan: Callable[..., Any]) -> Callable[..., Any]:
        def filtered(given: Source, view: View) -> Any:
            plan = stream_plan(given, view)
            if plan is None or view.where is None:
                return plan
            stream = replace(plan.stream, name=view.name, table=source.quoted(f"{view.name}__passing"))
            old = f"THEN {source.ARRIVAL} END"
            lift_sql = online_lift.stream_sql(given, stream)
            return replace(
                plan,
                stream=stream,
                schema_sql=online_store.stream_schema_sql(stream),
                accept_sql=online_store.accept_version_sql(stream),
                resolve_sql=online_store.resolve_versions_sql(stream),
                supersede_sql=online_store.supersede_sql(stream.table),
                lift_sql=lift_sql.replace(old, f"AND ({source.render(view.where)}) {old}"),
            )

        return filtered

    around(patch, online, "_stream_plan", change)


def ties_by_alpha(plan: Plan) -> Plant:
    """Arrival decides between equal times, before the declared columns."""

    def order(given: Source) -> tuple[str, ...]:
        time, *declared = source.event_order(given)
        return (time, source.ARRIVAL, *declared)

    owner = training_rows if plan == "training" else online_lift
    altered = SimpleNamespace(**{**vars(source), "event_order": order})
    return lambda patch: patch.setattr(owner, "src", altered)


def ties_by_push(patch: Patch) -> None:
    """The store orders equal times by when they were pushed."""
    patch.setattr(online_read, "_order", lambda layout: ["_tau", "_seq"])


# ------------------------------------------------------------------------------------- lifted values


def reslotted(plan: Plan, change: Callable[[Expr, str], Expr]) -> Plant:
    """Changes what a row brings to an aggregate, inside its FILTER."""

    def lifting(slot_sql: Callable[..., str]) -> Callable[..., str]:
        def lifted(view: View, name: str) -> str:
            slots = tuple(replace(s, value=change(s.value, s.type)) for s in view.slots)
            return slot_sql(replace(view, slots=slots), name)

        return lifted

    owner = training_rows if plan == "training" else online_lift
    return lambda patch: around(patch, owner, "slot_sql", lifting)


def null_as_zero(expr: Expr, type_: str) -> Expr:
    """A NULL argument is the type's zero."""
    zeros = {"VARCHAR": "''", "BOOLEAN": "false", "TIMESTAMP": "TIMESTAMP '1970-01-01'"}
    return Expr(("coalesce(", *expr.parts, f", {zeros.get(type_, '0')})"), expr.type)


def nan_as_null(expr: Expr, type_: str) -> Expr:
    """A NaN is no value."""
    return Expr(("nullif(", *expr.parts, ", 'NaN'::DOUBLE)"), expr.type) if type_ == "DOUBLE" else expr


def filter_first_in_training(patch: Patch) -> None:
    """`rows: N` takes the last N that pass FILTER."""

    def change(chosen: Callable[..., str]) -> Callable[..., str]:
        def filtered(ctes: Any, rows: Any, window: Window, rank: str, alias: str) -> str:
            slots = next(s for s, column in rows.ranks.items() if column == rank)
            passing = [f"{rows.slots[s]} IS NOT NULL" for s in slots if rows.view.slot(s).filter]
            if passing:
                keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
                body = (
                    f"SELECT * REPLACE (row_number() OVER ({keys}ORDER BY {rank}) AS {rank})"
                    f" FROM {rows.relation} WHERE {' AND '.join(passing)}"
                )
                name = source.quoted(alias.strip('"') + "_passing")
                rows = replace(rows, relation=ctes.add(name, body))
            return chosen(ctes, rows, window, rank, alias)

        return filtered

    around(patch, newest, "_chosen", change)


def filter_first_online(patch: Patch) -> None:
    """The same in the store."""

    def change(members_sql: Callable[..., str]) -> Callable[..., str]:
        def filtered(layout: Any, window: Window, slots: tuple[str, ...]) -> str:
            passing = [layout.slots[s].column for s in slots if layout.view.slot(s).filter]
            extra = "".join(f" AND {c} IS NOT NULL" for c in passing if window.rows is not None)
            return members_sql(layout, window, slots).replace("\nORDER BY", f"{extra}\nORDER BY")

        return filtered

    around(patch, online_read, "members_sql", change)


# ------------------------------------------------------------------------------------- the algebra


def empty_sum_is_zero(plan: Plan) -> Plant:
    """The sum of nothing is 0."""
    row = AGGREGATES["sum"]
    if plan == "training":
        changed = replace(row, finish_sql="coalesce({total}, 0)")
    else:
        changed = replace(row, finish=lambda scale, total: 0 if total is None else total)
    return lambda patch: patch.setitem(AGGREGATES, "sum", changed)


def real_sums_in_training(patch: Patch) -> None:
    """Integers are summed as DOUBLE."""

    def change(partial: Callable[..., Any]) -> Callable[..., Any]:
        def real(kind: Kind, slots: Any, types: Any, *rest: Any) -> Any:
            exact = kind is Kind.SUM and "INT" in types[0]
            return partial(kind, [f"{slots[0]}::DOUBLE"] if exact else slots, types, *rest)

        return real

    around(patch, duckdb_dialect, "partial", change)


def real_sums_online(patch: Patch) -> None:
    """The store sums integers as REAL."""
    real = Spelling(("",), ("REAL",), ("sum({x} * 1.0)",), ("sum({0})",), lambda f: None if f[0] is None else int(f[0]))
    patch.setitem(SPELLINGS, Kind.SUM, real)


def real_values_online(patch: Patch) -> None:
    """Integers come out of the store by way of a float."""

    def change(decoder: Callable[..., Any]) -> Callable[..., Any]:
        return lambda type_: (lambda v: int(float(v))) if type_ == "BIGINT" else decoder(type_)

    around(patch, read, "decoder", change)


def nan_lost_in_store(patch: Patch) -> None:
    """The store's sum of DOUBLEs forgets the NaNs among them, as SQLite's own does."""
    plain = SPELLINGS[Kind.FSUM]
    lost = replace(plain, state=lambda f: None if f[1] is None else plain.state((f[0] or 0.0, 0, *f[2:])))
    patch.setitem(SPELLINGS, Kind.FSUM, lost)
