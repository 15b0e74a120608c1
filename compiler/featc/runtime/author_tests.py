"""`featc test`: the author's tests, through the training plan and the online plan (interfaces.md, "Author
tests").

Each test's rows are all that the sources hold: a source it does not name is empty. The service is asked at
the spine's rows by the training query, and by reads of fresh stores into which the rows came in several
orders and batches. Only the columns listed under `expect` are looked at.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from featc.errors import Diagnostic, FeatcError, Findings, Span, did_you_mean
from featc.load.model import TestDef
from featc.names import is_kept, written
from featc.resolve.model import Output, Project
from featc.runtime.given_files import read_tests
from featc.runtime.given_rows import Cells, cells, typed_rows
from featc.runtime.verify.equal import as_expected, expectation, read, refused
from featc.runtime.verify.history import Probe
from featc.runtime.verify.plans import TrainingPlan, spine_columns
from featc.runtime.verify.report import plain_value
from featc.runtime.verify.routes import ROUTES, Reader
from featc.runtime.verify.rows import Row, micros

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that is not the expected one. `row` counts spine rows from 1; `plan` says which plan gave it,
    and for online how the rows were pushed.
    """

    row: int
    column: str
    expected: Any
    found: Any
    plan: str

    def __str__(self) -> str:
        wanted, given = plain_value(self.expected), plain_value(self.found)
        return f"row {self.row}, {self.column}: expected {wanted}, {self.plan} gives {given}"


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One test: passed where there are neither mismatches nor diagnostics (what is wrong with the test
    itself).
    """

    __test__ = False

    name: str
    span: Span
    mismatches: tuple[Mismatch, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.mismatches and not self.diagnostics

    def text(self) -> str:
        """What went wrong, one line each; empty for a test that passed."""
        lines = [str(m) for m in self.mismatches] + [d.render() for d in self.diagnostics]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TestReport:
    """All outcomes, in the order of files and lines. `exit_code`: 1 for faulty tests, 3 for wrong values,
    else 0.
    """

    __test__ = False

    outcomes: tuple[TestOutcome, ...]

    @property
    def passed(self) -> tuple[TestOutcome, ...]:
        return tuple(o for o in self.outcomes if o.passed)

    @property
    def failed(self) -> tuple[TestOutcome, ...]:
        return tuple(o for o in self.outcomes if not o.passed)

    @property
    def exit_code(self) -> int:
        if any(o.diagnostics for o in self.outcomes):
            return 1
        return 3 if self.failed else 0

    def render(self) -> str:
        """The report as text for people."""
        lines = []
        for o in self.outcomes:
            lines.append(f"{'passed' if o.passed else 'FAILED'}  {o.name}  ({o.span.file}:{o.span.line})")
            lines += [f"    {line}" for line in o.text().splitlines()]
        lines.append(f"{len(self.passed)} passed, {len(self.failed)} failed")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "exit_code": self.exit_code,
            "passed": len(self.passed),
            "failed": len(self.failed),
            "tests": [
                {
                    "name": o.name,
                    "file": o.span.file,
                    "line": o.span.line,
                    "passed": o.passed,
                    "mismatches": [
                        {
                            "row": m.row,
                            "column": m.column,
                            "plan": m.plan,
                            "expected": plain_value(m.expected),
                            "found": plain_value(m.found),
                        }
                        for m in o.mismatches
                    ],
                    "errors": [d.render() for d in o.diagnostics],
                }
                for o in self.outcomes
            ],
        }

    def junit(self) -> str:
        """The report as JUnit XML."""
        faulty = [o for o in self.outcomes if o.diagnostics]
        suite = ElementTree.Element(
            "testsuite",
            name="featc test",
            tests=str(len(self.outcomes)),
            failures=str(len(self.failed) - len(faulty)),
            errors=str(len(faulty)),
        )
        for o in self.outcomes:
            case = ElementTree.SubElement(
                suite, "testcase", name=o.name, classname=o.span.file, file=o.span.file, line=str(o.span.line)
            )
            if not o.passed:
                kind = "error" if o.diagnostics else "failure"
                message = o.text().splitlines()[0]
                ElementTree.SubElement(case, kind, message=message).text = o.text()
        ElementTree.indent(suite)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def run_tests(store: FeatureStore, files: Sequence[str | Path] | None = None) -> TestReport:
    """Runs the project's tests, or those of the YAML `files` (relative to the current folder).

    Raises FeatcError for files that cannot be read as tests (F1xx, F710).
    """
    tests = _chosen(store, files)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="featc-test-") as folder:
        for test in tests:
            try:
                outcomes.append(_outcome(store, test, Path(folder)))
            except FeatcError as error:
                outcomes.append(TestOutcome(test.name, test.span, diagnostics=error.diagnostics))
    return TestReport(tuple(outcomes))


def _chosen(store: FeatureStore, files: Sequence[str | Path] | None) -> list[TestDef]:
    definitions = store.compiled.definitions
    if not files:
        return list(definitions.tests.values())
    found: list[TestDef] = []
    for file in files:
        path = Path(file).absolute()
        shown = Path(os.path.relpath(path, definitions.root)).as_posix()
        known = [t for t in definitions.tests.values() if t.span.file == shown]
        found += known or read_tests(definitions, path, shown)
    return found


# ── one test ────────────────────────────────────────────────────────────────────────────────────────────────


def _outcome(store: FeatureStore, test: TestDef, folder: Path) -> TestOutcome:
    project = store.project
    service = _outputs(store, test)
    rows = _given(store, test)
    expected = _expected(store, test, service)
    listed = dict.fromkeys(name for row in expected for name in row)
    outputs = [o for o in service if o.name in listed]
    probes = _probes(store, test, project, outputs)
    if len(expected) != len(probes):
        message = f"test '{test.name}' expects {len(expected)} rows of a spine of {len(probes)}"
        raise FeatcError(
            Diagnostic("F716", message, test.expect.span, "write one row under expect: for each spine row")
        )
    found: list[Mismatch] = []
    training = TrainingPlan(project, rows)
    try:
        found += _mismatches(expected, training.answers(outputs, probes), outputs, TRAINING)
    finally:
        training.close()
    reader = Reader(project, folder)
    online = [o for o in outputs if o.view not in project.labels]  # labels are in training sets only
    served = [{name: value for name, value in row.items() if any(o.name == name for o in online)} for row in expected]
    for route in ROUTES if online else ():
        answers = reader.answers(rows, route, online, probes)
        known = {(m.row, m.column, str(m.found)) for m in found if m.plan != TRAINING}
        wrong = _mismatches(served, answers, online, f"online (pushed {route})")
        found += [m for m in wrong if (m.row, m.column, str(m.found)) not in known]
    return TestOutcome(test.name, test.span, tuple(found))


def _outputs(store: FeatureStore, test: TestDef) -> tuple[Output, ...]:
    try:
        return store.training_outputs(test.service.value)
    except FeatcError as error:
        told = error.diagnostics[0]
        raise FeatcError(Diagnostic(told.code, told.message, test.service.span, told.hint)) from None


def _mismatches(
    expected: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    outputs: Sequence[Output],
    plan: str,
) -> list[Mismatch]:
    types = {o.name: o.type for o in outputs}
    return [
        Mismatch(number, name, wanted, answer.get(name), plan)
        for number, (row, answer) in enumerate(zip(expected, answers, strict=True), 1)
        for name, wanted in row.items()
        if not as_expected(answer.get(name), wanted, types[name])
    ]


# ── what is given, asked and expected ───────────────────────────────────────────────────────────────────────


def _given(store: FeatureStore, test: TestDef) -> dict[str, list[Row]]:
    """The test's rows by source. Raises FeatcError with all that is wrong about them."""
    findings = Findings()
    project = store.project
    found: dict[str, list[Row]] = {}
    for name, rows in test.given.items():
        source = project.stored.get(name)
        if source is None:
            message = f"there is no source '{name}'"
            hint = did_you_mean(name, [n for n in project.stored if not is_kept(n)])
            parts = _parts(project, name)
            if parts:
                message = f"{name} is made of other sources, and has no rows of its own"
                hint = f"give rows of {', '.join(parts[:-1])} and {parts[-1]}"
            findings.error("F711", message, rows.span, hint)
            continue
        table = cells(store.root, test, rows, name, findings)
        if table is not None:
            found[name] = typed_rows(source, table, findings)
            for variant in (s for n, s in project.stored.items() if is_kept(n) and written(n) == name):
                beside = {c.name for c in source.columns} - {c.name for c in variant.columns}
                own = tuple(c for c in table.columns if c not in beside)
                found[variant.name] = typed_rows(variant, replace(table, columns=own), findings)
    findings.raise_errors()
    return found


def _parts(project: Project, name: str) -> tuple[str, ...]:
    """The sources that a source is made of, which has no rows of its own."""
    made = project.attributed.get(name)
    if made is not None:
        return (made.base, *made.matched)
    return tuple(m.source.name for m in project.sources[name].members) if name in project.sources else ()


def _probes(store: FeatureStore, test: TestDef, project: Project, outputs: Sequence[Output]) -> list[Probe]:
    findings = Findings()
    table = cells(store.root, test, test.spine, "spine", findings)
    keys, request = spine_columns(project, outputs)
    probes: list[Probe] = []
    if table is not None:
        missing = [c for c in (*keys, *request, "as_of") if c not in table.columns]
        for column in missing:
            findings.error(
                "F712", f"the spine has no column '{column}'", table.span, did_you_mean(column, table.columns)
            )
        types = {**keys, **request, "as_of": "TIMESTAMP"}
        for number in range(0 if missing else len(table)):
            values = {c: _value(table, number, c, t, findings) for c, t in types.items()}
            if values["as_of"] is None:
                findings.error("F713", f"spine row {number + 1} has no as_of", table.span_of(number, "as_of"))
                continue
            asked = {r: values[r] for r in request}
            probes.append(Probe({k: values[k] for k in keys}, micros(values["as_of"]), asked))
    findings.raise_errors()
    return probes


def _value(table: Cells, number: int, column: str, type_: str, findings: Findings) -> Any:
    text = table.text(number, column)
    if text is None:
        return None
    try:
        return read(text, type_)
    except (ValueError, ArithmeticError) as error:
        message = f"{table.name} row {number + 1}, {column}: {refused(text, type_, error)}"
        findings.error("F714", message, table.span_of(number, column))
        return None


def _expected(store: FeatureStore, test: TestDef, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    findings = Findings()
    table = cells(store.root, test, test.expect, "expect", findings)
    types = {o.name: o.type for o in outputs}
    found: list[dict[str, Any]] = []
    for number in range(len(table) if table is not None else 0):
        assert table is not None
        row: dict[str, Any] = {}
        for column in table.listed(number):
            span = table.span_of(number, column)
            if column not in types:
                message = f"'{test.service.value}' has no output '{column}'"
                findings.error("F715", message, table.name_of(number, column), did_you_mean(column, types))
                continue
            text = table.text(number, column)
            try:
                row[column] = None if text is None else expectation(text, types[column])
            except (ValueError, ArithmeticError) as error:
                message = f"expect row {number + 1}, {column}: {refused(text or '', types[column], error)}"
                findings.error("F714", message, span)
        found.append(row)
    findings.raise_errors()
    return found


__all__ = ["Mismatch", "TestOutcome", "TestReport", "run_tests"]
