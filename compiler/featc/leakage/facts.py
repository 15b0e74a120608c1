"""What the resolved plan says of the rows that reach a feature: the facts that the check proves of the SQL."""

from __future__ import annotations

from typing import Any

from featc.durations import format_duration
from featc.leakage.goals import Goal, goals_of, identity_of
from featc.resolve.model import Feature, FeatureRef, Join, Project, ViewJoin


def facts_of(project: Project, feature: Feature) -> dict[str, Any]:
    """`rows`: for each window that the feature reads rows in, what holds of each of them. `made_of`: the features that
    it reads besides, which have facts of their own."""
    made_of = [f"{r.view}.{r.feature}" for r in feature.expr.refs if isinstance(r, FeatureRef)]
    return {"feature": feature.name, "rows": [_of_goal(g) for g in goals_of(project, feature)], "made_of": made_of}


def _of_join(join: Join | ViewJoin, before: str) -> dict[str, str]:
    """What holds of the rows of another source that lie beside the view's, or of those behind features that do."""
    if isinstance(join, ViewJoin):
        return {"join": join.name, "time": f"as {join.view} at the event's τ", "known": "by the event's max(τ, α)"}
    if join.match is not None:
        within = format_duration(join.match.within)
        return {"join": join.name, "time": f"the event's τ ≤ τ < its τ + {within}", "known": f"max(τ, α) {before} t"}
    return {"join": join.name, "time": "τ ≤ the event's τ", "known": "max(τ, α) ≤ the event's max(τ, α)"}


def _of_goal(goal: Goal) -> dict[str, Any]:
    before = "<" if goal.strict else "≤"
    versions = identity_of(goal.source, goal.view)
    if goal.view.ahead:
        time = f"τ {'≥' if goal.strict else '>'} t"
        known = "all that is known"
        version = "the last version of its event" if versions else None
    else:
        time = f"τ {before} t"
        late = goal.source.available_at or goal.source.delay or goal.view.maturity is not None
        mature = "" if goal.view.maturity is None else f", τ + {format_duration(goal.view.maturity)}"
        known = f"max(τ, α{mature}) {before} t" if late else time
        version = f"no newer version with α {before} t" if versions else None
    return {
        "window": goal.window.name,
        "source": goal.source.name,
        "time": time,
        "known": known,
        "version": version,
        "entity": [k.name for k in goal.view.keys],
        "beside": [_of_join(j, before) for j in goal.view.joins],
    }
