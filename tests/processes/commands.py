"""Starting featc, and this folder's own programs, as processes that share nothing with the test but files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FEATC = (sys.executable, "-c", "import sys; from featc.cli import main; sys.exit(main())")
TOO_LONG = 120.0
"""Seconds after which a process counts as hanging."""


def environment() -> dict[str, str]:
    """This process's environment, with the working tree's packages first."""
    roots = (TESTS.parent / "compiler", TESTS.parent / "dialects", TESTS)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))}


def featc(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One run of the command line."""
    return subprocess.run(
        (*FEATC, *map(str, arguments)), capture_output=True, text=True, encoding="utf-8", env=environment(), cwd=cwd,
        check=False, timeout=TOO_LONG,
    )  # fmt: skip


def starting(module: str, *arguments: str | Path | float) -> subprocess.Popen[str]:
    """Starts `python -m processes.<module>`, its stdout a pipe of lines."""
    command = (sys.executable, "-u", "-m", f"processes.{module}", *map(str, arguments))
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment()
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a process left behind, for the message of a failed assertion."""
    return f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"


def fails_plainly(done: subprocess.CompletedProcess[str], code: int, finding: str) -> bool:
    """Whether a run ended with this exit code and one coded error: no traceback, no `bug in featc`."""
    plain = "Traceback" not in done.stderr and "F999" not in done.stderr
    return done.returncode == code and done.stderr.startswith(f"error {finding}") and plain
