"""The YAML language's schema: which keys each kind of definition takes, and the shapes of their values.

The loader takes the allowed keys from here and editors take the JSON Schema, so the two cannot differ. Values
are not validated by pydantic: the loader walks YAML's nodes itself, for it must point at the author's place.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

Scalar = str | int | float | bool
Sql = Annotated[Scalar, Field(description="a DuckDB expression")]
Duration = Annotated[str, Field(description="a length of time: units us ms s m h d w, such as 7d or 1d12h")]
Closed = Literal["left", "right", "both", "neither"]


def _later(reason: str) -> Any:
    """A key of the language that this version knows and refuses: `reason` says what it is for."""
    return Field(default=None, json_schema_extra={"unsupported": reason})


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, defer_build=True)


class Deprecated(_Model):
    since: Scalar | None = None
    until: Scalar | None = None
    use: str | None = None


class _Described(_Model):
    description: str | None = None
    owner: str | None = None
    tags: list[Scalar] | Scalar | None = None
    meta: dict[str, Any] | None = None
    deprecated: Deprecated | None = None


class Entity(_Described):
    keys: list[str] | str


class Window(_Described):
    range: Duration | None = None
    offset: Duration | None = None
    rows: int | None = None
    lifetime: bool | None = None
    hop: Duration | None = None
    align: bool | None = None
    calendar: Any = _later("calendar windows")
    previous: Any = _later("calendar windows")
    timezone: Any = _later("calendar windows")
    since: Any = _later("windows since an event")
    next: Any = _later("labels")
    current: Any = _later("aggregates over the current rows of a state source")


class Column(_Described):
    type: Scalar | None = None
    known_after: str | None = None


class Source(_Described):
    kind: Literal["event", "state", "snapshot"] | None = None
    path: str | None = None
    table: str | None = None
    sql: str | None = None
    time: str | None = None
    available_at: str | None = None
    delay: Duration | None = None
    id: list[str] | str | None = None
    deleted: Sql | None = None
    tie_break: list[str] | str | None = None
    timezone: str | None = None
    key: list[str] | str | None = None
    valid_to: str | None = None
    final_after: Duration | None = None
    let: dict[str, Sql] | None = None
    columns: dict[str, Scalar | Column] | None = None
    from_: Any = Field(default=None, alias="from", json_schema_extra={"unsupported": "attribution"})
    match: Any = _later("attribution")
    union: Any = _later("unions of sources")


class Feature(_Described):
    sql: Sql | None = None
    default: Any = None
    windows: list[str] | str | None = None
    each: dict[str, list[Scalar]] | None = None
    name: str | None = None
    version: Any = _later("versions of views and features")


class View(_Described):
    entity: list[str] | str | None = None
    source: str | None = None
    keys: dict[str, Sql] | None = None
    where: Sql | None = None
    windows: list[str] | str | None = None
    closed: Closed | None = None
    ttl: Duration | None = None
    request: dict[str, Scalar | Column] | None = None
    features: list[str] | dict[str, Sql | Feature] | None = None
    join: Any = _later("enrichment joins")
    labels: Any = _later("labels")
    version: Any = _later("versions of views and features")


class Role(_Model):
    view: str
    keys: dict[str, Sql] | None = None
    features: list[str] | str | None = None


class Service(_Described):
    features: list[str | dict[str, str | Role]] | str | None = None
    keys: dict[str, Sql] | None = None
    request: dict[str, Scalar | Column] | None = None
    derived: dict[str, Sql | Feature] | None = None
    labels: Any = _later("labels")


class Test(_Described):
    service: str | None = None
    given: dict[str, list[dict[str, Any]] | str] | None = None
    spine: list[dict[str, Any]] | str | None = None
    expect: list[dict[str, Any]] | str | None = None


class DefinitionsFile(_Model):
    entities: dict[str, list[str] | str | Entity] | None = None
    windows: dict[str, Duration | Window] | None = None
    sources: dict[str, Source] | None = None
    feature_views: dict[str, View] | None = None
    feature_services: dict[str, Service] | None = None
    tests: dict[str, Test] | None = None


class Place(_Model):
    path: str | None = None
    table: str | None = None
    sql: str | None = None


class Online(_Model):
    store: str | None = None
    path: str | None = None
    url: str | None = None
    replay: Duration | None = None


class Target(_Model):
    dialect: str | None = None
    database: str | None = None
    dsn: str | None = None
    sources: dict[str, Place] | None = None
    online: Online | None = None


class Defaults(_Model):
    closed: Closed | None = None


class ProjectFile(_Model):
    version: Literal[1]
    project: str
    paths: list[str] | str | None = None
    default_target: str | None = None
    targets: dict[str, Target] | None = None
    defaults: Defaults | None = None
    vars: dict[str, Any] | None = None
    policies: Any = None


DESCRIBING = tuple(_Described.model_fields)
"""The keys that every kind of definition takes; none changes a value."""


@cache
def keys_of(model: type[BaseModel]) -> dict[str, str | None]:
    """The keys that `model` takes, in order; the value is None, or what an unsupported key would be for."""
    found: dict[str, str | None] = {}
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra
        reason = extra.get("unsupported") if isinstance(extra, dict) else None
        found[info.alias or name] = str(reason) if reason is not None else None
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of definition files and, under `$defs/ProjectFile`, of featc.yaml."""
    _, schema = models_json_schema(
        [(DefinitionsFile, "validation"), (ProjectFile, "validation")], title="featc definitions"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "anyOf": [{"$ref": "#/$defs/DefinitionsFile"}, {"$ref": "#/$defs/ProjectFile"}],
    }
