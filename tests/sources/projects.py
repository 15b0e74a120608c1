"""One source, one view, both plans: what a feature is in training and online when the source's own file is pushed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import featc

FEATC = """\
version: 1
project: facts
targets:
  dev: {dialect: duckdb, database: data/facts.duckdb, online: {store: sqlite, path: online.db, replay: unlimited}}
default_target: dev
"""
VIEWS = """
entities: {who: uid}
feature_views:
  facts:
    entity: who
    source: facts
    features: {FEATURES}
feature_services:
  svc: {features: [facts]}
"""
REFUSED = "refused"


def project(folder: Path, source: str, features: str) -> Path:
    """A project whose source `facts` and features are given as YAML."""
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text(FEATC)
    (folder / "features" / "facts.yaml").write_text(
        f"sources:\n  facts: {source}\n" + VIEWS.replace("{FEATURES}", features)
    )
    return folder


def trained(folder: Path, at: str, uid: Any = 1) -> dict[str, Any]:
    """The features of one entity at one instant, by the training query."""
    spine = [{"uid": uid, "as_of": datetime.fromisoformat(at)}]
    row = featc.FeatureStore(folder).get_historical_features("svc", spine).rows()[0]
    return {name: value for name, value in row.items() if name not in ("uid", "as_of")}


def served(folder: Path, at: str, pushed: Any, uid: Any = 1) -> dict[str, Any]:
    """The same by a push into a new store and a read."""
    store = featc.FeatureStore(folder)
    try:
        store.push("facts", pushed)
        return dict(store.get_online_features("svc", [{"uid": uid}], at=at)[0])
    finally:
        store.close()


def both(folder: Path, at: str, file: str) -> list[Any]:
    """[training, online], REFUSED where the data was, with the finding that training gave."""
    found: list[Any] = []
    for ask in (lambda: trained(folder, at), lambda: served(folder, at, str(folder / file))):
        try:
            found.append(ask())
        except featc.FeatcError as error:
            found.append((REFUSED, error.diagnostics[0].code, error.diagnostics[0].message))
    return found
