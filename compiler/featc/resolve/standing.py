"""Over which windows an aggregate may stand (semantics.md, "Windows", "State and snapshot sources", "Labels")."""

from __future__ import annotations

from collections.abc import Iterable

from featc.algebra import Aggregate
from featc.errors import Findings
from featc.parse import AggregateCall
from featc.resolve.leaks import looks_its_way
from featc.resolve.model import Window
from featc.resolve.openview import OpenView, Template


def may_stand(
    view: OpenView,
    template: Template,
    call: AggregateCall,
    row: Aggregate,
    windows: Iterable[Window],
    findings: Findings,
) -> bool:
    """Whether the aggregate may stand over all of `windows`, in a feature or a label; reports where it may not."""
    listed = list(windows)
    place = call.over or call
    at = template.text.span_at(place.start, place.end - place.start)
    if not looks_its_way(view, template, listed, at, findings):
        return False
    span = template.text.span_at(call.start, call.end - call.start)
    if any(w.current for w in listed) and not view.is_state:
        source = view.opened.source.name if view.opened else "?"
        message = f"current is of the rows that hold at as_of, and {source} has events, which hold no longer"
        hint = "give the source kind: state if a row holds until the next of its key, or use a window last_<duration>"
        findings.error("F390", message, at, hint)
        return False
    changes = next((w for w in listed if not w.current), None)
    if changes is not None and view.opened is not None and view.opened.source.in_dumps:
        message = f"{view.opened.source.name} is a snapshot: its rows are what held, and no changes to be counted"
        hint = f"aggregate over current, or {template.name} over a source of events"
        findings.error("F392", message, at, hint)
        return False
    if row.timed and view.base is not None:
        message = f"{call.name} weighs rows by how long before as_of they are, and a label's lie after it"
        findings.error("F305", message, span, "use an aggregate without half_life")
        return False
    wrong = next((w for w in listed if row.ranged and not _has_one_length(w)), None)
    if wrong is None:
        return True
    message = f"{call.name} needs a window of one length, and {wrong.name} has none"
    findings.error("F305", message, span, "write, for instance, over last_1d")
    return False


def _has_one_length(window: Window) -> bool:
    return window.length is not None and window.rows is None and (window.hop is None or window.align)
