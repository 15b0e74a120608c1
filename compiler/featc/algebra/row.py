"""What a row of the algebra says (`Aggregate`), and what its finisher is given besides the states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from featc.algebra.rounding import Rounding
from featc.algebra.states import LAWS, Kind
from featc.encoding import arithmetic, decoder
from featc.types import decimal_parts, has_doubles, sum_bounds, sum_type

Finish = Callable[..., Any]
ParamKind = Literal["count", "share", "duration"]
Constant = int | float
"""A parameter's value: a count, a share, or a duration in µs."""


class BeyondType(ArithmeticError):
    """A finished value that its type cannot hold."""


@dataclass(frozen=True, slots=True)
class Need:
    """A partial state over some of the aggregate's arguments (by position). `share` names the parameter, a share, that
    is all the finisher asks of it, so that an engine may answer that alone."""

    kind: Kind
    args: tuple[int, ...] = (0,)
    share: str | None = None


@dataclass(frozen=True, slots=True)
class Lift:
    """What rows are lifted to in the place of an argument: a BIGINT, by SQL over `{x}` for the argument's type. `name`
    is the word for it that slots are named with."""

    name: str
    sql: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Param:
    """A constant that an author gives with the arguments, by its place after them or, where `named`, by its name.

    `count`: a whole number from 1; `share`: a number from 0 to 1; `duration`: µs, written '6h'. `optional`: may be
    left out, and is None then.
    """

    name: str
    kind: ParamKind
    named: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What a finisher knows besides the states: its arguments' types, its parameters, the window's length in µs (None
    where it has none)."""

    types: tuple[str, ...]
    params: Mapping[str, Any]
    length: int | None = None

    def scale(self, place: int = 0) -> int:
        """The decimal scale of an argument, 0 where it has none."""
        return scale_of(self.types[place]) if self.types else 0

    def number(self, encoded: Any, place: int = 0) -> float:
        """An encoded value of an argument as DOUBLE."""
        value, scale = arithmetic(encoded, self.types[place]), self.scale(place)
        return float(value / 10**scale) if scale else float(value)

    def shown(self, encoded: Any, place: int = 0) -> Any:
        """An encoded value of an argument as users see it."""
        return decoder(self.types[place])(encoded)

    def summed(self, values: Sequence[Any]) -> Any:
        """The exact sum of encoded integers or decimals of the first argument, as users see it. Raises BeyondType where
        it is beyond the type of sums."""
        total = sum(arithmetic(v, self.types[0]) for v in values)
        type_ = sum_type(self.types[0])
        bounds = sum_bounds(type_)
        if bounds is not None and not bounds[0] <= total <= bounds[1]:
            raise BeyondType(type_)
        return decoder(type_)(total)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row of the algebra.

    `needs(types)` gives the partial states by the name `finish` calls them. `finish_sql` is SQL over `{name}` (or
    `{name.field}`; `{name:n}` is a sum divided by n, or of a series the sum of the list n) that is correct for absent
    (NULL) states, and over the parameters by their names; `finish(given, **states)` is the same in process, on encoded
    values. `returns(types)` gives the result type, or raises TypeError with the reason. `rounding` bounds how far a
    DOUBLE result may differ between plans.

    `spelled` is what authors call it, where other rows share the word. With `timed` each row's τ is one more
    slot, the last, and finishers have `as_of`, the instant in µs. `ranged`: it needs a window of one length.
    `lifts`: rows are lifted to something else than the argument.
    """

    name: str
    arity: int
    needs: Callable[[tuple[str, ...]], Mapping[str, Need]]
    finish_sql: str
    finish: Finish
    returns: Callable[[tuple[str, ...]], str]
    summary: str
    empty: int | None = None
    distinct: bool = False
    rounding: Rounding | None = None
    spelled: str = ""
    params: tuple[Param, ...] = ()
    timed: bool = False
    ranged: bool = False
    lifts: Lift | None = None

    def rounds(self, type_: str) -> bool:
        """Whether values of this result type may differ in rounding: DOUBLEs that are computed, not passed on."""
        return self.rounding is not None and has_doubles(type_)

    @property
    def word(self) -> str:
        """What authors call it."""
        return self.spelled or self.name

    @property
    def kinds(self) -> tuple[Kind, ...]:
        sample = ("BIGINT",) * (self.arity + self.timed)
        return tuple(n.kind for n in self.needs(sample).values())

    @property
    def ordered(self) -> bool:
        """Whether the value depends on event order."""
        return any(LAWS[k].ordered for k in self.kinds)

    @property
    def placed(self) -> tuple[Param, ...]:
        """The parameters that are given by their place."""
        return tuple(p for p in self.params if not p.named)

    @property
    def named(self) -> tuple[Param, ...]:
        return tuple(p for p in self.params if p.named)

    def written(self, values: Mapping[ParamKind, str]) -> str:
        """How it is called, with x and y for arguments and such values for parameters."""
        arguments = ["distinct x" if self.distinct else "x", "y"][: self.arity] or ["*"]
        placed = [values[p.kind] for p in self.placed]
        named = [f"{p.name} => {values[p.kind]}" for p in self.named]
        return f"{self.word}({', '.join([*arguments, *placed, *named])})"

    def takes(self, given: int) -> bool:
        """Whether it may be called with so many arguments by place."""
        least = self.arity + sum(not p.optional for p in self.placed)
        return least <= given <= self.arity + len(self.placed)


def scale_of(type_: str) -> int:
    """The decimal scale of a type, 0 when it has none."""
    parts = decimal_parts(type_)
    return parts[1] if parts else 0
