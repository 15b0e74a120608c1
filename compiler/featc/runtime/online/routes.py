"""The one route of rows without an id (semantics.md, "What “equal” means").

A second copy of such a row is another event, so a row that is pushed and materialized too would count twice. The first
way they come is booked, and the other refused from then on.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

from featc.errors import Diagnostic, FeatcError
from featc.resolve.model import Source

Route = Literal["push", "materialize"]

_ROUTE = "SELECT route FROM featc_routes WHERE source = ?"
_TAKE = "INSERT INTO featc_routes VALUES (?, ?)"


def route_of(store: sqlite3.Connection, source: Source) -> str | None:
    """The way that the source's rows without an id have come, if any has."""
    row = store.execute(_ROUTE, (source.name,)).fetchone()
    return None if row is None else str(row[0])


def keep_to_one_route(store: sqlite3.Connection, source: Source, route: Route) -> None:
    """Books the route, or raises FeatcError F640 (a push after materialize) or F641 (materialize after a push)."""
    taken = route_of(store, source)
    if taken is None:
        store.execute(_TAKE, (source.name, route))
    elif taken != route:
        raise FeatcError(other_route(source, route))


def other_route(source: Source, route: Route) -> Diagnostic:
    """The refusal of rows without an id that come another way than those before them."""
    if source.id:
        rows = f"rows of {source.name} without {' and '.join(source.id)}"
        either = f"give every row its {' and '.join(source.id)}"
    else:
        rows = f"rows of {source.name}, which has no id,"
        either = f"give {source.name} an id: and a new online store"
    if route == "push":
        message = f"{rows} were materialized before, and a row that is pushed too would count twice"
        hint = f"add the rows to the data of {source.name} and run `featc materialize`, or {either}"
        return Diagnostic("F640", message, hint=f"{hint}; nothing was written")
    message = f"{rows} were pushed before, and a row that is materialized too would count twice"
    hint = f"go on with `featc push {source.name}` and --select the others, or materialize into a new online store"
    return Diagnostic("F641", message, hint=f"{hint}, or {either}")
