"""featc.yaml: where a project is, its targets and their defaults, its folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.load import find_project, load_project, location_of

from .conftest import Shop


def test_the_nearest_folder_above_is_the_project(shop: Shop) -> None:
    deep = shop.root / "features" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project(deep) == shop.root


def test_no_project_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(FeatcError) as error:
        find_project(tmp_path)
    assert error.value.code == "F101"
    with pytest.raises(FeatcError) as error:
        load_project(tmp_path)
    assert error.value.code == "F101"


def test_defaults_without_targets(shop: Shop) -> None:
    found = shop.load("entities: {a: x}\n").good
    target = found.target
    assert (target.name, str(target.dialect), str(target.database)) == ("dev", "duckdb", ".featc/shop.duckdb")
    assert (str(target.online.store), str(target.online.path), target.online.replay_us) == (
        "sqlite",
        ".featc/online.db",
        None,
    )
    assert (found.project, found.closed, found.targets) == ("shop", "left", ("dev",))


TARGETS = """
    default_target: dev
    targets:
      dev:
        online: {replay: 30d}
      prod:
        dialect: postgres
        dsn: "{{ env_var('FEATC_SECRET_PG') }}"
        sources:
          orders: {table: analytics.orders}
        online: {store: redis, url: "{{ env_var('FEATC_SECRET_REDIS') }}"}
    defaults: {closed: right}
"""
ORDERS = "sources: {orders: {path: data/*.parquet, time: t}}\n"


def test_one_target_does_not_need_anothers_environment(shop: Shop) -> None:
    found = shop.load(ORDERS, project=TARGETS).good
    assert found.targets == ("dev", "prod") and found.target.name == "dev"
    assert found.target.online.replay_us == 30 * 86_400_000_000
    assert found.closed == "right"
    assert location_of(found.sources["orders"], found.target).kind == "path"


def test_a_chosen_target_places_its_sources(shop: Shop) -> None:
    env = {"FEATC_SECRET_PG": "pg", "FEATC_SECRET_REDIS": "redis://x"}
    found = shop.load(ORDERS, project=TARGETS, target="prod", env=env).good
    place = location_of(found.sources["orders"], found.target)
    assert (place.kind, place.value.value) == ("table", "analytics.orders")
    assert found.target.online.path is None and found.target.online.url is not None
    assert found.target.database is None


def test_an_unknown_target_names_the_nearest(shop: Shop) -> None:
    found = shop.load(ORDERS, project=TARGETS, target="prd").one
    assert found.code == "F120" and found.hint == "did you mean 'prod'?"


def test_a_target_that_places_an_unknown_source(shop: Shop) -> None:
    found = shop.load(ORDERS, project="targets: {dev: {sources: {ordrs: {table: x}}}}").one
    assert found.code == "F137" and found.hint == "did you mean 'orders'?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "F112"),
        ("version: 2\nproject: a\n", "F121"),
        ("project: a\n", "F112"),
        ("version: 1\n", "F112"),
        ("version: 1\nproject: a b\n", "F115"),
        ("version: 1\nproject: a\npaths: [nowhere]\n", "F122"),
        ("version: 1\nproject: a\npathes: [features]\n", "F106"),
        ("version: 1\nproject: a\ndefaults: {closed: lft}\n", "F118"),
        ("version: 1\nproject: a\ntargets: {x: {}, y: {}}\n", "F112"),
        ("version: 1\nproject: a\ndefault_target: x\n", "F120"),
        ("version: 1\nproject: a\ndefault_target: x\ntargets: {y: {}}\n", "F120"),
        ("version: 1\nproject: a\ntargets: {x: {dialect: oracle}}\n", "F118"),
        ("version: 1\nproject: a\ntargets: {dev: {}, x: {online: {store: mongo}}}\n", "F118"),
        ("version: 1\nproject: a\ntargets: {x: {online: {replay: 1mo}}}\n", "F119"),
        ("version: 1\nproject: {{ a }}\n", "F107"),
    ],
)
def test_mistakes_in_featc_yaml(shop: Shop, text: str, code: str) -> None:
    found = shop.write("featc.yaml", text).load().one
    assert found.code == code and found.span is not None and found.span.file == "featc.yaml"


def test_definitions_come_from_every_folder_and_from_tests(shop: Shop) -> None:
    shop.write("features/deep/a.yml", "entities: {a: x}\n").write("more/b.yaml", "entities: {b: x}\n")
    shop.write("tests/t.yaml", "tests: {t: {service: s, spine: [], expect: []}}\n")
    shop.write("features/.hidden/c.yaml", "nonsense\n").write("features/target/d.yaml", "nonsense\n")
    found = shop.load(project="paths: [features, more]").good
    assert set(found.entities) == {"a", "b"} and set(found.tests) == {"t"}
    assert found.tests["t"].folder == "tests"
    assert [f.path for f in found.files] == [
        "featc.yaml",
        "features/deep/a.yml",
        "more/b.yaml",
        "tests/t.yaml",
    ]


def test_the_same_name_in_two_files_names_both_places(shop: Shop) -> None:
    shop.write("features/a.yaml", "entities: {User: x}\n").write("features/b.yaml", "\nentities: {user: y}\n")
    found = shop.load().one
    assert (found.code, str(found.span)) == ("F117", "features/b.yaml:2:12")
    assert "features/a.yaml:1" in found.message and "letter case" in found.message


def test_what_has_errors_is_named_and_the_rest_is_there(shop: Shop) -> None:
    found = shop.load(
        """
        entities: {user: id, bad: no}
        feature_views:
          v: {source: s, features: {a: x, b: "(x"}}
          w: {source: s, features: {c: "x"}, ttl: 1y}
          x: {source: s, features: {d: x + # cut
            }}
        """
    )
    definitions = found.definitions
    assert definitions is not None
    assert definitions.broken == {"bad", "w", "x.d"}
    assert set(definitions.entities) == {"user"} and set(definitions.views) == {"v", "x"}


def test_loading_imports_no_engine() -> None:
    import subprocess
    import sys

    code = "import sys, featc.load; print([m for m in ('sqlglot', 'duckdb', 'networkx') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert out.stdout.strip() == "[]"
