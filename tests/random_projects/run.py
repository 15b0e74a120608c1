"""Many cases at once, in processes of their own; also from a shell: `python -m random_projects.run 0 200`."""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from . import coverage, shrink
from .generate import make_case
from .judge import check

REPORTED = 2
"""Failing cases that are shrunk per chunk; the others are named only, so that a broken build fails fast."""

_CHUNK = 20
"""The most cases that a process is given at once."""

_KNOWING = 5
"""Of so many cases one is also asked what was known at other instants: each such question is a training set more."""

PATIENCE = 300
"""Seconds after which a case has no end: its process says where it is, and ends."""


@contextmanager
def patience() -> Iterator[None]:
    """A process that waits for ever would make its whole suite wait."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@dataclass(slots=True)
class Outcome:
    """What a run found: how many cases and probes were compared, how often each situation, what failed."""

    cases: int = 0
    probes: int = 0
    seconds: float = 0.0
    situations: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Adds a chunk's outcome."""
        self.cases += other.cases
        self.probes += other.probes
        self.seconds += other.seconds
        self.situations += other.situations
        self.failures += other.failures

    def summary(self, floor: int) -> str:
        """The coverage table under a line of totals."""
        head = f"{self.cases} random projects, {self.probes} probes compared, {len(self.failures)} failed"
        return f"{head}, {self.seconds:.0f} s of work\n{coverage.table(self.situations, floor)}"


def run_seeds(seeds: Sequence[int], reports: Path, tries: int = 120, met: Container[str] = ()) -> Outcome:
    """Checks the cases of some seeds; a failing one is shrunk and saved under `reports`. Situations that were `met`
    often enough are not counted further: to count costs as much as to check."""
    outcome, started = Outcome(), time.monotonic()
    for seed in seeds:
        case = make_case(seed)
        if seed % _KNOWING:
            case = case.with_(knowledge=())
        folder = Path(tempfile.mkdtemp(prefix="featc-case-"))
        try:
            with patience():
                found = check(case, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        outcome.cases += 1
        if not found:
            outcome.probes += len(case.probes)
            outcome.situations += coverage.count(case, met)
        elif len(outcome.failures) < REPORTED:
            outcome.failures.append(shrink.report(case, found, reports / f"seed_{seed}", tries=tries))
        else:
            outcome.failures.append(f"{case.label}: {found[0]}")
    outcome.seconds = time.monotonic() - started
    return outcome


def run(
    first: int,
    count: int,
    reports: Path,
    jobs: int = 2,
    tries: int = 120,
    enough: Mapping[str, int] | None = None,
) -> Outcome:
    """Checks `count` seeds from `first` on, in `jobs` processes. Situations that all of them together met often
    `enough` are not counted further."""
    seeds = range(first, first + count)
    size = max(1, min(_CHUNK, -(-count // (jobs * 4))))
    chunks = iter([list(seeds[i : i + size]) for i in range(0, count, size)])
    outcome = Outcome()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        at_work: set[Future[Outcome]] = set()
        while True:
            met = frozenset(s for s, n in (enough or {}).items() if outcome.situations[s] >= n)
            for chunk in islice(chunks, jobs - len(at_work)):
                at_work.add(pool.submit(run_seeds, chunk, reports, tries, met))
            if not at_work:
                return outcome
            done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            for part in done:
                outcome.add(part.result())


def main() -> int:
    """Runs seeds from the shell and prints failures and coverage."""
    parser = argparse.ArgumentParser(prog="python -m random_projects.run")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tries", type=int, default=120, help="runs spent on shrinking a failure")
    parser.add_argument("--reports", type=Path, default=Path(tempfile.gettempdir()) / "featc-random")
    chosen = parser.parse_args()
    outcome = run(chosen.first, chosen.count, chosen.reports, chosen.jobs, chosen.tries)
    print("\n\n".join([*outcome.failures, outcome.summary(floor=chosen.count // 10)]))
    return 3 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
