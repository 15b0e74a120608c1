"""`featc explain`: the views behind some outputs as they are computed, and what they cost on the data there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import duckdb

from featc.closures import PROVEN_ENGINE, why_not
from featc.decompose import decompose
from featc.emit import training_file
from featc.leakage import Checked, check_sql, facts_of
from featc.lower.explained import explain_view
from featc.lower.online import keep, view_plan
from featc.lower.online_derived import ref_type
from featc.lower.online_evict import looks_up
from featc.lower.online_read import read_plan
from featc.resolve.model import AggregateRef, Feature, Output, Project, feature_closure
from featc.runtime.backfill.ledger import Range
from featc.runtime.backfill.session import Session, moment
from featc.runtime.costs import cost_of, source_amounts, store_amounts
from featc.runtime.online.engine import shared_engine
from featc.runtime.online.service import ServiceReader
from featc.runtime.training_set.reading import filled, tiled_cells
from featc.words import Meanings

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

_WHERE = "where the filled days hold the spine's windows, and at most half of the rows in reach are read beside them"


def explain(store: FeatureStore, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """Each view behind the outputs, parents first: see `featc.lower.explained`, and `tiles`, `derived`, `cost`.

    Raises FeatcError F901 (exit code 4) while another process writes the target's database, F722 for a ledger of
    another format.
    """
    project = store.project
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
    slow = _in_duckdb(store, [o for o in outputs if o.view not in project.labels])
    proof = _proof(store, outputs)
    with store.connect() as connection:
        return [
            _view(store, Session(connection), name, [f for v, f in pairs if v == name], slow, proof)
            for name in dict.fromkeys(view for view, _ in pairs)
        ]


def _view(
    store: FeatureStore, session: Session, name: str, listed: Sequence[str], slow: Iterable[str], proof: Checked
) -> dict[str, Any]:
    project = store.project
    features = [project.feature(name, feature) for feature in listed]
    refs = [r for f in features for r in f.expr.refs]
    wanted = frozenset(r.name for r in refs if isinstance(r, AggregateRef))
    about = explain_view(project, project.view(name), wanted)
    if about["retention"] is not None:
        about["retention"]["replay"] = store.compiled.definitions.target.online.replay_us
    about |= _tiles(store, session, about, wanted)
    online = () if name in project.labels else features
    derived = [_derived(project, f, slow) for f in online if not (f.expr.is_bare and f.default is None)]
    meanings = Meanings(project)
    about["meanings"] = [{"feature": f.name, "meaning": meanings.feature(name, f.name)} for f in features]
    about["leakage"] = [_leakage(project, f, proof) for f in features]
    return {**about, "derived": derived, "cost": _cost(store, session, name, wanted)}


def _proof(store: FeatureStore, outputs: Sequence[Output]) -> Checked:
    """What the second reader says of the training query of the outputs."""
    sql = training_file(store.project, "these features", outputs, "training.sql")
    return check_sql(store.project, outputs, sql)


def _leakage(project: Project, feature: Feature, proof: Checked) -> dict[str, Any]:
    """The facts of the plan about a feature's rows, and whether they were found again in the SQL. `checked` is false
    where anything in the query could not be proven, since its parts share rows."""
    listed = [asdict(f) for f in proof.findings]
    return {**facts_of(project, feature), "checked": not listed, "findings": listed}


def _tiles(
    store: FeatureStore, session: Session, about: dict[str, Any], wanted: frozenset[str]
) -> dict[str, Any]:
    """`tiles`: what of a view is backfilled now, and whether a training set may read it; and `training` accordingly."""
    view = store.project.view(about["view"])
    if view.source is None or view.ahead:
        return {"tiles": None}
    table, cells = tiled_cells(store.project, view, wanted)
    ranges: tuple[Range, ...] = ()
    why: str | None
    if isinstance(table, str):
        why = table
    else:
        ranges, why = filled(session, table, cells, store.project.sources[view.source], store.root)
    stretches = [{"start": moment(a).isoformat() + "Z", "end": moment(b).isoformat() + "Z"} for a, b in ranges]
    tiles = {"reads": "tiles" if why is None else "rows", "because": why or _WHERE, "filled": stretches}
    listed = about["training"]
    if why is not None:
        listed = [t if t["reads"] == "rows" else {**t, "reads": "rows", "reads_because": why} for t in listed]
    return {"training": listed, "tiles": tiles}


def _in_duckdb(store: FeatureStore, outputs: Sequence[Output]) -> frozenset[str]:
    """The features that a read evaluates in DuckDB, by the stage that reads run."""
    project = store.project
    kept = keep(project)
    plans = {v.name: view_plan(kept, v) for v in kept.project.views.values() if v.source is not None}
    return frozenset(ServiceReader(project, shared_engine(), plans, tuple(outputs)).in_duckdb)


def _derived(project: Project, feature: Feature, slow: Iterable[str]) -> dict[str, Any]:
    """Where an expression over finished values runs online, and why."""
    if feature.qualified not in slow:
        return {"feature": feature.name, "runs": "closure", "because": "every operator and function of it is proven"}
    view = project.view(feature.view)
    types = {r: ref_type(project, view, r) for r in feature.expr.refs}
    why = why_not(feature.expr, types, feature.default, feature.type)
    if why is None and not duckdb.__version__.startswith(f"{PROVEN_ENGINE}."):
        why = f"closures are proven for DuckDB {PROVEN_ENGINE}, and this is {duckdb.__version__}"
    return {"feature": feature.name, "runs": "duckdb", "because": why or "it uses a feature that runs in DuckDB"}


def _cost(store: FeatureStore, session: Session, name: str, wanted: frozenset[str]) -> dict[str, Any] | None:
    project = store.project
    view = project.views.get(project.view(name).origin)
    if view is None or name in project.labels or view.source is None:
        return None
    kept = keep(project)
    plan = view_plan(kept, kept.view(view.name))
    read = read_plan(plan.layout, decompose(plan.layout.view, wanted), lookup=looks_up(plan.layout))
    amounts = store_amounts(store.online_path, plan)
    if amounts is None:
        amounts = source_amounts(session.connection, store.located.sources[view.source], plan)
    cost = None if amounts is None else cost_of(plan, read, amounts)
    return None if cost is None else asdict(cost)
