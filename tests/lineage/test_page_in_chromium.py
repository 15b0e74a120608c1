"""The lineage page in a real browser: search, focus, keys, folding, columns, dark mode, addresses; and no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import CHROMIUM, DRIVER, Browser, chromium
from featc.lineage.page import page_html
from featc.lineage.page.queries import page_queries
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from tiny_project import write_project

pytest.importorskip("selenium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="chromium and chromedriver are not installed"),
]

MORE = """\
feature_views:
  user_habits:
    description: Habits, told by the <b>clock</b>.
    owner: lifecycle
    entity: user
    source: orders
    windows: [1d, 7d, 30d]
    features:
      rhythm: {sql: count(*), tags: [cadence]}
      largest: max(amount)
      smallest: min(amount)
      old_rate:
        sql: smallest / nullif(largest, 0)
        deprecated: {since: 2026-01-01, use: user_habits.largest_7d}
feature_services:
  weekly: {owner: growth, features: [user_habits]}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = write_project(tmp_path_factory.mktemp("page") / "tiny")
    (root / "features" / "habits.yaml").write_text(MORE)
    return compile_project(root).project


@pytest.fixture(scope="module")
def page(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    extra = {"user_orders.spend_7d": {"Verified": "equal on 12,000 rows", "In words": ("the catalogue", "docs.html")}}
    path = tmp_path_factory.mktemp("pages") / "lineage.html"
    path.write_text(page_html(project, facts=extra, queries=page_queries(project)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser, page: Path) -> Iterator[Browser]:
    """The page, opened afresh. After each test: nothing was asked of any network, and the console is empty."""
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    opened.open(page)
    opened.run("localStorage.clear()")
    opened.requests()  # a new browser's own page is forgotten, too
    opened.open(page)
    yield opened
    assert opened.console() == []
    asked = {url.partition("#")[0] for url in opened.requests()}
    assert {url for url in asked if not url.startswith("data:")} == {page.as_uri()}


def shown(browser: Browser) -> set[str]:
    """The names of the nodes in the picture."""
    return set(browser.run("return [...document.querySelectorAll('.node')].map((n) => n.dataset.name)"))


def focus(browser: Browser) -> str:
    return str(browser.run("return document.querySelector('.node.focus')?.dataset.name ?? ''"))


def at(browser: Browser) -> str:
    return str(browser.run("return document.querySelector('.node.at')?.dataset.name ?? ''"))


def found(browser: Browser) -> list[str]:
    return list(browser.run("return [...document.querySelectorAll('#list .item')].map((n) => n.dataset.name)"))


FOLDED = {"orders", "request", "user_orders", "user_habits", "basket", "checkout", "small", "weekly"}


def test_it_begins_folded_with_the_search_ready(browser: Browser) -> None:
    assert shown(browser) == FOLDED
    assert browser.run("return document.activeElement.id") == "search"
    assert set(found(browser)) == FOLDED
    assert browser.run("return document.querySelector('#panel').hidden")


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("spend_7d", "user_orders.spend_7d"),
        ("user_orders.last_st", "user_orders.last_status"),
        ("money", "user_orders.spend_1d"),
        ("tag:cadence", "user_habits.rhythm_1d"),
        ("owner:lifecycle rhythm", "user_habits.rhythm_1d"),
        ("clock", "user_habits"),
        ("HABITS largest 30", "user_habits.largest_30d"),
        ("kind:column loaded", "orders.loaded_at"),
    ],
)
def test_search_finds_by_name_tag_owner_and_words(browser: Browser, words: str, first: str) -> None:
    browser.keys(words)
    assert found(browser)[0] == first


def test_search_and_enter_goes_there(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.keys("spend", Keys.ARROW_DOWN)
    second = found(browser)[1]
    browser.keys(Keys.ENTER)
    browser.wait(lambda: focus(browser) == second)
    assert browser.driver.current_url.endswith(f"#feature={second}")
    assert browser.run("return document.activeElement.id") == "graph"


def test_search_that_finds_nothing_says_what_to_do(browser: Browser) -> None:
    browser.keys("nosuchthing")
    assert "Nothing is called “nosuchthing”" in browser.text("#list")
    assert "tag:" in browser.text("#list")


def test_every_node_is_found_by_its_name(browser: Browser) -> None:
    lost = "return featcLineage.nodes().filter((n) => !featcLineage.find(n.split(':').slice(1).join(':')).includes(n))"
    assert browser.run(lost) == []
    assert browser.run("return featcLineage.nodes().length") > 40


def test_a_click_goes_to_a_node_and_shows_its_neighbours(browser: Browser) -> None:
    browser.click(".node[data-name=basket]")
    browser.wait(lambda: focus(browser) == "basket")
    assert shown(browser) == {"basket", "user_orders", "request", "orders", "checkout"}
    assert browser.text("#panel h2") == "basket"


def test_the_panel_says_all_that_is_known(browser: Browser, page: Path) -> None:
    browser.open(page, "#feature=user_orders.spend_7d")
    panel = browser.text("#panel")
    for words in (
        "sum(amount)", "DECIMAL(38,2)", "growth", "money", "v1 · ", "last_7d", "What a user buys.",
        "orders.amount", "basket.share", "small.recent", "Verified\nequal on 12,000 rows",
        "Training query of user_orders",
    ):  # fmt: skip
        assert words in panel
    assert browser.run("return document.querySelector('#panel a').getAttribute('href')") == "docs.html"
    browser.open(page, "#feature=user_habits.old_rate_7d")
    panel = browser.text("#panel")
    assert "Deprecated\nsince 2026-01-01, use user_habits.largest_7d instead" in panel
    assert "Habits, told by the <b>clock</b>." in panel
    assert "Verified" not in panel


@pytest.mark.parametrize(
    ("fragment", "name"),
    [
        ("#feature=basket.share", "basket.share"),
        ("#view=user_habits", "user_habits"),
        ("#source=orders", "orders"),
        ("#column=orders.amount", "orders.amount"),
        ("#service=weekly", "weekly"),
        ("#output=small.recent", "small.recent"),
        ("#feature=basket%2Eshare", "basket.share"),
    ],
)
def test_an_address_opens_at_a_node(browser: Browser, page: Path, fragment: str, name: str) -> None:
    browser.open(page, fragment)
    assert focus(browser) == name


def test_an_address_of_nothing_searches_for_it(browser: Browser, page: Path) -> None:
    browser.open(page, "#feature=user_orders.gone")
    assert focus(browser) == ""
    assert "Nothing is called “user_orders.gone”" in browser.text("#list")


def test_back_goes_back(browser: Browser, page: Path) -> None:
    browser.open(page, "#view=basket")
    browser.click(".node[data-name=user_orders]")
    browser.wait(lambda: focus(browser) == "user_orders")
    browser.driver.back()
    browser.wait(lambda: focus(browser) == "basket")


def test_steps_grow_and_shrink(browser: Browser, page: Path) -> None:
    browser.open(page, "#output=checkout.share")
    assert shown(browser) == {"checkout.share", "basket.share", "user_orders.spend_7d", "request"}
    browser.keys("+")
    assert "orders" in shown(browser)
    browser.keys("-", "-")
    assert shown(browser) == {"checkout.share", "basket.share"}


def test_arrows_enter_and_escape_walk(browser: Browser, page: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "#feature=basket.share")
    assert at(browser) == "basket.share"
    browser.keys(Keys.ARROW_RIGHT)
    assert at(browser) == "checkout.share"
    assert browser.text("#panel h2") == "share"
    browser.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert at(browser) in ("user_orders.spend_7d", "request")
    reached = at(browser)
    browser.keys(Keys.ENTER)
    browser.wait(lambda: focus(browser) == reached)
    browser.keys("/")
    assert browser.run("return document.activeElement.id") == "search"
    browser.keys(Keys.ESCAPE, Keys.ESCAPE)
    browser.wait(lambda: focus(browser) == "" and shown(browser) == FOLDED)


def test_keys_are_explained(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.keys(Keys.ESCAPE, "?")
    assert "more or fewer steps" in browser.text("#keys")
    browser.keys(Keys.ESCAPE)
    assert browser.run("return document.querySelector('#keys').hidden")


def test_a_view_unfolds_and_folds(browser: Browser) -> None:
    browser.click(".node[data-name=user_orders] .unfold")
    browser.wait(lambda: "user_orders.spend_7d" in shown(browser))
    assert "user_orders" not in shown(browser)
    assert "user_habits" in shown(browser)


def test_the_key_u_unfolds_and_folds(browser: Browser, page: Path) -> None:
    browser.open(page, "#view=basket")
    browser.keys("u")
    browser.wait(lambda: "basket.share" in shown(browser))
    browser.keys("u")
    browser.wait(lambda: "basket.share" not in shown(browser))
    assert "basket" in shown(browser)


def test_features_fold_by_source_and_tag(browser: Browser) -> None:
    from selenium.webdriver.support.select import Select

    fold = Select(browser.driver.find_element("id", "fold"))
    fold.select_by_value("source")
    assert shown(browser) == {
        "orders", "request", "over orders", "from other features", "checkout", "small", "weekly",
    }  # fmt: skip
    fold.select_by_value("tag")
    assert {"money", "cadence", "no tag"} <= shown(browser)
    browser.click(".node[data-name=money]")
    browser.wait(lambda: focus(browser) == "money")
    assert "user_orders.spend_1d" in browser.text("#panel")
    fold.select_by_value("view")
    browser.wait(lambda: shown(browser) == FOLDED)


def test_columns_come_on_demand(browser: Browser, page: Path) -> None:
    browser.open(page, "#feature=user_orders.spend_7d")
    assert "orders.amount" not in shown(browser)
    browser.keys("c")
    assert {"orders.amount", "orders.status", "orders.ordered_at"} <= shown(browser)
    assert "orders" not in shown(browser)
    browser.click("#columns")
    assert "orders.amount" not in shown(browser)


def test_kinds_of_edges_can_be_left_out(browser: Browser, page: Path) -> None:
    browser.open(page, "#feature=user_orders.spend_7d")
    browser.keys("c")
    for kind in (2, 3, 4, 5):
        browser.click(f"#legend button:nth-child({kind})")
    assert {n for n in shown(browser) if n.startswith("orders.")} == {"orders.amount"}


def ground(browser: Browser) -> int:
    """How bright the page is, 0 to 255."""
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0])


def test_it_is_light_and_dark_as_the_system_and_as_chosen(browser: Browser, page: Path) -> None:
    assert ground(browser) > 200
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    browser.open(page)
    assert ground(browser) < 60
    browser.click("#theme")
    assert ground(browser) > 200
    browser.open(page)
    assert ground(browser) > 200  # it is remembered


def test_words_of_authors_are_never_markup(browser: Browser, page: Path) -> None:
    browser.open(page, "#view=user_habits")
    assert browser.run("return document.querySelectorAll('b').length - document.querySelectorAll('#bar b').length") == 0
