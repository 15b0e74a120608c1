"""The JSON Schema with which an editor completes and checks a project's YAML files, made from the loader's models.

It never flags what the loader takes. What it cannot say, such as whether a column exists, `featc build` does.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import model_json_schema

from featc.load import schema

SchemaKind = Literal["definitions", "project", "tests"]
KINDS: tuple[SchemaKind, ...] = get_args(SchemaKind)

_DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that YAML editors know best
_ROOTS: dict[SchemaKind, tuple[type[BaseModel], str]] = {
    "definitions": (schema.DefinitionsFile, "featc: definitions (features/**/*.yaml)"),
    "project": (schema.ProjectFile, "featc: the project (featc.yaml)"),
    "tests": (schema.DefinitionsFile, "featc: tests (tests/*.yaml)"),
}


def editor_schema(kind: SchemaKind) -> dict[str, Any]:
    """The JSON Schema (draft 7) of one kind of file. A tests file is a definitions file that has tests."""
    model, title = _ROOTS[kind]
    made = _plain(model_json_schema(model))
    assert isinstance(made, dict)
    if kind == "definitions":
        made["type"] = ["object", "null"]  # a file of comments defines nothing yet
    if kind == "tests":
        made["required"] = ["tests"]
    return {"$schema": _DRAFT, **made, "title": title}


def _plain(node: Any) -> Any:
    """Without pydantic's own titles and defaults, and without the keys that the loader refuses for now."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {k: v for k, v in node.items() if k not in ("title", "default") or isinstance(v, dict)}
    if "properties" in kept:
        kept["properties"] = {
            name: _plain(value) for name, value in kept["properties"].items()
        }
        return {k: v if k == "properties" else _plain(v) for k, v in kept.items()}
    return {k: _plain(v) for k, v in kept.items()}
