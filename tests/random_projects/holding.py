"""Random views over the rows of a state source that hold: aggregates over `current`, for entities that its rows may
leave for each other."""

from __future__ import annotations

from collections.abc import Mapping

from oracle import Window

from .definitions import ViewMaker
from .expressions import Expr
from .histories import abstract_type

CURRENT = ("current", Window(current=True))


class HoldingMaker(ViewMaker):
    """Draws a view of which every window is `current`, with lookups beside it where they are allowed."""

    def keys(self, keys: Mapping[str, str]) -> tuple[dict[str, Expr], dict[str, str]]:
        """The entity of a row: its own key, or now and then what another column says, which changes from row to row."""
        exprs, _ = super().keys(keys)
        for key, sql_type in keys.items():
            type_ = abstract_type(sql_type)
            others = [e for e in self.names if e.type == type_ and e.sql in self.history.spec.types]
            if others and type_ in ("bigint", "text") and self.draw.chance(45):
                exprs[key] = self.draw.one(others)
        return exprs, {k: e.sql for k, e in exprs.items() if e.sql != k}

    def features(self) -> None:
        """A few aggregates over the rows that hold, in a family or by themselves."""
        of_rows = sorted(e.sql for e in self.exprs.values())
        own = of_rows == sorted(self.history.spec.meaning.key or of_rows)
        for _ in range(self.draw.between(1, 4)):
            if own and self.draw.chance(25):
                self.lookup()
            elif self.family and self.draw.chance(50):
                self.member_of_family()
            else:
                self.over_window()
