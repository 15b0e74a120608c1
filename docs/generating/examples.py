"""Values of examples, computed by featc itself over a few rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from featc.cli.values import to_text
from featc.runtime.store import FeatureStore
from generating.markdown import table

_COLUMNS = ("at", "amount", "status", "gift")
_ROWS = (
    ("2026-01-01 08:00:00", "10.00", "paid", "true"),
    ("2026-01-01 09:00:00", "25.00", "paid", "false"),
    ("2026-01-01 10:00:00", "25.00", "refunded", "false"),
    ("2026-01-01 11:00:00", "4.50", "paid", ""),
    ("2026-01-01 12:00:00", "", "paid", "false"),
)
ROWS_SHOWN = table(_COLUMNS, [[cell or "NULL" for cell in row] for row in _ROWS])

_DEFINITIONS = """\
entities:
  user: user_id
sources:
  events:
    path: events.csv
    time: at
    columns: {user_id: bigint, at: timestamp, amount: "decimal(12,2)", status: text, gift: boolean}
feature_views:
  examples:
    entity: user
    source: events
    features:
"""


@dataclass(frozen=True, slots=True)
class Example:
    """An example's value over the rows, and of an entity without rows."""

    value: str
    empty: str


Examples = Mapping[str, Example]


def example_values(expressions: Mapping[str, str]) -> Examples:
    """The value of each expression, by the expression's name."""
    features = "".join(f"      f_{name}: |-\n        {text}\n" for name, text in expressions.items())
    spine = "select user_id, timestamp '2026-01-02 00:00:00' as as_of from (values (1), (2)) as users(user_id)"
    with _project(_DEFINITIONS + features) as store:
        some, none = store.get_historical_features(["examples"], spine).rows()
    return {n: Example(to_text(some[f"f_{n}"]), to_text(none[f"f_{n}"])) for n in expressions}


@contextmanager
def _project(definitions: str) -> Iterator[FeatureStore]:
    """A project of these definitions and the rows above."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "features").mkdir()
        (root / "featc.yaml").write_text("version: 1\nproject: examples\n", encoding="utf-8")
        (root / "features" / "examples.yaml").write_text(definitions, encoding="utf-8")
        lines = [",".join(("user_id", *_COLUMNS)), *(",".join(("1", *row)) for row in _ROWS)]
        (root / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        store = FeatureStore(root)
        try:
            yield store
        finally:
            store.close()
