"""The YAML language's schema: which keys each kind of definition takes, and the shapes of their values.

The loader takes the allowed keys from here and editors take the JSON Schema (`editor.py`), so the two cannot differ.
Values are not validated by pydantic: the loader walks YAML's nodes itself, for it must point at the author's place.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from featc.load.model import Through, Unit
from featc.load.shapes import (
    FREE_NAME,
    NAME,
    Columns,
    Count,
    Day,
    Duration,
    Durations,
    Flag,
    Kinds,
    One,
    OneFeature,
    OwnDuration,
    Pick,
    ProjectName,
    Prose,
    Replay,
    Rows,
    Sql,
    Tags,
    Text,
    Texts,
    Type,
    Values,
    Windows,
    about,
    needed,
    word,
    word_such_as,
)

Closed = Annotated[Any, word("left", "right", "both", "neither")]
_PLACES: dict[str, Any] = {"oneOf": [{"required": [place]} for place in ("path", "table", "sql")]}
_CLOSED = "which ends of a window belong to it: left (the default), right, both or neither"


UNUSED = "not used yet: it may be written, and nothing reads it"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, defer_build=True)


class Deprecated(_Model):
    since: Day = about("the day from which it should no longer be used", "2026-06-01")
    until: Day = about("the last day of its use; after it, `featc build --locked` fails", "2026-12-31")
    use: Text = about("the definition to use instead")


class _Described(_Model):
    description: Prose = about("what it is, for people")
    owner: Prose = about("who answers for it")
    tags: Tags = about("words to select by, `featc ls tag:NAME`, and for policies to forbid")
    meta: dict[str, Any] = about("anything else; featc only carries it along")
    deprecated: Deprecated = about("that it should no longer be used")


class Entity(_Described):
    keys: Texts = needed("the columns that identify it", "user_id", ["shop_id", "sku"])


_EXTENTS = ("range", "rows", "lifetime", "calendar", "since", "next")
CALENDARS: tuple[Unit, ...] = ("day", "week", "month", "quarter", "year")


class Window(_Described):
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [k]} for k in _EXTENTS]})

    range: Duration = about("how long it is")
    offset: Duration = about("how far before the instant of asking it ends")
    rows: Count = about("only the last so many events", 10)
    lifetime: Flag = about("true: all events there ever were")
    hop: Duration = about("its older end moves in steps of this length only")
    align: Flag = about("true: its newer end moves in steps of hop too")
    calendar: Annotated[Any, word("day", "week", "month", "quarter", "year")] = about(
        "the current day, week, month, quarter or year, up to now"
    )
    previous: Count = about("of a calendar: so many whole units before the current one instead", 1)
    timezone: Text = about("of a calendar: the zone whose clocks count; UTC if not given", "Europe/Berlin")
    since: Sql = about("the events from the last one on for which this is true", "status = 'failed'")
    next: Duration = about("of labels: how far it reaches from the instant of asking on")


class Column(_Described):
    type: Type = about("a DuckDB type")
    known_after: Text = about("the column with the instant from which this one's value is known")


class Source(_Described):
    model_config = ConfigDict(json_schema_extra=_PLACES)

    kind: Annotated[Any, word("event", "state", "snapshot")] = about(
        "event (the default): things that happen; state: what holds; snapshot: whole dumps of what holds"
    )
    path: Text = about("files, relative to featc.yaml", "data/orders/*.parquet", "data/orders.csv")
    table: Text = about("a table of the target's database", "raw.orders")
    sql: Sql = about("a query of the target's database; its columns are the source's")
    time: Text = needed("the column with the instant at which it happened")
    available_at: Text = about("the column with the instant at which serving can first know the row")
    delay: Duration = about("how long after its time a row is known, if no column says so")
    id: Texts = about("the column that identifies an event; rows of one id are versions of it")
    deleted: Sql = about("true for a row that deletes its event", "op = 'D'")
    tie_break: Texts = about("columns that order rows of the same instant")
    timezone: Text = about("the zone of times without one; UTC if not given", "Europe/Berlin")
    key: Texts = about("of states and snapshots: the columns that identify what the row is about")
    valid_to: Text = about("of states and snapshots: the column with the instant at which the row ends")
    final_after: Duration = about("how long after its event a correction still counts")
    let: dict[str, Sql] = about("named row expressions", {"paid": "status = 'paid'"}, names=NAME)
    columns: dict[str, Type | Column] = about("types of columns; those not named are read from the data")


class Union(_Described):
    union: Texts = needed("the sources of events whose rows these are, together", ["web_orders", "app_orders"])
    let: dict[str, Sql] = about(
        "named row expressions, over the columns of all of them", {"is_web": "_source = 'web_orders'"}, names=NAME
    )


class Match(_Model):
    source: Text = about("the source, where it has another name than the match")
    keys: dict[str, Sql] = needed(
        "its columns and what each has to equal, over the event's columns", {"order_id": "order_id"}, names=FREE_NAME
    )
    within: Duration = needed("how long after the event a match may happen", "30m", "7d")
    take: Annotated[Any, word("first", "last")] = about("which of several: first (the default) or last, in event order")
    mature: Flag = about(
        "true (the default): the event counts once `within` is over, and all that matches can be known; false: at once"
    )


class Attributed(_Described):
    from_: Text = needed("the source of events whose rows these are", alias="from")
    match: dict[str, Match] = needed(
        "rows of other sources that follow each event: a name and how they belong together; their columns are written"
        " name.column",
        names=NAME,
    )
    let: dict[str, Sql] = about(
        "named row expressions, over the columns of matches too", {"was_clicked": "click.click_id is not null"},
        names=NAME,
    )


class Over(_Model):
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [k]} for k in ("range", "rows", "lifetime")]})

    range: OwnDuration = about("how long it is")
    offset: OwnDuration = about("how far before the instant of asking it ends")
    offsets: Durations = about("several offsets: the feature is the list of its values at each", ["0d", "7d", "14d"])
    rows: Count = about("only the last so many events", 10)
    lifetime: Flag = about("true: all events there ever were")
    hop: OwnDuration = about("its older end moves in steps of this length only")
    align: Flag = about("true: its newer end moves in steps of hop too")


class Feature(_Described):
    sql: Sql = about("the feature's expression", "sum(amount)", "sum(amount) over last_7d")
    default: Any = about("the value in place of NULL")
    windows: Windows = about("the windows of aggregates without OVER, in place of the view's")
    over: Over = about("a window of the feature's own, for aggregates without OVER")
    each: dict[str, Values] = about(
        "makes a feature for each value; {parameter} in sql and name", {"status": ["paid", "refunded"]}, names=NAME
    )
    name: Text = about("the names of the features that each: makes", "{status}_orders")
    version: Count = about("the version of what it means, where you number it yourself: 1, 2 …", 2)


class Join(_Model):
    source: Text = about("the source, where it has another name than the join")
    keys: dict[str, Sql] = about(
        "its columns and what each has to equal; its own key and columns of the same names if not given",
        {"sku": "item_sku"},
        names=FREE_NAME,
    )
    within: Duration = about("only rows that are at most so much older than the event", "7d")
    view: Text = about("a view whose features are looked up, in place of a source's rows", "merchant_risk")


class OfView(_Model):
    view: Text = needed("the view whose rows are read, after its where, let, join and keys")


OF_ROWS = ("where", "keys", "join", "windows", "ttl", "closed", "labels")
"""What only views with a source have."""


class View(_Described):
    model_config = ConfigDict(
        json_schema_extra={
            "dependencies": {name: ["source"] for name in OF_ROWS},
            "not": {"required": ["source", "request"]},
            "anyOf": [{"required": ["features"]}, {"required": ["labels"]}],
        }
    )

    entity: Texts = about("whom the features are about; a list is a cross of entities, [] everything")
    source: Text | OfView = about(
        "the source whose rows are aggregated, or {view: …}, whose rows they are after its where, let, join and keys;"
        " without one the view is computed when asked"
    )
    keys: dict[str, Sql] = about(
        "where a key of the entity is not a column of its name: an expression", {"user_id": "buyer_id"}, names=FREE_NAME
    )
    where: Sql = about("only the rows for which this is true")
    windows: Windows = about("the windows of every aggregate without OVER: spend becomes spend_7d, spend_30d")
    closed: Closed = about(_CLOSED)
    ttl: Duration = about("of a state source: a row older than this counts as unknown")
    request: dict[str, Type | Column] = about("what a request brings, with types", names=FREE_NAME)
    features: Columns | dict[str, Sql | Feature] = about(
        "a name and an expression for each; or a list of columns of a state source",
        {"orders": "count(*)", "spend": "sum(amount)"},
        names=NAME,
    )
    labels: dict[str, Sql | Feature] = about(
        "what training sets are to predict: expressions over windows next_<duration>, never read online",
        {"bought": "count(*) over next_30d > 0"},
        names=NAME,
    )
    join: dict[str, Join] = about(
        "rows of other sources, or features of views, beside each event, as they were known then: a name and {} or"
        " how; its columns are written name.column",
        {"products": {}},
        names=NAME,
    )
    version: Count = about("the version of what it means, where you number it yourself: 1, 2 …", 2)


class Role(_Model):
    view: Text = needed("the view whose features are given once more")
    keys: dict[str, Sql] = about(
        "whose features they are: an expression for each key that differs", {"zone": "request.to_zone"}, names=FREE_NAME
    )
    features: Texts = about("which of them; all if not given", "spend_*")


class Service(_Described):
    features: list[Pick | dict[str, OneFeature | Role]] | Pick = needed(
        "views, features or view.prefix_*, in the order of the vector; NEW_NAME: view.feature renames one;"
        " ROLE: {view: …, keys: …} gives a view's features for another entity"
    )
    keys: dict[str, Sql] = about(
        "keys that are computed instead of asked for", {"seller_id": "listing.seller_id"}, names=FREE_NAME
    )
    request: dict[str, Type | Column] = about("what a request brings for its expressions, with types", names=FREE_NAME)
    derived: dict[str, Sql | Feature] = about(
        "features over roles, views, request.x, key.x and as_of", {"share": "request.amount / user.spend_7d"},
        names=NAME,
    )
    version: Count = about("the version of what it gives, where you number it yourself: 1, 2 …", 2)
    labels: list[Pick | dict[str, OneFeature]] | Pick = about(
        "labels of views for its training sets, after the features: view.label, or NEW_NAME: view.label"
    )


class Test(_Described):
    service: Text = needed("the service that is asked")
    given: dict[str, Rows] = about("the rows of each source: written out, or a CSV file beside the test", names=NAME)
    spine: Rows = needed("who is asked about, and as_of when")
    expect: Rows = needed("what each answer has to hold; columns not listed may be anything")


class DefinitionsFile(_Model):
    entities: dict[str, Texts | Entity] = about(
        "whom features are about, and the columns that identify them", {"user": "user_id"}, names=NAME
    )
    windows: dict[str, Duration | Window] = about("windows with names of their own", names=NAME)
    sources: dict[str, Source | Attributed | Union] = about(
        "where rows come from, and what their columns mean in time", names=NAME
    )
    feature_views: dict[str, View] = about("features of one entity from one source", names=NAME)
    feature_services: dict[str, Service] = about("the features that one model is given", names=NAME)
    tests: dict[str, Test] = about("examples with the values expected; featc test runs them", names=FREE_NAME)


class Place(_Model):
    model_config = ConfigDict(json_schema_extra=_PLACES)

    path: Text = about("files, relative to featc.yaml")
    table: Text = about("a table of the target's database")
    sql: Sql = about("a query of the target's database")


class Online(_Model):
    store: Annotated[Any, word_such_as("sqlite")] = about("the kind of online store")
    path: Text = about("its file, relative to featc.yaml", ".featc/online.db")
    url: Text = about(UNUSED)
    replay: Replay = about("how far back reads stay exact: a duration, or unlimited", "unlimited", "30d")


class Settings(_Model):
    memory_limit: Text = about("how much memory the engine may use", "2GB")
    threads: Count = about("how many threads it may use", 2)
    temp_directory: Text = about("where what memory cannot hold goes; if not given, beside the database", "spill")


class Target(_Model):
    dialect: Annotated[Any, word_such_as("duckdb")] = about("the engine of training sets")
    database: Text = about("the engine's file, relative to featc.yaml", ".featc/shop.duckdb")
    settings: Settings = about("what the engine may use")
    dsn: Text = about(UNUSED)
    sources: dict[str, Place] = about("where sources lie in this target, if elsewhere", names=FREE_NAME)
    online: Online = about("the online store")


class Defaults(_Model):
    closed: Closed = about(_CLOSED)


THROUGH: tuple[Through, ...] = ("value", "filter", "key", "time", "order")


class Policy(_Model):
    service: Texts = needed("the services it is about; `*` and `?` stand for anything", "ads_*", ["ads_*", "mail"])
    forbid: Tags = needed("tags that no value they give may carry", "pii", ["pii", "health"])
    through: Kinds = about(
        "how tags go on: by `value` always; by `filter` from what decides which rows count; by `key`, `time`, `order`"
    )
    allow: Texts = about("features at which tags end, because somebody has judged them", "user_orders.emails_*")
    name: Prose = about("what messages call it")
    description: Prose = about("why it is so, for people")


class ProjectFile(_Model):
    version: One = needed("the version of this language: 1")
    project: ProjectName = needed("the project's name")
    paths: Texts = about("the folders with definitions; features if not given", ["features"])
    default_target: Text = about("the target if --target names none")
    targets: dict[str, Target] = about("where data lies and vectors are kept: dev, prod …", names=FREE_NAME)
    defaults: Defaults = about("what definitions mean when they do not say")
    vars: dict[str, Any] = about("constants for {{ var('name') }}", names=FREE_NAME)
    policies: list[Policy] = about("what some services must not give")


DESCRIBING = tuple(_Described.model_fields)
"""The keys that every kind of definition takes; none changes a value."""


@cache
def offered(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys to suggest: those that something reads; those that only describe come last."""
    unused = {info.alias or name for name, info in model.model_fields.items() if info.description == UNUSED}
    known = [name for name in keys_of(model) if name not in unused]
    return tuple(sorted(known, key=lambda name: name in DESCRIBING))


@cache
def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that `model` takes, in order."""
    return tuple(info.alias or name for name, info in model.model_fields.items())
