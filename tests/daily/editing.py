"""YAML as an editor sees it, and what its schema flags."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from featc.load.editor import SchemaKind, editor_schema


class _Yaml12(yaml.SafeLoader):
    """YAML 1.2's core schema, which editors use: null, booleans and numbers, and everything else is text."""


_Yaml12.yaml_implicit_resolvers = {}
_TYPES = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
)
for _name, _pattern, _first in _TYPES:
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), _first)


def as_editor(text: str) -> Any:
    """A YAML text as an editor's values."""
    return yaml.load(text, _Yaml12)


@cache
def validator(kind: SchemaKind) -> Draft7Validator:
    return Draft7Validator(editor_schema(kind))


def flagged(kind: SchemaKind, text: str) -> list[str]:
    """The places an editor marks, as paths such as `feature_views/v/closed`; of alternatives the likeliest."""
    found = (best_match([error]) for error in validator(kind).iter_errors(as_editor(text)))
    return sorted({"/".join(map(str, error.absolute_path)) for error in found if error is not None})
