"""`featc lineage`: what comes from what."""

from __future__ import annotations

from pathlib import Path

import click

from featc.cli.completing import selectors
from featc.cli.session import Session, command, some


@command("lineage", "What comes from what, as text or picture.")
@click.argument("selector", required=False, metavar="[SEL]", shell_complete=selectors)
@click.option("--columns", is_flag=True, help="Columns, features and outputs, not whole sources and views.")
@click.option("--to", type=click.Choice(["dot", "mermaid", "json"]), help="Default: a listing.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A file instead of stdout.")
def lineage(session: Session, selector: str | None, columns: bool, to: str | None, out: Path | None) -> None:
    """The graph from source columns over views and features to services.

    \b
    featc lineage
    featc lineage +user_orders.spend_7d --columns
    featc lineage --to dot --out lineage.dot        then: dot -Tsvg lineage.dot -o lineage.svg
    featc lineage source:orders+ --to mermaid
    """
    from featc.lineage import draw, project_graph, select
    from featc.lineage.marks import project_marks
    from featc.lineage.pictures import listing

    with session.store() as store:
        graph, project = project_graph(store.project), store.project
        if selector is not None:
            graph = graph.only(select(store.project, selector, graph))
    shown = graph if columns else graph.folded()
    form = to or ("json" if session.is_json else None)
    marks = project_marks(project, shown)
    text = draw(shown, form, marks) if form else listing(shown, marks)
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


COMMANDS = (lineage,)
