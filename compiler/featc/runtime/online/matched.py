"""Rows of views over attributed sources: lifted to one row for each answer that their matches have had (semantics.md,
"Enrichment joins").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from featc.encoding import decoder
from featc.lower.online_joins import Hop
from featc.lower.online_layout import GONE, SEEN
from featc.lower.online_lift import BESIDE, RAW
from featc.resolve.model import Column
from featc.runtime.online.joined import Changed, JoinedRows, Row

Candidate = tuple[int, int | None, tuple[Any, ...]]
"""What may match: the instants from and until which it is known (None: for ever), and its columns."""
Answer = tuple[int, int | None, tuple[Any, ...]]
"""What a row has beside it from one instant to another (None: for ever)."""


def answers(seen: int, gone: int | None, candidates: Iterable[Candidate], nothing: tuple[Any, ...]) -> list[Answer]:
    """The answers of a row that is seen from one instant to another. `candidates` are in the order in which they are
    taken, `nothing` is the answer where none is known."""
    able: list[Candidate] = []
    for begins, ends, columns in candidates:
        begins = max(begins, seen)
        ends = ends if gone is None else gone if ends is None else min(ends, gone)
        if ends is None or begins < ends:
            able.append((begins, ends, columns))
        if begins == seen and ends == gone:  # it hides all that follow
            break
    instants = {seen, *(a[0] for a in able), *(a[1] for a in able if a[1] is not None and a[1] != gone)}
    found: list[tuple[int, int | None]] = []  # from when, and which
    for instant in sorted(instants):
        held = (begins <= instant and (ends is None or instant < ends) for begins, ends, _ in able)
        taken = next((n for n, holds in enumerate(held) if holds), None)
        if not found or found[-1][1] != taken:
            found.append((instant, taken))
    untils = [*(instant for instant, _ in found[1:]), gone]
    return [
        (begins, ends, nothing if taken is None else able[taken][2])
        for (begins, taken), ends in zip(found, untils, strict=True)
    ]


class MatchedRows(JoinedRows):
    """The rows of one view over an attributed source, inside a transaction. The caller holds `engine.batch`."""

    @property
    def _hops(self) -> list[Hop]:
        return [hop for hop in self.joins.hops if isinstance(hop, Hop)]

    def reached(self, changed: Mapping[str, Changed]) -> set[int]:
        found: set[int] = set()
        for hop in self._hops:
            for key, (first, last, _) in changed.get(hop.rows.view.name, {}).items():
                found.update(n for (n,) in self.store.execute(hop.reached_sql, (*key, first, last)))
        return found

    def _lift(self, numbers: Sequence[int]) -> None:
        sql = self.joins.load_sql.format(", ".join(map(str, numbers)))
        kept = self.store.execute(sql).fetchall()
        if not kept:
            return
        numbers = [row[0] for row in kept]
        self._load(RAW, [c for c, _ in self.joins.columns], [row[1:] for row in kept])
        self._make(BESIDE, range(len(kept)), [])
        gone = self._gone(numbers)
        columns: list[Column] = []
        found: list[list[Answer]] = []
        for hop in self._hops:
            rows = self.engine.rows(hop.keys_sql)
            self.store.executemany(hop.note_sql, ((*row[3:], numbers[row[0]]) for row in rows))
            if not found:
                found = [self._from_maturity(row, gone.get(numbers[row[0]])) for row in rows]
            found = [self._matched(hop, row, before) for row, before in zip(rows, found, strict=True)]
            columns += [
                Column(name, c.type, c.type)
                for name, c in ((n, self.view.layout.source.column(n)) for n in hop.join.columns)
            ]
        self._beside(columns, found)
        lifted = [row for row in self.engine.rows(self.view.lift_sql) if row[1] is None]
        self._replace(numbers, lifted)

    def _from_maturity(self, row: Row, gone: int | None) -> list[Answer]:
        """When a version of an event is seen at all, as the only answer so far."""
        maturity = self.view.layout.view.maturity
        seen = row[2] if maturity is None else max(row[2], row[1] + maturity)
        return [(seen, gone, ())] if gone is None or seen < gone else []

    def _matched(self, hop: Hop, row: Row, before: Sequence[Answer]) -> list[Answer]:
        """A row's answers, with those of one match more."""
        nothing = (None,) * len(hop.join.columns)
        candidates: Iterable[Candidate] = self._candidates(hop, row) if before else ()
        if len(before) > 1:
            candidates = list(candidates)
        return [
            (begins, ends, (*had, *taken))
            for seen, gone, had in before
            for begins, ends, taken in answers(seen, gone, candidates, nothing)
        ]

    def _candidates(self, hop: Hop, row: Row) -> Iterator[Candidate]:
        """What may match a row, read as far as it is asked for: mostly the first of them hides all others."""
        key = row[3:]
        if any(part is None for part in key):
            return
        decoders = [decoder(hop.rows.source.column(name).type) for name in hop.rows.states]
        asked = {**dict(zip(hop.parameters, key, strict=True)), "t": row[1]}
        for begins, ends, *values in self.store.execute(hop.find_sql, asked):
            columns = tuple(None if v is None else decode(v) for decode, v in zip(decoders, values, strict=True))
            yield begins, ends, columns

    def _beside(self, columns: Sequence[Column], found: Sequence[Sequence[Answer]]) -> None:
        """The table of all answers, some of one row."""
        rows = [(number, answer) for number, several in enumerate(found) for answer in several]
        listed: list[tuple[Column, list[Any]]] = [
            (Column(SEEN, "BIGINT", "BIGINT"), [begins for _, (begins, _, _) in rows]),
            (Column(GONE, "BIGINT", "BIGINT"), [ends for _, (_, ends, _) in rows]),
        ]
        listed += [(c, [values[place] for _, (_, _, values) in rows]) for place, c in enumerate(columns)]
        self._make(BESIDE, [number for number, _ in rows], listed)

    def _gone(self, numbers: Sequence[int]) -> Mapping[int, int]:
        """When other versions superseded the rows, by their numbers, in place of `_superseded` written through."""
        if self.view.stream is None:
            return {}
        return {number: instant for instant, number in self._superseded(self.view.stream.stream.table, numbers)}

    def _note_successors(self, numbers: Sequence[int]) -> None:
        """Lifted rows bring it themselves."""
