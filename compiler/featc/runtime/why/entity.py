"""The rows of a view for one entity, laid out in tables of one connection, and read from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.lower import witness
from featc.lower.source import quoted
from featc.lower.training.matching import matching_sql
from featc.lower.training.needs import Wanted, needed
from featc.resolve.model import Aggregation, Project, Source, View
from featc.runtime.texts import to_text
from featc.runtime.why.model import Replacement, Row, Standing

if TYPE_CHECKING:
    import duckdb

_NEVER = "no time or no arrival"


@dataclass(frozen=True, slots=True)
class EntityRows:
    """The tables of `featc.lower.witness`, made for a view at the keys of an entity, `keys` by name."""

    connection: duckdb.DuckDBPyConnection
    project: Project
    view: View
    source: Source
    need: Wanted
    aggregations: tuple[Aggregation, ...]
    keys: Mapping[str, Any]

    @property
    def slots(self) -> dict[str, int]:
        return witness.slots(self.aggregations)

    @property
    def orders(self) -> dict[tuple[str, ...], str]:
        return witness.orders(self.aggregations)

    @property
    def beside(self) -> tuple[str, ...]:
        """The columns that joins bring."""
        return witness.beside(self.view, self.need, self.aggregations)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows by column."""
        done = self.connection.execute(sql)
        names = [d[0] for d in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def number(self, sql: str) -> int:
        return int(self.connection.execute(sql).fetchall()[0][0])

    def own_rows(self) -> int:
        """How many rows of the source have the entity's keys."""
        return self.number(f"SELECT count(DISTINCT {witness.NUMBER}) FROM {witness.SEEN} WHERE {witness.MINE}")

    def row(
        self, found: Mapping[str, Any], standing: Standing, values: Mapping[str, Any], *, distance: int | None = None,
        note: str | None = None,
    ) -> Row:
        """A row of `why_seen` with its history, as the report has it."""
        return Row(
            standing,
            found["_time"],
            found["_arrival"],
            found["_enter"],
            found["_superseded"],
            {c: found[c] for c in self.source.told_by if not self.source.column(c).hidden},
            dict(values),
            {c: found[c] for c in self.beside},
            {c.name: found[c.name] for c in self.source.columns if not c.hidden},
            distance,
            self._replacement(found),
            note,
        )

    def _replacement(self, found: Mapping[str, Any]) -> Replacement | None:
        if found["_next"] is None:
            return None
        items = f"h._time, h._arrival, h._deleted, {self._mine()} AS _own, r.*"
        origin = f"FROM {witness.HISTORY} h JOIN {witness.ROWS} r USING ({witness.NUMBER})"
        on = f"WHERE {witness.NUMBER} = {found['_next']}"
        (other,) = self.query(
            f"SELECT {items} EXCLUDE (_time, _arrival{', _deleted' if self.source.deleted else ''}) {origin} {on}"
        )
        hidden = {c.name for c in self.source.columns if c.hidden}
        columns = [c.name for c in self.source.columns if c.name not in hidden]
        changes = {c: (found[c], other[c]) for c in columns if not _same(found[c], other[c])}
        return Replacement(other["_arrival"], other["_time"], other["_deleted"], not other["_own"], changes)

    def _mine(self) -> str:
        """Whether a row of `why_rows` under `r` is the entity's; where joins say so, as `why_seen` has it."""
        seen = f"SELECT bool_or({witness.MINE}) FROM {witness.SEEN} s WHERE s.{witness.NUMBER} = h.{witness.NUMBER}"
        return f"coalesce(({seen}), false)"


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a is None and b is None) or (a != a and b != b)


def entity_rows(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    view: View,
    features: Sequence[str],
    aggregations: Sequence[Aggregation],
    keys: Mapping[str, Any],
) -> EntityRows:
    """Lays out the rows of `view` for the entity with these keys; `features` are those of the view that are asked.

    Raises duckdb.Error where the data makes an expression fail.
    """
    wide = witness.widened(project, view)
    view = wide.view(view.name)
    source = wide.sources[view.source or ""]
    need = needed(wide, [(view.name, f) for f in features])
    items = ", ".join(f"?::{k.type} AS {quoted(k.name)}" for k in view.keys) or "1 AS one"
    made = f"CREATE OR REPLACE TEMP TABLE {witness.ENTITY} AS SELECT {items}"
    connection.execute(made, [keys[k.name] for k in view.keys])
    connection.execute(witness.related_sql(source, view))
    connection.execute(witness.history_sql(source, view))
    connection.execute(witness.seen_sql(wide, view, need, aggregations))
    return EntityRows(connection, wide, view, source, need, tuple(aggregations), keys)


def nobody(rows: EntityRows) -> str:
    """That the source has no row of the entity, and what its keys look like."""
    keys = ", ".join(f"{k} = {to_text(v)}" for k, v in rows.keys.items()) or "the whole"
    said = f"{rows.source.name} has no row of {keys}, at any instant"
    if not rows.view.keys or rows.view.finds_keys:
        return said
    like = rows.connection.execute(matching_sql(rows.source, rows.view).sample).fetchone()
    if like is None:
        return f"{rows.source.name} has no row with any key at all"
    shown = ", ".join(f"'{v}'" if isinstance(v, str) else to_text(v) for v in like)
    return f"{said}; its keys look like {shown}"
