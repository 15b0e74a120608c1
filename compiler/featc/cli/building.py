"""`featc build` and `featc sql`: from definitions to files, or to stdout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featc.cli.completing import names_of, selectors
from featc.cli.session import Session, command, some
from featc.cli.standing import unanswered_text
from featc.errors import Diagnostic, FeatcError, did_you_mean

if TYPE_CHECKING:
    from featc.resolve.model import Output, Project
    from featc.runtime.store import FeatureStore

PLANS = ("training", "backfill", "lift", "schema", "update", "read", "evict")


@command("build", "Check everything, write SQL and manifest.")
@click.option("--dialect", "dialects", multiple=True, type=click.Choice(["duckdb"]), help="Default: duckdb.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Default: target/ in the project."
)
@click.option(
    "--select", metavar="SEL", shell_complete=selectors, help="Write only what these need; everything is checked."
)
@click.option(
    "--locked", is_flag=True, help="For CI: fail where featc.lock says otherwise, or a deprecated use is overdue."
)
@click.option("--check-leakage", is_flag=True, help="Prove of each training query that no row is read too early.")
def build(
    session: Session,
    dialects: tuple[str, ...],
    out: Path | None,
    select: str | None,
    locked: bool,
    check_leakage: bool,
) -> None:
    """Check everything, write SQL and manifest.json.

    \b
    featc build
    featc build --check-leakage
    featc build --out /srv/features
    featc build --select "user_orders tag:recency"
    featc build --locked

    Whatever uses a deprecated definition is warned. With --locked, a definition that means something else than
    featc.lock says is an error, and so is one that still stands after its until: (days are those of UTC); nothing is
    written then.
    """
    from featc.emit import write_files
    from featc.lineage import needed_features
    from featc.runtime.planning.built import built
    from featc.runtime.status import unanswered

    with session.store(list_warnings=True, check=_refuse if locked else None) as store:
        select = store.selector(select)
        only = frozenset(needed_features(store.project, select)) if select else None
        files = built(store, only)
        folder = out if out is not None else store.root / "target"
        proven = _proven(store.project, files, only) if check_leakage else None
        write_files(folder, files)
        lost = unanswered(store)
        if session.is_json:
            checked = {} if proven is None else {"leakage": {"queries": len(proven), "features": sum(proven.values())}}
            session.data(_summary(store, folder, files) | {"unanswered": lost} | checked)
        else:
            _say_summary(session, store, folder)
            if proven is not None:
                session.say(f"  no leakage: proven of the SQL of all {len(proven)} training queries")
            for view, rows in lost.items():
                session.note(f"  {unanswered_text(view, rows)}")


def _proven(
    project: Project, files: Mapping[str, str], only: frozenset[tuple[str, str]] | None
) -> dict[str, int]:
    """The training queries that are proven free of leakage, each with how many features it computes.

    Raises FeatcError F570–F577 with all that is not proven; nothing is written then.
    """
    from featc.emit import training_queries
    from featc.leakage import check_sql

    found, wrong = {}, []
    for path, outputs in training_queries(project, only).items():
        checked = check_sql(project, outputs, files[path])
        found[path] = len(checked.features)
        wrong += [f.diagnostic(path, files[path]) for f in checked.findings]
    if wrong:
        raise FeatcError(wrong)
    return found


def today() -> date:
    """The day by which `--locked` judges, in UTC."""
    return datetime.now(UTC).date()


def _refuse(store: FeatureStore) -> None:
    """Raises FeatcError with all deprecated definitions whose last day was before today (F364), and with all that
    featc.lock does not hold as it is (F875 to F877)."""
    from featc.audit import overdue
    from featc.runtime.planning import unlocked_findings

    late = [*overdue(store.compiled.definitions, store.project, today()), *unlocked_findings(store.compiled)]
    if late:
        raise FeatcError(late)


def _summary(store: FeatureStore, folder: Path, files: object) -> dict[str, object]:
    project = store.project
    return {
        "project": project.name,
        "features": sum(len(v.features) for v in project.views.values()),
        "views": len(project.views),
        "services": {
            s.name: {
                "features": len(s.outputs),
                "labels": len(s.labels) // 2,
                "keys": [{"name": n, "type": t} for n, t in s.keys],
                "request": [{"name": n, "type": t} for n, t in s.request],
            }
            for s in project.services.values()
        },
        "out": str(folder),
        "files": list(files) if isinstance(files, dict) else [],
        "warnings": len(store.compiled.warnings),
    }


def _say_summary(session: Session, store: FeatureStore, folder: Path) -> None:
    project = store.project
    features = sum(len(view.features) for view in project.views.values())
    warnings = len(store.compiled.warnings)
    counted = ", ".join(
        (
            f"{some(features, 'feature')} in {some(len(project.views), 'view')}",
            some(len(project.services), "service"),
        )
    )
    session.say(f"{project.name}: {counted} → {session.shown(folder)}")
    for service in project.services.values():
        needs = _needs(service.keys, service.request)
        labels = f", {some(len(service.labels) // 2, 'label')}" if service.labels else ""
        session.say(f"  {service.name}: {some(len(service.outputs), 'feature')}{labels}; needs {needs}")
    if not features:
        session.note("  nothing is defined yet: features stand in YAML files below the folders of paths:")
    if warnings:
        session.say(f"  {some(warnings, 'warning')}{'' if session.quiet else ', listed above'}")


def _needs(keys: tuple[tuple[str, str], ...], request: tuple[tuple[str, str], ...]) -> str:
    """The spine and request columns of a service, in words."""
    spine = ", ".join([*(f"{name} {type_}" for name, type_ in keys), "as_of TIMESTAMP"])
    asked = ", ".join(f"{name} {type_}" for name, type_ in request)
    return f"{spine}; request: {asked}" if asked else spine


@command("sql", "One plan's SQL on stdout.")
@click.argument("name", shell_complete=names_of("services", "views", "features"))
@click.option("--plan", type=click.Choice(PLANS), default="training", show_default=True)
def sql(session: Session, name: str, plan: str) -> None:
    """One plan's SQL, of a service, a view or a feature, on stdout.

    \b
    featc sql checkout                     the training query of a service
    featc sql user_orders --plan read      what the online store runs to answer
    featc sql user_orders.spend_7d
    """
    with session.store() as store:
        text = plan_sql(store, name, plan)
    if session.is_json:
        session.data({"name": name, "plan": plan, "sql": text})
    else:
        session.say(text.rstrip())


def plan_sql(store: FeatureStore, name: str, plan: str) -> str:
    """The text of one plan of a service, view or feature.

    Raises FeatcError F802 when there is nothing of this name, F803 when it has no such plan.
    """
    from featc.emit import backfill_files, online_sql, training_file
    from featc.lower.online import keep
    from featc.resolve.model import feature_closure

    name = store.names(name)
    project = store.numbered
    definition, outputs, path = named(project, name)
    if plan == "training":
        return training_file(project, definition, outputs, path, _version(project, name))
    kept = tuple((o.view, o.feature) for o in outputs if o.view not in project.labels)
    asked = (project.view(v) for v, _ in feature_closure(project, kept))
    views = dict.fromkeys(view.origin for view in asked if view.source is not None)
    if plan == "backfill":
        tiles = [text for view, text in backfill_files(project).items() if view in views]
        if not tiles:
            message = f"'{name}' has no tiles, so it has no backfill plan: it is computed when asked"
            raise FeatcError(Diagnostic("F803", message, hint=f"featc sql {name} --plan training"), exit_code=2)
        return "\n".join(tiles)
    stored = keep(project)
    files = [online_sql(stored, view) for view in views]
    texts = [by_name[f"online_{plan}.sql"] for by_name in files if by_name]
    if not texts:
        message = f"'{name}' keeps nothing online, so it has no {plan} plan: it is computed when asked"
        raise FeatcError(Diagnostic("F803", message, hint=f"featc sql {name} --plan training"), exit_code=2)
    return "\n".join(texts)


def _version(project: Project, name: str) -> int:
    """The version of a service, view or feature."""
    if name in project.services:
        return project.services[name].version
    view, dot, feature = name.partition(".")
    if view not in project.views:
        return 1
    return project.feature(view, feature).version if dot else project.views[view].version


def named(project: Project, name: str) -> tuple[str, tuple[Output, ...], str]:
    """What a name stands for: the definition in words, its outputs, and where its training query lies."""
    from featc.resolve.model import Output
    from featc.resolve.naming import meant
    from featc.resolve.needs import label_outputs

    if name in project.services:
        path = f"target/sql/duckdb/services/{name}/training.sql"
        return f"feature service {name}", project.services[name].training, path
    view_name, dot, feature = name.partition(".")
    labels = {n: o for v in project.labels.values() for n, o in label_outputs(v).items()}
    if name in labels:
        return f"label {name}", labels[name], f"{name}.sql"
    view = project.views.get(view_name)
    if view is None:
        hint = meant(project, view_name) or "featc ls shows what there is"
        raise FeatcError(
            Diagnostic("F802", f"there is no service or view '{view_name}'", hint=hint), exit_code=2
        )
    wanted = [f for f in view.features if not dot or f.name == feature]
    if not wanted:
        near = did_you_mean(feature, [f.name for f in view.features])
        message = f"the view '{view_name}' has no feature '{feature}'"
        raise FeatcError(Diagnostic("F802", message, hint=near), exit_code=2)
    what = f"feature {name}" if dot else f"feature view {name}"
    path = f"{name}.sql" if dot else f"target/sql/duckdb/{name}/training.sql"
    return what, tuple(Output(f.name, view.name, f.name, f.type) for f in wanted), path


COMMANDS = (build, sql)
