"""One source, one view, one user, one week: a store whose values can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from featc.runtime.store import FeatureStore

AT = "2026-01-08T00:00:00Z"
MORE = ", largest: max(x) over last_30d"


def write(folder: Path, more: str = "", *, id: str = "id: id, ", x: str = "bigint", online: str = "") -> FeatureStore:
    """The project, with `more` features; `online` are settings of its target."""
    (folder / "features").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    targets = f"targets: {{dev: {{online: {{{online}}}}}}}\n" if online else ""
    (folder / "featc.yaml").write_text(f"version: 1\nproject: small\n{targets}")
    (folder / "features/all.yaml").write_text(
        f"entities: {{u: u}}\n"
        f"sources:\n"
        f"  e: {{path: data/e.csv, time: at, {id}columns: {{id: bigint, u: bigint, x: {x}, at: timestamp}}}}\n"
        f"feature_views:\n"
        f"  v: {{entity: u, source: e, features: {{n: count(*) over last_30d{more}}}}}\n"
    )
    if not (folder / "data/e.csv").exists():
        data(folder)
    return FeatureStore(folder)


def data(folder: Path, *rows: int) -> None:
    """The source's data: a row on each of these days of January."""
    lines = [f"{day},1,{day},2026-01-{day:02d} 00:00:00\n" for day in rows]
    (folder / "data/e.csv").write_text("id,u,x,at\n" + "".join(lines))


def row(day: int, **changed: Any) -> dict[str, Any]:
    """The row of a day, to push."""
    return {"id": day, "u": 1, "x": day, "at": f"2026-01-{day:02d}T00:00:00"} | changed


def count(store: FeatureStore) -> int:
    """How many events the online store has."""
    (found,) = store.get_online_features(["v"], [{"u": 1}], at=AT)
    return int(found["n"])
