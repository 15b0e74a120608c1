"""Whether a part of an earlier version means the same in the project of now, so that it need not be there twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.fingerprint import Canonical, Layers
from featc.resolve.model import Project, Source
from featc.versions.pieces import source_pieces


class Alike:
    """The project that a version was part of, beside that of now."""

    def __init__(self, was: Project, now: Project) -> None:
        self.was, self.now = was, now
        self._layers = Layers(was), Layers(now)
        self._forms = Canonical(was), Canonical(now)

    def view(self, name: str, features: Iterable[str]) -> bool:
        """Whether a view has these features with the same values, for the same keys."""
        if name not in self.now.views and name not in self.now.labels:
            return False
        a, b = self.was.view(name), self.now.view(name)
        there = {f.name for f in b.features}
        if [(k.name, k.type) for k in a.keys] != [(k.name, k.type) for k in b.keys] or not there.issuperset(features):
            return False
        before, after = self._layers
        return all(before.feature(name, f) == after.feature(name, f) for f in features)

    def source(self, name: str) -> bool:
        """Whether a source has the same rows, seen at the same times, in the same order."""
        if name not in self.now.sources:
            return False
        return self._source(self.was.sources[name], self.now.sources[name], exactly=False)

    def _source(self, was: Source, now: Source, *, exactly: bool) -> bool:
        if bool(was.members) != bool(now.members):
            return False
        if was.members:
            return self._union(was, now)
        before, after = (
            {n: p.value for n, p in source_pieces(f, s).items() if not n.startswith(("let ", "column "))}
            for f, s in zip(self._forms, (was, now), strict=True)
        )
        columns, here = ({(c.name, c.type) for c in s.columns} for s in (was, now))
        # versions are told apart by all columns, so that one more is another order
        told_apart = exactly or bool(was.id) or was.holds
        return before == after and (columns == here if told_apart else columns <= here)

    def _union(self, was: Source, now: Source) -> bool:
        if [m.source.name for m in was.members] != [m.source.name for m in now.members]:
            return False
        if [(c.name, c.type) for c in was.columns] != [(c.name, c.type) for c in now.columns]:
            return False
        before, after = self._forms
        pairs = zip(was.members, now.members, strict=True)
        return (was.id, was.tie_break, was.delay) == (now.id, now.tie_break, now.delay) and all(
            self._source(a.source, b.source, exactly=True)
            and {n: before.row(a.source, e) for n, e in a.values} == {n: after.row(b.source, e) for n, e in b.values}
            for a, b in pairs
        )

    def attributed(self, name: str, same: Mapping[str, Source]) -> bool:
        """Whether a source that is made of others is made of the same, which are `same` sources."""
        was, now = self.was.attributed[name], self.now.attributed.get(name)
        if now is None or (was.base, was.matched) != (now.base, now.matched):
            return False
        return all(n in same for n in (was.base, *was.matched))
