"""What is told of each node of the lineage: what it is, its definition as the author wrote it, who answers for it.

Everything is taken from the manifest's data, so that versions and fingerprints are those of the build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from featc.emit.manifest import manifest
from featc.lineage.graph import Node
from featc.resolve.model import Project


@dataclass(frozen=True, slots=True)
class Facts:
    """A node's facts; those that do not apply are empty. `rows` are more of them, title and text.

    `tags` stand at the definition itself, `carries` come along the values it is made of. `deprecated` is a sentence.
    `reads` is the source whose rows a feature, a label or a view reads itself.
    """

    type: str = ""
    sql: str = ""
    default: str = ""
    version: str = ""
    fingerprint: str = ""
    owner: str = ""
    description: str = ""
    deprecated: str = ""
    reads: str = ""
    tags: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()


NOTHING = Facts()


def project_facts(project: Project) -> dict[Node, Facts]:
    """The facts of all columns, request columns, keys, features, labels and outputs of a project, and of its sources,
    views and services. Columns that nothing uses are among them."""
    data = manifest(project, {})
    found: dict[Node, Facts] = {}
    for source, about in data["sources"].items():
        found[Node("source", source)] = _about(about, rows=_source_rows(about, data["locations"].get(source)))
        for column, told in about["columns"].items():
            found[Node("column", f"{source}.{column}")] = Facts(type=told["type"], tags=tuple(told["tags"]))
    for made, about in data["attributed"].items():
        found[Node("source", made)] = _about(about, rows=_attributed_rows(about))
    for view, about in data["views"].items():
        found[Node("view", view)] = _about(about, reads=_reads(about), rows=_view_rows(about))
        found |= _given(about["request"], "request") | _given(about["keys"], "key")
    for name, about in data["features"].items():
        rows = _told(("Windows", about["windows"]))
        found[Node("feature", name)] = _about(about, reads=_reads(data["views"][about["view"]]), rows=rows)
    for name, about in data["labels"].items():
        rows = _told(("Windows", about["windows"]))
        found[Node("label", name)] = _about(about, reads=about["source"] or "", rows=rows)
    for service, about in data["services"].items():
        found[Node("service", service)] = _about(about, rows=_service_rows(about))
        found |= _given(about["request"], "request") | _given(about["keys"], "key")
        found |= dict(_outputs(service, about))
    return found


def version_words(facts: Facts) -> str:
    """A definition's version and the beginning of its fingerprint, for people."""
    return " · ".join(part for part in (facts.version, facts.fingerprint[:12]) if part)


def _reads(view: Mapping[str, Any]) -> str:
    return view["attributed"] or view["source"] or ""


def _about(about: Mapping[str, Any], *, reads: str = "", rows: tuple[tuple[str, str], ...] = ()) -> Facts:
    return Facts(
        type=about.get("type") or "",
        sql=about.get("sql") or "",
        default=about.get("default") or "",
        version=about.get("version") or "",
        fingerprint=about.get("fingerprint") or "",
        owner=about.get("owner") or "",
        description=(about.get("description") or "").strip(),
        deprecated=_deprecated(about.get("deprecated")),
        reads=reads,
        tags=tuple(str(t) for t in about.get("tags") or ()),
        carries=tuple(about.get("carries") or ()),
        rows=rows,
    )


def _deprecated(said: Mapping[str, Any] | None) -> str:
    if not said:
        return ""
    words = {"since": "since {}", "until": "until {}", "use": "use {} instead"}
    return ", ".join(form.format(said[name]) for name, form in words.items() if said.get(name)) or "yes"


def _given(columns: Iterable[Mapping[str, Any]], kind: str) -> dict[Node, Facts]:
    """Request columns and keys, which whoever asks gives."""
    return {
        Node("request" if kind == "request" else "key", f"{kind}.{c['name']}"): Facts(type=c["type"]) for c in columns
    }


def _outputs(service: str, about: Mapping[str, Any]) -> Iterator[tuple[Node, Facts]]:
    own = about["expressions"]
    for output in (*about["outputs"], *about["labels"]):
        view, feature = output["view"], output["feature"]
        sql = own[feature]["sql"] if view is None and feature in own else ""
        rows = [("Gives", f"{view}.{feature}")] if view is not None else []
        rows += [("Role", output["role"])] if output["role"] else []
        node = Node("output", f"{service}.{output['name']}")
        yield node, Facts(type=output["type"], sql=sql, carries=tuple(output["carries"]), rows=tuple(rows))


def _told(*rows: tuple[str, Any]) -> tuple[tuple[str, str], ...]:
    """The rows that say something."""
    return tuple((title, ", ".join(text) if isinstance(text, list) else str(text)) for title, text in rows if text)


def _source_rows(about: Mapping[str, Any], location: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    lies = f"{location['kind']}: {location['value']}" if location and location["kind"] != "union" else ""
    kind = {"state": "states that hold until the next", "snapshot": "dumps of states"}.get(about["kind"], "")
    return _told(
        ("Rows", kind),
        ("Lies at", lies),
        ("Union of", about.get("union")),
        ("Time", about["time"]),
        ("Known", about["available_at"] or (f"{about['delay']} later" if about["delay"] not in (None, "0s") else "")),
        ("Timezone", about["timezone"] if about["timezone"] != "UTC" else ""),
        ("Id", about["id"]),
        ("Key", about["key"]),
        ("Deleted where", about["deleted"]),
        ("Holds until", about["valid_to"]),
    )


def _attributed_rows(about: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return _told(("Events of", about["from"]), ("Followed by", about["matched"]))


def _view_rows(about: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    keys = [k["name"] if k["sql"] in (None, k["name"]) else f"{k['name']} = {k['sql']}" for k in about["keys"]]
    return _told(
        ("Entity", about["entity"]),
        ("Keys", keys),
        ("Reads", _reads(about)),
        ("Joins", [join["name"] for join in about["joins"]]),
        ("Where", about["where"]),
        ("Holds for", about["ttl"]),
        ("Request", [f"{c['name']} {c['type']}" for c in about["request"]]),
    )


def _service_rows(about: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return _told(
        ("Keys", [f"{c['name']} {c['type']}" for c in about["keys"]]),
        ("Request", [f"{c['name']} {c['type']}" for c in about["request"]]),
        ("Roles", list(about["roles"])),
    )
