"""Diagnostics: what is wrong, where the author wrote it, why, and the way out.

Every error a user can meet is a `Diagnostic`. A run collects as many as it can and raises them together in one
`FeatcError`; the command line renders them and chooses the exit code. Nothing in the package prints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from featc.secrets import mask

_WIDEST = 160
"""Characters of an author's line that are shown."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in an author's file: 1-based line and column, a length in characters, and the whole line's text."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is stable (`featc help CODE` explains it); `hint` is the way out, in the imperative."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: Severity = "error"

    def render(self) -> str:
        """The finding as text: place and code, the author's line with a caret under the fault, the way out."""
        where = f"{self.span}: " if self.span else ""
        lines = [f"{where}{self.severity} {self.code}: {self.message}"]
        if self.span and self.span.text:
            number = str(self.span.line)
            gutter = " " * len(number)
            text, before = self.span.text, self.span.column - 1
            if len(text) > _WIDEST:  # a line of a generated file: what is around the fault
                start = max(0, min(before - _WIDEST // 3, len(text) - _WIDEST))
                text, before = "…" * (start > 0) + text[start : start + _WIDEST] + "…", before - start + (start > 0)
            pad = "".join("\t" if c == "\t" else " " for c in text[:before])
            room = max(1, len(text) - before)
            lines += [
                f" {number} | {text}",
                f" {gutter} | {pad}{'^' * max(1, min(self.span.length, room))}",
            ]
        if self.hint:
            lines.append(f"   = {self.hint}")
        return "\n".join(lines)


class FeatcError(Exception):
    """One or more errors of one run. `.code`, `.file` and `.line` are those of the first.

    `exit_code` follows the command line's contract: 1 the user's project or data, 2 usage, 3 differences found,
    4 environment (safe to retry).
    """

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic], *, exit_code: int = 1) -> None:
        given = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        # a driver's message may hold what a target brought in as a secret
        found = tuple(replace(d, message=mask(d.message), hint=mask(d.hint) if d.hint else d.hint) for d in given)
        if not found:
            raise ValueError("a FeatcError needs at least one diagnostic")
        self.diagnostics: tuple[Diagnostic, ...] = found
        self.exit_code = exit_code
        super().__init__("\n\n".join(d.render() for d in found))

    @property
    def code(self) -> str:
        return self.diagnostics[0].code

    @property
    def file(self) -> str | None:
        span = self.diagnostics[0].span
        return span.file if span else None

    @property
    def line(self) -> int | None:
        span = self.diagnostics[0].span
        return span.line if span else None


@dataclass(slots=True)
class Findings:
    """Collects diagnostics during a phase, so that all errors of a run are reported together."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, span: Span | None = None, hint: str | None = None) -> None:
        self.items.append(Diagnostic(code, message, span, hint))

    def warn(self, code: str, message: str, span: Span | None = None, hint: str | None = None) -> None:
        self.items.append(Diagnostic(code, message, span, hint, "warning"))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.items if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.items if d.severity == "warning")

    def raise_errors(self) -> None:
        """Raises all errors found so far together; does nothing when there are none."""
        if self.errors:
            raise FeatcError(self.errors)


def nearest(name: str, known: Sequence[str] | Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near enough to suggest."""
    candidates = list(known)
    folded = {c.casefold(): c for c in candidates}
    if name.casefold() in folded:
        return folded[name.casefold()]
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Sequence[str] | Iterable[str]) -> str | None:
    """A hint naming the nearest known name, or listing known ones; None when nothing is known."""
    names = sorted(set(known))
    close = nearest(name, names)
    if close:
        return f"did you mean '{close}'?"
    if len(names) > 12:
        return f"known here: {', '.join(names[:10])} and {len(names) - 10} more"
    return "known here: " + ", ".join(names) if names else None
