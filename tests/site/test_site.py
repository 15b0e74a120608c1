"""`featc docs`: pages that hold together, say what is known, carry hostile words harmlessly, and appear as a whole."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest
from click.testing import CliRunner, Result

from featc.cli.app import cli
from featc.errors import FeatcError
from featc.fingerprint import Layers
from featc.runtime import catalogue
from featc.runtime.store import FeatureStore
from featc.site import write_site

EVIL = "</script><img src=x onerror=alert(1)> \"quoted\" & 'single' ${7*7}"
WIDE = "".join(f"      n{i}: count(*) filter (where amount > {i})\n" for i in range(60))

DEFINITIONS = f"""
entities: {{user: user_id}}
sources:
  orders:
    description: {json.dumps(EVIL)}
    path: orders.csv
    time: ordered_at
    delay: 5m
    let: {{paid: status = 'paid'}}
    columns: {{user_id: bigint, amount: {{type: bigint, tags: [money]}}, status: text, ordered_at: timestamp}}
  plans:
    kind: state
    key: user_id
    path: plans.csv
    time: changed_at
    columns: {{user_id: bigint, plan: text, changed_at: timestamp}}
  app_orders:
    path: orders.csv
    time: ordered_at
    columns: {{user_id: bigint, amount: bigint, status: text, ordered_at: timestamp}}
  all_orders: {{union: [orders, app_orders]}}
  answered:
    from: orders
    match: {{next: {{source: app_orders, keys: {{user_id: user_id}}, within: 1d}}}}
feature_views:
  user_orders:
    description: {json.dumps(EVIL)}
    owner: {json.dumps('a <b> "o" & c')}
    entity: user
    source: orders
    windows: [1d, 7d]
    features:
      paid: count(*) filter (where paid)
      spend: {{sql: sum(amount), default: 0, tags: [{json.dumps('<i>t</i>')}], description: {json.dumps(EVIL + '!')}}}
      evil_7d: count(*) filter (where status = '</script>"&<!--') over last_7d
      old: {{sql: count(*) over lifetime, deprecated: {{since: 2026-01-01, use: user_orders.spend_7d}}}}
    labels:
      comes_back: count(*) over next_7d > 0
  user_plan: {{entity: user, source: plans, ttl: 30d, features: [plan]}}
  joined: {{entity: user, source: orders, join: {{plans: {{}}}}, features: {{p: last(plans.plan) over lifetime}}}}
  united: {{entity: user, source: all_orders, features: {{n: count(*) over last_7d}}}}
  followed: {{entity: user, source: answered, features: {{n: count(*) over last_7d}}}}
  wide:
    entity: user
    source: orders
    windows: [1d, 7d]
    features:
{WIDE}
  basket:
    request: {{value: bigint}}
    features: {{vs: "request.value / nullif(user_orders.spend_7d, 0)"}}
feature_services:
  checkout:
    description: Asked at the till.
    request: {{other: bigint}}
    features: [user_orders, basket, again: {{view: user_plan, keys: {{user_id: request.other}}}}]
    labels: [user_orders.comes_back]
    derived: {{twice: user_orders.spend_7d * 2}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    (root / "features").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: shop\n")
    (root / "features" / "all.yaml").write_text(DEFINITIONS)
    rows = "".join(f"{n % 5},{n},{'paid' if n % 3 else 'new'},2026-01-{n % 28 + 1:02} 10:00:00\n" for n in range(60))
    (root / "orders.csv").write_text(f"user_id,amount,status,ordered_at\n{rows}")
    (root / "plans.csv").write_text("user_id,plan,changed_at\n1,<pro>,2026-01-01 00:00:00\n")
    return root


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--project", str(root)])


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    result = run(project, "docs", "-q", "--statistics")
    assert result.exit_code == 0, result.output
    return project / "target" / "docs"


PLAIN = frozenset(
    {
        "html", "head", "meta", "title", "link", "script", "body", "a", "header", "b", "span", "div", "input",
        "kbd", "nav", "button", "main", "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "section", "article",
        "aside", "table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "figure",
        "figcaption", "pre", "code", "small", "details", "summary", "time", "noscript", "br",
    }
)  # fmt: skip


class Page(HTMLParser):
    """Checks that elements close in order, and collects ids, links, loaded things, and the text."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(found)
        if tag not in self.VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))
        if tag in ("script", "link"):
            self.loaded.append(str(found.get("src") or found.get("href")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def pages(folder: Path) -> dict[Path, Page]:
    """The site's own pages; that of the lineage is one file with scripts of its own (tests/lineage)."""
    listed = [path for path in sorted(folder.rglob("*.html")) if path.name != "lineage.html"]
    return {path: Page(path.read_text(encoding="utf-8")) for path in listed}


def words(folder: Path, path: str) -> str:
    return " ".join(Page((folder / path).read_text(encoding="utf-8")).words)


# ── whole ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_link_of_every_page_leads_to_a_place_that_exists(site: Path) -> None:
    found = pages(site)
    for path, page in found.items():
        assert len(page.ids) == len(set(page.ids)), path
        for link in page.links:
            target, _, anchor = link.partition("#")
            other = (path.parent / unquote(target.partition("?")[0])).resolve() if target.partition("?")[0] else path
            assert other.exists(), (path, link)
            if other.name == "lineage.html":
                assert not anchor or "=" in anchor, link  # which node it opens at
                continue
            assert not anchor or unquote(anchor) in found[other].ids, (path, link)


def test_the_search_index_leads_to_places_that_exist(site: Path) -> None:
    found = pages(site)
    entries = json.loads((site / "search.js").read_text().removeprefix("window.featcSearch=").rstrip().rstrip(";"))
    assert {e[0] for e in entries} == {"feature", "label", "view", "service", "source"}
    for entry in entries:
        target, _, anchor = entry[7].partition("#")
        assert not anchor or unquote(anchor) in found[site / unquote(target)].ids, entry
    names = {e[1] for e in entries if e[0] == "feature"}
    assert {"user_orders.paid_7d", "basket.vs", "wide.n59_7d"} <= names


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path, page in pages(site).items():
        assert all((path.parent / name).exists() for name in page.loaded), page.loaded
    text = "".join((site / name).read_text() for name in ("site.css", "site.js"))
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(" not in text


def test_the_same_project_gives_the_same_bytes(project: Path, site: Path, tmp_path: Path) -> None:
    assert run(project, "docs", "-q", "--statistics", "--out", str(tmp_path / "again")).exit_code == 0
    for path in (p for p in site.rglob("*") if p.is_file()):
        assert (tmp_path / "again" / path.relative_to(site)).read_bytes() == path.read_bytes(), path


def test_no_template_shows_pythons_own(site: Path) -> None:
    for path in pages(site):
        assert not re.search(r"built-in method|object at 0x|Undefined|\bNone\b", path.read_text()), path


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feature_has_its_meaning_definition_place_version_lineage_and_sql(site: Path) -> None:
    text = words(site, "views/user_orders.html")
    assert "count of paid orders in the 7 days before the request ; as known at the request (5 minutes delay)" in text
    assert "features/all.yaml:36" in text
    assert "paid: count(*) filter (where paid)" in text
    assert re.search(r"version v1 [0-9a-f]{12}", text)
    assert "orders.status" in text and "checkout.paid_7d" in text
    assert "deprecated since 2026-01-01: use user_orders.spend_7d" in text
    assert "comes_back BOOLEAN label" in text
    sql = words(site, "sql/user_orders.html")
    assert "Training query of feature view user_orders" in sql
    assert "Online plan of feature view user_orders" in sql


def test_a_service_lists_what_it_gives_with_meanings(site: Path) -> None:
    text = words(site, "services/checkout.html")
    assert "keys user_id BIGINT" in text
    assert "for user_id = request.other" in text
    assert "user_orders.spend_7d times 2" in text
    assert "featc get checkout --key user_id=… --request other=… --request value=…" in text
    assert "1 label, in training sets only" in text


def test_a_source_says_what_reads_each_column(site: Path) -> None:
    text = words(site, "sources/orders.html")
    assert "known 5m after it happened" in text
    assert "let paid status = 'paid'" in text
    assert "orders" in words(site, "sources/all_orders.html")
    assert "with what follows them in" in words(site, "sources/answered.html")


def test_statistics_are_those_of_the_values(site: Path) -> None:
    """Each of five users has 12 orders, all of them ever before."""
    page = (site / "views" / "user_orders.html").read_text()
    old = words(site, "views/user_orders.html").split("old BIGINT")[1].split("SQL of both plans")[0]
    assert "NULL zero ≈ distinct min ≈ 5 % ≈ median ≈ 95 % max mean sd 5 0.0% 0.0% 1 12 12 12 12 12 12 0" in old, old
    assert "Most frequent values" in page
    assert "<pro>" in words(site, "views/user_plan.html")


def test_without_statistics_no_data_is_read(project: Path, tmp_path: Path) -> None:
    assert run(project, "docs", "-q", "--out", str(tmp_path / "plain")).exit_code == 0
    assert "Most frequent values" not in (tmp_path / "plain" / "views" / "user_orders.html").read_text()


def test_a_wide_view_has_a_page_for_each_hundred_features(site: Path) -> None:
    first = Page((site / "views" / "wide.html").read_text())
    assert {"n0_1d", "n59_7d"} <= set(first.ids)
    assert "n0_1d … n49_7d" in words(site, "views/wide.html")
    assert "Features, page 2 of 2" in words(site, "views/wide.2.html")
    assert "n59_7d" in Page((site / "views" / "wide.2.html").read_text()).ids


def test_the_certificate_says_what_is_proven_and_a_changed_definition_is_not(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target", ".featc"))
    store = FeatureStore(copy)
    layers, features = Layers(store.project), {}
    for name in ("paid_7d", "spend_7d"):
        features[f"user_orders.{name}"] = {
            "fingerprint": layers.feature("user_orders", name), "status": "proven", "compared": 1240,
            "substantive": 310, "substantive_on_own_rows": 77,
        }  # fmt: skip
    body = {"training": {"version": duckdb.__version__}, "online": {"version": sqlite3.sqlite_version}}
    (copy / "target").mkdir()
    (copy / "target" / "certificate.json").write_text(json.dumps({**body, "features": features, "exit_code": 0}))
    assert run(copy, "docs", "-q").exit_code == 0
    text = words(copy / "target" / "docs", "views/user_orders.html")
    assert "paid_7d BIGINT proven" in text
    assert "1,240 values compared, 310 telling, 77 on own rows" in text
    assert "paid_1d BIGINT not proven yet" in text
    definitions = copy / "features" / "all.yaml"
    definitions.write_text(definitions.read_text().replace("paid: status = 'paid'", "paid: status = 'new'"))
    assert run(copy, "docs", "-q").exit_code == 0
    text = words(copy / "target" / "docs", "views/user_orders.html")
    assert "paid_7d BIGINT changed since it was proven" in text
    assert "spend_7d BIGINT proven" in text


def test_freshness_is_that_of_the_online_store(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target", ".featc"))
    assert run(copy, "push", "-q", "orders", str(copy / "orders.csv")).exit_code == 0
    assert run(copy, "docs", "-q").exit_code == 0
    assert "known to 2026-01-28 10:05:00" in words(copy / "target" / "docs", "sources/orders.html")
    assert "nothing pushed yet" in words(copy / "target" / "docs", "sources/plans.html")


def test_the_lineage_is_linked_where_there_is_a_page_of_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, dict[str, object]] = {}

    def page(panels: dict[str, dict[str, object]]) -> str:
        told.update(panels)
        return "<!doctype html><title>lineage</title>"

    monkeypatch.setattr(catalogue, "lineage_page", lambda store: page)
    assert run(project, "docs", "-q", "--out", str(tmp_path / "with")).exit_code == 0
    text = (tmp_path / "with" / "views" / "user_orders.html").read_text()
    assert 'href="../lineage.html#feature=user_orders.paid_7d"' in text
    assert 'href="../lineage.html#label=user_orders.comes_back"' in text
    panel = told["feature:user_orders.paid_7d"]
    assert panel["Catalogue"] == ("user_orders.paid_7d", "views/user_orders.html#paid_7d")
    assert str(panel["Meaning"]).startswith("count of paid orders in the 7 days before the request")
    assert {"view:user_orders", "service:checkout", "source:orders", "label:user_orders.comes_back"} <= set(told)
    assert (tmp_path / "with" / "lineage.html").read_text().startswith("<!doctype html>")


def test_json_says_where_it_lies(project: Path, tmp_path: Path) -> None:
    result = run(project, "docs", "-q", "--format", "json", "--out", str(tmp_path / "j"))
    assert json.loads(result.stdout) == {"out": str(tmp_path / "j"), "files": 28, "features": 131}


# ── hostile words ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_authors_words_never_become_markup(site: Path) -> None:
    for path, page in pages(site).items():
        assert not page.tags & {"img", "i", "u", "iframe", "object"}, path
        assert not any(a.startswith("on") for a in page.attributes), path
        assert page.tags <= PLAIN, path
    text = words(site, "views/user_orders.html")
    assert " ".join(EVIL.split()) in text
    assert "status '</script>\"&<!--'" in text


def test_the_search_index_cannot_end_a_script_or_begin_a_tag(site: Path) -> None:
    text = (site / "search.js").read_text()
    assert not set("<>&") & set(text)
    assert text.isascii()


# ── whole or not at all ───────────────────────────────────────────────────────────────────────────────────────────


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_failure_half_way_leaves_the_old_site_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "docs"
    write_site(out, [("index.html", "old"), ("a/b.html", "old")])
    before = files(out)

    def failing() -> object:
        yield "index.html", "new"
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        write_site(out, failing())  # type: ignore[arg-type]
    assert files(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["docs"]


def test_a_new_site_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "docs"
    write_site(out, [("index.html", "old"), ("views/gone.html", "old")])
    assert write_site(out, [("index.html", "new")]) == 1
    assert (out / "index.html").read_text() == "new"
    assert not (out / "views").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["docs"]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_no_catalogue_is_not_replaced(tmp_path: Path, there: str) -> None:
    out = tmp_path / "mine"
    if there == "file":
        out.write_text("dear")
    else:
        out.mkdir()
        (out / "dear.txt").write_text("dear")
    with pytest.raises(FeatcError) as caught:
        write_site(out, [("index.html", "new")])
    assert caught.value.code == "F860"
    assert caught.value.exit_code == 2
    assert (out if there == "file" else out / "dear.txt").read_text() == "dear"


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FeatcError) as caught:
        write_site(tmp_path / "file" / "docs", [("index.html", "new")])
    assert caught.value.code == "F861"
    assert caught.value.exit_code == 4


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    assert write_site(tmp_path / "docs", [("index.html", "new")]) == 1
