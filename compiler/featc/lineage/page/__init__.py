"""Lineage as one HTML page that needs nothing else: no network, no server, no other file.

The page's own sources lie beside this module as they are written (`page.html`, `page.css`, `scripts/*.js`), what it
draws with in `vendor/`. `page_html` puts them together with the project's data. The page searches, and lays out only
what is near what was chosen (docs/decisions/0028).
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from featc.lineage.graph import Graph
from featc.lineage.page.contents import Rows, contents
from featc.resolve.model import Project
from featc.secrets import mask

SCRIPTS = ("graph", "words", "shown", "drawing", "panel", "lists", "page")
"""The page's own scripts, in the order in which each needs those before it."""
VENDORED = ("cytoscape.min.js", "cytoscape-dagre.min.js")


def page_html(
    project: Project,
    graph: Graph | None = None,
    *,
    facts: Mapping[str, Rows] | None = None,
    queries: Mapping[str, str] | None = None,
    columns: bool = False,
) -> str:
    """The page of a project, or of a part of its graph, as text.

    `facts` are more rows for a node's panel by the node's name (`user_orders.spend_7d`, `orders`), or by `kind:name`
    where names of different kinds are equal: title → text, or (text, address) for a link. `queries` are training
    queries by the name of their view or service. `columns` shows single columns from the start. `#feature=view.name`,
    `#view=`, `#label=`, `#source=`, `#column=`, `#service=` or `#output=` after the page's address opens it there.

    Raises ValueError for a link that is neither relative nor http, https or mailto.
    """
    data = contents(project, graph, facts or {}, queries or {}, columns=columns)
    words = mask(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    parts = {
        "title": html.escape(f"{project.name} · lineage"),
        "style": _text("page.css"),
        "vendored": "\n".join(f"<script>{_script(_text('vendor', name))}</script>" for name in VENDORED),
        "data": words.replace("<", "\\u003c"),
        "script": _script("\n".join(_text("scripts", f"{name}.js") for name in SCRIPTS)),
    }
    page = _text("page.html")
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text, 1)
    return page


@lru_cache
def _text(*path: str) -> str:
    return files(__name__).joinpath(*path).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """A script as it may stand inside a page. Maps for debuggers are not looked for."""
    lines = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL=")]
    return "\n".join(lines).replace("</script", "<\\/script").replace("<!--", "<\\!--")
