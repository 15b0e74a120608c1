"""What the online store says: the value that it serves, and the tiles and rows that a read at the instant uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from featc.decompose import decompose
from featc.encoding import encode
from featc.errors import FeatcError
from featc.fingerprint import Layers
from featc.lower.online_read import read_plan
from featc.resolve.model import Aggregation, View
from featc.resolve.served import Output
from featc.runtime.engine import connect
from featc.runtime.online import OnlineStore
from featc.runtime.online.read import ViewReader
from featc.runtime.texts import to_text
from featc.runtime.verify.history import Failed, Probe
from featc.runtime.verify.judge import differences
from featc.runtime.why.model import Found, OnlineRows, Plan, Tile
from featc.runtime.why.values import Asked

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


class Served:
    """The target's online store, opened to read; `missing` says why it has no answer, `note` what is odd about the one
    it has. It is never made."""

    def __init__(self, store: FeatureStore, service: str, asked: Asked) -> None:
        self.asked = asked
        self._featc, self._service = store, service
        self._error: FeatcError | None = None
        self.missing: str | None = None
        self.note: str | None = None
        self._store: OnlineStore | None = None
        self.answers: dict[str, Any] = {}
        shown = store.online_path
        name = shown.relative_to(store.root) if shown.is_relative_to(store.root) else shown
        if asked.closeness is None:
            self.missing = "a label lies after the instant, and is never served"
        elif not store.online_path.exists():
            self.missing = f"there is no online store at {name}: featc push or featc materialize makes it"
        else:
            try:
                self._store = OnlineStore(store.online_path, store.project, store.root, read_only=True)
            except FeatcError as error:
                self._error, self.missing = error, _said(error)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def read(self, request: Mapping[str, Any], at: int) -> Plan:
        """The served value of the output asked."""
        asked = self.asked
        if self._store is None or asked.closeness is None:
            if self._error is not None:
                self.missing = self._instead(self._error, request, at)
            return Plan(missing=self.missing)
        try:
            empty = self._store.without_rows([asked.output])
            if empty:
                listed = ", ".join(empty)
                self.note = f"nothing of {listed} was pushed or materialized yet: online, every entity is unknown"
            (self.answers,) = self._store.answers(asked.closeness.online, asked.closeness.asked, [request], at)
        except FeatcError as error:
            self.missing = self._instead(error, request, at)
            return Plan(missing=self.missing)
        return Plan(self.answers[f"{asked.output.view}.{asked.output.feature}"])

    def _instead(self, error: FeatcError, request: Mapping[str, Any], at: int) -> str:
        """Why the project's own definition has no answer; where another one was applied last, what that answers."""
        serving, name = self._featc.serving, self.asked.output.name
        if error.code != "F603" or not serving.differs:
            return _said(error)
        applied = serving.current().project
        service = applied.services.get(self._service)
        there = [o for o in service.outputs if o.name == name] if service is not None else []
        if not there:
            return f"{self._service} has no {name} in what was applied last, which answers: featc apply brings it"
        (output,) = there
        try:
            (row,) = serving.opened().online.read([output], [request], at)
        except FeatcError as trouble:
            return _said(trouble)
        view = applied.view(output.view)
        text = view.feature(output.feature).text
        mine = self.asked.output
        if Layers(applied).feature(*_named(output)) == Layers(self._featc.project).feature(*_named(mine)):
            other = "what is not applied yet is other features of the view"
            return f"what was applied last answers {to_text(row[name])}, by the same definition; {other}"
        meaning = f"{view.origin}.{output.feature}: {text}"
        return f"what was applied last answers {to_text(row[name])}, by {meaning} (featc plan shows what differs)"

    def differs(
        self, training: Mapping[str, Any], keys: Mapping[str, Any], request: Mapping[str, Any], at: int
    ) -> bool:
        """Whether the two plans' values are not equal, as far as the law allows (semantics.md, "What “equal” means").

        A feature made of others also differs where these do.
        """
        asked = self.asked
        if self.missing is not None or asked.closeness is None:
            return False
        if any(isinstance(v, Failed) for v in training.values()):
            return False
        with connect() as connection:  # which evaluates expressions over inputs, beside all data
            found = differences(asked.closeness, connection, [Probe(keys, at, request)], [training], [self.answers])
        own = f"{asked.output.view}.{asked.output.feature}"
        if any(d.output == own for d in found):
            return True
        mine, served = training.get(own), self.answers.get(own)
        return bool(found) and not _same(mine, served)

    # ── tiles ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def rows_for(
        self, view: View, aggregation: Aggregation, keys: Mapping[str, Any], at: int, members: Iterable[tuple[int, int]]
    ) -> OnlineRows | None:
        """What the store reads for an aggregation of a view; None where that cannot be told. `members` are the rows
        that the source has in the window's reach at the instant, (τ, enter)."""
        found = self._reader(view, keys, frozenset({aggregation.name}), lookup=False)
        if self._store is None or found is None or aggregation.window.current:
            return None
        reader, key = found
        layout = reader.plan.layout
        with self._store.database.read() as connection:
            tiles, raw = reader.uses(connection, key, at)
            theirs = Counter(reader.within(connection, key, at, aggregation.window))
        made = tuple(Tile(start, layout.width or 0, rows, used) for start, rows, used in tiles)
        raw = sum(theirs.values()) if raw is None else raw
        if self._store.evicted_before(layout.source.name) is not None:  # tiles stand for rows that are gone
            return OnlineRows(made, raw, (), ())
        own = Counter(members)
        lacking, surplus = own - theirs, theirs - own
        return OnlineRows(made, raw, tuple(sorted(lacking.elements())), tuple(sorted(surplus.elements())))

    def row_for(self, view: View, keys: Mapping[str, Any], at: int) -> Found | None:
        """The row that a lookup of a view comes upon in the store; None where that cannot be told."""
        found = self._reader(view, keys, frozenset(), lookup=True)
        if self._store is None or found is None:
            return None
        reader, key = found
        with self._store.database.read() as connection:
            return Found(reader.newest(connection, key, at))

    def _reader(
        self, view: View, keys: Mapping[str, Any], wanted: frozenset[str], *, lookup: bool
    ) -> tuple[ViewReader, list[Any]] | None:
        """What reads these aggregations, or the state row, of a view, and the entity's key as the store has it."""
        encoded = [None if keys[k.name] is None else encode(keys[k.name], k.type) for k in view.keys]
        if self._store is None or self.missing is not None or None in encoded:
            return None
        layout = self._store.view_plan(view.origin).layout
        return ViewReader(read_plan(layout, decompose(layout.view, wanted), lookup=lookup)), encoded


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a is None and b is None) or (a != a and b != b)


def _named(output: Output) -> tuple[str, str]:
    return output.view, output.feature


def _said(error: FeatcError) -> str:
    found = error.diagnostics[0]
    return f"{found.code}: {found.message}"
