"""Features of other views beside the events of one that joins them, read in the transaction that lifts the events."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from featc.encoding import decoder
from featc.lower.online import ViewPlan
from featc.lower.online_joins import ViewHop
from featc.resolve.model import Output, Project, ViewJoin
from featc.runtime.online.engine import Engine
from featc.runtime.online.service import ServiceReader

Row = tuple[Any, ...]


class BesideReaders:
    """Answers what joins with other views ask of a store. `views` are the plans of all views that it keeps."""

    def __init__(self, project: Project, engine: Engine, views: Mapping[str, ViewPlan]) -> None:
        self.project = project
        self.engine = engine
        self.views = views
        self._readers: dict[ViewJoin, ServiceReader] = {}

    def find(self, store: sqlite3.Connection, hop: ViewHop, rows: Sequence[Row]) -> list[Row]:
        """The features of a join for each row (`_row`, τ, enter, encoded keys), in the join's order. What has a NULL in
        its key asks for nobody. Raises FeatcError F421, F422, F621."""
        decoders = [(key.name, decoder(key.type)) for key in hop.join.keys_of]
        entities, places = [], []
        for _, t, k, *key in rows:
            pairs = zip(decoders, key, strict=True)
            entities.append({name: None if part is None else decode(part) for (name, decode), part in pairs})
            places.append((t, k))
        return self._reader(hop.join).read_beside(store, entities, places)

    def _reader(self, join: ViewJoin) -> ServiceReader:
        found = self._readers.get(join)
        if found is None:
            outputs = tuple(Output(f.feature, join.view, f.feature, f.type) for f in join.features)
            found = self._readers[join] = ServiceReader(self.project, self.engine, self.views, outputs)
        return found
