"""Settings all tests share, and the account of processes that tests killed."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

import pytest

# CI plays the same examples every time; at a desk each run tries new ones, and keeps what it finds
if os.environ.get("CI"):
    from hypothesis import settings

    settings.register_profile("ci", derandomize=True, deadline=None)
    settings.load_profile("ci")

# Trees of queries are many objects without cycles: by its own measure the collector looks through them, and through
# thousands of collected tests, again and again, for a sixth of all time
gc.set_threshold(50_000, 20, 100)

# Tests start a thousand processes: where the machine keeps Python from storing what it compiled, each would compile all
# of featc again, a second of work
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SIGKILL = "SIGKILL"
_KILLED: list[tuple[str, str]] = []
"""(command, phase) of every kill that hit, whichever process ran the test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-seeds", action="store_true", help="hunt the mutants from the first seed on; keep where each is killed"
    )


@pytest.fixture
def sigkill(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Records that a process running this command was killed in this phase; see `kills.py`."""
    return lambda command, phase: record_property(SIGKILL, (command, phase))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for name, value in report.user_properties:
            if name == SIGKILL:
                command, phase = value  # type: ignore[misc]
                _KILLED.append((command, phase))


def _unkilled(config: pytest.Config) -> list[str]:
    """What the kills of a run that played every slow test do not show; nothing for a run of some tests."""
    from kills import counted, missing

    some = any(config.getoption(name, None) for name in ("keyword", "deselect", "lf", "collectonly"))
    slow = config.getoption("markexpr") in ("", "slow", "slow and not all_cores")
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and slow and not some
    return missing(counted(_KILLED)) if whole else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    is_worker = hasattr(session.config, "workerinput")
    if not is_worker and session.exitstatus == pytest.ExitCode.OK and _unkilled(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    from kills import counted, table

    if _KILLED:
        terminalreporter.write_line("")
        for line in table(counted(_KILLED)):
            terminalreporter.write_line(line)
    for problem in _unkilled(config):
        terminalreporter.write_line(f"kills: {problem}", red=True)
