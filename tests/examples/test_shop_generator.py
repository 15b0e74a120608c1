"""The shop's generator: the same seed gives the same bytes, and the data has what the project is about."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

GENERATOR = Path(__file__).resolve().parents[2] / "features" / "shop" / "generate.py"


def generate(out: Path, *, scale: float = 0.1, seed: int = 7) -> Path:
    command = [sys.executable, str(GENERATOR), "--scale", str(scale), "--seed", str(seed), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("shop") / "data")


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    again = digests(generate(tmp_path / "data"))
    assert len(again) == 8
    assert again == digests(data)


@pytest.mark.slow
def test_another_seed_gives_other_data(data: Path, tmp_path: Path) -> None:
    other = digests(generate(tmp_path / "data", seed=8))
    assert all(other[name] != digest for name, digest in digests(data).items())


@pytest.mark.slow
def test_scale_multiplies_the_rows(data: Path, tmp_path: Path) -> None:
    twice = generate(tmp_path / "data", scale=0.2)
    counts = [
        duckdb.execute(
            "select count(*) from read_parquet($p)", {"p": str(folder / "page_views.parquet")}
        ).fetchall()
        for folder in (data, twice)
    ]
    assert counts == [[(6_000,)], [(12_000,)]]


@pytest.mark.parametrize(
    ("what", "condition"),
    [
        ("late", "loaded_at > ordered_at + interval 1 hour and version = 1"),
        ("refunded", "status = 'refunded' and version > 1"),
        ("cancelled", "status = 'cancelled' and version > 1"),
        ("deleted", "op = 'D' and version > 1"),
        ("another amount", "amount <> first_amount"),
        ("another customer", "user_id <> first_user"),
        ("another time", "ordered_at <> first_time"),
        ("no customer", "user_id is null and op = 'U'"),
    ],
)
def test_orders_are(data: Path, what: str, condition: str) -> None:
    versions = f"""
        select *,
               row_number() over versions         as version,
               first_value(amount) over versions  as first_amount,
               first_value(user_id) over versions as first_user,
               first_value(ordered_at) over versions as first_time
        from read_parquet('{data}/orders/*.parquet')
        window versions as (partition by order_id order by loaded_at, seq)
    """
    ((found,),) = duckdb.execute(f"select count(*) from ({versions}) where {condition}").fetchall()
    assert found > 0, what


def test_new_orders_come_after_the_history(data: Path) -> None:
    query = f"""
        select (select max(loaded_at) from read_parquet('{data}/orders/*.parquet'))
             < (select min(loaded_at) from read_csv('{data}/new_orders.csv'))
    """
    assert duckdb.execute(query).fetchall() == [(True,)]
