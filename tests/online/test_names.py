"""Names of the store's tables and columns follow from what they hold, never from how that is written.

A store goes on with its tables for as long as these names stay, so they may not stay where something else is held, nor
move where nothing is.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from canonical.writing import COLUMNS, Node, changed, form, number, rewritten, truth, written
from featc.algebra import Kind
from featc.digests import encode
from featc.encoding import encoded_sql, real_sql, sort_key_sql
from featc.fingerprint import Layers
from featc.lower.online import SourcePlan, keep, source_plan
from featc.lower.online_kept import kept_view
from featc.lower.online_names import WRITTEN
from featc.resolve.model import Project
from featc.runtime.store import FeatureStore, compile_project
from featc_dialects.sqlite import SPELLINGS
from online.build import DAY, LIFETIME, last, project, source, view

EVENTS = source("ev", {"k": "BIGINT", "ts": "TIMESTAMP", **COLUMNS})
_NAME = re.compile(r"\b([ijdsbfm])\b(?=(?:[^']*'[^']*')*[^']*\Z)")


def made_of(pairs: Sequence[tuple[Node, Node]]) -> Project:
    """A view that sums values where conditions hold, each over two windows."""
    slots = {
        f"s{n}": (_NAME.sub(r"{\1}", written(value)), "DOUBLE", _NAME.sub(r"{\1}", written(condition)))
        for n, (value, condition) in enumerate(pairs)
    }
    sums = {f"sum_{s}_{w.name}": ("sum", (s,), w) for s in slots for w in (last(7 * DAY), last(30 * DAY))}
    return project([EVENTS], [view("v", EVENTS, {"k": ("{k}", "BIGINT")}, slots, sums)])


def plan_of(found: Project, name: str = "ev") -> SourcePlan:
    return source_plan(keep(found), found.sources[name])


def schema(plan: SourcePlan) -> set[str]:
    """The lines of all statements that make tables; in which order columns lie does not matter."""
    return {line.strip().rstrip(",") for text in plan.tables.values() for line in text.splitlines()}


def random_pairs(draw: random.Random) -> list[tuple[Node, Node]]:
    return [(number(draw, 3), truth(draw, 3)) for _ in range(draw.randint(1, 4))]


def test_other_words_for_the_same_keep_all_names() -> None:
    draw, moved = random.Random(11), 0
    for _ in range(300):
        pairs = random_pairs(draw)
        others = [(rewritten(draw, value), rewritten(draw, condition)) for value, condition in pairs]
        moved += others != pairs
        draw.shuffle(others)
        assert schema(plan_of(made_of(pairs))) == schema(plan_of(made_of(others)))
    assert moved > 200


def test_what_brings_something_else_has_other_tables() -> None:
    draw, differ = random.Random(12), 0
    for _ in range(300):
        pairs = random_pairs(draw)
        value, condition = pairs[0]
        other = (value, changed(draw, condition)) if draw.random() < 0.5 else (changed(draw, value), condition)
        forms = [{(form(written(v)), form(written(c))) for v, c in p} for p in (pairs, [other, *pairs[1:]])]
        if forms[0] != forms[1]:
            differ += 1
            mine, theirs = plan_of(made_of(pairs)), plan_of(made_of([other, *pairs[1:]]))
            assert not mine.tables.keys() & theirs.tables.keys()
    assert differ > 150


def test_columns_are_as_many_as_what_they_hold() -> None:
    draw = random.Random(13)
    for _ in range(200):
        pairs = [*random_pairs(draw), *random_pairs(draw)]
        kept = keep(made_of(pairs))
        names = [s.name for s in kept.view("v").slots]
        assert len({n.casefold() for n in names}) == len(names)
        assert len(names) == len({(form(written(v)), form(written(c))) for v, c in pairs})
        assert all(re.fullmatch(r"[a-z](_?[a-z0-9])*", n) for n in names)  # no `__real`, no name of featc's own


def test_a_view_that_is_kept_is_as_it_is_kept() -> None:
    draw = random.Random(14)
    for _ in range(50):
        kept = keep(made_of(random_pairs(draw)))
        assert kept_view(kept.project, kept.view("v"), Layers(kept.project).feature) == kept.view("v")


# ── edits of whole projects ───────────────────────────────────────────────────────────────────────────────────────

START = """
entities: {user: user_id, product: sku}
sources:
  orders: {path: data/orders.csv, time: at, id: order_id,
           columns: {order_id: bigint, user_id: bigint, sku: bigint, a: bigint, b: bigint}}
  products: {kind: state, key: sku, path: data/products.csv, time: since,
             columns: {sku: bigint, makes: bigint, price: bigint}}
  makers: {kind: state, key: maker, path: data/makers.csv, time: since, columns: {maker: bigint, size: bigint}}
"""
VIEWS = {
    "plain": """
feature_views:
  v: {entity: user, source: orders, features: {x: sum(a + b) over last_7d, y: max(a) over last_7d}}
""",
    "another order of features": """
feature_views:
  v: {entity: user, source: orders, features: {y: max(a) over last_7d, x: sum(a + b) over last_7d}}
""",
    "another name of a feature": """
feature_views:
  v: {entity: user, source: orders, features: {z: sum(b + a) over last_7d, y: max(a) over last_7d}}
""",
    "the same twice": """
feature_views:
  v: {entity: user, source: orders,
      features: {x: sum(a + b) over last_7d, same: sum(b + a) over last_7d, y: max(a) over last_7d}}
""",
}
JOINS = {
    "as named": """
feature_views:
  v: {entity: user, source: orders, join: {products: {}, makers: {keys: {maker: products.makes}}},
      features: {x: sum(products.price + a) over last_7d, y: max(makers.size) over last_7d}}
""",
    "by other names": """
feature_views:
  v: {entity: user, source: orders, join: {p: {source: products}, m: {source: makers, keys: {maker: p.makes}}},
      features: {x: sum(a + p.price) over last_7d, y: max(m.size) over last_7d}}
""",
    "twice the same": """
feature_views:
  v: {entity: user, source: orders,
      join: {p: {source: products}, q: {source: products}, m: {source: makers, keys: {maker: q.makes}}},
      features: {x: sum(a + p.price) over last_7d, y: max(m.size) over last_7d}}
""",
}
TWO_JOINS = {
    "one way": """
feature_views:
  v: {entity: user, source: orders, join: {own: {source: products}, other: {source: products, keys: {sku: a}}},
      features: {x: sum(own.price - other.price) over last_7d}}
""",
    "the other way": """
feature_views:
  v: {entity: user, source: orders, join: {b_: {source: products, keys: {sku: a}}, a_: {source: products}},
      features: {x: sum(a_.price - b_.price) over last_7d}}
""",
}
STATES = {
    "one order": "\nfeature_views:\n  v: {entity: product, source: products, features: [makes, price]}\n",
    "another order": "\nfeature_views:\n  v: {entity: product, source: products, features: [price, makes]}\n",
}
WHEN = datetime(2026, 1, 5)
SAME = [VIEWS, JOINS, TWO_JOINS, STATES]


def folder_of(root: Path, views: str) -> Path:
    (root / "features").mkdir(parents=True, exist_ok=True)
    (root / "data").mkdir(exist_ok=True)
    (root / "featc.yaml").write_text("version: 1\nproject: named\n")
    (root / "features" / "all.yaml").write_text(START + views)
    at = "2026-01-0{} 10:00:00"
    orders = [(1, 7, 1, 3, 4, 2), (2, 7, 2, 1, 1, 3), (3, 7, 1, 5, 2, 4)]
    lines = [f"{','.join(map(str, row[:-1]))},{at.format(row[-1])}" for row in orders]
    (root / "data" / "orders.csv").write_text("order_id,user_id,sku,a,b,at\n" + "\n".join(lines) + "\n")
    products = [(1, 1, 10, 1), (2, 2, 25, 1), (1, 2, 12, 3), (3, 1, 40, 1), (5, 1, 60, 2)]
    lines = [f"{','.join(map(str, row[:-1]))},{at.format(row[-1])}" for row in products]
    (root / "data" / "products.csv").write_text("sku,makes,price,since\n" + "\n".join(lines) + "\n")
    (root / "data" / "makers.csv").write_text(f"maker,size,since\n1,100,{at.format(1)}\n2,7,{at.format(1)}\n")
    return root


def answered(root: Path) -> list[Any]:
    """What both plans say of every feature, in the order of names; a name of a feature does not matter."""
    store = FeatureStore(root)
    entity: dict[str, Any] = {"user_id": 7} if store.project.views["v"].entity == ("user",) else {"sku": 1}
    online = dict(store.get_online_features(["v"], [entity], at=WHEN)[0])
    trained = store.get_historical_features(["v"], [{**entity, "as_of": WHEN}]).rows()[0]
    store.close()
    assert online == {n: v for n, v in trained.items() if n in online}
    return sorted(set(online.values()))


@pytest.mark.slow
@pytest.mark.parametrize("ways", SAME)
def test_a_store_goes_on_from_each_way_of_writing_to_each_other(ways: dict[str, str], tmp_path: Path) -> None:
    plans = {name: keep(compile_project(folder_of(tmp_path / "p", text)).project) for name, text in ways.items()}
    tables = [{t for s in k.project.sources.values() for t in source_plan(k, s).tables} for k in plans.values()]
    assert all(t == tables[0] for t in tables)
    for filled_by in ways:
        root = tmp_path / filled_by
        store = FeatureStore(folder_of(root, ways[filled_by]))
        store.materialize()
        store.close()
        values = answered(root)
        for text in ways.values():
            folder_of(root, text)
            assert answered(root) == values
        assert None not in values


def test_a_slot_that_is_there_twice_is_kept_once(tmp_path: Path) -> None:
    found = compile_project(folder_of(tmp_path, VIEWS["the same twice"])).project
    assert [s.name for s in found.views["v"].slots] != [s.name for s in keep(found).view("v").slots]
    (plan,) = plan_of(found, "orders").views
    assert list(plan.layout.slots) == ["a_b", "a"]
    assert [p.name for p in plan.layout.tiled] == ["sum_a_b", "max_a"]


def test_a_window_begins_by_the_slot_as_it_is_called_there() -> None:
    window = replace(LIFETIME, name="since_b", since="whether")
    slots = {"whether": ("true", "BOOLEAN", "{b}"), "x": ("{i}", "BIGINT")}
    made = view("v", EVENTS, {"k": ("{k}", "BIGINT")}, slots, {"n": ("sum", ("x",), window)})
    kept = keep(project([EVENTS], [made])).view("v")
    assert [s.name for s in kept.slots] == ["is_b", "i"]
    assert kept.aggregations[0].window.since == "is_b"


# ── what no name shows ────────────────────────────────────────────────────────────────────────────────────────────

TYPES = (
    "BIGINT", "HUGEINT", "UBIGINT", "DOUBLE", "FLOAT", "DECIMAL(12,2)", "DECIMAL(38,4)", "VARCHAR", "BOOLEAN",
    "TIMESTAMP", "DATE", "UUID", "BLOB",
)  # fmt: skip


def test_values_are_written_as_this_number_says() -> None:
    """When this fails, stores that are there hold values in another way: raise WRITTEN, and put the digest here."""
    written_so = [(t, encoded_sql("x", t)) for t in TYPES] + [("key", sort_key_sql(["a", "b"]))]
    written_so += [(t, real_sql("x", t)) for t in ("DOUBLE", "FLOAT")]
    states = [(k.value, s.fields, s.types, s.raw, s.bounded) for k, s in SPELLINGS.items()]
    assert Kind.SUM.value in {s[0] for s in states}
    found = hashlib.blake2b(encode((tuple(written_so), tuple(states))), digest_size=16).hexdigest()
    assert (WRITTEN, found) == (1, "9922b47da0095e583b255852f6ebc609")
