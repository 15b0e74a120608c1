"""One run's connection: it counts statements, keeps transactions whole, and tells who watches where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.backfill import FIRST, PAST
from featc.runtime.reasons import coded, reason

if TYPE_CHECKING:
    import duckdb

NO_STATE = "F723"
"""The code of a value that no state or feature can be made of."""

Watch = Callable[[str, int, int], None]
"""Told of each step as it begins or ends: its name, the rows read so far, and those there are to read."""

STEPS = ("versions", "look", "reopen", "rows", "begin", "tiles", "ledger", "commit", "committed", "cover")


_EPOCH = datetime(1970, 1, 1)


def moment(us: int) -> datetime:
    """An instant as naive UTC; the last there is for what Python cannot say (the end of the year 9999)."""
    try:
        return _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        return datetime.max


def nobody(step: str, done: int, whole: int) -> None:
    """The watcher that does not look."""


@dataclass(slots=True)
class Session:
    """A connection to the target's database. `done` and `whole` are rows read, and to be read."""

    connection: duckdb.DuckDBPyConnection
    watch: Watch = nobody
    statements: int = 0
    done: int = 0
    whole: int = 0

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and gives its rows. Raises FeatcError with what the engine says."""
        import duckdb

        self.statements += 1
        try:
            return self.connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise failed(error) from None

    def step(self, name: str) -> None:
        self.watch(name, self.done, self.whole)

    def interval(self, first: int, past: int) -> None:
        """Sets the interval that the next statements are about."""
        self.run(f"SET VARIABLE {FIRST} = {first}::BIGINT")
        self.run(f"SET VARIABLE {PAST} = {past}::BIGINT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, or nothing: also when the process dies."""
        self.step("begin")
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.step("commit")
        self.run("COMMIT")
        self.step("committed")


def told(error: FeatcError, whose: str) -> FeatcError:
    """A value error with the definition it belongs to."""
    finding = error.diagnostics[0]
    return FeatcError(replace(finding, message=f"{whose}: {finding.message}"), exit_code=error.exit_code)


def failed(error: Exception) -> FeatcError:
    """What an engine's error means: memory or disk, a value of the data, or a bug of ours."""
    kind = type(error).__name__
    why = reason(error)
    if kind == "OutOfMemoryException":
        hint = "raise memory_limit under settings: of the target, or give temp_directory a place with more room"
        return FeatcError(Diagnostic("F724", f"the engine ran out of memory: {why}", hint=hint), exit_code=4)
    if kind == "IOException":
        hint = "check the files, their rights and the free space; what was written before is whole"
        return FeatcError(Diagnostic("F911", f"the engine could not read or write: {why}", hint=hint), exit_code=4)
    if found := coded(why):
        return FeatcError(Diagnostic(found[0], found[1], hint="put the data right, or declare another type"))
    if kind in ("ConversionException", "OutOfRangeException", "InvalidInputException"):
        hint = "a sum beyond its type, an integer division by zero or a cast that fails; widen the type or guard it"
        return FeatcError(Diagnostic(NO_STATE, f"a value cannot be computed: {why}", hint=hint))
    return FeatcError(Diagnostic("F999", f"this is a bug in featc: {kind}: {why}", hint="please report it"))
