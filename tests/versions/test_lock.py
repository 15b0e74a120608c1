"""featc.lock: deterministic, whole again when read, merged by git line by line, and explained when it is not."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.planning.plan import lock_of, side_before, versions_now
from featc.runtime.store import FeatureStore, compile_project
from featc.versions.comparison import compare
from featc.versions.lock import SCHEMA, Lock, parse_lock, read_lock, write_lock
from featc.versions.past import Side
from versions.shopping import side, write


def locked(folder: Path, *edits: tuple[str, str]) -> Lock:
    compiled = compile_project(write(folder, *edits))
    return lock_of(compiled, versions_now(compiled), read_lock(compiled.root))


def test_it_is_the_same_bytes_every_time_and_reads_back(tmp_path: Path) -> None:
    one, two = locked(tmp_path / "a"), locked(tmp_path / "b")
    assert one.text() == two.text() == parse_lock(one.text()).text()


def test_what_was_locked_is_what_is_compared_with(tmp_path: Path) -> None:
    lock = locked(tmp_path)
    compiled = compile_project(tmp_path)
    old = side_before(compiled, parse_lock(lock.text()))
    assert old is not None
    assert compare(old, side(tmp_path)).changes == ()


def test_every_definition_has_one_line(tmp_path: Path) -> None:
    lines = [line for line in locked(tmp_path).text().splitlines() if line and not line.startswith("#")]
    heads = [" ".join(line.split(" ", 2)[:2]) for line in lines[1:]]
    assert len(set(heads)) == len(heads)
    assert {"entity user", "source orders", "view buying", "feature buying.spend", "service small"} <= set(heads)


def test_versions_count_by_themselves_and_stay_where_nothing_moves(tmp_path: Path) -> None:
    write_lock(write(tmp_path), locked(tmp_path))
    edit = ("avg(amount)", "avg(amount * 2)")
    found = {k: v.version for k, v in versions_now(compile_project(write(tmp_path, edit))).items()}
    assert found["feature", "buying.mean_7d"] == found["view", "buying"] == found["service", "checkout"] == 2
    assert found["feature", "buying.spend_7d"] == found["view", "selling"] == found["service", "small"] == 1


def test_a_feature_more_leaves_the_number_of_its_view(tmp_path: Path) -> None:
    write_lock(write(tmp_path), locked(tmp_path))
    more = ("      visits_1d", "      visits_2d: count(*) over last_2d\n      visits_1d")
    found = {k: v.version for k, v in versions_now(compile_project(write(tmp_path, more))).items()}
    assert found["view", "looking"] == found["feature", "looking.visits_2d"] == 1


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ([("avg(amount) over last_7d", "{sql: avg(amount * 2) over last_7d, version: 2}")], None),
        ([("avg(amount) over last_7d", "{sql: avg(amount * 2) over last_7d, version: 1}")], "F877"),
        ([("avg(amount) over last_7d", "{sql: avg(amount) over last_7d, version: 1}")], None),
        ([("avg(amount) over last_7d", "count(amount) over last_7d")], "F876"),
        ([("      - plan.plan\n", "")], "F876"),
        ([("      - plan.plan\n", ""), ("    owner: fraud\n", "    owner: fraud\n    version: 2\n")], None),
        ([("      - plan.plan\n", ""), ("    owner: fraud\n", "    owner: fraud\n    version: 1\n")], "F877"),
    ],
)
def test_what_may_not_be_applied(tmp_path: Path, edits: list[tuple[str, str]], code: str | None) -> None:
    write_lock(write(tmp_path), locked(tmp_path))
    before = (tmp_path / "featc.lock").read_text()
    write(tmp_path, *edits)
    with closing(FeatureStore(tmp_path)) as store:
        if code is None:
            assert store.apply(verify=False).written
            assert store.plan().is_nothing
            return
        with pytest.raises(FeatcError) as refused:
            store.apply(verify=False)
    assert {d.code for d in refused.value.diagnostics} == {code}
    assert all(d.span is not None and d.span.file == "features/all.yaml" for d in refused.value.diagnostics)
    assert (tmp_path / "featc.lock").read_text() == before


def test_apply_proves_what_changed_and_writes_the_lock_once(tmp_path: Path) -> None:
    write_lock(write(tmp_path), locked(tmp_path))
    write(tmp_path, ("count(*) over last_1d", "count(*) over last_2d"))
    with closing(FeatureStore(tmp_path)) as store:
        store.backfill()
        done = store.apply()
        assert done.verified is not None
        assert [r.feature for r in done.verified.features] == ["basket.per_visit", "looking.visits_1d"]
        assert done.written == (done.exit_code == 0)


# ── lines that are no lock ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("source orders {", "source orders", "F870", "no line of a lock"),
        ('"schema": 1', '"schema": 99', "F873", "it knows 2"),
        ("view buying {", "<<<<<<< mine\nview buying {", "F871", "conflicts"),
        ("\nview looking {", '\nview buying {"is": {}}\nview looking {', "F872", "two people changed the view buying"),
        ("lock {", "look {", "F870", "no line of a lock"),
        ("v1 ", "v0 ", "F870", "no line of a lock"),
    ],
)
def test_a_bad_lock_is_told_with_its_line(tmp_path: Path, old: str, new: str, code: str, says: str) -> None:
    text = locked(tmp_path).text()
    assert old in text
    with pytest.raises(FeatcError) as refused:
        parse_lock(text.replace(old, new, 1))
    assert refused.value.code == code and says in str(refused.value)
    assert refused.value.file == "featc.lock" and refused.value.line


def test_an_older_featc_refuses_and_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    later = locked(tmp_path).text().replace('"schema": 1', f'"schema": {SCHEMA + 1}')
    (tmp_path / "featc.lock").write_text(later)
    with closing(FeatureStore(tmp_path)) as store, pytest.raises(FeatcError) as refused:
        store.apply(verify=False)
    assert refused.value.exit_code == 4
    assert (tmp_path / "featc.lock").read_text() == later


def test_no_lock_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None


# ── git ────────────────────────────────────────────────────────────────────────────────────────────────


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *settings, *words], cwd=folder, capture_output=True, text=True, check=False)


def merged(folder: Path, mine: tuple[str, str], theirs: tuple[str, str]) -> int:
    """Two people's edits, each applied and committed, merged; gives git's exit code."""

    def commit(*edits: tuple[str, str]) -> None:
        write(folder, *edits)
        compiled = compile_project(folder)
        write_lock(folder, lock_of(compiled, versions_now(compiled), read_lock(compiled.root)))
        git(folder, "add", "-A")
        assert git(folder, "commit", "-qm", "edit").returncode == 0

    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q")
    commit()
    git(folder, "checkout", "-qb", "theirs")
    commit(theirs)
    git(folder, "checkout", "-q", "main")
    commit(mine)
    return git(folder, "merge", "-q", "theirs").returncode


def test_edits_of_neighbours_merge(tmp_path: Path) -> None:
    assert not merged(
        tmp_path,
        ("dear: count(*) filter (where big)", "dear: count(*) filter (where amount > 7)"),
        ("last_status: last(status) over lifetime", "last_status: first(status) over lifetime"),
    )
    lock = read_lock(tmp_path)
    assert lock is not None
    versions = {name: v.version for (kind, name), v in lock.versions().items() if kind == "feature"}
    assert versions["buying.dear_7d"] == versions["buying.last_status"] == 2


def test_edits_of_one_definition_are_a_conflict_that_is_explained(tmp_path: Path) -> None:
    assert merged(tmp_path, ("avg(amount)", "avg(amount * 2)"), ("avg(amount)", "avg(amount * 3)"))
    with pytest.raises(FeatcError) as refused:
        read_lock(tmp_path)
    assert refused.value.code == "F871"
    assert "both sides changed feature buying.mean_7d" in str(refused.value)


def test_sides_are_what_they_say(tmp_path: Path) -> None:
    found = side(tmp_path)
    assert isinstance(found, Side) and found.made_by["ir"]
