"""Audit: what a project that means something should not do all the same.

Reads the definitions and the resolved project, and gives findings: policies that are broken, deprecated definitions and
their users, and ways by which the future may come into a feature. No finding changes a value or a version.
"""

from __future__ import annotations

from featc.audit.deprecations import overdue, report_deprecated
from featc.audit.leakage import warn_of_leaks
from featc.audit.policies import check_policies
from featc.errors import Diagnostic, Findings
from featc.load.model import Definitions
from featc.resolve.model import Project


def audit(definitions: Definitions, project: Project) -> tuple[Diagnostic, ...]:
    """The errors and warnings of a project that was resolved without errors, as a reader goes through the files."""
    findings = Findings()
    check_policies(definitions.policies, project, findings)
    report_deprecated(definitions, project, findings)
    warn_of_leaks(definitions, project, findings)
    return tuple(sorted(findings.items, key=_place))


def _place(finding: Diagnostic) -> tuple[str, int, int, str]:
    span = finding.span
    return (span.file, span.line, span.column, finding.code) if span else ("", 0, 0, finding.code)


__all__ = ["audit", "overdue"]
