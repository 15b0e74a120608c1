"""Which edits change which fingerprint (architecture.md, "Fingerprints")."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featc import fingerprint as fp
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from tiny_project import DEFINITIONS, write_project

VIEW, FEATURE = "user_orders", "spend_7d"


def compiled(folder: Path, *edits: tuple[str, str]) -> Project:
    text = DEFINITIONS
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    root = write_project(folder)
    (root / "features" / "orders.yaml").write_text(text)
    return compile_project(root).project


def layers(project: Project, view: str = VIEW, feature: str = FEATURE) -> dict[str, str]:
    return {
        "tile": fp.tile_fingerprint(project, view, feature),
        "feature": fp.feature_fingerprint(project, view, feature),
        "contract": fp.contract_fingerprint(project, view, feature),
        "online": fp.view_fingerprint(project, view),
    }


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return compiled(tmp_path_factory.mktemp("before") / "tiny")


EDITS = {
    "description": ([("What a user buys.", "What users buy.")], set()),
    "owner and tags": ([("owner: growth", "owner: risk"), ("[money]", "[cash, pii]")], set()),
    "case and spacing": ([("sum(amount)", "SUM( amount )")], set()),
    "redundant parentheses": ([("status <> 'cancelled'", "(status) <> ('cancelled')")], set()),
    "comment": ([("sum(amount)", '"sum(amount) /* all of it */"')], set()),
    "a window more": ([("[1d, 7d]", "[1d, 7d, 30d]")], set()),
    "a feature more over the same states": (
        [("      paid:", "      spend_3d: sum(amount) over last_3d\n      paid:")],
        set(),
    ),
    "where the data lies": ([("path: data/orders.csv", "path: data/orders*.csv")], set()),
    "default": ([("default: 0", "default: 1")], {"feature"}),
    "closed": (
        [("    windows: [1d, 7d]", "    closed: right\n    windows: [1d, 7d]")],
        {"feature", "online"},
    ),
    "expression": ([("sum(amount)", "sum(amount * 2)")], {"tile", "feature", "online"}),
    "another aggregate": ([("sum(amount)", "max(amount)")], {"tile", "feature", "contract", "online"}),
    "where": ([("<> 'cancelled'", "<> 'failed'")], {"tile", "feature", "online"}),
    "time": ([("time: ordered_at", "time: loaded_at")], {"tile", "feature", "online"}),
    "deleted": ([("op = 'D'", "op = 'X'")], {"tile", "feature", "online"}),
    "arrival": ([("    available_at: loaded_at\n", "    delay: 5m\n")], {"tile", "feature", "online"}),
    "tie_break": (
        [("    id: order_id\n", "    id: order_id\n    tie_break: [op]\n")],
        {"tile", "feature", "online"},
    ),
    "a column's type": (
        [("amount: decimal(12,2)\n\nfeature", "amount: decimal(14,3)\n\nfeature")],
        {"tile", "feature", "contract", "online"},
    ),
    "key": (
        [("    source: orders\n", "    source: orders\n    keys: {user_id: order_id}\n")],
        {"tile", "feature", "online"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_exactly_its_layers(before: Project, tmp_path: Path, edit: str) -> None:
    changes, expected = EDITS[edit]
    old, new = layers(before), layers(compiled(tmp_path / "tiny", *changes))
    assert {name for name in old if old[name] != new[name]} == expected


def test_a_window_is_part_of_the_feature_and_not_of_its_tiles(before: Project) -> None:
    day, week = layers(before, feature="spend_1d"), layers(before, feature="spend_7d")
    assert day["tile"] == week["tile"]
    assert day["feature"] != week["feature"]


def test_a_parent_enters_by_its_own_fingerprint(before: Project, tmp_path: Path) -> None:
    after = compiled(tmp_path / "tiny", ("default: 0", "default: 1"))
    assert layers(before, "basket", "share")["feature"] != layers(after, "basket", "share")["feature"]
    other = compiled(tmp_path / "other", ("count(*) filter (where status = 'paid')", "count(status)"))
    assert layers(before, "basket", "share")["feature"] == layers(other, "basket", "share")["feature"]


def test_a_derived_feature_needs_the_tiles_of_its_parents(before: Project) -> None:
    assert layers(before, "basket", "share")["tile"] == layers(before)["tile"]


def test_no_two_features_of_a_project_look_the_same(before: Project) -> None:
    found = [fp.feature_fingerprint(before, *pair) for pair in before.order]
    assert len(set(found)) == len(found)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def shape(value: object) -> object:
    """Python calls True and 1 equal; the encoding does not."""
    if isinstance(value, tuple):
        return tuple(shape(v) for v in value)
    if isinstance(value, dict):
        return ("map", tuple((k, shape(v)) for k, v in sorted(value.items())))
    return (type(value), value)


@pytest.mark.slow
@given(values, values)
def test_different_values_have_different_encodings(a: object, b: object) -> None:
    assert (fp.encode(a) == fp.encode(b)) == (shape(a) == shape(b))
