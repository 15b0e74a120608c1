"""The shapes of YAML values as an editor checks them, and as the loader reads them: text, whatever YAML calls it.

The loader takes a scalar's own text and lets its use say what it is. An editor sees YAML's types instead, so each
shape allows all types under which a good text may come, and Jinja (`{{ … }}`) wherever it may stand.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

NAME = r"^(?!(?:request|key|source|as_of)$)[A-Za-z_][A-Za-z0-9_]*$"
FREE_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_JINJA = r"\{[{%]"
_LENGTH = r"(?:[0-9]+(?:us|ms|[smhdw]))+"
_DURATION = rf"^{_LENGTH}$|{_JINJA}"
_WINDOW = rf"^{_LENGTH}$|^[A-Za-z_][A-Za-z0-9_]*$|{_JINJA}"
_PICK = rf"^[A-Za-z_]\w*(?:\.[A-Za-z_*?][\w*?]*)?$|{_JINJA}"
_ONE_FEATURE = rf"^[A-Za-z_]\w*\.[A-Za-z_]\w*$|{_JINJA}"


def _one_or_list(shape: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [shape, {"type": "array", "items": shape}]}


def word(*allowed: str) -> WithJsonSchema:
    """One of a few words, or Jinja that makes one."""
    return WithJsonSchema({"anyOf": [{"enum": list(allowed)}, {"type": "string", "pattern": _JINJA}]})


def word_such_as(*known: str) -> WithJsonSchema:
    """A word of which a few are known here; another version may know more."""
    return WithJsonSchema({"anyOf": [{"enum": list(known)}, {"type": ["string", "number"]}]})


_TEXT = {"type": ["string", "number"]}
_DURATION_SHAPE = {"type": "string", "pattern": _DURATION, "examples": ["7d", "12h", "1d12h"]}
_WINDOW_SHAPE = {"type": "string", "pattern": _WINDOW, "examples": ["7d", "30d", "lifetime"]}

Text = Annotated[Any, WithJsonSchema(_TEXT)]
"""A name or another word."""
Texts = Annotated[Any, WithJsonSchema(_one_or_list(_TEXT))]
Prose = Annotated[Any, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Day = Annotated[Any, WithJsonSchema({"type": "string", "pattern": rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$|{_JINJA}"})]
Kinds = Annotated[Any, WithJsonSchema(_one_or_list({"enum": ["value", "filter", "key", "time", "order"]}))]
"""How what is read decides a value, as in the lineage graph."""
Tags = Annotated[Any, WithJsonSchema(_one_or_list({"type": ["string", "number", "boolean", "null"]}))]
Sql = Annotated[Any, WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Type = Annotated[Any, WithJsonSchema({"type": "string", "examples": ["bigint", "decimal(12,2)", "timestamp", "text"]})]
Duration = Annotated[Any, WithJsonSchema(_DURATION_SHAPE)]
OwnDuration = Annotated[
    Any, WithJsonSchema({"type": "string", "pattern": rf"{_DURATION}|^\{{[A-Za-z_][A-Za-z0-9_]*\}}$"})
]
"""A duration, or a parameter of `each:`."""
Durations = Annotated[Any, WithJsonSchema({"type": "array", "minItems": 1, "items": _DURATION_SHAPE})]
Windows = Annotated[Any, WithJsonSchema(_one_or_list(_WINDOW_SHAPE))]
Replay = Annotated[Any, WithJsonSchema({"type": "string", "pattern": rf"^unlimited$|{_DURATION}"})]
Pick = Annotated[Any, WithJsonSchema({"type": "string", "pattern": _PICK, "examples": ["view", "view.feature"]})]
OneFeature = Annotated[Any, WithJsonSchema({"type": "string", "pattern": _ONE_FEATURE})]
ProjectName = Annotated[Any, WithJsonSchema({"type": "string", "pattern": rf"^[A-Za-z_][A-Za-z0-9_-]*$|{_JINJA}"})]
Columns = Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": NAME}})]
Count = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 999_999_999},
                {"type": "string", "pattern": rf"^[1-9][0-9]{{0,8}}$|{_JINJA}"},
            ]
        }
    ),
]
Flag = Annotated[Any, WithJsonSchema({"enum": [True, False, "true", "false"]})]
One = Annotated[Any, WithJsonSchema({"enum": [1, "1"]})]
Values = Annotated[
    Any, WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}})
]
Rows = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": ["string", "number"]}]})
]


def about(description: str, *examples: Any, names: str | None = None, **more: Any) -> Any:
    """A key of the language that need not be given: what it is for; `names` is the form of the keys below it."""
    extra: dict[str, Any] = {"examples": list(examples)} if examples else {}
    if names is not None:
        extra["propertyNames"] = {"pattern": names}
    return Field(default=None, description=description, json_schema_extra=extra or None, **more)


def needed(description: str, *examples: Any, names: str | None = None, **more: Any) -> Any:
    """A key that has to be given."""
    extra: dict[str, Any] = {"examples": list(examples)} if examples else {}
    if names is not None:
        extra["propertyNames"] = {"pattern": names}
    return Field(description=description, json_schema_extra=extra or None, **more)
