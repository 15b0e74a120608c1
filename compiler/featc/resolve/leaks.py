"""What keeps the future out of features: no label in them, and no window after the observation instant."""

from __future__ import annotations

from collections.abc import Iterable

from featc.errors import Findings, Span
from featc.parse import Name
from featc.resolve.model import Window
from featc.resolve.openview import OpenView, Template


def refuse_leak(reader: OpenView, template: Template, name: Name, label: OpenView, findings: Findings) -> None:
    """Reports that a feature would carry a label."""
    source = label.opened.source.name if label.opened else "?"
    word = name.parts[-1]
    way = f"{source} → {label.spoken}.{word} → {reader.spoken}.{template.name}"
    message = f"{word} is a label, and a feature would carry it: {way}"
    hint = "what comes after as_of is no feature: move the expression under labels:, or use a window last_<duration>"
    findings.error("F341", message, template.text.span_at(name.start, name.end - name.start), hint)


def looks_its_way(
    view: OpenView, template: Template, windows: Iterable[Window], span: Span, findings: Findings
) -> bool:
    """Whether an aggregate at `span` looks where its kind may: features back, labels ahead. Reports what does not."""
    wrong = next((w for w in windows if w.is_ahead != (view.base is not None)), None)
    if wrong is None:
        return True
    if wrong.is_ahead:
        message = f"{wrong.name} lies after as_of, and {template.name} is a feature"
        hint = f"put {template.name} under labels: of {view.name}, or use last_<duration>"
        findings.error("F342", message, span, hint)
    else:
        message = f"{wrong.name} lies before as_of, and {template.name} is a label"
        hint = "labels have windows next_<duration>; what was before is a feature, which a label may name"
        findings.error("F343", message, span, hint)
    return False
