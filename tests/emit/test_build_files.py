"""What a build writes: deterministic, complete, runnable as it stands, and nothing of others touched."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import duckdb
import pytest

from featc.emit import build_files, write_files
from featc.errors import FeatcError
from featc.runtime.store import Compiled, FeatureStore, compile_project
from tiny_project import write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


@pytest.fixture
def compiled(project: Path) -> Compiled:
    return compile_project(project)


def test_the_same_definitions_give_the_same_bytes_wherever_they_lie(
    compiled: Compiled, tmp_path: Path
) -> None:
    elsewhere = compile_project(write_project(tmp_path / "another" / "place"))
    assert dict(build_files(compiled)) == dict(build_files(elsewhere))


def test_no_file_names_a_folder_of_this_machine(compiled: Compiled, tmp_path: Path) -> None:
    for path, text in build_files(compiled).items():
        assert str(tmp_path) not in text, path


def test_the_manifest_describes_every_definition(compiled: Compiled) -> None:
    files = build_files(compiled)
    manifest = json.loads(files["manifest.json"])
    assert manifest["schema"] == 1
    assert manifest["project"] == "tiny"
    assert set(manifest["views"]) == {"user_orders", "basket"}
    feature = manifest["features"]["user_orders.spend_7d"]
    assert feature["type"] == "DECIMAL(38,2)"
    assert (feature["owner"], feature["tags"], feature["version"]) == ("growth", ["money"], "v1")
    assert feature["windows"] == ["last_7d"]
    assert len(feature["fingerprint"]) == len(feature["tile_fingerprint"]) == 32
    assert manifest["views"]["user_orders"]["aggregations"]["spend_7d"]["finisher"] == "sum"
    service = manifest["services"]["checkout"]
    assert service["keys"] == [{"name": "user_id", "type": "BIGINT"}]
    assert service["request"] == [{"name": "amount", "type": "DECIMAL(12,2)"}]
    assert manifest["locations"]["orders"] == {"kind": "path", "value": "data/orders.csv"}
    assert "data/orders.csv" not in json.dumps(manifest["sources"])
    edges = {(e["from"], e["to"], e["kind"]) for e in manifest["edges"]}
    assert ("orders.amount", "user_orders.spend_7d", "value") in edges
    assert ("user_orders.spend_7d", "basket.share", "value") in edges
    assert ("user_orders.spend_7d", "small.recent", "value") in edges


def test_the_manifest_lists_every_other_file_with_its_hash(compiled: Compiled) -> None:
    files = dict(build_files(compiled))
    listed = json.loads(files.pop("manifest.json"))["files"]
    assert {p: f["sha256"] for p, f in listed.items()} == {
        p: hashlib.sha256(text.encode()).hexdigest() for p, text in files.items()
    }


def test_training_files_run_as_they_stand(
    compiled: Compiled, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = (
        "SELECT 7::BIGINT AS user_id, TIMESTAMP '2026-01-03 12:00:00' AS as_of, 8::DECIMAL(12,2) AS amount"
    )
    expected = FeatureStore(project).get_historical_features("checkout", spine).rows()
    text = build_files(compiled)["sql/duckdb/services/checkout/training.sql"]
    monkeypatch.chdir(project)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW spine AS {spine}")
        relation = connection.sql(text.rstrip().rstrip(";"))
        assert [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()] == expected


def test_training_files_say_at_their_head_what_they_need(compiled: Compiled) -> None:
    text = build_files(compiled)["sql/duckdb/services/checkout/training.sql"]
    head = [line for line in text.splitlines() if line.startswith("--")][:12]
    assert "feature service checkout" in head[0]
    assert "fingerprint" in head[1]
    assert any("user_id" in line and "BIGINT" in line for line in head)
    assert any("amount" in line and "DECIMAL(12,2)" in line for line in head)
    assert any(".read target/sql/duckdb/services/checkout/training.sql" in line for line in head)


def test_online_files_explain_their_parameters(compiled: Compiled) -> None:
    text = build_files(compiled)["sql/sqlite/user_orders/online_read.sql"]
    head = text.partition("\n\n")[0]
    for parameter in (":k", ":key_user_id"):
        assert f"--   {parameter} " in head


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────


def tree(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_written_files_are_exactly_those_built(compiled: Compiled, tmp_path: Path) -> None:
    files = dict(build_files(compiled))
    write_files(tmp_path / "out", files)
    assert tree(tmp_path / "out") == files


def test_files_of_former_builds_go_and_files_of_others_stay(compiled: Compiled, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_files(out, build_files(compiled))
    (out / "train.parquet").write_text("mine")
    (out / "sql" / "duckdb" / "user_orders" / "notes.txt").write_text("mine too")
    few = build_files(compiled, only={("basket", "share")})
    write_files(out, few)
    assert set(tree(out)) == {*few, "train.parquet", "sql/duckdb/user_orders/notes.txt"}
    assert not (out / "sql" / "sqlite").exists()


def test_a_manifest_written_by_hand_removes_nothing_elsewhere(compiled: Compiled, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("keep")
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept.txt").write_text("keep")
    named = {"../precious.txt": {}, str(precious): {}, "kept.txt": {}, "sql/../../precious.txt": {}}
    (out / "manifest.json").write_text(json.dumps({"files": named}))
    write_files(out, build_files(compiled))
    assert precious.exists()
    assert (out / "kept.txt").exists()


@pytest.mark.parametrize("former", ["", "{", "[]", '{"files": 3}', '{"files": null}'])
def test_a_broken_former_manifest_is_replaced(compiled: Compiled, tmp_path: Path, former: str) -> None:
    (tmp_path / "manifest.json").write_text(former)
    files = dict(build_files(compiled))
    write_files(tmp_path, files)
    assert json.loads((tmp_path / "manifest.json").read_text())["schema"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_an_error_of_the_environment(compiled: Compiled, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FeatcError) as failed:
        write_files(tmp_path / "out", build_files(compiled))
    assert (failed.value.code, failed.value.exit_code) == ("F910", 4)


def test_no_file_shows_a_secret_of_the_target(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data" / "orders.csv").rename(project / "data" / "hunter2-orders.csv")
    monkeypatch.setenv("FEATC_SECRET_PART", "hunter2")
    (project / "featc.yaml").write_text(
        "version: 1\nproject: tiny\ndefault_target: dev\n"
        "targets:\n  dev:\n    dialect: duckdb\n    sources:\n"
        "      orders: {path: \"data/{{ env_var('FEATC_SECRET_PART') }}-orders.csv\"}\n"
    )
    for path, text in build_files(compile_project(project)).items():
        assert "hunter2" not in text, path
