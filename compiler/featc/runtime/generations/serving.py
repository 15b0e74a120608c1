"""The generation that answers, followed through every swap.

Whoever reads or pushes asks `current` first, which looks whether the pointer is still the one it knows, by one call. A
read then happens in one transaction of one generation, so that no vector mixes two. A push is told inside its own
transaction where a swap came between (`Moved`), and goes into the generation that answers by then.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.resolve.model import Project
from featc.runtime.generations import pointer as pointers
from featc.runtime.generations.definitions import project_of
from featc.runtime.generations.pointer import Pointer, Stamp
from featc.runtime.online import OnlineStore, PushReport
from featc.runtime.online.journal import Entry

if TYPE_CHECKING:
    from featc.runtime.compiled import Compiled


class Moved(Exception):
    """A swap came between: the batch, as a journal would have it, belongs into another generation."""

    def __init__(self, entry: Entry | None) -> None:
        super().__init__("another generation answers by now")
        self.entry = entry


class Passed(Exception):
    """What answered when it was asked answers no more, and its file is gone."""


class Served:
    """What answers: a project and its store, which is opened, or made, on first use. `pointer` is None where nothing
    was ever applied. `home` is the store's configured path.

    Who reads it while a swap comes holds it, and its file stays open for as long.
    """

    def __init__(self, project: Project, home: Path, root: Path, pointer: Pointer | None, stamp: Stamp) -> None:
        self.project, self.pointer, self.stamp = project, pointer, stamp
        self.path = home if pointer is None else pointer.live.path(home)
        self._home, self._root = home, root
        self._lock = threading.Lock()
        self._online: OnlineStore | None = None

    @property
    def online(self) -> OnlineStore:
        """The store. Raises FeatcError F60x, F90x, and Passed."""
        with self._lock:
            if self._online is None:
                if not self.path.exists() and pointers.stamp(self._home) != self.stamp:
                    raise Passed  # opening it would make an empty one
                self._online = OnlineStore(self.path, self.project, self._root)
                weakref.finalize(self._online, self._online.database.close)
            return self._online

    def close(self) -> None:
        """Closes the store, if it was opened."""
        with self._lock:
            if self._online is not None:
                self._online.close()
                self._online = None


class Serving:
    """The online store of a compiled project whose configured path is `home`. Use from any thread."""

    def __init__(self, home: Path, compiled: Compiled) -> None:
        self.home, self.compiled = home, compiled
        self._lock = threading.Lock()
        self._served: Served | None = None

    def current(self) -> Served:
        """What answers now. Raises FeatcError F60x, F879, F90x."""
        found = self._served
        if found is not None and found.stamp == pointers.stamp(self.home):
            return found
        with self._lock:
            if self._served is None or self._served.stamp != pointers.stamp(self.home):
                self._served = self._found()  # the one before is closed once nobody reads it
            return self._served

    def opened(self) -> Served:
        """What answers now, with its store open. Raises as `current`."""
        while True:
            served = self.current()
            try:
                served.online  # noqa: B018
            except Passed:
                continue
            return served

    @property
    def differs(self) -> bool:
        """Whether what answers is defined otherwise than the project is."""
        return self.current().project is not self.compiled.project

    def _found(self) -> Served:
        stamp = pointers.stamp(self.home)
        pointer = pointers.read(self.home)
        root = self.compiled.root
        if pointer is None:
            return Served(self.compiled.project, self.home, root, None, stamp)
        return Served(project_of(pointer.live, self.compiled), self.home, root, pointer, stamp)

    def push(self, source: str, rows: Any, token: str | None, *, strict: bool) -> PushReport:
        """A push into what answers when it is taken in; see `OnlineStore.push`."""
        served = self.opened()
        try:
            return served.online.push(source, rows, token=token, strict=strict, guard=self._guard(served))
        except Moved as moved:
            entry = moved.entry
        while True:
            served = self.opened()
            assert entry is not None, "a push has an entry"
            try:
                return served.online.push_again(entry, strict=strict, guard=self._guard(served))
            except Moved:
                continue

    def _guard(self, served: Served) -> Any:
        def guard(entry: Entry | None) -> None:
            if pointers.stamp(self.home) != served.stamp:
                raise Moved(entry)

        return guard

    def close(self) -> None:
        """Closes what answers."""
        with self._lock:
            if self._served is not None:
                self._served.close()
            self._served = None
