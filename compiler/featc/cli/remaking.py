"""What people are told about a set that was made again by its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from featc.cli.session import some
from featc.runtime.texts import to_text

if TYPE_CHECKING:
    from featc.runtime.training_set.again import Comparison, Moved


def remade_data(found: Comparison) -> dict[str, Any]:
    """A comparison as plain data."""
    moved = [asdict(m) for m in found.moved]
    return {
        "equal": found.equal,
        "identical": found.identical,
        "moved": moved,
        "differing": list(found.differing),
        "near": list(found.near),
    }


def differences(card: Mapping[str, Any], found: Comparison) -> str:
    """A comparison in words: whether it is identical, and what has moved since the card was made."""
    rows = some(card["result"]["rows"], "row")
    if found.identical:
        first = f"identical: {rows}, hash {card['result']['hash']}"
    elif found.equal:
        first = f"equal: {rows}; DOUBLEs were added in another order in {', '.join(found.near)}"
    elif found.differing:
        first = f"different: the values of {', '.join(found.differing)}"
    else:
        first = "different: the columns stand in another order"
    if not found.moved:
        return first if found.equal else f"{first}\nnothing that the card records has moved: {_UNSEEN}"
    return "\n".join([first, f"moved since {card['made_at']}:", *_lines(found.moved)])


_UNSEEN = "rows of a source were changed in place, or DOUBLEs differ in more than their sums' bound"


def _lines(moved: tuple[Moved, ...]) -> list[str]:
    named = [(f"{m.kind} {m.name}".strip(), f"{m.what} {_short(m.before)} → {_short(m.now)}") for m in moved]
    width = max(len(name) for name, _ in named)
    return [f"  {name:{width}}  {what}" for name, what in named]


def _short(value: Any) -> str:
    text = "nothing" if value is None else to_text(value)
    return f"{text[:8]}…" if len(text) == 32 and text.isalnum() else text
