"""How mistakes are planted in product code: each function patches it through pytest's `MonkeyPatch`.

Most patches fit one plan only, so that the other stays right. Those of the window rule give the modules of a plan
an altered copy of `featc.visibility`; others change a row of the algebra, a spelling of a dialect, or generated SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, Literal, Protocol

import featc_dialects.duckdb as duckdb_dialect
from featc import visibility
from featc.algebra import AGGREGATES, Kind
from featc.lower import online_lift, online_read, online_store, source, training, viewrows, windows
from featc.resolve.model import Expr, Project, Source, View, Window, feature_closure
from featc.runtime import dataset
from featc.runtime.online import push, read, service, store
from featc.visibility import Edges
from featc_dialects.sqlite import SPELLINGS, Spelling

Plan = Literal["training", "online"]


class Patch(Protocol):
    """What is used of `pytest.MonkeyPatch`."""

    def setattr(self, owner: Any, name: str, value: Any, /) -> None: ...

    def setitem(self, table: Any, key: Any, value: Any, /) -> None: ...


Plant = Callable[[Patch], None]
Change = Callable[[Callable[..., Any]], Callable[..., Any]]

PLANS: Mapping[Plan, tuple[ModuleType, ...]] = {
    "training": (windows, training),
    "online": (online_read, read),
}
FOREVER = 2**62


def around(patch: Patch, owner: Any, name: str, change: Change) -> None:
    """Replaces a function by what `change` makes of it."""
    patch.setattr(owner, name, change(getattr(owner, name)))


# ------------------------------------------------------------------------------------- the window rule


def plant_rule(patch: Patch, plans: Iterable[Plan], **changes: Change) -> None:
    """Gives the modules of these plans a copy of the window rule with some functions changed, also for its own use."""
    rule: dict[str, Any] = dict(vars(visibility))
    own = [n for n, f in rule.items() if isinstance(f, FunctionType) and f.__module__ == visibility.__name__]
    for name in own:
        f = rule[name]
        rule[name] = FunctionType(f.__code__, rule, name, f.__defaults__, f.__closure__)
    for name, change in changes.items():
        rule[name] = change(rule[name])
    for plan in plans:
        for module in PLANS[plan]:
            for name in own:
                if getattr(module, name, None) is getattr(visibility, name):
                    patch.setattr(module, name, rule[name])
        if plan == "training":
            leave_room(patch)


def leave_room(patch: Patch) -> None:
    """Lets frames of the training query reach beyond the spine row's own instant, which changes no value."""

    def later(select: Callable[..., str]) -> Callable[..., str]:
        def roomy(items: Iterable[str], rest: str, **more: Any) -> str:
            at = f"{windows.AS_OF} AS {windows.INSTANT}"
            moved = f"{windows.AS_OF} + {FOREVER} AS {windows.INSTANT}"
            return select([moved if item == at else item for item in items], rest, **more)

        return roomy

    around(patch, windows, "select", later)


def plus(amount: int) -> Change:
    """Adds to the SQL a function gives, where it gives any."""

    def change(f: Callable[..., str | None]) -> Callable[..., str | None]:
        def shifted(*args: Any) -> str | None:
            sql = f(*args)
            return None if sql is None else f"{sql} + {amount}"

        return shifted

    return change


def moved_edges(*, lower: int = 0, upper: int = 0) -> Change:
    """Moves the bounds of windows, in µs."""

    def change(f: Callable[..., Edges]) -> Callable[..., Edges]:
        def moved(*args: Any) -> Edges:
            found = f(*args)
            return Edges(None if found.after is None else found.after + lower, found.upto + upper)

        return moved

    return change


def flipped(f: Callable[..., int]) -> Callable[..., int]:
    """0 for 1 and 1 for 0."""
    return lambda closed: 1 - f(closed)


def lower_edge(amount: int, *plans: Plan) -> Plant:
    """Windows begin so many µs later."""
    return lambda patch: plant_rule(patch, plans, after_sql=plus(amount), edges=moved_edges(lower=amount))


def upper_edge(amount: int, *plans: Plan) -> Plant:
    """Windows end so many µs later."""
    return lambda patch: plant_rule(patch, plans, upto_sql=plus(amount), edges=moved_edges(upper=amount))


def lower_swapped(*plans: Plan) -> Plant:
    """The lower end is open where it is closed."""
    return lambda patch: plant_rule(patch, plans, lower_closed=flipped)


def upper_swapped(*plans: Plan) -> Plant:
    """`<` for `<=` in `x ⊲ y`."""
    return lambda patch: plant_rule(patch, plans, strict=flipped)


def knowledge(amount: int, *plans: Plan) -> Plant:
    """What enters, or goes, up to so many µs after `t` has done so already."""

    def later(f: Callable[..., int]) -> Callable[..., int]:
        return lambda t, closed: f(t, closed) + amount

    return lambda patch: plant_rule(patch, plans, horizon_sql=plus(amount), horizon=later)


def superseded_stays(*plans: Plan) -> Plant:
    """A version stays one µs too long."""

    def longer(f: Callable[..., str]) -> Callable[..., str]:
        return lambda enter, gone, *rest: f(enter, gone, *rest).replace(f"{gone} > ", f"{gone} >= ")

    return lambda patch: plant_rule(patch, plans, visible_sql=longer)


def future_leaks(*plans: Plan) -> Plant:
    """Windows have no upper end, and all there ever is is known."""

    def forever(f: Callable[..., str]) -> Callable[..., str]:
        return lambda *args: str(FOREVER)

    def endless(f: Callable[..., Edges]) -> Callable[..., Edges]:
        return lambda *args: Edges(f(*args).after, FOREVER)

    return lambda patch: plant_rule(patch, plans, upto_sql=forever, horizon_sql=forever, edges=endless)


def ttl_ignored(plan: Plan) -> Plant:
    """A state of any age holds."""

    def ageless_sql(f: Callable[..., str | None]) -> Callable[..., str | None]:
        return lambda window, *rest: None if window.name == "ttl" else f(window, *rest)

    def ageless(f: Callable[..., Edges]) -> Callable[..., Edges]:
        def found(window: Window, *rest: Any) -> Edges:
            return Edges(None, f(window, *rest).upto) if window.name == "ttl" else f(window, *rest)

        return found

    return lambda patch: plant_rule(patch, (plan,), after_sql=ageless_sql, edges=ageless)


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

    around(patch, viewrows, "versions", change)


def where_first_online(patch: Patch) -> None:
    """The same in the store, for sources with one view: a version that fails `where` is none."""

    def change(source_plan: Callable[..., Any]) -> Callable[..., Any]:
        def filtered(project: Project, given: Source, marks: Any) -> Any:
            plan = source_plan(project, given, marks)
            if len(plan.views) != 1 or plan.views[0].layout.view.where is None:
                return plan
            where = source.render(plan.views[0].layout.view.where)
            old = f"THEN {source.ARRIVAL} END"
            return replace(plan, census_sql=plan.census_sql.replace(old, f"AND ({where}) {old}"))

        return filtered

    around(patch, store, "source_plan", change)


def ties_by_alpha(plan: Plan) -> Plant:
    """Arrival decides between equal times, before the declared columns."""

    def order(given: Source) -> tuple[str, ...]:
        time, *declared = source.event_order(given)
        return (time, source.ARRIVAL, *declared)

    owner = viewrows if plan == "training" else online_lift
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

    owner = viewrows if plan == "training" else online_lift
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

    around(patch, windows, "_chosen", change)


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


# ------------------------------------------------------------------------------------- keys, defaults, the spine


def keys_glued_in_training(patch: Patch) -> None:
    """Rows and spine meet by their keys written one after the other."""

    def glue(view: View, sql: Callable[[Any], str]) -> str:
        return f"{' || '.join(f'({sql(k)})::VARCHAR' for k in view.keys)} AS {glued(view)}"

    def glued(view: View) -> str:
        return source.quoted(f"_glued_{view.name}")

    def rows(made: Callable[..., Any]) -> Callable[..., Any]:
        def gluing(ctes: Any, *args: Any) -> Any:
            found = made(ctes, *args)
            if len(found.keys) < 2:
                return found
            comment, text = ctes.items[found.relation]
            start = f"SELECT {glue(found.view, source.key_sql)}, "
            ctes.items[found.relation] = (comment, text.replace("SELECT", start, 1))
            return replace(found, keys=(glued(found.view),))

        return gluing

    def spine(training_sql: Callable[..., str]) -> Callable[..., str]:
        def gluing(project: Project, outputs: Any, **more: Any) -> str:
            names = dict.fromkeys(v for v, _ in feature_closure(project, [(o.view, o.feature) for o in outputs]))
            views = [project.views[n] for n in names]
            items = [glue(v, lambda k: source.quoted(k.name)) for v in views if len(v.keys) > 1]
            number = f"row_number() OVER () AS {windows.ROW}"
            return training_sql(project, outputs, **more).replace(number, ", ".join([number, *items]))

        return gluing

    around(patch, training, "view_rows", rows)
    around(patch, training, "state_rows", rows)
    around(patch, dataset, "training_sql", spine)
    patch.setattr(training, "_reach", lambda *args: [])


def keys_glued_online(patch: Patch) -> None:
    """The store looks rows up by their keys written one after the other."""

    def conditions(layout: Any) -> list[str]:
        columns = " || ".join(column for _, column, _ in layout.keys)
        given = " || ".join(f":{p}" for p in online_store.key_parameters(layout))
        return [f"({columns}) = ({given})"] if len(layout.keys) > 1 else online_store.key_conditions(layout)

    patch.setattr(online_read, "key_conditions", conditions)


def without_defaults(project: Project) -> Project:
    """The project as if no feature had a default."""
    views = {
        n: replace(v, features=tuple(replace(f, default=None) for f in v.features)) for n, v in project.views.items()
    }
    return replace(project, views=views)


def default_last_in_training(patch: Patch) -> None:
    """A default is for the output only: derived features do not see it."""

    def change(training_sql: Callable[..., str]) -> Callable[..., str]:
        def bare(project: Project, outputs: Any, **more: Any) -> str:
            sql = training_sql(without_defaults(project), outputs, **more)
            head, _, final = sql.rpartition("\n\n")
            for o in outputs:
                default = project.feature(o.view, o.feature).default
                if default is not None:
                    column, name = source.quoted(f"{o.view}.{o.feature}"), source.quoted(o.name)
                    final = final.replace(f"{column} AS {name}", f"coalesce({column}, {default}) AS {name}")
            return f"{head}\n\n{final}"

        return bare

    around(patch, dataset, "training_sql", change)


def default_last_online(patch: Patch) -> None:
    """The same in a read."""

    def stage(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda project, *rest: make(without_defaults(project), *rest)

    def reading(answer: Callable[..., Any]) -> Callable[..., Any]:
        def filled(reader: Any, *args: Any) -> list[dict[str, Any]]:
            rows = answer(reader, *args)
            for o in reader.outputs:
                feature = reader.project.feature(o.view, o.feature)
                if feature.default is not None:
                    ((default,),) = store.shared_engine().rows(f"SELECT ({feature.default})::{feature.type}")
                    for row in rows:
                        row[o.name] = default if row[o.name] is None else row[o.name]
            return rows

        return filled

    around(patch, service, "DerivedStage", stage)
    around(patch, service.ServiceReader, "read", reading)


def spine_collapsed(patch: Patch) -> None:
    """Equal observations are one."""

    def change(training_sql: Callable[..., str]) -> Callable[..., str]:
        def distinct(project: Project, outputs: Any, *, time: str, **more: Any) -> str:
            keys, request = dataset.needs(project, outputs)
            columns = ", ".join(source.quoted(n) for n in (*(n for n, _ in (*keys, *request)), time))
            once = f"FROM spine\n    QUALIFY row_number() OVER (PARTITION BY {columns}) = 1"
            sql = training_sql(project, outputs, time=time, **more)
            return sql.replace("FROM spine\n", f"{once}\n", 1)

        return distinct

    around(patch, dataset, "training_sql", change)


# ------------------------------------------------------------------------------------- the store


def unsettled_tiles_used(patch: Patch) -> None:
    """A tile is taken as it is in the end, also at an instant when it was not yet so."""

    def change(bands_sql: Callable[..., str]) -> Callable[..., str]:
        def trusting(layout: Any, *rest: Any) -> str:
            known = visibility.horizon_sql(":t", layout.view.closed)
            sql = bands_sql(layout, *rest)
            return sql.replace(f"_settled_at > {known}", "0").replace(f"_settled_at <= {known}", "1")

        return trusting

    around(patch, online_read, "bands_sql", change)


def tiles_left_stale(patch: Patch) -> None:
    """A tile is not built again when a version in it is superseded."""
    patch.setattr(push._Tiles, "changed", lambda tiles, numbers: None)


def tokens_ignored(patch: Patch) -> None:
    """A batch with a known token is taken in again."""

    def change(push_batch: Callable[..., Any]) -> Callable[..., Any]:
        return lambda database, engine, plan, rows, token, strict: push_batch(
            database, engine, plan, rows, None, strict
        )

    around(patch, store, "push_batch", change)


def versions_taken_again(patch: Patch) -> None:
    """A row identical to one the store has is another event."""

    def change(accept: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: (frozenset(), accept(*args)[1])

    around(patch, push._Taking, "_accept", change)
