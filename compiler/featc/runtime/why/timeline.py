"""A window's time line in plain characters: its edges, and where rows lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featc.runtime.why.model import Edge, Marks, Standing
from featc.runtime.why.words import instant_words

WIDTH = 84
_MARGIN = 0.12

SIGNS: Mapping[Standing, tuple[str, str]] = {
    "counted": ("*", "counted"),
    "holds": ("*", "holds"),
    "fails": ("!", "the newest, holds nothing"),
    "unknown": ("?", "not known yet"),
    "superseded": ("s", "superseded"),
    "deleted": ("x", "deleted"),
    "filtered": ("f", "FILTER does not hold"),
    "where": ("w", "fails where"),
    "too late": ("l", "too late"),
    "duplicate": ("d", "a duplicate"),
    "beyond": ("b", "beyond the last rows"),
    "ended": ("e", "over"),
    "earlier": ("o", "not in it"),
    "later": ("o", "not in it"),
    "before": ("o", "not in it"),
    "after": ("o", "not in it"),
}
"""The sign of each standing and what the legend calls it, the more telling first: of several rows in one place the
first is shown."""

_RANK = {standing: number for number, standing in enumerate(SIGNS)}


@dataclass(frozen=True, slots=True)
class _Axis:
    """The instants between which the line lies, and how wide it is."""

    first: int
    last: int

    def place(self, time: int) -> int | None:
        """The column of an instant; None outside."""
        if not self.first <= time <= self.last:
            return None
        return round((time - self.first) * (WIDTH - 1) / max(self.last - self.first, 1))


def timeline(marks: Marks, lower: Edge | None, upper: Edge, at: int) -> list[str]:
    """The lines: the axis with its marks, the instants of the edges below it, and the legend; nothing without rows."""
    places = [(time, standing) for time, standing in marks.places if standing in SIGNS]
    if not places:
        return []
    axis = _axis([t for t, s in places if SIGNS[s][1] != "not in it"] or [t for t, _ in places], lower, upper, at)
    cells = ["."] * WIDTH
    ranks: dict[int, tuple[int, int]] = {}
    for time, standing in places:
        column = axis.place(time)
        if column is not None:
            rank, number = ranks.get(column, (len(_RANK), 0))
            ranks[column] = (min(rank, _RANK[standing]), number + (_RANK[standing] == 0))
    standings = list(SIGNS)
    for column, (rank, number) in ranks.items():
        cells[column] = "#" if number > 1 else SIGNS[standings[rank]][0]
    shown = {standings[rank] for rank, _ in ranks.values()}
    line, points = _with_edges(cells, axis, lower, upper, at)
    older, newer = sum(t < axis.first for t, _ in places), sum(t > axis.last for t, _ in places)
    line = f"{f'{older}<' if older else '':>6}{line}{f'>{newer}' if newer else ''}"
    below = [*_labels(points), *_legend(shown, "#" in cells)]
    return [line, *(" " * 6 + text for text in below)]


def _axis(times: Sequence[int], lower: Edge | None, upper: Edge, at: int) -> _Axis:
    low = min(times) if lower is None else lower.at
    high = max(upper.at, at) if at - upper.at <= max(upper.at - low, 1) else upper.at
    low, high = min(low, high), max(low, high)
    margin = max(int((high - low) * _MARGIN), 1)
    return _Axis(low - margin, high + margin)


def _with_edges(
    cells: list[str], axis: _Axis, lower: Edge | None, upper: Edge, at: int
) -> tuple[str, list[tuple[int, str]]]:
    """The line with the brackets of the window between its cells, and what stands below: (column, text)."""
    brackets: dict[int, str] = {}
    points: list[tuple[int, str]] = []
    start = axis.place(lower.at) if lower is not None else None
    end = axis.place(upper.at)
    text, shift = "", 0
    if lower is not None and start is not None:
        brackets[start] = "[" if lower.included else "("
    for column, cell in enumerate(cells):
        if column in brackets:
            text += brackets[column]
            shift += 1
            points.append((len(text) - 1, instant_words(lower.at)))  # type: ignore[union-attr]
        if column == end and not upper.included:
            text += ")"
            points.append((len(text) - 1, instant_words(upper.at)))
        text += cell
        if column == end and upper.included:
            text += "]"
            points.append((len(text) - 1, instant_words(upper.at)))
    if at != upper.at and (place := axis.place(at)) is not None and place != end:
        points.append((min(place + 2, len(text) - 1), "asked"))
    return text, points


def _labels(points: Sequence[tuple[int, str]]) -> list[str]:
    """Lines with the points marked and named; what finds no room beside another goes a line lower."""
    marks = [" "] * (WIDTH + 4)
    for column, _ in points:
        marks[column] = "^"
    lines = ["".join(marks).rstrip()]
    free = list(points)
    while free:
        line, left = "", []
        for column, text in free:
            start = max(0, min(column - len(text) // 2, WIDTH + 3 - len(text)))
            if start < len(line) + 2 * bool(line):
                left.append((column, text))
                continue
            line += " " * (start - len(line)) + text
        lines.append(line)
        free = left
    return lines


def _legend(shown: set[Standing], several: bool) -> list[str]:
    """The signs that are on the line, in as many lines as they take."""
    words = {SIGNS[s] for s in shown}
    parts = [f"{sign} {what}" for sign, what in dict.fromkeys(SIGNS.values()) if (sign, what) in words]
    lines: list[str] = []
    for part in [*parts, *(["# several counted"] if several else [])]:
        if lines and len(lines[-1]) + len(part) + 3 <= WIDTH + 4:
            lines[-1] += f"   {part}"
        else:
            lines.append(part)
    return lines
