"""Mistakes around the features: keys, defaults, the spine, and what an online store keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from featc import visibility
from featc.lower import online_dumps, online_read, online_store, source
from featc.lower.training import beside, cells, current, dumps, follows, views
from featc.resolve import over_views
from featc.resolve.model import Project, View, feature_closure
from featc.resolve.needs import spine_columns
from featc.runtime import dataset
from featc.runtime.online import joined, matched, service, store, taking
from featc.runtime.online.engine import shared_engine

from .patching import Patch, Plant, around

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
            place = found.relation.lower()
            comment, name, text = ctes.items[place]
            start = f"SELECT {glue(found.view, source.key_sql)}, "
            ctes.items[place] = (comment, name, text.replace("SELECT", start, 1))
            return replace(found, keys=(glued(found.view),))

        return gluing

    def spine(training_sql: Callable[..., str]) -> Callable[..., str]:
        def gluing(project: Project, outputs: Any, **more: Any) -> str:
            names = dict.fromkeys(v for v, _ in feature_closure(project, tuple((o.view, o.feature) for o in outputs)))
            views = [project.view(n) for n in names]
            items = [glue(v, lambda k: source.quoted(k.name)) for v in views if len(v.keys) > 1]
            number = f"row_number() OVER () AS {cells.ROW}"
            return training_sql(project, outputs, **more).replace(number, ", ".join([number, *items]))

        return gluing

    around(patch, views, "view_rows", rows)
    around(patch, views, "state_rows", rows)
    around(patch, dataset, "training_sql", spine)
    patch.setattr(views, "_reach", lambda *args: [])


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
        def filled(reader: Any, *args: Any) -> Any:
            rows = answer(reader, *args)
            for o in reader.outputs:
                feature = reader.project.feature(o.view, o.feature)
                if feature.default is not None:
                    ((default,),) = shared_engine().rows(f"SELECT ({feature.default})::{feature.type}")
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
            keys, request = spine_columns(project, outputs)
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
            known = visibility.horizon_sql(":k", layout.view.closed)
            sql = bands_sql(layout, *rest)
            return sql.replace(f"_settled_at > {known}", "0").replace(f"_settled_at <= {known}", "1")

        return trusting

    around(patch, online_read, "bands_sql", change)


def tiles_left_stale(patch: Patch) -> None:
    """A tile is not built again when a version in it is superseded."""
    patch.setattr(taking.Tiles, "changed", lambda tiles, numbers: None)


def tile_edge(old: str, new: str) -> Plant:
    """A tile holds a microsecond more, or less, than its own stretch of time."""

    def change(seal_sql: Callable[..., str]) -> Callable[..., str]:
        return lambda layout: seal_sql(layout).replace(old, new)

    return lambda patch: around(patch, online_store, "seal_sql", change)


def tokens_ignored(patch: Patch) -> None:
    """A batch with a known token is taken in again."""

    def change(push_batch: Callable[..., Any]) -> Callable[..., Any]:
        return lambda database, lifter, plan, rows, token, *rest: push_batch(
            database, lifter, plan, rows, None, *rest
        )

    around(patch, store, "push_batch", change)


def versions_taken_again(patch: Patch) -> None:
    """A row identical to one the store has is another event."""

    def change(accept: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: replace(accept(*args), known=frozenset())

    around(patch, taking._Taking, "_accept", change)


# ------------------------------------------------------------------------------------- joins


def joins_know_all_in_training(patch: Patch) -> None:
    """A join sees rows of the other source that arrived after the event."""
    patch.setattr(beside, "ENTERED", str(2**61))


def joins_know_all_online(patch: Patch) -> None:
    """The same, online."""

    def change(find: Callable[..., Any]) -> Callable[..., Any]:
        return lambda rows, hop, row: find(rows, hop, (*row[:2], 2**61, *row[3:]))

    around(patch, joined.JoinedRows, "_find", change)


def beside_in_training(sql: str) -> Plant:
    """Features of another view beside an event know what is known at `sql`, of `_as_of`."""

    def change(asks: Callable[..., str]) -> Callable[..., str]:
        def other(ctes: Any, view: View, join: Any, relation: str, begins: Any) -> str:
            found = asks(ctes, view, join, relation, begins)
            place = source.quoted(f"{view.name} {join.name}_asked").lower()
            comment, name, text = ctes.items[place]
            ctes.items[place] = (comment, name, text.replace(beside.KNOWN, f"{sql} AS {beside.KNOWN}", 1))
            return found

        return other

    return lambda patch: around(patch, views, "asks", change)


def beside_online(known: Callable[[int], int]) -> Plant:
    """The same, online: what is known at the instant that `known` gives of t."""

    def change(read: Callable[..., Any]) -> Callable[..., Any]:
        return lambda reader, rows, asked, places: read(reader, rows, asked, [(t, known(t)) for t, _ in places])

    return lambda patch: around(patch, service.ServiceReader, "read_beside", change)


def beside_is_left(patch: Patch) -> None:
    """Events stay as they were lifted, whatever comes late of the views whose features lie beside them."""
    patch.setattr(joined.JoinedRows, "_reached", lambda rows, reach, changed: set())


def chains_are_left(patch: Patch) -> None:
    """Events that are lifted again reach nobody who joins them."""
    patch.setattr(joined.JoinedRows, "_note", lambda rows, old, lifted: None)


def joins_are_left(patch: Patch) -> None:
    """Events stay as they were lifted, whatever comes late of what they look up."""
    patch.setattr(joined.JoinedRows, "reached", lambda rows, changed: set())


# ------------------------------------------------------------------------------------- attribution


def matches_known_in_training(patch: Patch) -> None:
    """What matches an event is known as soon as it happens."""
    patch.setattr(follows, "ENTERED", "_time")


def matches_known_online(patch: Patch) -> None:
    """The same, online."""

    def change(candidates: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *asked: [(-(2**62), ends, columns) for _, ends, columns in candidates(*asked)]

    around(patch, matched.MatchedRows, "_candidates", change)


def nothing_matures(patch: Patch) -> None:
    """Attributed events count as soon as they are known."""
    patch.setattr(View, "maturity", property(lambda view: None))


def matches_are_left(patch: Patch) -> None:
    """Events stay as they were lifted, whatever follows them later."""
    patch.setattr(matched.MatchedRows, "reached", lambda rows, changed: set())


# ------------------------------------------------------------------------------------- rows that hold


def states_stay_in_training(patch: Patch) -> None:
    """A row ends only rows of the entity that it is about itself."""

    def with_entity(place: Callable[..., tuple[str, ...]]) -> Callable[..., tuple[str, ...]]:
        return lambda its, view: (*place(its, view), *(source.key_sql(k) for k in view.keys))

    def change(stretches: Callable[..., str]) -> Callable[..., str]:
        def apart(ctes: Any, its: Any, view: View, relation: str, reach: Any, known: Any) -> str:
            plain = source.place
            source.place = with_entity(plain)
            try:
                return stretches(ctes, its, view, relation, [], known)
            finally:
                source.place = plain

        return apart

    around(patch, current, "stretches", change)


def states_stay_online(patch: Patch) -> None:
    """The same, online."""

    def change(current_sql: Callable[..., str]) -> Callable[..., str]:
        def apart(layout: Any, slots: Any) -> str:
            same = "".join(f" AND n.{c} = e.{c}" for _, c, _ in layout.keys)
            return current_sql(layout, slots).replace("n._place = e._place", f"n._place = e._place{same}")

        return apart

    around(patch, online_read, "current_sql", change)


def ends_forgotten_in_training(patch: Patch) -> None:
    """A key's older rows go on holding beside its newest."""

    def change(visible_sql: Callable[..., str]) -> Callable[..., str]:
        return lambda enter, gone, *rest: visible_sql(enter, None if gone == "r._until" else gone, *rest)

    around(patch, current, "visible_sql", change)


def ends_forgotten_online(patch: Patch) -> None:
    """The same, online."""

    def change(current_sql: Callable[..., str]) -> Callable[..., str]:
        return lambda *args: current_sql(*args).replace("NOT EXISTS", "true OR NOT EXISTS")

    around(patch, online_read, "current_sql", change)


# ------------------------------------------------------------------------------------- dumps


def dumps_stay_in_training(patch: Patch) -> None:
    """Rows of every dump hold, not of the one in force alone."""

    def change(conditions: Callable[..., list[str]]) -> Callable[..., list[str]]:
        return lambda rows: [f"r.{dumps.TIME} <= s.{visibility.AS_OF}", *conditions(rows)[1:]]

    around(patch, dumps, "dump_conditions", change)
    around(patch, current, "dump_conditions", change)


def dumps_stay_online(patch: Patch) -> None:
    """The same, online: no dump ever goes."""
    patch.setattr(online_dumps, "resolve_sql", lambda name: f"SELECT 0, 0, 0 FROM {name} WHERE 0;\n")


def late_dumps_act_in_training(patch: Patch) -> None:
    """The dump that entered last is in force, also when it is older than one that was there."""

    def change(select: Callable[..., str]) -> Callable[..., str]:
        return lambda items, rest, **more: select(items, rest.partition("\nQUALIFY coalesce(")[0], **more)

    around(patch, dumps, "select", change)


def late_dumps_act_online(patch: Patch) -> None:
    """The same, online."""

    def change(resolve_sql: Callable[..., str]) -> Callable[..., str]:
        return lambda name: resolve_sql(name).replace("ORDER BY _tau, _alpha", "ORDER BY enter, _tau, _alpha")

    around(patch, online_dumps, "resolve_sql", change)


# ------------------------------------------------------------------------------------- rows of another view


def conditions_forgotten(patch: Patch) -> None:
    """A view over the rows of another takes those of its source."""

    def change(rows_of: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: replace(rows_of(*args), conditions=())

    around(patch, over_views, "rows_of", change)
