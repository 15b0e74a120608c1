"""What a service says itself (roles, keys, derived features, labels), and what people are told, in plans and locks."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.planning.plan import service_version, unlocked_findings
from featc.runtime.store import FeatureStore, compile_project
from featc.versions.changes import Change
from featc.versions.comparison import compare
from versions.shopping import side, write

TWICE = (
    "  small:\n",
    """\
  twice:
    request: {friend: bigint}
    features:
      - other: {view: buying, keys: {user_id: request.friend}, features: [orders_7d]}
      - buying.orders_1d
    derived:
      both: other.orders_7d + buying.orders_1d
    labels: [looking.again]
  small:
""",
)
VISITS = "      visits_1d: count(*) over last_1d\n"
LABELS = (VISITS, f"{VISITS}    labels:\n      again: count(*) over next_7d > 0\n")


def service(folder: Path, *edits: tuple[str, str], name: str = "twice") -> Change | None:
    before, after = side(folder / "a", TWICE, LABELS), side(folder / "b", TWICE, LABELS, *edits)
    return next((c for c in compare(before, after).changes if (c.kind, c.name) == ("service", name)), None)


@pytest.mark.parametrize(
    ("edit", "category", "piece"),
    [
        (("orders_7d + buying", "orders_7d - buying"), "tile-compatible", "derived both"),
        (("orders_7d + buying.orders_1d", "orders_7d + buying.orders_1d * 2"), "tile-compatible", "derived both"),
        (("user_id: request.friend", "user_id: request.friend + 1"), "tile-compatible", "expression other.user_id"),
        (("over next_7d > 0", "over next_14d > 0"), "tile-compatible", None),
        (("over next_7d > 0", "over next_7d > 1"), "tile-compatible", None),
        (("status <> 'cancelled'", "status <> 'failed'"), "semantic", None),
        (("both: other", "sum_of_both: other"), "contract", "output both"),
    ],
)
def test_what_is_a_services_own_is_part_of_it(
    tmp_path: Path, edit: tuple[str, str], category: str, piece: str | None
) -> None:
    found = service(tmp_path, edit)
    assert found is not None and str(found.category) == category
    assert piece is None or piece in [d.piece for d in found.differences]


def test_an_expression_written_otherwise_is_the_same(tmp_path: Path) -> None:
    found = service(tmp_path, ("other.orders_7d + buying.orders_1d", "buying.orders_1d + other.orders_7d"))
    assert found is not None and str(found.category) == "equivalent"


@pytest.mark.parametrize("edit", [("orders_7d + buying", "orders_7d - buying"), ("next_7d > 0", "next_9d > 0")])
def test_its_number_goes_up_and_a_locked_build_sees_it(tmp_path: Path, edit: tuple[str, str]) -> None:
    with closing(FeatureStore(write(tmp_path, TWICE, LABELS))) as store:
        assert store.apply(verify=False).written
    write(tmp_path, TWICE, LABELS, edit)
    said = [d.message for d in unlocked_findings(compile_project(tmp_path))]
    assert any("service twice means something else than v1" in m for m in said)
    with closing(FeatureStore(tmp_path)) as store:
        assert store.plan().after["service", "twice"].version == 2
        for name, made in store.numbered.services.items():
            assert service_version(store.compiled, name) == made.version == (2 if name == "twice" else 1)


def test_a_number_of_the_authors_own_is_locked_too(tmp_path: Path) -> None:
    with closing(FeatureStore(write(tmp_path))) as store:
        store.apply(verify=False)
    write(tmp_path, ("avg(amount) over last_7d", "{sql: avg(amount) over last_7d, version: 3}"))
    (found,) = unlocked_findings(compile_project(tmp_path))
    assert found.code == "F875" and "version: 3" in found.message


def test_numbers_of_what_was_are_not_given_to_something_else(tmp_path: Path) -> None:
    more = ("      visits_1d: count", "      pages_1d: count({}) over last_1d\n      visits_1d: count")

    def applied(*edits: tuple[str, str]) -> int | None:
        with closing(FeatureStore(write(tmp_path, *edits))) as store:
            found = store.apply(verify=False).plan.after.get(("feature", "looking.pages_1d"))
        return found.version if found else None

    assert applied((more[0], more[1].format("page"))) == 1
    assert applied() is None
    assert applied((more[0], more[1].format("page"))) == 1
    assert applied() is None
    assert applied((more[0], more[1].format("distinct page"))) == 2


def test_a_target_may_lay_a_query_elsewhere(tmp_path: Path) -> None:
    targets = (
        "vars:",
        "default_target: dev\ntargets:\n  dev: {}\n  flat:\n    sources:\n"
        '      plans: {sql: "select * from read_csv(\'data/plans.csv\')"}\n'
        "      visits: {path: data/visits.csv}\nvars:",
    )
    write(tmp_path, targets)
    with closing(FeatureStore(tmp_path, "flat")) as store:
        assert store.apply(verify=False).written
        assert store.plan().is_nothing
    with closing(FeatureStore(tmp_path, "dev")) as store:
        assert store.plan().is_nothing


def test_any_text_may_stand_in_a_lock(tmp_path: Path) -> None:
    odd = ("What a user buys.", '"a\\u2028b\\x85c {x} \\" # \\n end"')
    with closing(FeatureStore(write(tmp_path, odd))) as store:
        assert store.apply(verify=False).written
        assert store.plan().is_nothing


@pytest.mark.parametrize(
    ("edits", "name", "pieces"),
    [
        ([("weight: double", "weight: {type: double, tags: [pii]}")], "orders", ["columns.weight.tags"]),
        ([("      amount: decimal(12,2)\n    features",
           "      amount: {type: 'decimal(12,2)', description: hi}\n    features")],
         "basket", ["request.amount.description"]),
        ([("    owner: growth\n", "    owner: growth\n    tags: [all]\n"), ("tags: [money]", "tags: [money, pii]")],
         "buying.spend_1d", ["tags"]),
    ],
)  # fmt: skip
def test_what_people_are_told_is_metadata_wherever_it_stands(
    tmp_path: Path, edits: list[tuple[str, str]], name: str, pieces: list[str]
) -> None:
    before, after = side(tmp_path / "a"), side(tmp_path / "b", *edits)
    found = next(c for c in compare(before, after).changes if c.name == name)
    assert str(found.category) == "metadata"
    assert [d.piece.replace("meta.", "") for d in found.differences] == pieces


def test_an_edit_of_the_lock_by_another_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    with closing(FeatureStore(tmp_path)) as store:
        real = FeatureStore.verify

        def meanwhile(self: FeatureStore, *given: object, **more: object) -> object:
            with closing(FeatureStore(tmp_path)) as other:
                other.apply(verify=False)
            return real(self, *given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(FeatureStore, "verify", meanwhile)
        with pytest.raises(FeatcError) as refused:
            store.apply()
    assert refused.value.code in ("F874",) and refused.value.exit_code == 4
