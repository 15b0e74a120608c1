"""A real browser for tests of pages: the system's chromium, with no profile, no network of its own, and no download."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1500,900",
)  # fmt: skip


class Browser:
    """A page in chromium: `keys` and `click` as a person would, `run` asks its JavaScript."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path, fragment: str = "") -> None:
        """Opens a page afresh, and waits until it is ready."""
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + fragment)
        self.wait(lambda: self.run("return performance.getEntriesByName('featc ready').length") == 1)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        """Types at whatever has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        """Clicks on the middle of what a selector names, and so on what lies there."""
        from selenium.webdriver import ActionChains

        found = self.driver.find_element("css selector", selector)
        ActionChains(self.driver).move_to_element(found).click().perform()

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def wait(self, holds: Callable[[], object], seconds: float = 10) -> None:
        """Waits until something holds; an AssertionError where it never does."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, "it never came to be"
            time.sleep(0.02)

    def console(self) -> list[str]:
        """What the page's console was told since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        sent = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A new browser with an empty profile, closed at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    os.environ |= {"SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}  # both paths are given: nothing is to be found
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for option in (*OPTIONS, f"--user-data-dir={profile}", "about:blank"):
            options.add_argument(option)
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
