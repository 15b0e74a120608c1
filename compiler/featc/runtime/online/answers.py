"""Rows of keys as users give them, and the vectors they get: a list of dicts, and Feast's shapes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featc.errors import Diagnostic, FeatcError
from featc.runtime.extras import needed

_STAMP = "__ts"
"""What Feast puts behind a column's name for that of its timestamps."""


def rows_of(given: Any) -> list[Mapping[str, Any]]:
    """Rows of keys and request values, given as such, as one row, or (Feast's other shape) as columns."""
    if isinstance(given, Mapping):
        columns = {n: v for n, v in given.items() if isinstance(v, (list, tuple))}
        if len(columns) < len(given):
            return [given]
        if len({len(v) for v in columns.values()}) > 1:
            lengths = ", ".join(f"{name} has {len(v)}" for name, v in columns.items())
            message = f"the columns of an online read differ in length: {lengths}"
            raise FeatcError(Diagnostic("F600", message, hint="give every row a value in each"), exit_code=2)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = list(given)
    wrong = next((r for r in rows if not isinstance(r, Mapping)), None)
    if wrong is not None:
        message = f"an online read takes rows of keys, and {wrong!r} is none"
        raise FeatcError(Diagnostic("F600", message, hint="write [{'user_id': 42}]"), exit_code=2)
    return rows


class OnlineRows(list[dict[str, Any]]):
    """Online vectors: a list of dicts of feature values, in input order, as they stand at an instant (µs).

    Feast's `to_dict` and `to_df` have the keys' columns before the features', one list per column.
    """

    def __init__(
        self,
        found: Sequence[dict[str, Any]],
        asked: Sequence[Mapping[str, Any]],
        keys: Sequence[str],
        features: Sequence[str],
        at: int,
    ) -> None:
        super().__init__(found)
        self._asked = asked
        self._keys, self._features, self._at = tuple(keys), tuple(features), at

    def to_dict(self, include_event_timestamps: bool = False) -> dict[str, list[Any]]:
        """Columns as lists: keys, then features. With `include_event_timestamps` each is followed by `<name>__ts`, in
        whole seconds since the epoch: 0 for keys, as Feast has it, and for features the instant they stand at, since
        they are computed as of then."""
        found: dict[str, list[Any]] = {}
        for names, rows, second in ((self._keys, self._asked, 0), (self._features, self, self._at // 1_000_000)):
            for name in names:
                found[name] = [row.get(name) for row in rows]
                if include_event_timestamps:
                    found[name + _STAMP] = [second] * len(self)
        return found

    def to_df(self, include_event_timestamps: bool = False) -> Any:
        """The same as a pandas DataFrame. Raises FeatcError F521 without pandas."""
        return needed("pandas", "pandas", "for to_df()").DataFrame(self.to_dict(include_event_timestamps))
