"""`featc ls` and `featc show`: what there is, and what it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from featc.cli.completing import names_of, selectors
from featc.cli.session import Session, command, table
from featc.cli.tabular import preview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from featc.resolve.model import Feature, Output, Project

_TEXT_WIDTH = 60


@command("ls", "What there is.")
@click.argument("selector", required=False, metavar="[SEL]", shell_complete=selectors)
def ls(session: Session, selector: str | None) -> None:
    """What there is: features with type and definition, the outputs of services that are named, and without a
    selector also services and sources.

    \b
    featc ls
    featc ls "user_orders.spend_*"
    featc ls tag:recency
    featc ls source:orders+ --format json
    featc ls state:changed               what means something else than featc.lock says
    """
    from featc.lineage import selected_features, selected_outputs
    from featc.lineage.select import selected_labels

    with session.store() as store:
        selector = store.selector(selector)
        pairs = set(selected_features(store.project, selector))
        features = [f for v in store.project.views.values() for f in v.features if (v.name, f.name) in pairs]
        outputs = selected_outputs(store.project, selector) if selector else ()
        labels = selected_labels(store.project, selector)
        if session.is_json:
            session.data(_listing(store.project, (features, labels), outputs, whole=selector is None))
            return
        if features or not (outputs or labels):
            _say_definitions(session, store.project, "feature", features)
        if labels:
            session.say(*([""] if features else []))
            _say_definitions(session, store.project, "label", labels)
        if outputs:
            _say_outputs(session, store.project, outputs)
        if len(features) + len(labels) + len(outputs) == 1:
            session.say(f"\n{_meaning(store.project, [*features, *labels], outputs)}")
        if selector is None:
            _say_rest(session, store.project)


def _say_definitions(
    session: Session, project: Project, kind: Literal["feature", "label"], listed: Sequence[Feature]
) -> None:
    """Features or labels, with the tags they carry where one of them carries any."""
    from featc.lineage.graph import Node
    from featc.lineage.tags import project_tags

    carried = project_tags(project).carried
    rows = [[_qualified(project, f), f.type, _definition(f)] for f in listed]
    tags = [", ".join(carried[Node(kind, row[0])]) for row in rows]
    if not any(tags):
        session.say(table((kind, "type", "definition"), rows))
        return
    wide = [[*row[:2], one, row[2]] for row, one in zip(rows, tags, strict=True)]
    session.say(table((kind, "type", "carries", "definition"), wide))


def _say_outputs(session: Session, project: Project, outputs: Sequence[tuple[str, Output]]) -> None:
    """What services give: features of views, at computed keys where there are some, and expressions of their own."""
    rows = []
    for service, output in outputs:
        view, feature = project.view(output.view), project.feature(output.view, output.feature)
        given = [f"{k.name} = {project.feature(k.given.view, k.given.feature).text}" for k in view.keys if k.given]
        what = feature.text if output.view == project.services[service].own else f"{view.origin}.{feature.name}"
        shown = _short(f"{what} at {', '.join(given)}" if given else what)
        rows.append([f"{service}.{output.name}", output.type, shown])
    session.say(table(("output", "type", "what it is"), rows))


def _meaning(project: Project, listed: Sequence[Feature], outputs: Sequence[tuple[str, Output]]) -> str:
    """What the one thing that is listed means."""
    from featc.words import Meanings

    if listed:
        return Meanings(project).feature(listed[0].view, listed[0].name)
    service, output = outputs[0]
    return Meanings(project).output(project.services[service], output)


def _say_rest(session: Session, project: Project) -> None:
    services = [
        [s.name, str(len(s.outputs)), ", ".join(n for n, _ in s.keys), ", ".join(n for n, _ in s.request)]
        for s in project.services.values()
    ]
    if services:
        session.say()
        session.say(table(("service", "features", "keys", "request"), services, right=frozenset((1,))))
    sources = [[s.name, s.kind, str(len(s.columns)), s.location.value] for s in project.stored.values()]
    sources += [
        [s.name, "union", str(len(s.columns)), f"rows of {', '.join(m.source.name for m in s.members)}"]
        for s in project.sources.values()
        if s.members
    ]
    sources += [
        [made.name, "attributed", "", f"rows of {made.base}, with what follows in {', '.join(made.matched)}"]
        for made in project.attributed.values()
    ]
    if sources:
        session.say()
        headers = ("source", "kind", "columns", "where it lies")
        short = [[*row[:3], _short(row[3])] for row in sources]
        session.say(table(headers, short, right=frozenset((2,))))


def _qualified(project: Project, feature: Feature) -> str:
    return f"{project.view(feature.view).origin}.{feature.name}"


def _definition(feature: Feature) -> str:
    text = feature.text
    shown = _short(text if feature.default is None else f"{text}   (default {feature.default})")
    return f"{shown}   ({deprecation(feature.meta)})" if "deprecated" in feature.meta else shown


def deprecation(meta: Mapping[str, object]) -> str:
    """What the author of a deprecated definition says of that, in a few words."""
    says = meta.get("deprecated")
    said = says if isinstance(says, dict) else {}
    parts = [f"{word} {said[key]}" for key, word in (("since", "since"), ("until", "until")) if key in said]
    instead = f": use {said['use']}" if "use" in said else ""
    return f"{' '.join(['deprecated', *parts])}{instead}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_WIDTH else line[: _TEXT_WIDTH - 1] + "…"


def _listing(
    project: Project,
    named: tuple[Sequence[Feature], Sequence[Feature]],
    outputs: Sequence[tuple[str, Output]],
    *,
    whole: bool,
) -> dict[str, Any]:
    from featc.emit.manifest import manifest

    described = manifest(project, {})
    features, labels = named
    found: dict[str, Any] = {"features": {f.qualified: described["features"][f.qualified] for f in features}}
    if labels:
        found["labels"] = {n: described["labels"][n] for n in (_qualified(project, f) for f in labels)}
    if outputs:
        listed = {(name, o["name"]): o for name, s in described["services"].items() for o in s["outputs"]}
        found["outputs"] = {f"{service}.{o.name}": listed[service, o.name] for service, o in outputs}
    return found | {k: described[k] for k in ("views", "services", "sources", "attributed")} if whole else found


@command("show", "A preview of values.")
@click.argument("name", shell_complete=names_of("services", "views", "features"))
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10, show_default=True, metavar="N")
def show(session: Session, name: str, limit: int) -> None:
    """A preview of values: the entities with the latest events, as of just after those.

    \b
    featc show user_orders
    featc show checkout --limit 3
    featc show user_orders.spend_7d
    """
    from featc.cli.building import named
    from featc.runtime.training_set.recent import recent_spine

    with session.store() as store:
        name = store.names(name)
        _, outputs, _ = named(store.project, name)
        spine = recent_spine(store.located, outputs, limit)
        whole = name in store.project.services or any(o.view in store.project.labels for o in outputs)
        wanted = name if whole else [f"{o.view}.{o.feature}" for o in outputs]
        dataset = store.get_historical_features(wanted, spine)
        preview(session, dataset, limit)
        for line in _remarks(store.project, name, outputs):
            session.note(line)


def _remarks(project: Project, name: str, outputs: Sequence[Output]) -> list[str]:
    """What should be known of what is shown: what a single feature means, that something is deprecated, tags."""
    from featc.lineage.graph import Node
    from featc.lineage.tags import project_tags
    from featc.resolve.model import COMPLETE
    from featc.words import Meanings

    whole = project.services.get(name) or project.views.get(name)
    single = [o for o in outputs if not o.feature.endswith(COMPLETE)]
    lines = [f"{name} is {deprecation(whole.meta)}"] if whole is not None and "deprecated" in whole.meta else []
    if whole is None and len(single) == 1:
        lines.append(f"{name}: {Meanings(project).feature(single[0].view, single[0].feature)}")
    carried, tags = project_tags(project).carried, {}
    for output in (o for o in outputs if not o.feature.endswith(COMPLETE)):
        feature = project.feature(output.view, output.feature)
        spoken = f"{project.view(output.view).origin}.{output.feature}"
        says = feature.meta.get("deprecated")
        if says is not None and (whole is None or says != whole.meta.get("deprecated")):
            lines.append(f"{spoken} is {deprecation(feature.meta)}")
        kind: Literal["output", "label", "feature"] = (
            "output" if name in project.services else "label" if output.view in project.labels else "feature"
        )
        node = Node(kind, f"{name}.{output.name}" if kind == "output" else spoken)
        tags[output.name] = ", ".join(carried[node])
    return [*lines, *(f"{column} carries {listed}" for column, listed in tags.items() if listed)]


COMMANDS = (ls, show)
