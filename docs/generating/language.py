"""The YAML language: every key of every kind of definition, from the models the loader takes them from."""

from __future__ import annotations

import ast
from inspect import get_annotations

from pydantic import BaseModel

from featc.load import schema
from generating.language_examples import EXAMPLES, PROJECT_FILES
from generating.markdown import MADE, code, page, prose, table

SECTIONS: tuple[tuple[type[BaseModel], str, str], ...] = (
    (
        schema.ProjectFile,
        "The project: featc.yaml",
        "One file in the project's folder. `paths`, `defaults` and `vars` are about definitions; `targets` about where "
        "data lies, which is no part of a definition.",
    ),
    (
        schema.Target,
        "Targets",
        "An entry under `targets:` of featc.yaml. A project without targets has one, called dev.",
    ),
    (
        schema.Place,
        "Where a target's source lies",
        "An entry under `sources:` of a target, in place of the source's own.",
    ),
    (schema.Settings, "The engine's limits", "`settings:` of a target; each is the engine's own setting of that name."),
    (schema.Online, "The online store", "`online:` of a target."),
    (schema.Defaults, "Defaults", "`defaults:` of featc.yaml."),
    (
        schema.Policy,
        "Policies",
        "An entry of the list under `policies:` of featc.yaml. No policy changes a value or a version. "
        "[How to use them](../how-to/policies.md).",
    ),
    (
        schema.DefinitionsFile,
        "Files of definitions",
        "Any `.yaml` file below the folders of `paths:` may hold any of these parts; a name is defined once in a "
        "project. Tests lie in `tests/*.yaml`.",
    ),
    (schema.Entity, "Entities", "An entry under `entities:`. `user: user_id` is short for `user: {keys: user_id}`."),
    (
        schema.Window,
        "Windows",
        "An entry under `windows:`; a duration alone is short for its range. [The windows there are](windows.md).",
    ),
    (
        schema.Source,
        "Sources",
        "An entry under `sources:`: where rows lie, and what their columns mean in time. One of `path`, "
        "`table`, `sql`. `time`, `available_at`, `valid_to` and `deleted` are columns, or expressions over them.",
    ),
    (
        schema.Attributed,
        "Attributed sources",
        "An entry under `sources:` that is made of others: the rows of one, each with what followed it. All else that "
        "it means, its times, id and lets, it has of that source. [How to](../how-to/attribution.md).",
    ),
    (
        schema.Union,
        "Unions",
        "An entry under `sources:` that has the rows of several others, columns by name. What they mean in time, those "
        "say. [How to](../how-to/unions.md).",
    ),
    (
        schema.Match,
        "Matches",
        "An entry under `match:` of an attributed source: columns of another source's row, written `MATCH.column`.",
    ),
    (
        schema.Column,
        "Columns",
        "An entry under `columns:` of a source, or `request:` of a view: a type, or more about it.",
    ),
    (
        schema.View,
        "Feature views",
        "An entry under `feature_views:`: features of one entity from one source. A view without `source` is computed "
        "when asked, from features of other views, `request` and `as_of`.",
    ),
    (
        schema.Join,
        "Joins",
        "An entry under `join:` of a view: columns of another source, or features of another view, beside each event, "
        "written `JOIN.column`. "
        "[How to](../how-to/joins.md).",
    ),
    (
        schema.Feature,
        "Features",
        "An entry under `features:` of a view: an [expression](../functions.md), or a mapping with more. An aggregate "
        "without `over` makes a family, a feature for each window.",
    ),
    (
        schema.Over,
        "A feature's own window",
        "`over:` of a feature, for aggregates without `OVER`. [Series of windows](windows.md#over-of-a-feature).",
    ),
    (
        schema.Service,
        "Feature services",
        "An entry under `feature_services:`. Names, order and types of its features are its contract.",
    ),
    (
        schema.Role,
        "Roles",
        "A view once more in a service, for another entity: `ROLE: {view: …, keys: …}` among its picks.",
    ),
    (schema.Test, "Tests", "An entry under `tests:`. `featc test` asks the training plan and the online plan."),
)

ABSENT: dict[tuple[type[BaseModel], str], str] = {
    (schema.ProjectFile, "paths"): "`features`",
    (schema.ProjectFile, "default_target"): "the only target, or `dev`",
    (schema.ProjectFile, "targets"): "`dev`",
    (schema.Target, "dialect"): "`duckdb`",
    (schema.Target, "database"): "`.featc/<project>.duckdb`",
    (schema.Online, "store"): "`sqlite`",
    (schema.Online, "path"): "`.featc/online.db`",
    (schema.Online, "replay"): "`unlimited`",
    (schema.Defaults, "closed"): "`left`",
    (schema.Window, "range"): "no older end",
    (schema.Window, "offset"): "`0s`",
    (schema.Window, "align"): "`false`",
    (schema.Window, "timezone"): "`UTC`",
    (schema.Over, "offset"): "`0s`",
    (schema.Over, "align"): "`false`",
    (schema.Column, "type"): "read from the data",
    (schema.Source, "kind"): "`event`",
    (schema.Source, "available_at"): "`time` + `delay`",
    (schema.Source, "delay"): "`0s`",
    (schema.Source, "id"): "each row is an event",
    (schema.Source, "final_after"): "always",
    (schema.Source, "timezone"): "UTC",
    (schema.Source, "key"): "the view's entity",
    (schema.Source, "columns"): "read from the data",
    (schema.Attributed, "let"): "those of `from`",
    (schema.Union, "let"): "those of the sources",
    (schema.Match, "source"): "the match's name",
    (schema.Match, "take"): "`first`",
    (schema.Match, "mature"): "`true`",
    (schema.View, "entity"): "of a view without `source`: what its features need",
    (schema.View, "keys"): "columns of the keys' names",
    (schema.View, "where"): "all rows",
    (schema.View, "closed"): "the project's, else `left`",
    (schema.View, "ttl"): "no end",
    (schema.View, "join"): "no other columns",
    (schema.Join, "source"): "the join's name",
    (schema.Join, "keys"): "the `key:` of a state source",
    (schema.Join, "within"): "however old",
    (schema.Feature, "sql"): "the state column of the feature's name",
    (schema.Feature, "default"): "NULL stays",
    (schema.Feature, "windows"): "the view's",
    (schema.Test, "given"): "no rows",
    (schema.Policy, "through"): "`value`, and a warning where it goes by `filter`",
    (schema.Policy, "allow"): "none",
}
"""What holds where a key is left out."""

_QUERIES = frozenset({(schema.Source, "sql"), (schema.Place, "sql")})
_WORDS = {
    "Any": "anything",
    "Text": "text",
    "Texts": "text, or a list",
    "Prose": "text",
    "Tags": "text, or a list",
    "Day": "a day, `2026-12-31`",
    "Kinds": "`value`, `filter`, `key`, `time`, `order`, or a list",
    "Sql": "an [expression](../functions.md)",
    "Type": "a type",
    "str": "name",
    "Duration": "a duration",
    "OwnDuration": "a duration, or a `{parameter}` of `each:`",
    "Durations": "a list of durations",
    "Windows": "a window or a list of windows",
    "Replay": "a duration or `unlimited`",
    "Count": "a whole number from 1 on",
    "Flag": "`true` or `false`",
    "One": "`1`",
    "Values": "a list of values",
    "Rows": "a list of rows, or a CSV file",
    "Closed": "`left`, `right`, `both` or `neither`",
    "Pick": "`view`, `view.feature`, `view.prefix_*`",
    "OneFeature": "`view.feature`",
    "ProjectName": "a name",
    "Columns": "a list of column names",
}


def language_page() -> str:
    return page(
        "# The language",
        prose(
            f"{MADE} Every key of every kind of definition. The examples are one project, which a test builds. "
            "[Editors](commands.md#featc-schema) know these keys by `featc schema`."
        ),
        _notes(),
        "The examples' data:",
        *(f"<!-- file: reference/{path} -->\n```{language}\n{text}```" for path, language, text in PROJECT_FILES),
        "## Of every kind of definition",
        prose("These change no value and no version. A feature inherits its view's."),
        _keys(schema._Described, frozenset()),
        table(
            ("under `deprecated:`", "is", "means"), [row[:2] + row[3:] for row in _rows(schema.Deprecated, frozenset())]
        ),
        *(_section(model, title, text) for model, title, text in SECTIONS),
    )


def _notes() -> str:
    return "\n".join(
        (
            "* A *duration* is a number with a unit, `us ms s m h d w`, such as `7d` or `1d12h`.",
            "* A *type* is DuckDB's, such as `bigint`, `decimal(12,2)`, `timestamp`, `text`; "
            "[all](../functions.md#scalars-of-duckdb).",
            "* An instant without a zone is UTC.",
            "* Names are letters, digits and `_`. `request`, `key`, `source` and `as_of` are reserved.",
            "* An expression with `: `, ` #`, `{` or `}` in it stands in quotes or in a block (`|`).",
            "* Jinja renders inside values: `var`, `env_var`, `target`, `source`, `ref`, and the macros of "
            "`macros/*.sql`.",
        )
    )


def _section(model: type[BaseModel], title: str, text: str) -> str:
    hidden = frozenset(schema.DESCRIBING) if issubclass(model, schema._Described) else frozenset()
    path, example = EXAMPLES[model]
    parts = [f"## {title}", prose(text), _keys(model, hidden)]
    unused = [code(name) for name, info in model.model_fields.items() if info.description == schema.UNUSED]
    if unused:
        parts.append(prose(f"Taken, and not used yet: {', '.join(unused)}."))
    if example:
        parts.append(f"<!-- file: reference/{path} -->\n```yaml\n{example}```")
        missing = [name for name, *_ in _rows(model, hidden) if f"{name.strip('`')}:" not in example]
        assert not missing, f"the example of '{title}' lacks {missing}"
    return page(*parts)


def _keys(model: type[BaseModel], hidden: frozenset[str]) -> str:
    return table(("key", "is", "if left out", "means"), _rows(model, hidden))


def _rows(model: type[BaseModel], hidden: frozenset[str]) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in hidden or info.description == schema.UNUSED:
            continue
        absent = "**needed**" if info.is_required() else ABSENT.get((model, key), "")
        is_ = "a SELECT" if (model, key) in _QUERIES else _is(_annotation(model, name))
        rows.append((code(key), is_, absent, _shown(info.description)))
    return rows


def _annotation(model: type[BaseModel], name: str) -> ast.expr:
    for owner in model.__mro__:
        text = get_annotations(owner).get(name)
        if text is not None:
            return ast.parse(text, mode="eval").body
    raise KeyError(name)


def _is(annotation: ast.expr) -> str:
    """What a value is, in words, from the annotation as written."""
    match annotation:
        case ast.BinOp(left, ast.BitOr(), right):
            return f"{_is(left)}, or {_is(right)}"
        case ast.Name(name) if name in _WORDS:
            return _WORDS[name]
        case ast.Name(name):
            return _link(name)
        case ast.Subscript(ast.Name("dict"), ast.Tuple([_, value])):
            each = _is(value)
            return f"`NEW_NAME: {each[1:]}" if each.startswith(_WORDS["OneFeature"]) else f"names, each with {each}"
        case ast.Subscript(ast.Name("list"), item):
            return f"a list of ({_is(item)})" if isinstance(item, ast.BinOp) else f"a list of {_is(item)}"
        case ast.Subscript(ast.Name("Annotated"), ast.Tuple([_, ast.Call(args=words)])):
            return " or ".join(code(str(ast.literal_eval(word))) for word in words)
    raise ValueError(ast.unparse(annotation))


def _link(name: str) -> str:
    """A mapping with the keys of another section."""
    if name == "Deprecated":
        return "a mapping, see below"
    if name == "OfView":
        return "[`{view: VIEW}`](../how-to/states.md#rows-of-another-view)"
    title = next(title for model, title, _ in SECTIONS if model.__name__ == name)
    anchor = title.lower().replace(" ", "-").translate(str.maketrans("", "", ":.'"))
    return f"a mapping, see [{title.partition(':')[0]}](#{anchor})"


def _shown(description: str | None) -> str:
    return (description or "").replace("{{ ", "`{{ ").replace(" }}", " }}`")
