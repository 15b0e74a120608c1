"""A store that is locked, damaged, or not what was expected: a plain error in good time, and nothing half-written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from featc.cli import main
from tiny_project import write_project

from .commands import FEATC, TOO_LONG, environment, fails_plainly, featc, said

STORE = ".featc/online.db"
BOUND = 30.0
"""Seconds within which a push gives up on a locked store; it is told to wait for 5, and starting takes some too."""
MORE = """\
order_id,user_id,amount,status,op,ordered_at,loaded_at
9,7,1.00,paid,U,2026-01-03 10:00:00,2026-01-03 10:05:00
10,,1.00,paid,U,2026-01-03 10:00:00,2026-01-03 10:05:00
"""
GET = ("get", "small", "--key", "user_id=7", "--at", "2026-01-03T12:00:00Z")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The tiny project with its orders pushed, and a file with one good row and one bad row more."""
    folder = write_project(tmp_path / "tiny")
    (folder / "more.csv").write_text(MORE)
    assert main(["push", "orders", str(folder / "data" / "orders.csv"), "-p", str(folder), "-q"]) == 0
    return folder


@contextmanager
def held(path: Path, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """A write lock of somebody else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(begin)
        yield


def dump(folder: Path) -> list[str]:
    """The whole store as text."""
    with closing(sqlite3.connect(folder / STORE)) as connection:
        return list(connection.iterdump())


# ------------------------------------------------------------------------------------- locked


@pytest.mark.slow
def test_a_push_into_a_locked_store_gives_up_in_time_and_writes_nothing(project: Path) -> None:
    before = dump(project)
    with held(project / STORE):
        started = time.monotonic()
        done = featc("push", "orders", "more.csv", "--token", "t", cwd=project)
        took = time.monotonic() - started
    assert fails_plainly(done, 4, "F901"), said(done)
    assert "locked" in done.stderr and "try again" in done.stderr and STORE in done.stderr
    assert done.stdout == ""
    assert took < BOUND
    assert dump(project) == before
    again = featc("push", "orders", "more.csv", "--token", "t", cwd=project)
    assert again.returncode == 0, said(again)
    assert "2 of 2 rows accepted" in again.stdout


@pytest.mark.slow
def test_the_first_push_into_a_locked_file_gives_up_in_time(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny")
    (folder / ".featc").mkdir()
    with held(folder / STORE, "BEGIN EXCLUSIVE"):
        started = time.monotonic()
        done = featc("push", "orders", "data/orders.csv", cwd=folder)
        took = time.monotonic() - started
    assert fails_plainly(done, 4, "F901"), said(done)
    assert took < BOUND
    again = featc("push", "orders", "data/orders.csv", cwd=folder)
    assert again.returncode == 0, said(again)


@pytest.mark.slow
def test_a_push_waits_for_a_short_lock(project: Path) -> None:
    with held(project / STORE):
        pushing = subprocess.Popen(
            (*FEATC, "push", "orders", "more.csv"), cwd=project, env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(1.5)
        assert pushing.poll() is None
    _, err = pushing.communicate(timeout=TOO_LONG)
    assert pushing.returncode == 0, err


@pytest.mark.slow
def test_reads_go_on_while_somebody_writes(project: Path) -> None:
    with held(project / STORE):
        done = featc(*GET, cwd=project)
    assert done.returncode == 0, said(done)
    assert done.stdout.splitlines()[-1] == "  recent  15.50"


# ------------------------------------------------------------------------------------- no room


@pytest.mark.slow
def test_a_push_that_finds_no_room_writes_nothing_and_can_be_repeated(project: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    many = "".join(f"{n},7,1.00,paid,U,2026-01-03 10:00:00,2026-01-03 10:05:00\n" for n in range(100, 3100))
    (project / "many.csv").write_text(MORE.splitlines(keepends=True)[0] + many)
    settle(project / STORE)
    before, room = dump(project), 100_000
    push = ("push", "orders", "many.csv", "--token", "t")
    code = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));" + FEATC[-1]
    done = subprocess.run(
        (sys.executable, "-c", code, *push), cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert fails_plainly(done, 4, "F902"), said(done)
    assert "nothing was written" in done.stderr
    assert dump(project) == before
    again = featc(*push, cwd=project)
    assert again.returncode == 0, said(again)
    assert "3000 of 3000 rows accepted" in again.stdout


# ------------------------------------------------------------------------------------- damaged


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def half(path: Path) -> None:
    settle(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def head_only(path: Path) -> None:
    settle(path)
    path.write_bytes(path.read_bytes()[:100])


def overwritten_middle(path: Path) -> None:
    settle(path)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def settle(path: Path) -> None:
    """Everything of the store in its one file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [garbage, half, head_only, overwritten_middle])
def test_a_damaged_store_is_named_without_a_traceback(damage: Callable[[Path], None], project: Path) -> None:
    path = project / STORE
    damage(path)
    left = path.read_bytes()
    for command in (("push", "orders", "more.csv"), GET):
        done = featc(*command, cwd=project)
        assert fails_plainly(done, 1, "F903"), said(done)
        assert STORE in done.stderr
    assert path.read_bytes() == left, "whoever wants to rescue rows needs the file as it was"


@pytest.mark.slow
def test_no_cut_or_overwritten_page_gives_a_traceback(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In this process, for there are many: each page cut off, each page overwritten. An answer, if any, is right."""
    path = project / STORE
    settle(path)
    whole = path.read_bytes()
    variants = [whole[:size] for size in (99, 512, 4095)]
    for start in range(4096, len(whole), 4096):
        variants += [whole[:start], whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :]]
    for content in variants:
        for command in (["push", "orders", str(project / "more.csv")], [*GET]):
            for companion in path.parent.iterdir():
                companion.unlink()
            path.write_bytes(content)
            code = main([*command, "-q", "-p", str(project)])
            out, told = capfd.readouterr()
            assert "Traceback" not in told and "F999" not in told, told
            if code == 0:
                assert (out.split()[-1], told) in (("15.50", ""), ("accepted", "")), out
            else:
                assert (code, told[:9]) == (1, "error F90"), told


# ------------------------------------------------------------------------------------- not what was expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("UPDATE featc_meta SET value = '1' WHERE name = 'format'", "F602", "has format 1, and this featc reads 4"),
        ("DELETE FROM featc_meta WHERE name = 'format'", "F602", "format"),
        ("UPDATE featc_meta SET value = '00' WHERE name = 'sort_key'", "F604", "another DuckDB"),
    ],
)
def test_a_store_written_by_another_version_is_refused(change: str, code: str, words: str, project: Path) -> None:
    with closing(sqlite3.connect(project / STORE, isolation_level=None)) as connection:
        assert connection.execute(change).rowcount == 1
    before = dump(project)
    for command in (("push", "orders", "more.csv"), GET):
        done = featc(*command, cwd=project)
        assert fails_plainly(done, 1, code), said(done)
        assert words in done.stderr and STORE in done.stderr
    assert dump(project) == before


@pytest.mark.slow
def test_a_view_that_is_newer_than_the_rows_pushed_does_not_answer_as_if_it_knew_them(project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("status <> 'cancelled'", "status <> 'new'"))
    done = featc(*GET, cwd=project)
    assert fails_plainly(done, 1, "F603"), said(done)
    assert "user_orders" in done.stderr and "5 rows" in done.stderr
