"""Ads with their clicks, as a whole project: it builds, its plans agree, and it answers."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.runtime.store import FeatureStore
from leakage.futures import futures_of

HERE = Path(__file__).parent / "ads"
TABLES = """
CREATE SCHEMA ads;
CREATE TABLE ads.impressions AS
    SELECT n AS impression_id, n % 7 AS ad_id, n % 20 AS user_id,
        TIMESTAMP '2026-03-01' + to_minutes(11 * n) AS shown_at
    FROM range(1500) r(n);
CREATE TABLE ads.clicks AS
    SELECT impression_id AS click_id, impression_id, user_id, ad_id % 3 AS campaign_id,
        shown_at + to_seconds(37 * (impression_id % 60)) AS clicked_at
    FROM ads.impressions WHERE impression_id % 3 <> 0;
CREATE TABLE ads.conversions AS
    SELECT click_id AS conversion_id, user_id, 5.0 * (click_id % 4) AS value,
        clicked_at + INTERVAL 2 HOUR AS converted_at
    FROM ads.clicks WHERE click_id % 2 = 0;
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ads") / "ads"
    shutil.copytree(HERE, folder)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(TABLES)
    return folder


def featc(project: Path, *arguments: str) -> str:
    found = CliRunner().invoke(cli, [*arguments, "--project", str(project)])
    assert found.exit_code == 0, found.output
    return found.output


def test_it_builds(project: Path) -> None:
    assert "ads: " in featc(project, "build")


@pytest.mark.slow
def test_its_plans_agree(project: Path) -> None:
    assert "proven equal" in featc(project, "verify", "--select", "pctr")


@pytest.mark.slow
def test_no_feature_knows_the_future(project: Path, tmp_path: Path) -> None:
    """What the proof of the SQL does not follow is shown of values, in both plans."""
    with closing(FeatureStore(project)) as store:
        found = list(futures_of(store, 1500, 2, tmp_path))
    assert not [text for one in found for text in one.wrong[:5]]
    moved = frozenset().union(*(one.moved for one in found))
    assert "ad_ctr.clicks_1d" in moved, "what was known does matter"


def test_it_answers_as_its_training_set_does(project: Path) -> None:
    featc(project, "materialize")
    keys = ("--key", "ad_id=3", "--key", "campaign_id=1")
    shown = featc(project, "get", "pctr", *keys, "--at", "2026-03-05T12:00:00")
    answer = dict(line.split() for line in shown.splitlines() if line.startswith("  "))
    assert (answer["impr_1d"], answer["clicks_1d"]) == (shown_and_clicked := by_hand(project))
    assert answer["ctr_1d"].startswith(str(int(shown_and_clicked[1]) / int(shown_and_clicked[0]))[:8])


def by_hand(project: Path) -> tuple[str, str]:
    """Impressions of ad 3 in the day up to noon of 5 March that had their half hour, and those clicked in it."""
    sql = """
        SELECT count(*), count(*) FILTER (WHERE EXISTS (
            FROM ads.clicks c WHERE c.impression_id = i.impression_id
                AND c.clicked_at >= i.shown_at AND c.clicked_at < i.shown_at + INTERVAL 30 MINUTE))
        FROM ads.impressions i
        WHERE ad_id = 3 AND shown_at >= TIMESTAMP '2026-03-04 12:00' AND shown_at < TIMESTAMP '2026-03-05 11:30'
    """
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(sql).fetchone()
    assert found is not None
    return str(found[0]), str(found[1])


def test_an_ad_is_known_from_its_first_mature_impression_on(project: Path) -> None:
    asked = ("--start", "2026-03-01T00:29:00", "--end", "2026-03-01T00:32:00", "--every", "1m")
    shown = featc(project, "dataset", "--features", "ad_ctr.impr_1d", *asked)
    assert [line.split()[:4] for line in shown.splitlines()[2:]] == [["0", "2026-03-01", "00:31:00", "1"]]


@pytest.mark.parametrize("view", ["ad_ctr", "last_touch"])
def test_the_newest_entities_are_shown(project: Path, view: str) -> None:
    first = featc(project, "show", view).splitlines()[2].split()
    assert first[1] == "2026-03-12"


def test_what_comes_from_it_can_be_selected(project: Path) -> None:
    assert "ad_ctr.clicks_1h" in featc(project, "ls", "source:attributed")
