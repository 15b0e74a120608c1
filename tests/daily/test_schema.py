"""The schema for editors: it takes every good file, flags the bad ones at their places, and never contradicts the
loader."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from cases.case import HERE as CASES
from daily.editing import as_editor, flagged
from docs.documents import DOCUMENTS, blocks
from featc.load import read_project
from featc.load import schema as models
from featc.load.editor import KINDS, SchemaKind, editor_schema
from featc.load.schema import keys_of
from featc.starter import starter_files
from random_projects.generate import make_case
from random_projects.render import texts
from tiny_project import DEFINITIONS, FEATC

REPO = Path(__file__).resolve().parents[2]
_PROJECT = re.compile(r"^(version|project):", re.M)


def good_files() -> dict[str, str]:
    """Every YAML file of the repository that some test builds."""
    found = {str(p.relative_to(REPO)): p.read_text() for p in sorted((REPO / "features").rglob("*.yaml"))}
    for folder in (CASES, REPO / "tests" / "golden", REPO / "tests" / "errors" / "base"):
        found |= {str(p.relative_to(REPO)): p.read_text() for p in sorted(folder.rglob("*.yaml"))}
    for path in DOCUMENTS:
        yamls = (b for b in blocks(path.read_text(encoding="utf-8")) if b.language == "yaml")
        found |= {f"{path.name}, block {number}": b.text for number, b in enumerate(yamls, 1)}
    found |= {f"new project: {p}": t for p, t in starter_files("shop").items() if p.endswith(".yaml")}
    return found | {"tiny featc.yaml": FEATC, "tiny definitions": DEFINITIONS}


GOOD = {name: text for name, text in good_files().items() if "target/" not in name and ".featc/" not in name}


def kind_of(text: str) -> SchemaKind:
    if _PROJECT.search(text):
        return "project"
    return "tests" if re.search(r"^tests:", text, re.M) else "definitions"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema_of_draft_7_in_one_file(kind: SchemaKind) -> None:
    made = editor_schema(kind)
    Draft7Validator.check_schema(made)
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    refs = re.findall(r'"\$ref": "([^"]+)"', json.dumps(made))
    assert refs and all(ref.startswith("#/") for ref in refs), "nothing to be fetched"


def test_every_key_is_described_and_no_other_is_known() -> None:
    made = {**editor_schema("project")["$defs"], **editor_schema("definitions")["$defs"]}
    for name, shape in made.items():
        assert shape["additionalProperties"] is False, name
        known = set(keys_of(getattr(models, name)))
        assert set(shape["properties"]) == known, name
        for key, value in shape["properties"].items():
            assert value.get("description"), f"{name}.{key}"


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_not_flagged(name: str) -> None:
    assert flagged(kind_of(GOOD[name]), GOOD[name]) == []


def test_random_definitions_are_not_flagged() -> None:
    for seed in range(60):
        for path, text in texts(make_case(seed)).items():
            assert flagged(kind_of(text), text) == [], f"seed {seed}: {path}"


VIEW = "feature_views:\n  v:\n    entity: user\n    source: s\n    "
SOURCE = "sources:\n  s:\n    path: a.csv\n    time: t\n    "
TEST = "tests:\n  t:\n    service: s\n    spine: []\n    "
BAD: dict[str, tuple[SchemaKind, str, str]] = {
    "an unknown kind of definition": ("definitions", "feature_view:\n  v: {}\n", ""),
    "an unknown key of a view": ("definitions", f"{VIEW}feature: {{a: count(*)}}\n", "feature_views/v"),
    "an unknown key of a feature": (
        "definitions", f"{VIEW}features: {{a: {{sql: count(*), windws: 7d}}}}\n", "feature_views/v/features/a"),
    "a version that is no number": ("definitions", f"{VIEW}features: {{a: x}}\n    version: two\n",
        "feature_views/v/version"),
    "a kind that is none": ("definitions", f"{SOURCE}kind: stat\n", "sources/s/kind"),
    "a duration without unit": ("definitions", f"{SOURCE}delay: 15\n", "sources/s/delay"),
    "a duration in words": ("definitions", f"{SOURCE}delay: 15 minutes\n", "sources/s/delay"),
    "a duration with a fraction": ("definitions", "windows: {w: {range: 1.5h}}\n", "windows/w/range"),
    "a list where a mapping is needed": ("definitions", "sources:\n  - orders\n", "sources"),
    "a text where a mapping is needed": ("definitions", "sources:\n  s: data.csv\n", "sources/s"),
    "a mapping where a list is needed": (
        "definitions", "feature_services:\n  s:\n    features: {a: v.a}\n", "feature_services/s/features"),
    "a list where one value is needed": ("definitions", f"{SOURCE}available_at: [a, b]\n", "sources/s/available_at"),
    "an end that is none": ("definitions", f"{VIEW}closed: both_ends\n    features: {{a: x}}\n",
        "feature_views/v/closed"),
    "a view without features": ("definitions", "feature_views:\n  v: {entity: user, source: s}\n", "feature_views/v"),
    "a source without time": ("definitions", "sources:\n  s: {path: a.csv}\n", "sources/s"),
    "a source that lies nowhere": ("definitions", "sources:\n  s: {time: t}\n", "sources/s"),
    "a source in two places": ("definitions", f"{SOURCE}table: t\n", "sources/s"),
    "where without a source": ("definitions", "feature_views:\n  v: {where: a, features: {b: x}}\n",
        "feature_views/v"),
    "request beside a source": ("definitions", f"{VIEW}request: {{a: int}}\n    features: {{b: x}}\n",
        "feature_views/v"),
    "a window with a number": ("definitions", f"{VIEW}windows: [7]\n    features: {{a: x}}\n",
        "feature_views/v/windows/0"),
    "rows that are no number": ("definitions", "windows: {w: {rows: many}}\n", "windows/w/rows"),
    "no rows": ("definitions", "windows: {w: {rows: 0}}\n", "windows/w/rows"),
    "a flag that is none": ("definitions", "windows: {w: {lifetime: yes}}\n", "windows/w/lifetime"),
    "a window that says nothing": ("definitions", "windows: {w: {offset: 1d}}\n", "windows/w"),
    "a name with a hyphen": ("definitions", "entities: {the-user: user_id}\n", "entities"),
    "a name that starts with a digit": (
        "definitions", f"{VIEW}features: {{7d_orders: count(*)}}\n", "feature_views/v/features"),
    "a reserved name": ("definitions", "entities: {request: id}\n", "entities"),
    "an expression as a pass-through": (
        "definitions", f"{VIEW}features: [count(*)]\n", "feature_views/v/features/0"),
    "each with one value": (
        "definitions", f"{VIEW}features: {{a: {{each: {{s: paid}}, name: x}}}}\n",
        "feature_views/v/features/a/each/s"),
    "a pick of Feast's form": ("definitions", "feature_services: {s: {features: ['v:a']}}\n",
        "feature_services/s/features/0"),
    "a renamed view": ("definitions", "feature_services: {s: {features: [{new: v}]}}\n",
        "feature_services/s/features/0/new"),
    "a role without a view": ("definitions", "feature_services: {s: {features: [{a: {keys: {k: x}}}]}}\n",
        "feature_services/s/features/0/a"),
    "a role with an unknown key": ("definitions", "feature_services: {s: {features: [{a: {view: v, key: {k: x}}}]}}\n",
        "feature_services/s/features/0/a"),
    "derived features without names": ("definitions", "feature_services: {s: {features: [v], derived: [a]}}\n",
        "feature_services/s/derived"),
    "a key without a value": ("definitions", "entities:\n", "entities"),
    "a test without expectations": ("tests", "tests:\n  t: {service: s, spine: []}\n", "tests/t"),
    "a test's rows as a mapping": ("tests", f"{TEST}expect: {{a: 1}}\n", "tests/t/expect"),
    "a row that is no mapping": ("tests", f"{TEST}expect: [3]\n", "tests/t/expect/0"),
    "a tests file without tests": ("tests", "entities: {u: id}\n", ""),
    "a project without a name": ("project", "version: 1\n", ""),
    "a project of another version": ("project", "version: 2\nproject: a\n", "version"),
    "a project's name with a space": ("project", "version: 1\nproject: my shop\n", "project"),
    "a target with an unknown key": (
        "project", "version: 1\nproject: a\ntargets: {dev: {databse: x}}\n", "targets/dev"),
    "a replay that is no length": (
        "project", "version: 1\nproject: a\ntargets: {dev: {online: {replay: forever}}}\n",
        "targets/dev/online/replay"),
}  # fmt: skip

LATER = {"a tests file without tests", "a window with a number"}
"""What `featc test FILE` and the phase after loading refuse."""


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_flagged_at_the_place(what: str) -> None:
    kind, text, place = BAD[what]
    assert flagged(kind, text) == [place]


@pytest.mark.parametrize("what", BAD)
def test_the_loader_refuses_what_the_schema_flags(what: str, tmp_path: Path) -> None:
    kind, text, _ = BAD[what]
    assert loader_refuses(tmp_path, kind, text) or what in LATER


def loader_refuses(folder: Path, kind: SchemaKind, text: str) -> bool:
    (folder / "features").mkdir(exist_ok=True)
    (folder / "featc.yaml").write_text(text if kind == "project" else FEATC)
    (folder / "features" / "a.yaml").write_text(text if kind != "project" else "entities: {u: id}\n")
    _, found = read_project(folder, env={})
    return any(d.severity == "error" for d in found)


ODD: tuple[Any, ...] = (None, True, 0, 7, -1, 1.5, "", "7d", "7", "true", "a b", "x-y", "{{ var('p') }}", [], {},
    {"a": "b"}, ["7d"], "count(*)", "v.f", "left", "state", "unlimited")  # fmt: skip


def changed(draw: random.Random, tree: Any) -> Any:
    """The tree with one thing in it changed: a value replaced, a key renamed, left out or added."""
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner = list(node) if isinstance(node, dict) else range(len(node))
        places += [(node, key) for key in inner]
        waiting += [node[key] for key in inner if isinstance(node[key], dict | list)]
    if not places:
        return tree
    node, key = draw.choice(places)
    match draw.randrange(5):
        case 0 if isinstance(node, dict):
            del node[key]
        case 1 if isinstance(node, dict):
            node[draw.choice(("extra", "description", "kind", "7x"))] = draw.choice(ODD)
        case 2 if isinstance(node, dict):
            node[f"{key}s"] = node.pop(key)
        case _:
            node[key] = draw.choice(ODD)
    return tree


_RESOLVED = re.compile(r"/(?:windows/\d+|windows|(?:columns|request)/\w+(?:/type)?)$")
"""Names of windows and types of columns, which the phase after loading refuses."""


@pytest.mark.slow
def test_what_the_loader_takes_is_not_flagged(tmp_path: Path) -> None:
    """Good files with one or two things changed at random: where no error comes of it, none is marked."""
    draw = random.Random(11)
    taken = refused = 0
    names = [name for name in GOOD if "/cases/" not in name]
    for _ in range(500):
        text = GOOD[draw.choice(names)]
        tree = as_editor(text)
        for _ in range(draw.choice((1, 1, 2))):
            if isinstance(tree, dict) and tree:
                tree = changed(draw, tree)
        kind = kind_of(text)
        mutant = yaml.safe_dump(tree, sort_keys=False)
        marked = flagged("definitions" if kind == "tests" else kind, mutant)
        if loader_refuses(tmp_path, kind, mutant):
            refused += 1
        else:
            taken += 1
            left = [place for place in marked if not _RESOLVED.search(place)]
            assert left == [], f"the loader takes this, and {left} is marked:\n{mutant}"
    assert taken > 80 and refused > 80, (taken, refused)


