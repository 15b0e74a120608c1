"""`featc lineage`: what comes from what."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featc.cli.completing import selectors
from featc.cli.session import Session, command, some
from featc.errors import Diagnostic, FeatcError

if TYPE_CHECKING:
    from featc.lineage import Graph
    from featc.resolve.model import Project

_WHOLE = ("openlineage", "html")
"""Forms that always hold columns, features and outputs."""


@command("lineage", "What comes from what, as text, picture, events or page.")
@click.argument("selector", required=False, metavar="[SEL]", shell_complete=selectors)
@click.option("--columns", is_flag=True, help="Columns, features and outputs, not whole sources and views.")
@click.option(
    "--to",
    type=click.Choice(["dot", "mermaid", "json", "graphml", "openlineage", "html"]),
    help="Default: a listing.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A file instead of stdout.")
@click.option("--at", metavar="T", help="openlineage: the events' time, ISO 8601 or now. Default: 1970-01-01.")
@click.option("--runs", is_flag=True, help="openlineage: events of runs, for consumers that know no others.")
def lineage(
    session: Session, selector: str | None, columns: bool, to: str | None, out: Path | None, at: str | None, runs: bool
) -> None:
    """The graph from source columns over views and features to services.

    --to html is one page to search and walk in that needs no network: open it, mail it, put it on any server. What
    follows its address opens it at a node: #feature=view.name, #view=, #label=, #source=, #column=, #service= or
    #output=. --to openlineage is one event per line: a dataset per source, a job per view and service, with column
    lineage.

    \b
    featc lineage
    featc lineage +user_orders.spend_7d --columns
    featc lineage --to html --out lineage.html      then: open it in a browser
    featc lineage --to dot --out lineage.dot        then: dot -Tsvg lineage.dot -o lineage.svg
    featc lineage source:orders+ --to mermaid
    featc lineage --columns --to graphml --out lineage.graphml
    featc lineage --to openlineage --at "$(git log -1 --format=%cI)" --out events.jsonl
    """
    from featc.lineage import project_graph, select

    moment = _moment(at)
    if to != "openlineage" and (moment is not None or runs):
        raise click.UsageError("--at and --runs are of --to openlineage.")
    if to == "html" and out is None and is_terminal():
        raise _no_file()
    with session.store() as store:
        selector = store.selector(selector)  # which may bring versions of views into the project
        graph, project = project_graph(store.project), store.numbered
        if selector is not None:
            graph = graph.only(select(store.project, selector, graph))
    shown = graph if columns or to in _WHOLE else graph.folded()
    text = _text(project, shown, to or ("json" if session.is_json else None), columns, moment, runs)
    if out is None:
        session.say(text.rstrip())
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    ends = {(e.parent, e.child) for e in shown.edges}
    if session.is_json:
        session.data({"nodes": len(shown.nodes), "edges": len(ends), "out": str(out)})
        return
    counted = f"{some(len(shown.nodes), 'node')}, {some(len(ends), 'edge')}"
    session.say(f"{counted} → {session.shown(out)}")


def _text(
    project: Project, graph: Graph, to: str | None, columns: bool, moment: datetime | None, runs: bool
) -> str:
    """The graph in the form that was asked for; None is a listing."""
    from featc.lineage import draw
    from featc.lineage.marks import project_marks
    from featc.lineage.pictures import listing

    match to:
        case "html":
            from featc.lineage.page import page_html
            from featc.lineage.page.queries import page_queries

            return page_html(project, graph, queries=page_queries(project), columns=columns)
        case "openlineage":
            from featc.lineage.openlineage import openlineage_text

            return openlineage_text(project, graph, at=moment, runs=runs)
        case "graphml":
            from featc.lineage.graphml import graphml

            return graphml(project, graph)
        case None:
            return listing(graph, project_marks(project, graph))
        case _:
            return draw(graph, to, project_marks(project, graph))


def is_terminal() -> bool:
    """Whether what is printed is read by a person."""
    return sys.stdout.isatty()


def _moment(at: str | None) -> datetime | None:
    """The instant that --at says. Raises FeatcError F841 (exit code 2) where it is none."""
    if at is None or at == "now":
        return None if at is None else datetime.now(UTC)
    try:
        return datetime.fromisoformat(at)
    except ValueError:
        hint = "write --at 2026-01-31T12:00:00Z, or --at now"
        raise FeatcError(Diagnostic("F841", f"'{at}' is no instant", hint=hint), exit_code=2) from None


def _no_file() -> FeatcError:
    hint = "write --out lineage.html, or lead the output into a file"
    return FeatcError(Diagnostic("F840", "a page is nothing to read in a terminal", hint=hint), exit_code=2)


COMMANDS = (lineage,)
