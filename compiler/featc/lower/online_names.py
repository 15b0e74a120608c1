"""What the online store's tables are called by: fingerprints of what they hold and how it lies there.

Generated SQL is no part of it. Whatever edit leaves these the same goes on with the tables that are there; any other
gets tables of its own. Names of columns are part of it, since a table that is there has them.
"""

from __future__ import annotations

from collections.abc import Iterable

from featc.digests import digest
from featc.fingerprint import join_fingerprint, rows_kept, versions_fingerprint
from featc.lower.online_joins import Hop, ViewHop, indexed, keys_asked, raw_columns
from featc.lower.online_kept import Kept
from featc.lower.online_layout import Layout
from featc.lower.online_lift import event_columns
from featc.lower.online_store import clustered, tile_columns
from featc.resolve.model import Source, View

WRITTEN = 1
"""Raised whenever the same definitions come to be kept in another way that no name of a column or type shows: another
encoding of values, sort key, or meaning of a state's fields. Stores are filled again then."""


def versions_name(source: Source, view: View | None = None) -> str:
    """Of the versions or dumps of a source; `view` is set where its keys say what rows are versions of."""
    return digest("kept versions", (WRITTEN, versions_fingerprint(source, view)))


def rows_name(kept: Kept, layout: Layout, hops: Iterable[Hop | ViewHop] = ()) -> str:
    """Of a view's rows, its tiles, and the rows that it keeps as they came; whatever `layout` calls its tables."""
    view, project = layout.view, kept.project
    joins = tuple(
        (join_fingerprint(project, view, hop.join, kept.feature), tuple(k.type for k in keys_asked(hop)), by)
        for n, hop in enumerate(hops)
        for by in [tuple(map(tuple, indexed(hop, n)))]
    )
    stream = None if layout.stream is None else layout.stream.table
    return digest(
        "kept rows",
        {
            "written": WRITTEN,
            "view": rows_kept(project, view, kept.feature),
            "versions": stream,
            "columns": tuple(sorted(event_columns(layout))),
            "clustered": tuple(clustered(layout)),
            "superseded": layout.superseded is not None,
            "tiles": None if not layout.tiled else (layout.width, tuple(sorted(tile_columns(layout)))),
            "joins": joins,
            "raw": tuple(sorted((c.name, c.type) for c, _ in raw_columns(layout))) if joins else None,
        },
    )
