"""The search index of a catalogue: a script that brings one array for each thing there is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from featc.site import places

FIELDS = ("kind", "name", "type", "meaning", "description", "tags", "owner", "href", "proof", "deprecated")
"""What an entry says, in order; empty where there is nothing."""


def index_script(entries: Iterable[tuple[object, ...]]) -> str:
    """`search.js`: sets `featcSearch` to the entries. Nothing in it can end a script or begin a tag."""
    rows = ",\n".join(json.dumps(entry, ensure_ascii=True, separators=(",", ":")) for entry in entries)
    safe = rows.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f"window.featcSearch=[\n{safe}\n];\n"


def entry(kind: str, facts: Mapping[str, Any], href: str) -> tuple[object, ...]:
    """One thing, from its facts."""
    proof = facts.get("proof")
    tags = dict.fromkeys([*facts.get("tags", ()), *facts.get("carries", ())])
    return (
        kind,
        facts.get("qualified") or facts["name"],
        facts.get("type") or (facts.get("kind") if kind == "source" else "") or "",
        facts.get("meaning") or "",
        facts.get("description") or "",
        list(tags),
        facts.get("owner") or "",
        href,
        proof["state"] if proof else "",
        1 if facts.get("deprecated") else 0,
    )


def view_href(name: str) -> str:
    return places.link(places.view_page(name))
